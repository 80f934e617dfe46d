"""Training from Python on the engine of ``dann run``: estimators with scikit-learn's interface, and ``fit``."""
