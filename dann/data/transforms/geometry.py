"""Crops, flips and shifts of whole batches of images on their device; each example has its own draw."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.errors import BadInput

TRIES = 10  # boxes drawn for an example before its fallback, as in torchvision


@contextmanager
def one_thread() -> Iterator[None]:
    """No threads within an operation: on one image they gain nothing, and wait for long where other work runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def cropped(
    x: Tensor,
    side: int,
    generator: torch.Generator,
    *,
    scale: tuple[float, float] | None,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """The random training crop of each image of a batch, ``side`` × ``side``.

    With ``scale`` it is the random resized crop of Szegedy et al. 2015 as torchvision draws it: a box whose share of
    the image's area is uniform and whose ratio is log-uniform, resized with antialiased bilinear weights.

    Args:
        x: images, uint8, shape ``(N, C, H, W)``.
        side: H and W of the result, which is uint8, shape ``(N, C, side, side)``, in the memory format of ``x``.
        generator: on the CPU, so that all devices see the same boxes.
        scale: least and greatest share of the area; None for a plain crop, which resizes nothing.
        ratio: least and greatest width / height of the box.

    Raises:
        BadInput: a plain crop larger than the images.
    """
    count, _, height, width = x.shape
    if scale is None:
        _check_fits(side, height, width)
        sides = torch.full((count,), side)
        boxes = _placed(sides, sides, height, width, generator)
    else:
        boxes, found = drawn_boxes(count, height, width, generator, share=scale, ratio=ratio)
        boxes = torch.where(found[:, None], boxes, torch.tensor(_centre_box(height, width, ratio)))
    return _cut(x, boxes, side) if scale is None or x.device.type == "cpu" else _resampled(x, boxes, side)


def centre_cropped(x: Tensor, side: int) -> Tensor:
    """The middle ``side`` × ``side`` of each image, as torchvision's CenterCrop places it; a view.

    Args:
        x: images, shape ``(N, C, H, W)``, any type.

    Raises:
        BadInput: a crop larger than the images.
    """
    height, width = x.shape[2:]
    _check_fits(side, height, width)
    top, left = round((height - side) / 2), round((width - side) / 2)
    return x[:, :, top : top + side, left : left + side]


def flipped(x: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Each image of a batch mirrored left to right with ``probability``.

    Args:
        x: images, shape ``(N, C, H, W)``, any type.
        generator: on the CPU, so that all devices see the same choice.
    """
    result = x.clone()
    for i in (torch.rand(len(x), generator=generator) < probability).nonzero()[:, 0].tolist():
        result[i : i + 1] = x[i : i + 1].flip(-1)
    return result


def shifted(x: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Each image of a batch moved by its own offset of up to ``pixels`` down and across, its edge repeated.

    Args:
        x: images, shape ``(N, C, H, W)``, any type.
        generator: on the CPU, so that all devices see the same offsets.
    """
    count, _, height, width = x.shape
    offsets = torch.randint(-pixels, pixels + 1, (2, count, 1), generator=generator).to(x.device)
    rows = (torch.arange(height, device=x.device) + offsets[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=x.device) + offsets[1]).clamp(0, width - 1)
    examples = torch.arange(count, device=x.device)[:, None, None]
    return x[examples, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def drawn_boxes(
    count: int,
    height: int,
    width: int,
    generator: torch.Generator,
    *,
    share: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[Tensor, Tensor]:
    """A random box in each of ``count`` images: the first of ten that fits, its place uniform.

    Args:
        share: least and greatest share of the image's area, drawn uniformly.
        ratio: least and greatest width / height, drawn log-uniformly.

    Returns:
        Top, left, height and width, int64, shape ``(count, 4)``; and whether any of the ten fitted, shape ``(count,)``.
    """
    areas, ratios = torch.rand(2, count, TRIES, dtype=torch.float64, generator=generator)
    areas = height * width * (share[0] + (share[1] - share[0]) * areas)
    ratios = torch.exp(math.log(ratio[0]) + math.log(ratio[1] / ratio[0]) * ratios)
    wide, high = (areas * ratios).sqrt().round().long(), (areas / ratios).sqrt().round().long()
    fits = (wide > 0) & (wide <= width) & (high > 0) & (high <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    found = fits.any(dim=1)
    high, wide = (sizes.gather(1, first)[:, 0].where(found, torch.tensor(1)) for sizes in (high, wide))
    return _placed(high, wide, height, width, generator), found


def _placed(high: Tensor, wide: Tensor, height: int, width: int, generator: torch.Generator) -> Tensor:
    places = torch.rand(2, len(high), dtype=torch.float64, generator=generator)
    tops, lefts = (places[0] * (height - high + 1)).long(), (places[1] * (width - wide + 1)).long()
    return torch.stack([tops, lefts, high, wide], dim=1)


def _centre_box(height: int, width: int, ratio: tuple[float, float]) -> list[int]:
    """The whole image, or its middle as far as ``ratio`` allows."""
    high, wide = height, width
    if width / height < ratio[0]:
        high = round(width / ratio[0])
    elif width / height > ratio[1]:
        wide = round(height * ratio[1])
    return [(height - high) // 2, (width - wide) // 2, high, wide]


@one_thread()
def _cut(x: Tensor, boxes: Tensor, side: int) -> Tensor:
    """The boxes, resized one by one: the processor's own uint8 resize beats all that resize the batch at once."""
    shape = (len(x), x.shape[1], side, side)
    result = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=_memory_format(x))
    for i, (top, left, high, wide) in enumerate(boxes.tolist()):
        box = x[i : i + 1, :, top : top + high, left : left + wide]
        if (high, wide) != (side, side):
            box = F.interpolate(box, size=(side, side), mode="bilinear", antialias=True)
        result[i : i + 1] = box
    return result


def _resampled(x: Tensor, boxes: Tensor, side: int) -> Tensor:
    """What ``_cut`` makes of the boxes, within rounding, as two products with matrices of the whole batch."""
    tops, lefts, high, wide = boxes.to(x.device, torch.float32).T
    rows = _weights(tops, high, side, x.shape[2])[:, None]
    columns = _weights(lefts, wide, side, x.shape[3])[:, None]
    resampled = rows @ (x.float() @ columns.mT)
    return resampled.round_().to(x.dtype).contiguous(memory_format=_memory_format(x))


def _weights(starts: Tensor, lengths: Tensor, side: int, full: int) -> Tensor:
    """The antialiased bilinear weights, shape ``(N, side, full)``, of ``full`` pixels of which a box spans some."""
    step = (lengths / side)[:, None, None]
    centres = (torch.arange(side, device=starts.device)[:, None] + 0.5) * step
    pixels = torch.arange(full, device=starts.device) + 0.5 - starts[:, None, None]
    weights = (1 - (pixels - centres).abs() / step.clamp(min=1)).clamp_(min=0)
    weights *= (pixels > 0) & (pixels < lengths[:, None, None])
    return weights / weights.sum(dim=2, keepdim=True)


def _memory_format(x: Tensor) -> torch.memory_format:
    last = x.stride(1) == 1 and x.shape[1] > 1
    return torch.channels_last if last else torch.contiguous_format


def _check_fits(side: int, height: int, width: int) -> None:
    if side > min(height, width):
        raise BadInput(f"crop: {side} pixels are more than the images of {height} × {width} have; choose fewer")
