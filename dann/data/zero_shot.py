"""Zero-shot classification: classes known by vectors, some of them without a labelled example in training."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.pair import Pair
from dann.data.readers.image_lists import read_text
from dann.data.storage.user_paths import given
from dann.errors import BadInput


def zero_shot(pair: Pair, vectors: str | None, unseen: Sequence[str]) -> Pair:
    """``pair`` with a vector for each class, and without the labelled training examples of the unseen ones.

    Args:
        vectors: a CSV file of class names and numbers, without a header; None if there are none.
        unseen: names of classes that are tested, but neither trained nor validated on.

    Raises:
        BadInput: the file lacks a class or is malformed, or a class is not known.
    """
    if unknown := [name for name in unseen if name not in pair.classes]:
        raise BadInput(f"data.unseen: there is no class {unknown[0]!r}; there are {', '.join(pair.classes)}")
    if set(unseen) == set(pair.classes):
        raise BadInput("data.unseen: these are all classes: leave two or more for training")
    if unseen and vectors is None:
        raise BadInput("data.unseen: name a file of class_vectors, by which these classes can be told")
    if vectors is None:
        return pair
    indices = tuple(pair.classes.index(name) for name in unseen)
    return replace(
        pair,
        train=_without(pair.train, indices),
        validation=_without(pair.validation, indices),
        unseen=indices,
        class_vectors=read_vectors(given(vectors), pair.classes),
    )


def _without(split: Split, classes: Sequence[int]) -> Split:
    return split.take(~torch.isin(split.y, torch.tensor(classes, dtype=split.y.dtype)))


def read_vectors(path: Path, classes: Sequence[str]) -> Tensor:
    """The vectors of the classes in a CSV file, in the order of ``classes``: shape ``(K, E)``.

    Raises:
        BadInput: a class is missing, a line has no numbers or another count of them, or a vector is 0.
    """
    read: dict[str, list[float]] = {}
    for number, fields in enumerate(csv.reader(read_text(path).splitlines()), start=1):
        if fields:
            if fields[0].strip() in read:
                raise BadInput(
                    f"{path}, line {number}: {fields[0].strip()} has a vector already: remove one of the two"
                )
            try:
                read[fields[0].strip()] = [float(field) for field in fields[1:]]
            except ValueError as error:
                raise BadInput(f"{path}, line {number}: write a class name and numbers, not {fields[1:]}") from error
    if lacking := [name for name in classes if name not in read]:
        raise BadInput(f"{path}: no vector for the class {lacking[0]!r}: add a line for it")
    rows = [read[name] for name in classes]
    if len({len(row) for row in rows}) > 1 or not rows[0]:
        raise BadInput(
            f"{path}: the vectors have {sorted({len(row) for row in rows})} numbers: give all the same count"
        )
    found = torch.tensor(rows)
    if not (found.isfinite().all() and found.any(dim=1).all()):
        raise BadInput(f"{path}: a vector is 0 or not finite: it tells no class")
    return found
