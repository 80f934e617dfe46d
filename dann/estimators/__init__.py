"""Estimators with scikit-learn's interface on the same engine as ``dann run``."""
