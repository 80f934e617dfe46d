"""UCI digits that are turned, their angle being the label: a regression on images, made without a download."""

import math
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from dann.data.datasets.mnist_m_recipe import blend
from dann.data.datasets.uci_digits import Side, load_half, load_photos
from dann.data.domain import Domain, Split

Degrees = Annotated[float, Field(gt=0, le=180)]
ANGLES = (2, 3)  # seeds of the angles of each half


def turned_digits(*, photos: bool = False, degrees: Degrees = 45.0, size: Side = 28) -> Domain:
    """UCI digits, each turned by an angle of its own, which is the label in degrees: a regression on images.

    A study of the mechanism: nobody needs these angles, but they are known exactly, and the two domains differ by their
    ground alone. Without ``photos`` the digits are those of ``digits``, 674 + 224, grey on black; with them those of
    ``digits_m``, 674 + 225, RGB, |photo patch − turned digit|, so that no digit is in both. A digit has 1 / √2 of the
    image's side, so that turning cuts nothing off. Angles are uniform within ± ``degrees``, counter-clockwise, drawn
    once from a fixed seed; they show as far as people write upright.

    Shape ``(N, 1 or 3, size, size)``, values 0 to 255. Licence and citation as of ``digits`` (Alpaydin and Kaynak
    1998, CC BY 4.0) and, for the photos, ``digits_m``.

    Args:
        photos: blend the digits with photos, by the recipe of MNIST-M.
        degrees: the largest angle to either side.
        size: H and W of the images.
    """
    half, name = int(photos), "turned_digits/photos" if photos else "turned_digits/black"
    splits, random, drawn = [], np.random.RandomState(1), np.random.RandomState(ANGLES[half])
    inner = max(1, int(size / math.sqrt(2)))
    before = (size - inner) // 2
    after = size - inner - before
    for x, _ in load_half(half, inner):
        angles = torch.from_numpy(drawn.uniform(-degrees, degrees, len(x))).float()
        turned = _turn(F.pad(torch.from_numpy(x)[:, None], (before, after, before, after)), angles)
        images = torch.from_numpy(blend(turned[:, 0].numpy(), load_photos(), random)) if photos else turned
        splits.append(Split.of(images, angles))
    return Domain(name, splits[0], splits[1], (), "scikit-learn's digits, turned" + ", and photos" * photos)


def _turn(x: Tensor, degrees: Tensor) -> Tensor:
    """Turn images ``(N, 1, H, W)`` counter-clockwise about their centres; bilinear, black outside."""
    angle = degrees.deg2rad()
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # The grid says where each pixel comes from, with y downwards, so that it holds the inverse turn.
    matrices = torch.stack([cosine, -sine, zero, sine, cosine, zero], dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(matrices, list(x.shape), align_corners=False)
    return F.grid_sample(x.float(), grid, align_corners=False).round().clamp(0, 255).to(torch.uint8)
