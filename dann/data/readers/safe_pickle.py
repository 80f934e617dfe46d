"""Reader of pickles of plain values and byte arrays that runs no code that they name.

torchvision's CIFAR-10 loads such files with ``pickle.load``, which would run it; so they are read here.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dann.errors import BadInput
from dann.files.input_limits import check_regular

ARRAY_NAMES = {
    (module, name)
    for module in ("numpy.core.multiarray", "numpy._core.multiarray", "numpy")
    for name in ("_reconstruct", "ndarray", "dtype")
}


class RecordedCall:
    """Stand-in for NumPy's functions while a pickle is read: records the arguments and calls nothing."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class SafeUnpickler(pickle.Unpickler):
    """Unpickler that refuses every name but those of NumPy's arrays, and does not call these either."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAY_NAMES:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which data need not")
        return RecordedCall


def read_plain_pickle(path: Path) -> dict[Any, Any]:
    """Read the dictionary in a pickle of Python 2 or 3; texts are bytes, arrays are for ``decode_byte_array``.

    Raises:
        BadInput: the file is missing, damaged, not a dictionary, or names code to run.
    """
    check_regular(path)
    try:
        with path.open("rb") as file:
            content = SafeUnpickler(file, encoding="bytes").load()
    except Exception as error:  # damaged pickles raise all sorts of exceptions
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path} cannot be read ({reason}): restore it or download it again") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds no dictionary: restore it or download it again")
    return content


def decode_byte_array(call: Any, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Decode a uint8 array of ``shape`` that was pickled in C order; None for anything else."""
    state = getattr(call, "state", None)
    if not isinstance(call, RecordedCall) or not isinstance(state, tuple) or len(state) != 5:
        return None
    _, actual, kind, fortran, content = state
    plain_bytes = isinstance(kind, RecordedCall) and kind.arguments[:1] in ((b"u1",), ("u1",)) and not fortran
    if not plain_bytes or actual != shape or not isinstance(content, bytes) or len(content) != int(np.prod(shape)):
        return None
    return np.frombuffer(content, np.uint8).reshape(shape)
