"""Crops, flips and shifts of whole batches of images on their device; each example has its own draw.

torchvision draws one box, flip or shift for a whole batch, from the global generator; so they are drawn here.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from dann.errors import BadInput

TRIES = 10  # boxes drawn for an example before its fallback, as in torchvision


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Run operations on one thread: on one image more gain nothing, and they wait for long where other work runs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def crop_random(
    x: Tensor,
    side: int,
    generator: torch.Generator,
    *,
    scale: tuple[float, float] | None,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Cut a random square of ``side`` pixels out of each image of a batch.

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
        boxes = _place_boxes(sides, sides, height, width, generator)
    else:
        boxes, fits = draw_boxes(count, height, width, generator, share=scale, ratio=ratio)
        boxes = torch.where(fits[:, None], boxes, torch.tensor(_centre_box(height, width, ratio)))
    return _cut(x, boxes, side)


def crop_centre(x: Tensor, side: int) -> Tensor:
    """Cut out the middle ``side`` × ``side`` of each image, as torchvision's CenterCrop places it; a view.

    Args:
        x: images, shape ``(N, C, H, W)``, any type.

    Raises:
        BadInput: a crop larger than the images.
    """
    height, width = x.shape[2:]
    _check_fits(side, height, width)
    top, left = round((height - side) / 2), round((width - side) / 2)
    return x[:, :, top : top + side, left : left + side]


def flip_random(x: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Mirror each image of a batch left to right with ``probability``.

    Args:
        x: images, shape ``(N, C, H, W)``, any type.
        generator: on the CPU, so that all devices see the same choice.
    """
    result = x.clone()
    for i in (torch.rand(len(x), generator=generator) < probability).nonzero()[:, 0].tolist():
        result[i : i + 1] = x[i : i + 1].flip(-1)
    return result


def shift_random(x: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Move each image of a batch by its own offset of up to ``pixels`` down and across, and repeat its edge.

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


def draw_boxes(
    count: int,
    height: int,
    width: int,
    generator: torch.Generator,
    *,
    share: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[Tensor, Tensor]:
    """Draw a box in each of ``count`` images: the first of ten that fits, its place uniform.

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
    any_fits = fits.any(dim=1)
    high, wide = (sizes.gather(1, first)[:, 0].where(any_fits, torch.tensor(1)) for sizes in (high, wide))
    return _place_boxes(high, wide, height, width, generator), any_fits


def _place_boxes(high: Tensor, wide: Tensor, height: int, width: int, generator: torch.Generator) -> Tensor:
    places = torch.rand(2, len(high), dtype=torch.float64, generator=generator)
    tops, lefts = (places[0] * (height - high + 1)).long(), (places[1] * (width - wide + 1)).long()
    return torch.stack([tops, lefts, high, wide], dim=1)


def _centre_box(height: int, width: int, ratio: tuple[float, float]) -> list[int]:
    """The box that stands in where none of ten fits: the whole image, or its middle as far as ``ratio`` allows."""
    high, wide = height, width
    if width / height < ratio[0]:
        high = round(width / ratio[0])
    elif width / height > ratio[1]:
        wide = round(height * ratio[1])
    return [(height - high) // 2, (width - wide) // 2, high, wide]


@use_one_thread()
def _cut(x: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Cut the boxes out one by one and resize them; torchvision cuts the same box out of all images of a batch."""
    shape = (len(x), x.shape[1], side, side)
    result = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=memory_format(x))
    for i, (top, left, high, wide) in enumerate(boxes.tolist()):
        box = x[i : i + 1, :, top : top + high, left : left + wide]
        result[i : i + 1] = box if (high, wide) == (side, side) else _resize(box, side)
    return result


def _resize(box: Tensor, side: int) -> Tensor:
    from torchvision.transforms.v2.functional import resize  # takes a second to import

    resized: Tensor = resize(box, [side, side], antialias=True)
    return resized


def memory_format(x: Tensor) -> torch.memory_format:
    last = x.stride(1) == 1 and x.shape[1] > 1
    return torch.channels_last if last else torch.contiguous_format


def _check_fits(side: int, height: int, width: int) -> None:
    if side > min(height, width):
        raise BadInput(f"crop: {side} pixels are more than the images of {height} × {width} have: choose fewer")
