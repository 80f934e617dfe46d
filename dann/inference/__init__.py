"""Using the model of a finished run: load, predict, export."""
