"""Conversion of labels to class indices: a user's arrays of any kind, and the integers of published files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.data.domain import UNLABELLED
from dann.data.readers.example_arrays import to_array
from dann.errors import BadInput

Labels = tuple[NDArray[Any], NDArray[np.bool_]]  # integers or strings, and which of them are labels


def to_class_indices(stored: Any, path: Path, first: int, classes: int) -> NDArray[np.int64]:
    """Convert labels read from a data set's file to int64, shape ``(N,)``.

    Args:
        stored: N numbers in any shape, as the file has them.
        path: the file, for the message.
        first: the lowest label that the file may hold.
        classes: number of labels from ``first`` on.

    Raises:
        BadInput: a label is no integer, or out of range.
    """
    try:
        labels = np.asarray(stored).reshape(-1)
        whole = labels.dtype.kind in "iuf" and bool(((labels >= first) & (labels < first + classes)).all())
    except (TypeError, ValueError):
        whole = False
    if not whole or not (labels == labels.astype(np.int64)).all():
        raise BadInput(f"{path}: labels are not the integers {first} to {first + classes - 1}: restore the file")
    return labels.astype(np.int64)


def index_labels(
    parts: Sequence[tuple[str, Any]], classes: Sequence[str] | None = None
) -> tuple[list[Tensor], tuple[str, ...]]:
    """Convert the labels of several parts to class indices, −1 where there is none, and name the classes.

    Labels are integers or strings; −1, NaN, None and empty strings mean that an example has none. Without ``classes``
    those that occur are taken, numbers by value before other strings; with it, integers are indices into it.

    Args:
        parts: the places that labels come from, for messages, and the labels.

    Raises:
        BadInput: labels of two kinds, not integers, or not among the classes; ambiguous −1 and 1.
    """
    places = [where for where, _ in parts]
    read = [_read_labels(labels, where) for where, labels in parts]
    present = [values[labelled] for values, labelled in read if labelled.any()]
    if len({values.dtype.kind for values in present}) > 1:
        raise BadInput(f"{' and '.join(places)}: integers in one and strings in the other: write both alike")
    occurring = np.unique(np.concatenate(present)) if present else np.empty(0, np.int64)
    if classes is not None:
        names = _class_names(classes, places[0])
        known = np.array(names) if occurring.dtype.kind == "U" else np.arange(len(names))
    else:
        if occurring.tolist() in ([1], ["1"]) and not all(labelled.all() for _, labelled in read):
            raise BadInput(f"{' and '.join(places)}: labels -1 and 1, but -1 means unlabelled: write 0 and 1")
        known = np.array(sorted(occurring.tolist(), key=_rank)) if present else occurring
        names = tuple(map(str, known.tolist()))
    return [_index(*labels, known, where) for where, labels in zip(places, read, strict=True)], names


def _rank(label: int | str) -> tuple[bool, int, str]:
    number = isinstance(label, int) or label.isdecimal()
    return not number, int(label) if number else 0, str(label)


def _read_labels(labels: Any, where: str) -> Labels:
    array = to_array(labels, where)
    if array.ndim != 1:
        raise BadInput(f"{where} has shape {array.shape}: save one label for each example, shape (N,)")
    if array.dtype.kind == "O":
        array = _from_objects(array, where)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "U":
        array = np.char.strip(array)
        return array, (array != "") & (array != str(UNLABELLED))
    if array.dtype.kind not in "biuf":
        raise BadInput(f"{where} holds {array.dtype} values: labels are integers or strings")
    numbers = array.astype(np.float64)
    numbers[np.isnan(numbers)] = UNLABELLED
    wrong = ~((numbers >= UNLABELLED) & (numbers < 2**31) & (numbers == np.floor(numbers)))
    if wrong.any():
        raise BadInput(f"{where}: {array[wrong][0]} is no label: write integers from 0, or -1 for none")
    return numbers.astype(np.int64), numbers != UNLABELLED


def _from_objects(array: NDArray[np.object_], where: str) -> NDArray[Any]:
    """Convert Python's integers or strings, among which None and NaN mean that there is no label."""
    values = array.tolist()
    missing = [value is None or value != value for value in values]
    kinds = {type(value) for value, none in zip(values, missing, strict=True) if not none}
    if not (kinds <= {int} or kinds <= {str}):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise BadInput(f"{where} holds values of the types {names}: labels are integers or strings")
    none = "" if kinds == {str} else UNLABELLED
    return np.array([none if lacks else value for value, lacks in zip(values, missing, strict=True)])


def _class_names(classes: Sequence[str], where: str) -> tuple[str, ...]:
    array = to_array(classes, where)
    if array.ndim != 1 or array.dtype.kind != "U":
        raise BadInput(f"{where}: classes are {array.dtype} values of shape {array.shape}: give a list of names")
    names = tuple(name.strip() for name in array.tolist())
    if not names or "" in names or len(set(names)) < len(names):
        raise BadInput(f"{where}: classes are {', '.join(map(repr, names))}: give each class a name of its own")
    return names


def _index(values: NDArray[Any], labelled: NDArray[np.bool_], known: NDArray[Any], where: str) -> Tensor:
    """The places of ``values`` in ``known``, −1 where there is no label."""
    index = np.full(len(values), UNLABELLED, np.int64)
    if labelled.any():
        order = np.argsort(known)
        index[labelled] = order[np.searchsorted(known, values[labelled], sorter=order).clip(max=len(known) - 1)]
        wrong = labelled & (known[index] != values)
        if wrong.any():
            raise BadInput(f"{where}: label {values[wrong][0]!s} is not one of the {len(known)} classes: correct it")
    return torch.from_numpy(index)
