"""Gaussian noise on whole batches of inputs on their device; each value has its own draw."""

import torch
from torch import Tensor


def add_noise(x: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add independent normal noise of mean 0 to every value; nothing is cut off.

    Args:
        x: normalised examples, float, shape ``(N, ...)``.
        deviation: standard deviation, in the units of ``x``.
        generator: on the CPU, so that all devices see the same noise.
    """
    noise = torch.randn(x.shape, generator=generator)
    return torch.empty_like(x).copy_(noise).mul_(deviation).add_(x)
