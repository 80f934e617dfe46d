"""Experiment files and their validated configurations."""
