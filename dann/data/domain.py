"""Domains: one data set each, with a training split and, where it defines one, a test split."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dann.data.store import Store, TensorStore

Task = Literal["classification", "regression"]  # what labels are: classes, or numbers
UNLABELLED = -1
SMALL = 2**29  # bytes


def is_labelled(y: Tensor) -> Tensor:
    """Which examples have a label: classes are −1 where there is none, numbers NaN; shape ``(N,)``."""
    return ~y.isnan() if y.is_floating_point() else y != UNLABELLED


def remove_labels(y: Tensor) -> Tensor:
    """As many labels of the same type, none of which is one."""
    return torch.full_like(y, torch.nan if y.is_floating_point() else UNLABELLED)


@dataclass(frozen=True)
class Split:
    """N examples: rows of a store, with their labels. Taking a part of it copies no example.

    Args:
        store: the raw examples: images as uint8, or vectors or series as float32.
        rows: their rows in the store, int64, shape ``(N,)``.
        y: class indices as int64, shape ``(N,)``, −1 where there is no label; of a regression numbers as float32, NaN
            where there is no label.
        domain: the index of the domain of each example, int64, shape ``(N,)``.
    """

    store: Store
    rows: Tensor
    y: Tensor
    domain: Tensor

    @classmethod
    def of(cls, x: Tensor | Store, y: Tensor) -> "Split":
        """All examples of a tensor ``(N, ...)`` or a store, with their labels."""
        if isinstance(x, Tensor):
            # Channels last is what convolutions take and transforms are fastest in; a large set is not held twice.
            small = x.ndim == 4 and x.nbytes < SMALL
            x = TensorStore(x.contiguous(memory_format=torch.channels_last) if small else x)
        return cls(x, torch.arange(len(x)), y, torch.zeros(len(x), dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def x(self) -> Tensor:
        """All raw examples, read: shape ``(N, C, H, W)``, ``(N, C, L)`` or ``(N, D)``."""
        return self.store.read(self.rows)

    def take(self, indices: Tensor) -> "Split":
        """Take the examples at ``indices``, in that order, or those of a mask."""
        return Split(self.store, self.rows[indices], self.y[indices], self.domain[indices])

    def spread(self, count: int) -> "Split":
        """Take ``count`` examples spread evenly over the split, or all if there are fewer."""
        places = torch.linspace(0, len(self) - 1, min(count, len(self)), dtype=torch.float64)
        return self.take(places.round().long())

    @property
    def labelled(self) -> "Split":
        """The examples that have a label."""
        return self.take(is_labelled(self.y))

    def checksum(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the examples and their labels."""
        digest = hashlib.sha256(self.store.checksum().encode())
        for tensor in (self.rows, self.y):
            digest.update(np.ascontiguousarray(tensor.numpy()).data)
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class LabelNotes:
    """How the labels of a user's domain were read.

    Args:
        sentences: on all that means no label, or could have been read so.
        assumed: the spellings that mean no label by the rule of the readers, where no option says so.
        without: all spellings that mean no label, beside the empty one.
    """

    sentences: tuple[str, ...] = ()
    assumed: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Contents:
    """What the training examples of a domain show, where another domain shows the same: MNIST-M is made of MNIST.

    Args:
        name: of the collection of things that are shown.
        numbers: of the thing in the collection that each example shows, int64, shape ``(N,)``.
    """

    name: str
    numbers: Tensor


@dataclass(frozen=True)
class Domain:
    """One distribution of examples; its test split never enters training.

    Args:
        name: as in an experiment file, ``pacs/photo`` for one domain of a set of several.
        train: labelled when the domain is the source; only its examples are read when it is the target.
        test: disjoint from ``train``; None where the data set defines no test split.
        classes: their K names, in the order of the label indices; empty if no example has a label, or labels are
            numbers.
        origin: where the examples come from, for the record.
        skipped: the files that ``on_bad: skip`` left out.
        label_notes: None where the format of the data set leaves no doubt.
        notes: sentences on files that were left out, or that look like a mistake.
        contents: what the training examples show, as they were read; None where no other domain shows it.
        columns: the names of the D features of vectors; empty where they have none.
    """

    name: str
    train: Split
    test: Split | None
    classes: tuple[str, ...]
    origin: str
    skipped: tuple[str, ...] = ()
    label_notes: LabelNotes | None = None
    notes: tuple[str, ...] = ()
    contents: Contents | None = None
    columns: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.train.store.shape

    @property
    def task(self) -> Task:
        """What its labels are for: numbers are to be predicted by regression."""
        return "regression" if self.train.y.is_floating_point() else "classification"

    @property
    def has_labels(self) -> bool:
        """Whether some example has a label."""
        if self.task == "classification":
            return bool(self.classes)
        return any(len(split.labelled) for split in (self.train, self.test) if split is not None)

    def checksum(self) -> str:
        """16 hexadecimal digits that change whenever an example or a label does."""
        return _join(split.checksum() for split in (self.train, self.test) if split is not None)

    def checksum_examples(self) -> str:
        """The same of the examples alone, whatever their labels."""
        stores = [split.store for split in (self.train, self.test) if split is not None]
        return _join(store.checksum() for store in {id(store): store for store in stores}.values())


def _join(checksums: Iterable[str]) -> str:
    return hashlib.sha256("".join(checksums).encode()).hexdigest()[:16]
