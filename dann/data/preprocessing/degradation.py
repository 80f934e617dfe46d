"""Degraded domains: fewer examples of some classes, or parts of every example left out."""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from dann.data.domain import Domain, Split
from dann.data.store import MovedStores, Store, TensorStore, move_once
from dann.errors import BadInput
from dann.options import Section

SEED = 2  # of the examples and parts left out, the same in every run; splits held out use 0 and 1


class Degradation(Section):
    """Defects made in a domain, to measure their cost and that of remedies.

    Args:
        classes: the share of the labelled training examples of a class that is left, by its name; one stays at least.
            Test examples all stay; in the transductive protocol those left are the test examples.
        examples: the same share of every class, and of the examples without a label, beside ``classes``: how much
            training data there is. Fewer are always among the more.
        values: the share of each example, of training and test, that is blank: NaN at random places of a vector or
            series, for ``data.missing`` to fill in; a black square at a random place of an image.
    """

    classes: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field({})
    examples: float = Field(1.0, gt=0, le=1)
    values: float = Field(0.0, ge=0, lt=1)


def degrade(domain: Domain, options: Degradation | None) -> Domain:
    """Remove examples and blank values of a domain whose test split is cut already.

    Raises:
        BadInput: it has no such class.
    """
    if options is None:
        return domain
    if unknown := [name for name in options.classes if name not in domain.classes]:
        has = f"it has {', '.join(domain.classes)}: choose one" if domain.classes else "it has no labels: leave it out"
        raise BadInput(f"data: {domain.name} has no class {unknown[0]!r}; {has}")
    shares = {domain.classes.index(name): share for name, share in options.classes.items()}
    if options.examples < 1:
        shares = {label: options.examples * shares.get(label, 1.0) for label in torch.unique(domain.train.y).tolist()}
    domain = replace(domain, train=_thin_classes(domain.train, shares))
    if options.values == 0:
        return domain
    blanked = _blank_values(domain.train.store, options.values)
    test = domain.test
    if test is not None:
        same = test.store is domain.train.store
        test = replace(test, store=blanked if same else _blank_values(test.store, options.values))
    return replace(domain, train=replace(domain.train, store=blanked), test=test)


def _thin_classes(split: Split, shares: dict[int, float]) -> Split:
    """Keep that share of the examples of some classes."""
    kept = torch.ones(len(split), dtype=torch.bool)
    generator = torch.Generator().manual_seed(SEED)
    for label, share in shares.items():
        places = (split.y == label).nonzero().flatten()
        left = max(1, math.ceil(share * len(places)))
        kept[places[torch.randperm(len(places), generator=generator)[left:]]] = False
    return split.take(kept)


def _blank_values(store: Store, share: float) -> Store:
    if len(store.shape) == 3:
        return BlankedImages(store, share)
    x = store.read(torch.arange(len(store)))
    generator = torch.Generator().manual_seed(SEED)
    return TensorStore(x.masked_fill(torch.rand(x.shape, generator=generator) < share, math.nan))


@dataclass(frozen=True)
class BlankedImages:
    """Images of a store, each with a black square at a place of its own, which is blanked as they are read.

    Args:
        whole: the images, shape ``(C, H, W)`` each.
        share: of the area that the square covers.

    Raises:
        BadInput: a square of that size does not fit in, or has no pixel.
    """

    whole: Store
    share: float

    def __post_init__(self) -> None:
        height, width = self.shape[1:]
        if not 1 <= self.side <= min(height, width):
            raise BadInput(
                f"data: no square covers {self.share} of {height} × {width} pixels: change `values` of the degradation"
            )

    @property
    def side(self) -> int:
        """Side of the square, in pixels."""
        height, width = self.shape[1:]
        return round(math.sqrt(self.share * height * width))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.whole.shape

    @property
    def streamed(self) -> bool:
        return self.whole.streamed

    def __len__(self) -> int:
        return len(self.whole)

    def read(self, rows: Tensor) -> Tensor:
        x = self.whole.read(rows)
        return x.masked_fill(self._holes(rows).to(x.device), 0)

    def to(self, device: torch.device, moved: MovedStores) -> "BlankedImages":
        return BlankedImages(move_once(self.whole, device, moved), self.share)

    def checksum(self) -> str:
        return hashlib.sha256(f"{self.whole.checksum()} {self.share}".encode()).hexdigest()

    @cached_property
    def _corners(self) -> Tensor:
        """The uppermost row and leftmost column of each image's square, shape ``(len(self), 2)``."""
        height, width = self.shape[1:]
        drawn = torch.rand((len(self), 2), generator=torch.Generator().manual_seed(SEED))
        return (drawn * torch.tensor([height - self.side + 1, width - self.side + 1])).long()

    def _holes(self, rows: Tensor) -> Tensor:
        """A mask of the squares, shape ``(N, 1, H, W)``."""
        height, width = self.shape[1:]
        side = self.side
        top, left = self._corners[rows.cpu()].unbind(1)
        down, across = torch.arange(height), torch.arange(width)
        inside = (down >= top[:, None]) & (down < top[:, None] + side)
        beside = (across >= left[:, None]) & (across < left[:, None] + side)
        return (inside[:, :, None] & beside[:, None, :])[:, None]
