"""Batches of images, and seeds, that the tests of batched transforms share."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Change = Callable[[Tensor, torch.Generator], Tensor]


JITTER = {"brightness": 0.4, "contrast": 0.5, "saturation": 0.6, "hue": 0.3}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photos(count: int, channels: int = 3, height: int = 24, width: int = 20) -> Tensor:
    """Smooth random images in which all levels occur."""
    coarse = torch.rand(count, channels, 5, 4, generator=seeded(7)) * 300 - 22
    return F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 255).to(torch.uint8)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def differ(a: Tensor, b: Tensor) -> int:
    return int((a.int() - b.int()).abs().max())
