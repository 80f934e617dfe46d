"""Small affine changes of whole batches of images on their device; each example has its own draw.

torchvision draws one change for a whole batch, from the global generator; so they are drawn here.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.data.transforms.geometry import memory_format


def affine_random(
    x: Tensor,
    generator: torch.Generator,
    *,
    rotation: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
    translation: float = 0.0,
) -> Tensor:
    """Rotate, scale, shear and move each image about its centre; its edge is repeated where nothing lies.

    A point p from the centre, in pixels, goes to s R(α) S(φ) p + t, with S(φ) p = (x + y tan φ, y); the values between
    pixels are bilinear. All draws are uniform, as in torchvision's RandomAffine.

    Args:
        x: images of any number of bands, uint8 or float, shape ``(N, C, H, W)``.
        generator: on the CPU, so that all devices see the same changes.
        rotation: largest angle α to either side, in degrees.
        scale: smallest and largest factor s.
        shear: largest angle φ to either side, in degrees, below 90.
        translation: largest t down and across, as a share of the height and the width.

    Returns:
        The type, shape and memory format of ``x``; uint8 is rounded to the nearest level.
    """
    draws = 2 * torch.rand(5, len(x), dtype=torch.float64, generator=generator) - 1
    angle, slope = (draws[0] * rotation).deg2rad(), (draws[1] * shear).deg2rad().tan()
    factor = (scale[0] + scale[1]) / 2 + draws[2] * (scale[1] - scale[0]) / 2
    moves = draws[3:] * translation * torch.tensor([[x.shape[3]], [x.shape[2]]])
    return _resample(x, _invert(angle, slope, factor), moves.T)


def _invert(angle: Tensor, slope: Tensor, factor: Tensor) -> Tensor:
    """The inverses of s R(α) S(φ), shape ``(N, 2, 2)``."""
    cosine, sine = angle.cos(), angle.sin()
    back = torch.stack([cosine + slope * sine, sine - slope * cosine, -sine, cosine])
    return (back / factor).T.reshape(-1, 2, 2)


def _resample(x: Tensor, inverse: Tensor, moves: Tensor) -> Tensor:
    """Read each image where ``inverse`` leads from its pixels less ``moves``, ``(N, 2)``: across and down."""
    half = torch.tensor([x.shape[3], x.shape[2]]) / 2
    # grid_sample counts from −1 to 1 over the whole side, whatever its length.
    linear = inverse * half / half[:, None]
    offset = -(inverse @ moves[:, :, None]) / half[:, None]
    theta = torch.cat([linear, offset], dim=2).float().to(x.device)
    whole = x.contiguous().float()
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    result = F.grid_sample(whole, grid, mode="bilinear", padding_mode="border", align_corners=False)
    if not x.is_floating_point():
        result = result.round_().clamp_(0, 255)
    return result.to(x.dtype).contiguous(memory_format=memory_format(x))
