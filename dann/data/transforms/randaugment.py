"""RandAugment of whole batches on their device; each example has its own draw.

torchvision's RandAugment draws one operation for a whole batch; here images with the same draw go through its
operations together.
"""

from collections.abc import Callable
from math import atan, degrees
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from dann.data.transforms.geometry import use_one_thread
from dann.data.transforms.jitter import check_channels

BINS = 31  # magnitudes are 0 to 30


@use_one_thread()
def randaugment(x: Tensor, generator: torch.Generator, *, ops: int = 2, magnitude: int = 9) -> Tensor:
    """RandAugment (Cubuk et al. 2020): apply ``ops`` random ones of torchvision's 14 operations to each image.

    Args:
        x: images, uint8, shape ``(N, C, H, W)``, C = 3 or 1.
        generator: on the CPU, so that all devices see the same ops.
        ops: rounds, each with a new draw of operation and sign; an operation may come twice.
        magnitude: of all operations, 0 to 30.

    Returns:
        uint8, shape of ``x``, contiguous.

    Raises:
        BadInput: images of neither one nor three channels.
    """
    check_channels(x, "RandAugment")
    result, names = x.contiguous(), list(OPS)
    for places, negative in _draw_ops(len(x), generator, ops):
        codes = 2 * places + negative
        groups = {code: (codes == code).nonzero()[:, 0] for code in set(codes.tolist())}
        # Selecting whole images copies them several times as fast as indexing and assigning by index do.
        parts = [
            apply_op(result.index_select(0, rows.to(x.device)), names[code // 2], magnitude, negative=bool(code % 2))
            for code, rows in groups.items()
        ]
        back = torch.cat(list(groups.values())).argsort()
        result = torch.cat(parts).index_select(0, back.to(x.device))
    return result


def apply_op(x: Tensor, name: str, magnitude: int, *, negative: bool = False) -> Tensor:
    """Apply one operation to all images of a batch, which may be returned as they are.

    Args:
        x: images, uint8, shape ``(N, C, H, W)``, C = 3 or 1.
        name: a key of ``OPS``.
        negative: whether the sign of the operation's amount is reversed.
    """
    op = OPS[name]
    amount = float(torch.linspace(op.first, op.last, BINS)[magnitude])  # torchvision's own rounding, in float32
    return op.apply(x, -amount if negative else amount)


def _draw_ops(count: int, generator: torch.Generator, ops: int) -> list[tuple[Tensor, Tensor]]:
    """Draw for each round the places in ``OPS``, shape ``(count,)``, and 1 for a negative sign, else 0."""
    places = torch.randint(len(OPS), (ops, count), generator=generator)
    signs = torch.randint(2, (ops, count), generator=generator)
    signed = torch.tensor([op.signed for op in OPS.values()])
    return list(zip(places, signs * signed[places], strict=True))


def _affine(x: Tensor, **changes: Any) -> Tensor:
    identity: dict[str, Any] = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    result: Tensor = F.affine(x, **{**identity, **changes})
    return result


def _sharpness(x: Tensor, factor: float) -> Tensor:
    # Its convolution is several times faster on channels last.
    result: Tensor = F.adjust_sharpness(x.contiguous(memory_format=torch.channels_last), factor)
    return result.contiguous()


class Op(NamedTuple):
    """An operation of torchvision's on a batch, and its amounts at the least and at the greatest magnitude."""

    apply: Callable[[Tensor, float], Tensor]
    first: float = 0.0
    last: float = 0.0
    signed: bool = False


# Translations are in pixels of an image of 331 × 331, after AutoAugment.
OPS: dict[str, Op] = {
    "identity": Op(lambda x, _: x),
    "shear_x": Op(lambda x, a: _affine(x, shear=[degrees(atan(a)), 0.0], center=[0, 0]), last=0.3, signed=True),
    "shear_y": Op(lambda x, a: _affine(x, shear=[0.0, degrees(atan(a))], center=[0, 0]), last=0.3, signed=True),
    "translate_x": Op(lambda x, a: _affine(x, translate=[int(a * x.shape[3] / 331), 0]), last=150.0, signed=True),
    "translate_y": Op(lambda x, a: _affine(x, translate=[0, int(a * x.shape[2] / 331)]), last=150.0, signed=True),
    "rotate": Op(lambda x, a: F.rotate(x, a), last=30.0, signed=True),
    "brightness": Op(lambda x, a: F.adjust_brightness(x, 1 + a), last=0.9, signed=True),
    "colour": Op(lambda x, a: F.adjust_saturation(x, 1 + a), last=0.9, signed=True),
    "contrast": Op(lambda x, a: F.adjust_contrast(x, 1 + a), last=0.9, signed=True),
    "sharpness": Op(lambda x, a: _sharpness(x, 1 + a), last=0.9, signed=True),
    "posterize": Op(lambda x, a: F.posterize(x, round(a)), first=8.0, last=4.0),
    "solarize": Op(lambda x, a: F.solarize(x, 255 * a), first=1.0),
    "autocontrast": Op(lambda x, _: F.autocontrast(x)),
    "equalize": Op(lambda x, _: F.equalize(x)),
}
