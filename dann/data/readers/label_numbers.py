"""The rule of labels that are numbers, as of a regression: which spellings are numbers, and which mean no label."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dann.data.domain import LabelNotes
from dann.data.readers.label_arrays import to_label_array
from dann.data.readers.label_spellings import EMPTY, MARKS, NAMED, Unlabelled
from dann.errors import BadInput

LARGEST = torch.finfo(torch.float32).max


def read_numbers(labels: Sequence[str], unlabelled: Unlabelled, where: str) -> Tensor:
    """The numbers of spelled labels, float32 of shape ``(N,)``, NaN where a spelling means no label.

    An empty field, ``nan``, ``na``, ``none``, ``null`` and ``unlabelled`` mean none; −1 is a number.

    Args:
        labels: surrounding blanks removed.
        unlabelled: the spellings that mean no label, beside an empty one, in place of those.
        where: the file, for messages.

    Raises:
        BadInput: a label is neither, or is not finite.
    """
    without = {EMPTY, *map(str, unlabelled)} if unlabelled is not None else {EMPTY, *MARKS, *NAMED}
    return torch.tensor(
        [math.nan if _means_none(label, without, unlabelled) else _read(label, where) for label in labels],
        dtype=torch.float32,
    )


def read_number_array(labels: Any, unlabelled: Unlabelled, where: str) -> Tensor:
    """The numbers of an array of labels, float32 of shape ``(N,)``; NaN, None and what strings mean none are NaN.

    Args:
        labels: numbers, or strings as ``read_numbers`` takes them.
        unlabelled: as for ``read_numbers``.

    Raises:
        BadInput: a label is no number or not finite, or the shape is another.
    """
    array = to_label_array(labels, where)
    if array.dtype.kind == "U":
        return read_numbers([label.strip() for label in array.tolist()], unlabelled, where)
    numbers = array.astype(np.float64)
    numbers[np.isin(numbers, [float(each) for each in unlabelled or () if _is_number(str(each))])] = np.nan
    if (wrong := np.abs(numbers) > LARGEST).any():
        raise BadInput(f"{where}: label {numbers[wrong][0]:g} is not finite, or too large: correct it")
    return torch.from_numpy(numbers.astype(np.float32))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def note_numbers(y: Sequence[Tensor]) -> LabelNotes:
    """A sentence on the examples of a domain that have no label, if there are some.

    Args:
        y: the labels of each split, as ``read_numbers`` returns them.
    """
    count, missing = sum(map(len, y)), sum(int(each.isnan().sum()) for each in y)
    if not missing:
        return LabelNotes()
    return LabelNotes((f"none of {count} examples has a label" if missing == count
                       else f"{missing} examples without a label",))  # fmt: skip


def _means_none(label: str, without: set[str], unlabelled: Unlabelled) -> bool:
    return (label if unlabelled is not None else label.lower()) in without


def _read(label: str, where: str) -> float:
    try:
        value = float(label)
    except ValueError:
        raise BadInput(
            f"{where}: label {label[:40]!r} is no number, as data.task: regression needs: correct it, or name it under "
            "unlabelled if it means no label"
        ) from None
    if not abs(value) <= LARGEST:
        raise BadInput(f"{where}: label {label[:40]!r} is not finite, or too large: correct it")
    return value
