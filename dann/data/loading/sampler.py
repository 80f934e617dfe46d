"""Orders of an epoch; against class imbalance they repeat or leave out examples."""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Resample = Literal["none", "over", "under", "balanced", "smote", "generate"]


class Order:
    """The order in which examples are shown: epoch after epoch, each drawn anew.

    Args:
        y: class indices, shape ``(N,)``, on the CPU.
        resample: ``none`` shows each example once an epoch (so do ``smote`` and ``generate``, whose examples are in the
            split already). ``over`` shows as many of each class as the largest has: all of its examples, and some
            again. ``under`` shows as many as the smallest has, others each epoch. ``balanced`` shows those of ``over``
            in rounds of one example a class, so that every batch is balanced.
        bag_seed: of the bootstrap of the examples that alone are shown, see ``draw_bootstrap``; None for all examples.
    """

    def __init__(self, y: Tensor, resample: Resample = "none", bag_seed: int | None = None) -> None:
        self.bag = None if bag_seed is None else draw_bootstrap(y, bag_seed)
        y = y if self.bag is None else y[self.bag]
        self.draw: Callable[[torch.Generator], Tensor]
        self.epoch = lru_cache(maxsize=2)(self._epoch)  # a pure function: the cache spares drawing it at each batch
        if resample in {"none", "smote", "generate"}:
            self.length, self.draw = len(y), lambda generator: torch.randperm(len(y), generator=generator)
            return
        places = [(y == label).nonzero().flatten() for label in torch.unique(y).tolist()]
        largest, smallest = max(map(len, places), default=0), min(map(len, places), default=0)
        if resample == "under":
            self.length = len(places) * smallest
            self.draw = lambda generator: _shuffle(torch.cat(_draw(places, smallest, generator)), generator)
        else:
            self.length = len(places) * largest
            self.draw = lambda generator: _shuffle(torch.cat(_draw(places, largest, generator)), generator)
            if resample == "balanced":
                self.draw = lambda generator: _in_rounds(torch.stack(_draw(places, largest, generator)), generator)

    def _epoch(self, seed: int) -> Tensor:
        return self.draw(torch.Generator().manual_seed(seed))

    def rows(self, first: int, count: int, seed: Callable[[int], int]) -> Tensor:
        """The examples at places ``first`` to ``first + count`` of the endless order.

        Args:
            seed: maps the number of an epoch to its seed.
        """
        shown = []
        while count > 0:
            epoch, place = divmod(first, self.length)
            shown.append(self.epoch(seed(epoch))[place : place + count])
            first, count = first + len(shown[-1]), count - len(shown[-1])
        places = torch.cat(shown) if shown else torch.empty(0, dtype=torch.int64)
        return places if self.bag is None else self.bag[places]


def draw_bootstrap(y: Tensor, seed: int) -> Tensor:
    """A bootstrap that is balanced over the classes, as places in y: for bagging (Breiman 1996) of balanced members.

    Of each class as many examples as the classes have on average are drawn, with replacement, so that the whole is as
    large as y. Balanced random forests (Chen, Liaw and Breiman 2004) draw as many as the rarest class has, which would
    leave out most examples of all others.

    Args:
        y: class indices, shape ``(N,)``, on the CPU.
    """
    generator = torch.Generator().manual_seed(seed)
    places = [(y == label).nonzero().flatten() for label in torch.unique(y).tolist()]
    size = max(1, round(len(y) / max(1, len(places))))
    drawn = [rows[torch.randint(len(rows), (size,), generator=generator)] for rows in places]
    return torch.cat(drawn) if drawn else y


def _draw(places: list[Tensor], count: int, generator: torch.Generator) -> list[Tensor]:
    """Draw ``count`` of each class: all of its examples as often as they go in, and a random part for the rest."""
    drawn = []
    for rows in places:
        orders = [torch.randperm(len(rows), generator=generator) for _ in range(-(-count // len(rows)))]
        drawn.append(rows[torch.cat(orders)[:count]])
    return drawn


def _shuffle(rows: Tensor, generator: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=generator)]


def _in_rounds(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Arrange rows of shape ``(K, M)`` in M rounds of one a class, the classes in a random order in each."""
    order = torch.rand(rows.shape[1], rows.shape[0], generator=generator).argsort(dim=1)
    return rows.T.gather(1, order).flatten()
