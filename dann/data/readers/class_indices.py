"""Checks that labels read from a file are class indices."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dann.errors import BadInput


def class_indices(stored: Any, path: Path, first: int, classes: int) -> NDArray[np.int64]:
    """Labels as int64, shape ``(N,)``.

    Args:
        stored: N numbers in any shape, as the file has them.
        path: the file, for the message.
        first: the lowest label that the file may hold.
        classes: how many labels there are from ``first`` on.

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
