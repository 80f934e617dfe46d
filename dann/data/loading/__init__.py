"""The stream of batches, the order of examples, reading ahead, passes over whole splits."""
