"""Pure tensor functions: the gradient reversal and every loss, each with its source."""
