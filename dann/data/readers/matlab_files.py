"""MATLAB's .mat files: version 5 with SciPy, version 7.3, which is HDF5, with h5py."""

import os
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dann.errors import BadInput
from dann.files.input_limits import check_regular, check_size, most_unpacked

HEAD, COMPRESSED, PIECE = 128, 15, 1 << 14  # bytes before the variables, a type, bytes that are unpacked at once
HDF5 = b"\x89HDF\r\n\x1a\n"
MARKED = b"MATLAB 7.3"  # the first bytes of files that MATLAB writes


def read_matlab(path: Path) -> dict[str, Any]:
    """Read the variables of a .mat file by their names: numbers, sparse matrices, texts, and cells of texts.

    A single row or column becomes one axis. A cell of texts or the rows of a text become an array of strings. Axes are
    in MATLAB's order.

    Raises:
        BadInput: the file is damaged, or a variable is of another kind.
    """
    check_regular(path)
    try:
        with path.open("rb") as file:
            head = file.read(1024)
        content = _read_hdf5(path, head) if HDF5 in head else _read_version_5(path)
    except BadInput:
        raise
    except Exception as error:  # damaged files make SciPy and h5py raise exceptions of many types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path}: not a readable .mat file ({reason[:200]}): restore it or save it again") from error
    return {name: _simplify(value, f"{path}: {name}") for name, value in content.items()}


def check_compressed(path: Path) -> None:
    """Raise if the compressed variables of a file of version 5 unpack to more than is plausible."""
    size = path.stat().st_size
    total, most = 0, most_unpacked(size, arrays=True)
    with path.open("rb") as file:
        head = file.read(HEAD)
        order: Literal["little", "big"] = "big" if head[126:128] == b"MI" else "little"
        while len(tag := file.read(8)) == 8:
            kind, length = int.from_bytes(tag[:4], order), int.from_bytes(tag[4:], order)
            if kind == COMPRESSED:
                inflate, end = zlib.decompressobj(), file.tell() + length
                start = inflate.decompress(file.read(min(PIECE, length)))
                check_size(path, total + int.from_bytes(start[4:8], order), most)  # as its own tag claims
                total += len(start)
                while total <= most and (piece := file.read(min(PIECE, end - file.tell()))):
                    total += len(inflate.decompress(piece))
                check_size(path, total, most)
            else:
                file.seek(length, os.SEEK_CUR)


def _read_version_5(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat  # takes a tenth of a second

    check_compressed(path)
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of sparse matrices, which are made dense here
        content = loadmat(file, chars_as_strings=True)
    return {name: value for name, value in content.items() if not name.startswith("__")}


def _read_hdf5(path: Path, head: bytes) -> dict[str, Any]:
    try:
        import h5py
    except ImportError as error:
        raise BadInput(f'{path}: a MATLAB 7.3 file: run pip install "dann[data]", or save it with -v7') from error
    with h5py.File(path, "r") as file:
        check_size(path, sum(file[name].nbytes for name in file if isinstance(file.get(name), h5py.Dataset)))
        convert = _Hdf5Reader(file, head.startswith(MARKED)).read
        return {name: convert(name) for name in file if not name.startswith("#")}


class _Hdf5Reader:
    """Reads the variables of one HDF5 file.

    Args:
        reverse: whether MATLAB wrote the file: it stores axes in the order opposite to HDF5's.
    """

    def __init__(self, file: Any, reverse: bool) -> None:
        self.file, self.reverse = file, reverse

    def read(self, name: str) -> Any:
        import h5py

        link = self.file.get(name, getlink=True)
        value = self.file[name] if isinstance(link, h5py.HardLink) else None  # others may lead to any file
        if isinstance(value, h5py.Group) and "MATLAB_sparse" in value.attrs:
            return self._sparse(value)
        if not isinstance(value, h5py.Dataset) or value.external:
            raise BadInput(f"{self.file.filename}: {name} is no array: save x and y as arrays")
        kind = value.attrs.get("MATLAB_class", b"")
        if kind == b"cell":
            parts = [self._text(self.file[each][()]) for each in value[()].ravel(order="F")]
            return np.array(parts)
        if kind == b"char":
            return np.array([self._text(row) for row in value[()].T])
        array = value.asstr()[()] if h5py.check_string_dtype(value.dtype) else value[()]
        return array.T if self.reverse or kind else array

    def _text(self, codes: Any) -> str:
        return "".join(map(chr, np.asarray(codes, np.uint32).ravel()))

    def _sparse(self, group: Any) -> Any:
        from scipy.sparse import csc_matrix

        data, rows = (
            group[key][()] if key in group else np.empty(0) for key in ("data", "ir")
        )  # absent without values
        columns = group["jc"][()].astype(np.int64)
        shape = int(group.attrs["MATLAB_sparse"]), len(columns) - 1
        return csc_matrix((data, rows.astype(np.int64), columns), shape=shape)


def _simplify(value: Any, where: str) -> Any:
    """An array without axes of length one that MATLAB adds to vectors, and cells of texts as strings."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "O":
        value = np.array([_to_text(cell, where) for cell in value.ravel(order="F")])
    if value.dtype.kind == "V":
        raise BadInput(f"{where} is a structure: save x and y as arrays")
    vector = value.ndim == 2 and 1 in value.shape and not where.endswith((": x", ": x_test"))
    value = value.ravel() if vector else value
    return np.char.rstrip(value) if value.dtype.kind == "U" else value


def _to_text(cell: Any, where: str) -> str:
    array = np.asarray(cell)
    if array.size != 1 or array.dtype.kind != "U":
        raise BadInput(f"{where}: a cell holds something else than one text: save numbers, or a cell of texts")
    return str(array.item())
