"""The stateless stream of batches: batch i is a pure function of the domains, the seed and i."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.transforms import shifted
from dann.errors import BadInput

SOURCE, TARGET, STEP, WEIGHTS, AUGMENTATION = range(5)  # what a derived seed is for


class Batch(NamedTuple):
    """One training step's examples, B of each domain. There is no field for target labels, so none can leak.

    Args:
        source_x: float inputs, shape ``(B, ...)``.
        source_y: class indices, shape ``(B,)``.
        target_x: float inputs, shape ``(B, ...)``.
    """

    source_x: Tensor
    source_y: Tensor
    target_x: Tensor


class Stream:
    """``stream[i]`` is batch i, for any i ≥ 0 in any order: resuming and comparing methods cost nothing.

    Each domain is passed through in a fresh random order per epoch, each example once, the two domains
    independently; a batch may straddle two epochs.

    Args:
        source: the labelled examples, on the device that trains.
        target_x: the unlabelled examples, likewise.
        transform: maps raw inputs to the network's float inputs, a whole batch at a time.
        batch_size: examples of each domain in a batch.
        shift: pixels by which images of both domains are moved at random.
    """

    def __init__(
        self,
        source: Split,
        target_x: Tensor,
        transform: Callable[[Tensor], Tensor],
        *,
        batch_size: int,
        seed: int,
        shift: int = 0,
    ) -> None:
        if len(source) == 0 or len(target_x) == 0:
            raise BadInput("data: a domain has no training examples")
        self.source, self.target_x, self.transform = source, target_x, transform
        self.batch_size, self.seed, self.shift = batch_size, seed, shift

    def __getitem__(self, step: int) -> Batch:
        source_rows = self._rows(len(self.source), SOURCE, step)
        target_rows = self._rows(len(self.target_x), TARGET, step)
        return Batch(
            self._inputs(self.source.x[source_rows], SOURCE, step),
            self.source.y[source_rows],
            self._inputs(self.target_x[target_rows], TARGET, step),
        )

    def _inputs(self, x: Tensor, side: int, step: int) -> Tensor:
        if self.shift:
            generator = torch.Generator().manual_seed(derive(self.seed, AUGMENTATION, side, step))
            x = shifted(x, self.shift, generator)
        return self.transform(x)

    def _rows(self, examples: int, side: int, step: int) -> Tensor:
        first, last = step * self.batch_size, (step + 1) * self.batch_size
        epochs = range(first // examples, (last - 1) // examples + 1)
        device = self.source.x.device
        order = torch.cat([_permutation(examples, derive(self.seed, side, e), device) for e in epochs])
        return order[first - epochs[0] * examples :][: self.batch_size]


def derive(seed: int, *purpose: int) -> int:
    """A well-mixed 63-bit seed for one purpose, the same for the same arguments on every machine."""
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0] >> np.uint64(1))


@lru_cache(maxsize=8)  # a pure function: the cache only spares drawing an epoch's order at each of its batches
def _permutation(examples: int, seed: int, device: torch.device) -> Tensor:
    return torch.randperm(examples, generator=torch.Generator().manual_seed(seed)).to(device)
