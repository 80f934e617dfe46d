"""Dropout within a stack, where every replica draws the masks that it would draw in a run of its own."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dann.training.device import default_generator


def replace_dropout(module: nn.Module, generators: Sequence[torch.Generator]) -> bool:
    """Put ``ReplicaDropout`` in the place of each dropout within ``module``; returns whether there was any."""
    places = [(parent, name, child) for parent in module.modules() for name, child in parent.named_children()
              if isinstance(child, nn.Dropout | nn.Dropout2d)]  # fmt: skip
    for parent, name, child in places:
        setattr(parent, name, ReplicaDropout(child.p, isinstance(child, nn.Dropout2d), generators))
    return bool(places)


class ReplicaDropout(nn.Module):
    """``torch.nn.Dropout`` or ``Dropout2d`` under ``torch.vmap``: replica r draws from generator r, bit for bit alike.

    Under ``torch.vmap`` torch's own draws one mask for all replicas, from the default generator.

    Args:
        p: the probability of dropping a value, in [0, 1].
        channels: drop whole channels of images, as ``Dropout2d`` does.
        generators: one per replica, on the device of the inputs.
    """

    def __init__(self, p: float, channels: bool, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.p, self.channels, self.generators = p, channels, generators

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        noise: Tensor = _Noise.apply(x, self.p, self.channels, self.generators)
        return x * noise


class _Noise(torch.autograd.Function):
    """The factors by which dropout multiplies ``x``: 0, or 1 / (1 − p)."""

    @staticmethod
    def forward(x: Tensor, p: float, channels: bool, generators: Sequence[torch.Generator]) -> Tensor:
        return _draw(x, p, channels, generators[0])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None, None]:
        return None, None, None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int, None, None, None],
        x: Tensor,
        p: float,
        channels: bool,
        generators: Sequence[torch.Generator],
    ) -> tuple[Tensor, int]:
        replicas = zip(x.unbind(in_dims[0]), generators, strict=True)
        return torch.stack([_draw(part, p, channels, generator) for part, generator in replicas]), 0


def _draw(x: Tensor, p: float, channels: bool, generator: torch.Generator) -> Tensor:
    """The factors as torch's dropout draws them for ``x``, by that dropout itself: its kernels differ by device."""
    default = default_generator(x.device)  # the only one from which torch's dropout draws
    before = default.get_state()
    default.set_state(generator.get_state())
    try:
        if channels:
            return F.dropout2d(x.new_ones(*x.shape[:2], *[1] * (x.ndim - 2)), p)
        return F.dropout(torch.ones_like(x), p)
    finally:
        generator.set_state(default.get_state())
        default.set_state(before)
