"""Pickles of plain values and byte arrays, read without running any code that they name."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dann.errors import BadInput

ARRAYS = {
    (module, name)
    for module in ("numpy.core.multiarray", "numpy._core.multiarray", "numpy")
    for name in ("_reconstruct", "ndarray", "dtype")
}


class Noted:
    """Stands for NumPy's functions while a pickle is read: only notes what they would have been called with."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Reader(pickle.Unpickler):
    """Refuses every name but those of NumPy's arrays, and does not call these either."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which data need not")
        return Noted


def plain(path: Path) -> dict[Any, Any]:
    """The dictionary in a pickle of Python 2 or 3; its texts are bytes, its arrays for ``byte_array`` to read.

    Raises:
        BadInput: the file is missing, damaged, not a dictionary, or names code to run.
    """
    try:
        with path.open("rb") as file:
            content = Reader(file, encoding="bytes").load()
    except Exception as error:  # damaged pickles raise all sorts of exceptions
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path} cannot be read ({reason}): restore it or download it again") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds no dictionary: restore it or download it again")
    return content


def byte_array(noted: Any, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The uint8 array of ``shape`` that was pickled in C order; None if it was anything else."""
    state = getattr(noted, "state", None)
    if not isinstance(noted, Noted) or not isinstance(state, tuple) or len(state) != 5:
        return None
    _, actual, kind, fortran, content = state
    plain_bytes = isinstance(kind, Noted) and kind.arguments[:1] in ((b"u1",), ("u1",)) and not fortran
    if not plain_bytes or actual != shape or not isinstance(content, bytes) or len(content) != int(np.prod(shape)):
        return None
    return np.frombuffer(content, np.uint8).reshape(shape)
