"""Dropout whose masks are the same in a run of its own and in a stack of replicas."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

# Within a stack each replica draws from its own generator. The replicas share the modules, so it comes from outside.
_replicas: ContextVar[Sequence[torch.Generator] | None] = ContextVar("replicas", default=None)


@contextmanager
def drawn_from(generators: Sequence[torch.Generator]) -> Iterator[None]:
    """Let replica r of the stack that is forwarded within draw its masks from ``generators[r]``."""
    token = _replicas.set(generators)
    try:
        yield
    finally:
        _replicas.reset(token)


class Dropout(nn.Module):
    """Sets values to 0 with probability ``p`` in training and scales the others by 1 / (1 − p).

    Srivastava et al. 2014. As ``torch.nn.Dropout``, bit for bit, and under ``torch.vmap`` what each replica would draw
    by itself.

    Args:
        p: the probability, in [0, 1).
        channels: drop whole channels of images, as ``torch.nn.Dropout2d`` does.
    """

    def __init__(self, p: float, channels: bool = False) -> None:
        super().__init__()
        self.p, self.channels = p, channels

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        noise: Tensor = _Noise.apply(x, self.p, self.channels)
        return x * noise

    def extra_repr(self) -> str:
        return f"p={self.p}, channels={self.channels}"


class _Noise(torch.autograd.Function):
    """What dropout multiplies ``x`` by."""

    @staticmethod
    def forward(x: Tensor, p: float, channels: bool) -> Tensor:
        return _drawn(x, p, channels, None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        return None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None, None], x: Tensor, p: float, channels: bool) -> tuple[Tensor, int]:
        generators: Sequence[torch.Generator | None] = _replicas.get() or [None] * info.batch_size
        parts = zip(x.unbind(in_dims[0]), generators, strict=True)
        return torch.stack([_drawn(part, p, channels, generator) for part, generator in parts]), 0


def _drawn(x: Tensor, p: float, channels: bool, generator: torch.Generator | None) -> Tensor:
    like = x.flatten(2)[:, :, 0].reshape(*x.shape[:2], *[1] * (x.ndim - 2)) if channels else x
    return torch.empty_like(like).bernoulli_(1 - p, generator=generator).div_(1 - p)
