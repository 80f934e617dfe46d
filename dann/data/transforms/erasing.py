"""Random erasing and masking of whole batches on their device; each example has its own draw.

torchvision erases one box in all images of a batch, and has no masks of vectors and series.
"""

import torch
from torch import Tensor

from dann.data.transforms.geometry import draw_boxes

GRID, BLOCKS = 8, 16  # parts that masking blanks: along each side of an image, along a series


def erase(
    x: Tensor,
    probability: float,
    generator: torch.Generator,
    *,
    area: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
) -> Tensor:
    """Random erasing (Zhong et al. 2020): set a random box of an image to 0, with ``probability``.

    Args:
        x: normalised images, float, shape ``(N, C, H, W)``.
        generator: on the CPU, so that all devices see the same boxes.
        area: least and greatest share of the image's area, drawn uniformly.
        ratio: least and greatest height / width, drawn log-uniformly as torchvision does.
    """
    count, _, height, width = x.shape
    chosen = torch.rand(count, generator=generator) < probability
    inverse = (1 / ratio[1], 1 / ratio[0])
    boxes, fits = draw_boxes(count, height, width, generator, share=area, ratio=inverse)
    result = x.clone()
    for i in (chosen & fits).nonzero()[:, 0].tolist():
        top, left, high, wide = boxes[i].tolist()
        result[i, :, top : top + high, left : left + wide] = 0
    return result


def mask(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Set parts of each example to 0, each part with probability ``share`` (masking noise; Vincent et al. 2010).

    The parts are the features of vectors, the cells of an 8 × 8 grid on images, and 16 blocks of time of series.

    Args:
        x: normalised examples, float, shape ``(N, D)``, ``(N, C, H, W)`` or ``(N, C, L)``.
        generator: on the CPU, so that all devices see the same parts.
    """
    shapes = {2: x.shape, 3: (len(x), 1, BLOCKS), 4: (len(x), 1, GRID, GRID)}
    blank = (torch.rand(shapes[x.ndim], generator=generator) < share).to(x.device)
    for dim in range(x.ndim - 1, 1, -1):  # from the last: whole rows are then copied, not single pixels
        parts, length = blank.shape[dim], x.shape[dim]
        blank = blank.index_select(dim, torch.arange(length, device=x.device) * parts // length)
    return x.clone().masked_fill_(blank, 0)
