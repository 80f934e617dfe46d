"""One run: the trainer, the loop, evaluation and checkpoints."""
