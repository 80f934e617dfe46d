"""Colour jitter of whole batches on their device; each image has its own factors and its own order of changes.

torchvision's functions apply one factor to a whole batch; called image by image they take several times as long as
these on a processor, most on small images. So the formulas stand here, with a factor per image.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import rgb_to_grayscale

from dann.errors import BadInput

LEVELS = 255.999 / 255  # torchvision's scale from [0, 1] back to the 256 levels, by truncation


def jitter(
    x: Tensor,
    generator: torch.Generator,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
) -> Tensor:
    """Change brightness, contrast, saturation and hue of each image as torchvision's ColorJitter does.

    Args:
        x: images, uint8, shape ``(N, C, H, W)``, C = 3 or 1; grey ones have no saturation and no hue to change.
        generator: on the CPU, so that all devices see the same factors.
        brightness: factors are uniform in [max(0, 1 − brightness), 1 + brightness]; contrast and saturation likewise.
        hue: turns of the colour circle are uniform in [−hue, hue]; at most 0.5.

    Returns:
        uint8, shape and memory format of ``x``; within a level of torchvision's after each of the four changes.

    Raises:
        BadInput: images of neither one nor three channels.
    """
    check_channels(x, "colour jitter")
    order, factors = _draw(len(x), generator, (brightness, contrast, saturation, hue))
    active = [k for k, amount in enumerate((brightness, contrast, saturation, hue)) if amount]
    active = [k for k in active if x.shape[1] == 3 or CHANGES[k] in (_brightness, _contrast)]
    return _apply_changes(x, order, factors, active)


def check_channels(x: Tensor, what: str) -> None:
    """Raise if images are neither grey nor RGB; ``what`` is the operation, for the message."""
    if x.shape[1] not in (1, 3):
        raise BadInput(
            f"{what}: the images have {x.shape[1]} channels; it is defined for 1 (grey) and 3 (RGB): leave it out"
        )


def _draw(count: int, generator: torch.Generator, amounts: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Orders of the four changes and their factors, both of shape ``(count, 4)``."""
    order = torch.rand(count, 4, generator=generator).argsort(dim=1)
    *changes, hue = amounts
    low = torch.tensor([*(max(0.0, 1 - amount) for amount in changes), -hue])
    high = torch.tensor([*(1 + amount for amount in changes), hue])
    return order, low + (high - low) * torch.rand(count, 4, generator=generator)


def _apply_changes(x: Tensor, order: Tensor, factors: Tensor, active: list[int]) -> Tensor:
    """Change images in four rounds; in each, all images whose order has the same change there are changed at once."""
    # One memory format for all: sums and roundings are then the same whatever the format of the input.
    images = x.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    for place in range(4):
        for k in active:
            rows = (order[:, place] == k).nonzero()[:, 0]
            chosen, factor = rows.to(x.device), factors[rows, k].to(x.device).reshape(-1, 1, 1, 1)
            if len(rows):
                images.index_copy_(0, chosen, CHANGES[k](images.index_select(0, chosen), factor))
    return torch.empty_like(x).copy_(images)


# The four changes: of whole numbers in [0, 255] as floats, shape (n, C, H, W), in place; a factor for all images or of
# shape (n, 1, 1, 1).


def _brightness(x: Tensor, factor: Tensor) -> Tensor:
    return x.mul_(factor).clamp_(0, 255).floor_()


def _contrast(x: Tensor, factor: Tensor) -> Tensor:
    # Sums of whole numbers, in float64 where float32 could lose one: exact, so the same in any order.
    sums = _to_grey(x).sum(dim=3).sum(dim=2, dtype=torch.float64)
    mean = (sums / (x.shape[2] * x.shape[3])).float().reshape(-1, 1, 1, 1)
    return x.mul_(factor).add_(mean.mul_(1 - factor)).clamp_(0, 255).floor_()


def _saturation(x: Tensor, factor: Tensor) -> Tensor:
    grey = _to_grey(x).mul_(1 - factor)
    return x.mul_(factor).add_(grey).clamp_(0, 255).floor_()


def _hue(x: Tensor, turn: Tensor) -> Tensor:
    red, green, blue = x.unbind(dim=1)
    high = torch.maximum(torch.maximum(red, green), blue)
    spread = high - torch.minimum(torch.minimum(red, green), blue)
    from_green = (blue - red).add_(spread, alpha=2)
    from_blue = (red - green).add_(spread, alpha=4)
    hue = torch.where(high == red, green - blue, torch.where(high == green, from_green, from_blue))
    hue.div_(spread.clamp(min=1)).div_(6)
    # A channel falls from the highest to the lowest value within the sixths of the circle around its complement.
    complements = torch.tensor([3.0, 5.0, 1.0], device=x.device).reshape(1, 3, 1, 1) / 6
    away = hue[:, None] + (turn - complements)
    away.sub_(away.round()).abs_().mul_(-6).add_(2).clamp_(0, 1)
    return torch.addcmul(high[:, None], away, spread[:, None], value=-1, out=x).mul_(LEVELS).floor_()


def _to_grey(x: Tensor) -> Tensor:
    grey: Tensor = rgb_to_grayscale(x)
    return grey.floor_()


CHANGES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_brightness, _contrast, _saturation, _hue)
