"""Preprocessing of examples, once before training: imputation, mSDA, degradation, resampling."""
