"""Zero-shot classification: an embedding of each class, some classes without a labelled training example."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.pair import Pair
from dann.data.readers.text_files import read_text
from dann.errors import BadInput
from dann.files.user_paths import resolve_user_path


def make_zero_shot(pair: Pair, vectors: str | None, unseen: Sequence[str]) -> Pair:
    """Give a pair a vector for each class, and remove the labelled training examples of the unseen ones.

    Args:
        vectors: a CSV file of class names and numbers, without a header; None for no vectors.
        unseen: names of classes that are tested, but neither trained nor validated on.

    Raises:
        BadInput: the file lacks a class or is malformed, or a class is not known.
    """
    if unknown := [name for name in unseen if name not in pair.classes]:
        raise BadInput(f"data.unseen: there is no class {unknown[0]!r}: choose among {', '.join(pair.classes)}")
    if unseen and set(unseen) == set(pair.classes):
        raise BadInput("data.unseen: these are all classes: leave two or more for training")
    if unseen and vectors is None:
        raise BadInput("data.unseen: these classes need vectors: name a file of them as data.class_vectors")
    if vectors is None:
        return pair
    indices = tuple(pair.classes.index(name) for name in unseen)
    read = read_vectors(resolve_user_path(vectors), pair.classes)
    digest = hashlib.sha256(read.numpy().tobytes()).hexdigest()[:16]
    return replace(
        pair,
        train=_drop_classes(pair.train, indices),
        validation=_drop_classes(pair.validation, indices),
        unseen=indices,
        class_vectors=read,
        checksums={**pair.checksums, "class_vectors": digest},
    )


def _drop_classes(split: Split, classes: Sequence[int]) -> Split:
    return split.take(~torch.isin(split.y, torch.tensor(classes, dtype=split.y.dtype)))


def read_vectors(path: Path, classes: Sequence[str]) -> Tensor:
    """Read the vectors of the classes from a CSV file, in the order of ``classes``: shape ``(K, E)``.

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
    if missing := [name for name in classes if name not in read]:
        raise BadInput(f"{path}: no vector for the class {missing[0]!r}: add a line for it")
    rows = [read[name] for name in classes]
    if len({len(row) for row in rows}) > 1 or not rows[0]:
        raise BadInput(
            f"{path}: the vectors have {sorted({len(row) for row in rows})} numbers: give all the same count"
        )
    vectors = torch.tensor(rows)
    if not (vectors.isfinite().all() and vectors.any(dim=1).all()):
        raise BadInput(f"{path}: a vector is 0 or not finite, which identifies no class: correct it")
    return vectors
