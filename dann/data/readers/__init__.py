"""Readers of file formats: arrays, svmlight, CSV, image lists and folders, safe pickles."""
