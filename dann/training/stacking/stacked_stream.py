"""Batches of several runs at once."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from dann.data.loading.stream import SOURCE, TARGET, Batch, Stream

BLOCK = 64  # steps whose examples are looked up together
Layer = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class StackedStream:
    """The batches of R streams over the same examples, along a new first axis.

    Args:
        layer: computes the network's first layer from the indices of the examples in their splits, ``(R, B)`` and
            ``(R, M)``; the batch then holds its outputs in place of the examples.
    """

    def __init__(self, streams: Sequence[Stream], layer: Layer | None = None) -> None:
        self.streams, self.first = streams, streams[0]
        self.layer = self._inputs if layer is None else layer
        transforms = [*self.first.transforms, self.first.view]
        # Random transforms draw for each run by itself; a second view is made from the raw examples.
        self.apart = self.first.view is not None or any(each is not None and each.random for each in transforms)
        self.block = lru_cache(maxsize=4)(self._block)

    def __getitem__(self, step: int) -> Batch:
        if self.apart:
            return _stack_batches([stream[step] for stream in self.streams])
        block, place = divmod(step, BLOCK)
        rows, target_rows = (self.block(side, block)[:, place] for side in (SOURCE, TARGET))
        source_x, target_x = self.layer(rows, target_rows)
        source, device, weights = self.first.source, self.first.device, self.first.weights
        y = source.y[rows]
        weight = None if weights is None else weights[y].to(device)
        return Batch(source_x, self.first.learned(y).to(device), target_x, source.domain[rows].to(device), weight)

    def _block(self, side: int, block: int) -> Tensor:
        """The indices of one side's examples in the batches of many steps, shape ``(R, BLOCK, B)``."""
        size = self.first.sizes[side]
        places = [stream.rows(side, block * BLOCK * size, BLOCK * size) for stream in self.streams]
        return torch.stack(places).reshape(-1, BLOCK, size)

    def _inputs(self, rows: Tensor, target_rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._read(SOURCE, rows), self._read(TARGET, target_rows)

    def _read(self, number: int, rows: Tensor) -> Tensor:
        split, transform = (self.first.source, self.first.target)[number], self.first.transforms[number]
        x = split.store.read(split.rows[rows].flatten()).to(self.first.device)
        x = transform.augment(x, torch.Generator())  # draws nothing here
        return x.reshape(*rows.shape, *x.shape[1:])


def _stack_batches(batches: Sequence[Batch]) -> Batch:
    parts = zip(*batches, strict=True)
    return Batch(*(None if part[0] is None else torch.stack(part) for part in parts))  # type: ignore[arg-type]
