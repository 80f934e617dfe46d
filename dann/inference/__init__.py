"""Use of a finished run: loading its model, prediction, export."""
