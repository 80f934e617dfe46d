"""Running averages of the weights of a method."""

from copy import deepcopy

import torch

from dann.methods.method import Method


class WeightAverage:
    """A copy of a method whose weights are an exponential moving average of those that are trained.

    After t steps θ' ← d θ' + (1 − d) θ with d = min(decay, (1 + t) / (10 + t)), so that the initial weights are soon
    forgotten. Averaged are parameters; buffers, such as the statistics of BatchNorm, are those of the trained method.
    Shu et al. 2018, section 5, and French et al. 2018 evaluate such an average.

    Args:
        method: that is trained.
        decay: of the average.
    """

    def __init__(self, method: Method, decay: float) -> None:
        self.method, self.decay = deepcopy(method).requires_grad_(False), decay

    def update(self, method: Method, steps: int) -> None:
        """Take the weights of ``method`` after ``steps`` steps into the average."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        with torch.no_grad():
            for own, current in zip(self.method.parameters(), method.parameters(), strict=True):
                own.lerp_(current, 1 - decay)
            for buffer, other in zip(self.method.buffers(), method.buffers(), strict=True):
                buffer.copy_(other)
