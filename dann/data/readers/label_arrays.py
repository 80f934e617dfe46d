"""Conversion of labels to class indices: a user's arrays of any kind, and the integers of published files."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.data.domain import UNLABELLED
from dann.data.readers.example_arrays import to_array
from dann.data.readers.label_spellings import EMPTY, LabelReading, Unlabelled, describe_labels, read_spellings
from dann.errors import BadInput

LARGEST = 2**31
NUMBERS = (int, float, np.bool_, np.integer, np.floating)  # bool is an int
Spelled = tuple[list[str], NDArray[np.int64], bool]  # different labels, the place of each among them, if they are words


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
    parts: Sequence[tuple[str, Any]], classes: Sequence[str] | None = None, unlabelled: Unlabelled = None
) -> tuple[list[Tensor], LabelReading]:
    """Convert the labels of several parts to class indices, −1 where there is none, and name the classes.

    Args:
        parts: the place of each in words, and its labels: integers or strings, shape ``(N,)``, None for no label.
        classes: the names that the integers from 0 stand for, or the strings that occur; by default those found.
        unlabelled: the spellings that mean no label, beside None, NaN and an empty string.

    Raises:
        BadInput: labels are not integers or strings, or not among the classes.
    """
    places = [where for where, _ in parts]
    spelled = [_spell(labels, where) for where, labels in parts]
    if len({words for labels, _, words in spelled if any(labels)}) > 1:
        raise BadInput(f"{' and '.join(places)}: integers in one and strings in the other: write both alike")
    counts: Counter[str] = Counter()
    for labels, inverse, _ in spelled:
        counts.update(dict(zip(labels, np.bincount(inverse, minlength=len(labels)).tolist(), strict=True)))
    if classes is None:
        reading = read_spellings(counts, unlabelled)
    else:
        words = any(words for labels, _, words in spelled if any(labels))
        reading = _among(_class_names(classes, places[0]), counts, words, unlabelled)
    for where, (labels, _, _) in zip(places, spelled, strict=True):
        if wrong := [label for label in labels if label not in reading.index]:
            raise BadInput(f"{where}: label {wrong[0]} is not one of the {len(reading.classes)} classes: correct it")
    indices = [np.array([reading.index[label] for label in labels] or [0])[inverse] for labels, inverse, _ in spelled]
    return [torch.from_numpy(each.astype(np.int64)) for each in indices], reading


def _among(names: tuple[str, ...], counts: Mapping[str, int], words: bool, unlabelled: Unlabelled) -> LabelReading:
    """The reading of labels whose classes are given, by name or as integers from 0, where −1 is no label."""
    known = {name: place for place, name in enumerate(names)} if words else {str(k): k for k in range(len(names))}
    free = {EMPTY, str(UNLABELLED)} if unlabelled is None else {EMPTY, *map(str, unlabelled)}
    without = {label for label in counts if label in free and (label not in known or unlabelled is not None)}
    index = {label: place for label, place in known.items() if label not in without}
    return LabelReading(names, index | dict.fromkeys(without, UNLABELLED), describe_labels(counts, without, []))


def _spell(labels: Any, where: str) -> Spelled:
    """The different labels of an array as strings, empty for none, and the place of each label among them."""
    array = to_label_array(labels, where)
    if array.dtype.kind == "U":
        words, inverse = np.unique(np.char.strip(array), return_inverse=True)
        return words.tolist(), inverse, True
    numbers = array.astype(np.float64)
    missing = np.isnan(numbers)
    wrong = ~missing & ((np.abs(numbers) >= LARGEST) | (numbers != np.floor(numbers)))
    if wrong.any():
        raise BadInput(f"{where}: {array[wrong][0]} is no label: write integers below 2^31, or NaN for none")
    values, inverse = np.unique(numbers, return_inverse=True)  # NaNs are one value
    return [EMPTY if math.isnan(value) else str(int(value)) for value in values.tolist()], inverse, False


def to_label_array(labels: Any, where: str) -> NDArray[Any]:
    """Labels as an array ``(N,)`` of strings or of numbers, in which NaN, of strings an empty one, is no label.

    Raises:
        BadInput: it has another shape, or values of other types.
    """
    array = to_array(labels, where)
    if array.ndim != 1:
        raise BadInput(f"{where} has shape {array.shape}: save one label for each example, shape (N,)")
    if array.dtype.kind == "O":
        array = _from_objects(array, where)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in "Ubiuf":
        raise BadInput(f"{where} holds {array.dtype} values: labels are integers or strings")
    return array


def _from_objects(array: NDArray[np.object_], where: str) -> NDArray[Any]:
    """Convert Python's numbers or strings, among which None, NaN and pandas' NA mean that there is no label."""
    values = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in array.tolist()]
    missing = [_is_missing(value) for value in values]
    known = [value for value, none in zip(values, missing, strict=True) if not none]
    words = all(isinstance(value, str) for value in known)
    if not (words or all(isinstance(value, NUMBERS) for value in known)):
        names = ", ".join(sorted({type(value).__name__ for value in known}))
        raise BadInput(f"{where} holds values of the types {names}: labels are integers or strings")
    none = EMPTY if words and known else math.nan
    return np.array([none if lacks else value for value, lacks in zip(values, missing, strict=True)])


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


def _class_names(classes: Sequence[str], where: str) -> tuple[str, ...]:
    array = to_array(classes, where)
    if array.ndim != 1 or array.dtype.kind != "U":
        raise BadInput(f"{where}: classes are {array.dtype} values of shape {array.shape}: give a list of names")
    names = tuple(name.strip() for name in array.tolist())
    if not names or "" in names or len(set(names)) < len(names):
        raise BadInput(f"{where}: classes are {', '.join(map(repr, names))}: give each class a name of its own")
    return names
