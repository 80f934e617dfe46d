"""The methods, one file per paper, on one contract (``dann.methods.method.Method``)."""
