"""Several runs trained as one stacked model."""
