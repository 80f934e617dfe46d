"""Files of arrays: .npz, .npy, .pt, .pth and .mat, none of which may run code when it is read."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import _reconstruct, scalar

from dann.data.readers.matlab_files import read_matlab
from dann.errors import BadInput
from dann.files.input_limits import check_regular, check_size, check_zip

KEYS = ("x", "y", "x_test", "y_test", "classes")
SUFFIXES = (".npz", ".npy", ".pt", ".pth", ".mat")

# What a pickled array names; none of them runs code. Older NumPy wrote the functions as those of numpy.core.
NUMPY_ARRAYS: tuple[Any, ...] = (
    np.ndarray,
    np.dtype,
    _reconstruct,
    scalar,
    (_reconstruct, "numpy.core.multiarray._reconstruct"),
    (scalar, "numpy.core.multiarray.scalar"),
    *(getattr(np.dtypes, name) for name in np.dtypes.__all__ if isinstance(getattr(np.dtypes, name), type)),
)


def read_content(path: Path) -> Any:
    """Read what a file holds: an array, or a dict of arrays by any keys.

    Raises:
        BadInput: the file is damaged, of another kind or holds Python objects.
    """
    suffix = path.suffix.lower()
    check_regular(path)
    check_zip(path)
    if suffix in (".npz", ".npy"):
        return _read_numpy(path)
    if suffix in (".pt", ".pth"):
        return _read_torch(path)
    if suffix == ".mat":
        return read_matlab(path)
    raise BadInput(f"{path}: arrays are read from .npz, .npy, .pt and .pth files, and .mat files: save it as one")


def read_arrays(path: Path) -> dict[str, Any]:
    """Read the arrays of a file by their keys; a single array without a name has the key ``x``.

    Raises:
        BadInput: as ``read_content``, or a key is unknown or ``x`` missing.
    """
    content = read_content(path)
    if not isinstance(content, dict):
        return {"x": content}
    unknown = [str(key) for key in content if key not in KEYS]
    if unknown or "x" not in content:
        wrong = f"unknown {', '.join(unknown[:5])}" if unknown else "there is no x"
        raise BadInput(f"{path}: {wrong}: its keys may be {', '.join(KEYS)}")
    return content


def read_array(path: Path) -> Any:
    """Read the one array of a .npy, .pt or .pth file, or the ``y`` of a .mat file that holds nothing else."""
    if path.suffix.lower() == ".mat" and list(labels := read_matlab(path)) == ["y"]:
        return labels["y"]
    content = read_arrays(path)
    if len(content) > 1 or path.suffix.lower() in (".npz", ".mat"):
        raise BadInput(f"{path}: give labels as one array without a key, such as a .npy file")
    return content["x"]


def _read_numpy(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return {key: loaded[key] for key in loaded.files} if isinstance(loaded, np.lib.npyio.NpzFile) else loaded
    except Exception as error:  # of damaged headers and archives NumPy raises a dozen types
        raise _unreadable_error(path, error) from error


def _read_torch(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(list(NUMPY_ARRAYS)):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises what its bytes happen to mean
        raise _unreadable_error(path, error) from error
    for value in content.values() if isinstance(content, dict) else [content]:
        if isinstance(value, torch.Tensor):
            check_size(path, value.numel() * value.element_size())  # of strides 0, or of storage that is not there
    if not isinstance(content, dict | torch.Tensor | np.ndarray):
        raise BadInput(f"{path} holds a {type(content).__name__}: save a tensor, or a dict of {', '.join(KEYS)}")
    return content


def _unreadable_error(path: Path, error: Exception) -> BadInput:
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, pickle.UnpicklingError) or "pickle" in reason:
        return BadInput(f"{path}: holds Python objects, which could run code, or is damaged: save plain arrays")
    return BadInput(f"{path}: not a readable file of arrays ({reason[:200]}): restore it or save it again")
