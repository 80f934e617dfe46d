"""What is computed once from examples before training: imputation, mSDA, degradation, resampling."""
