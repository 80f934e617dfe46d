"""Fixed splits: every run with the same data and options trains, validates and tests on the same examples."""

import numpy as np
import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.store import join_stores
from dann.errors import BadInput


def hold_out(split: Split, share: float, seed: int = 0) -> tuple[Split, Split]:
    """Divide ``split`` into the examples kept and those held out, ``share`` of it and of each class.

    At least one example of each class is kept. Of numbers the examples held out are evenly spaced in their order, from
    the second to the last but one, so that both parts span them; of four or more they are at least two, which a score
    of numbers needs.
    """
    order = _shuffle_by_class(split, seed)
    if split.y.is_floating_point():
        held = _spread(len(order), share)
    else:
        free = ~_first_of_class(split.y[order])
        # Every so-many-th example in the order of the classes: stratified, and share · N of them rounded down.
        rate = min(1.0, share * len(order) / max(int(free.sum()), 1))
        passed = (torch.cat([torch.zeros(1), free.cumsum(0)]).double() * rate + 1e-9).floor()
        held = passed[1:] > passed[:-1]
    return split.take(order[~held].sort().values), split.take(order[held].sort().values)


def _spread(size: int, share: float) -> Tensor:
    """A mask of evenly spaced places but the first and the last, shape ``(size,)``."""
    count = min(max(int(share * size + 1e-9), 2 if share > 0 else 0), max(size - 2, 0))
    held = torch.zeros(size, dtype=torch.bool)
    held[torch.linspace(1, size - 2, count, dtype=torch.float64).round().long()] = True
    return held


def take_few_shot(split: Split, per_class: int, classes: tuple[str, ...], partial: bool = False) -> tuple[Split, Split]:
    """Divide ``split`` into ``per_class`` labelled examples of each class and the rest; for 0, none and all.

    Args:
        partial: whether a class may be absent.

    Raises:
        BadInput: a class has fewer.
    """
    order = _shuffle_by_class(split, seed=0)
    y = split.y[order]
    chosen = torch.zeros(len(order), dtype=torch.bool)
    for label in range(len(classes)):
        places = (y == label).nonzero().flatten()
        if len(places) < per_class and not (partial and len(places) == 0):
            raise BadInput(
                f"data.target_labelled: it is {per_class} of each class, but {classes[label]} has "
                f"{len(places)} among the target's training examples: lower it"
            )
        chosen[places[:per_class]] = True
    return split.take(order[chosen]), split.take(order[~chosen].sort().values)


def concatenate_splits(splits: list[Split]) -> Split:
    """Join splits to one, in their order; no example is copied."""
    if len(splits) == 1:
        return splits[0]
    rows, first = [], 0
    for split in splits:
        rows.append(split.rows + first)
        first += len(split.store)
    y, domain = (torch.cat([getattr(split, name) for split in splits]) for name in ("y", "domain"))
    return Split(join_stores([split.store for split in splits]), torch.cat(rows), y, domain)


def _shuffle_by_class(split: Split, seed: int) -> Tensor:
    # RandomState's streams are frozen by NumPy's policy, unlike Generator's: splits outlive NumPy releases.
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(split)))
    return order[split.y[order].argsort(stable=True)]


def _first_of_class(y: Tensor) -> Tensor:
    """Where a class begins in sorted labels."""
    return torch.cat([torch.ones(min(len(y), 1), dtype=torch.bool), y[1:] != y[:-1]])
