"""Pure functions of tensors: the gradient reversal and every loss, each with its source."""
