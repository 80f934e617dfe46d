"""One run: its trainer and how it is built, the loop, evaluation and checkpoints."""
