"""Colour jitter, random erasing and masking of whole batches on their device; each example has its own draw."""

from collections.abc import Callable

import torch
from torch import Tensor

from dann.data.transforms.geometry import drawn_boxes, one_thread
from dann.errors import BadInput

GREY = (0.2989, 0.587, 0.114)  # torchvision's weights of red, green and blue
LEVELS = 255.999 / 255  # torchvision's scale from [0, 1] back to the 256 levels, by truncation
GRID, BLOCKS = 8, 16  # parts that masking blanks: along each side of an image, along a series


def jittered(
    x: Tensor,
    generator: torch.Generator,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
) -> Tensor:
    """torchvision's ColorJitter: each image of a batch by its own factors, applied in its own order.

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
    order, factors = _drawn(len(x), generator, (brightness, contrast, saturation, hue))
    active = [k for k, amount in enumerate((brightness, contrast, saturation, hue)) if amount]
    active = [k for k in active if x.shape[1] == 3 or CHANGES[k] in (_brightness, _contrast)]
    return (_one_by_one if x.device.type == "cpu" else _by_change)(x, order, factors, active)


def erased(
    x: Tensor,
    probability: float,
    generator: torch.Generator,
    *,
    area: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
) -> Tensor:
    """Random erasing (Zhong et al. 2020): with ``probability``, a random box of an image set to 0.

    Args:
        x: normalised images, float, shape ``(N, C, H, W)``.
        generator: on the CPU, so that all devices see the same boxes.
        area: least and greatest share of the image's area, drawn uniformly.
        ratio: least and greatest height / width, drawn log-uniformly as torchvision does.
    """
    count, _, height, width = x.shape
    chosen = torch.rand(count, generator=generator) < probability
    inverse = (1 / ratio[1], 1 / ratio[0])
    boxes, found = drawn_boxes(count, height, width, generator, share=area, ratio=inverse)
    result = x.clone()
    for i in (chosen & found).nonzero()[:, 0].tolist():
        top, left, high, wide = boxes[i].tolist()
        result[i, :, top : top + high, left : left + wide] = 0
    return result


def masked(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Parts of each example set to 0, each part with probability ``share`` (masking noise; Vincent et al. 2010).

    The parts are the features of vectors, the cells of an 8 × 8 grid on images, and 16 blocks of time of series.

    Args:
        x: normalised examples, float, shape ``(N, D)``, ``(N, C, H, W)`` or ``(N, C, L)``.
        generator: on the CPU, so that all devices see the same parts.
    """
    shapes = {2: x.shape, 3: (len(x), 1, BLOCKS), 4: (len(x), 1, GRID, GRID)}
    mask = (torch.rand(shapes[x.ndim], generator=generator) < share).to(x.device)
    for dim in range(x.ndim - 1, 1, -1):  # from the last: whole rows are then copied, not single pixels
        parts, length = mask.shape[dim], x.shape[dim]
        mask = mask.index_select(dim, torch.arange(length, device=x.device) * parts // length)
    return x.clone().masked_fill_(mask, 0)


def check_channels(x: Tensor, what: str) -> None:
    """Refuse images that are neither grey nor RGB."""
    if x.shape[1] not in (1, 3):
        raise BadInput(f"{what}: the images have {x.shape[1]} channels; it is defined for 1 (grey) and 3 (RGB)")


def _drawn(count: int, generator: torch.Generator, amounts: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Orders of the four changes and their factors, both of shape ``(count, 4)``."""
    order = torch.rand(count, 4, generator=generator).argsort(dim=1)
    *changes, hue = amounts
    low = torch.tensor([*(max(0.0, 1 - amount) for amount in changes), -hue])
    high = torch.tensor([*(1 + amount for amount in changes), hue])
    return order, low + (high - low) * torch.rand(count, 4, generator=generator)


@one_thread()
def _one_by_one(x: Tensor, order: Tensor, factors: Tensor, active: list[int]) -> Tensor:
    """On the CPU: each image stays in the processor's cache through all its changes."""
    result = torch.empty_like(x)
    for i, changes in enumerate(order.tolist()):
        image = _floats(x[i : i + 1])
        for k in changes:
            if k in active:
                image = CHANGES[k](image, factors[i, k])
        result[i : i + 1] = image
    return result


def _by_change(x: Tensor, order: Tensor, factors: Tensor, active: list[int]) -> Tensor:
    """On other devices, whose calls cost more than their work: the same change of many images at once."""
    images = _floats(x)
    for place in range(4):
        for k in active:
            rows = (order[:, place] == k).nonzero()[:, 0]
            chosen, factor = rows.to(x.device), factors[rows, k].to(x.device).reshape(-1, 1, 1, 1)
            images[chosen] = CHANGES[k](images[chosen], factor)
    return torch.empty_like(x).copy_(images)


def _floats(x: Tensor) -> Tensor:
    # One memory format for all: sums and roundings are then the same whatever the format of the input.
    return x.to(torch.float32, memory_format=torch.contiguous_format, copy=True)


# The four changes: whole numbers in [0, 255] as floats, shape (n, C, H, W), changed in place; a factor for all of them
# or of shape (n, 1, 1, 1).


def _brightness(x: Tensor, factor: Tensor) -> Tensor:
    return x.mul_(factor).clamp_(0, 255).floor_()


def _contrast(x: Tensor, factor: Tensor) -> Tensor:
    # Sums of whole numbers, in float64 where float32 could lose one: exact, so in any order the same.
    sums = _grey(x).sum(dim=3).sum(dim=2, dtype=torch.float64)
    mean = (sums / (x.shape[2] * x.shape[3])).float().reshape(-1, 1, 1, 1)
    return x.mul_(factor).add_(mean.mul_(1 - factor)).clamp_(0, 255).floor_()


def _saturation(x: Tensor, factor: Tensor) -> Tensor:
    grey = _grey(x).mul_(1 - factor)
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


def _grey(x: Tensor) -> Tensor:
    if x.shape[1] == 1:
        return x
    red, green, blue = x.unbind(dim=1)
    return red.mul(GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2]).floor_()[:, None]


CHANGES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_brightness, _contrast, _saturation, _hue)
