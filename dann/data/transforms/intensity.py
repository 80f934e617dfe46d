"""Random changes of brightness of whole batches of inputs on their device; each example has its own draw."""

import torch
from torch import Tensor


def change_intensity(
    x: Tensor,
    generator: torch.Generator,
    *,
    flip: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    offset: float = 0.0,
    by_channel: bool = False,
) -> Tensor:
    """x → ± s x + t, with one sign, factor and offset for each image, or for each of its channels.

    Args:
        x: normalised images or series, float, shape ``(N, C, ...)``; nothing is cut off.
        generator: on the CPU, so that all devices see the same changes.
        flip: probability of the sign −, a negative image where 0 is the middle of the range.
        scale: smallest and largest s, drawn uniformly.
        offset: t is uniform in [−offset, offset], in the units of ``x``.
        by_channel: whether each channel has its own sign, factor and offset, so that colours change.

    Source: French et al. 2018 and its code, for MNIST ↔ SVHN; there all channels change alike.
    """
    draws = torch.rand(3, len(x), x.shape[1] if by_channel else 1, generator=generator)
    sign = 1 - 2 * (draws[0] < flip).float()
    factor = sign * (scale[0] + (scale[1] - scale[0]) * draws[1])
    move = offset * (2 * draws[2] - 1)
    whole = (*factor.shape, *[1] * (x.dim() - 2))
    return torch.addcmul(move.reshape(whole).to(x), x, factor.reshape(whole).to(x))
