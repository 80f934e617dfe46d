"""Files of the cache that end in a seal: name, size and checksum, by which damaged or swapped files are noticed.

The checksum is CRC-32, which notices any change of a few bits, and is read at the speed of a disk.
"""

import hashlib
import os
import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dann.files.atomic_files import open_whole, write_whole

PIECE = 1 << 22
HEAD = 10  # bytes of an .npy file before its description, of which the last two are the description's length


def write_sealed(path: Path, content: bytes) -> None:
    """Write ``content`` and its seal to ``path``; appears whole."""
    write_whole(path, content + _seal(path, len(content), zlib.crc32(content)))


def read_sealed(path: Path) -> bytes | None:
    """The content that ``write_sealed`` wrote to ``path``; None if it is missing, damaged or another file's."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body = content[: -len(_seal(path, 0, 0))]
    return body if content == body + _seal(path, len(body), zlib.crc32(body)) else None


def write_array(path: Path, rows: Iterable[NDArray[Any]], shape: tuple[int, ...], dtype: DTypeLike) -> int:
    """Write an array, which may be larger than memory, to ``path``, whose lock is held; returns the number of rows.

    Written plainly, not by a memory map, in which a full disk ends the process.

    Args:
        rows: pieces of N rows, each ``(N, *shape)``.
        shape: of one row.
    """
    for unfinished in path.parent.glob(f"{path.name}.*.tmp"):  # of a process that was killed: its lock is now ours
        unfinished.unlink()
    with open_whole(path) as file:
        _write_head(file, 0, shape, dtype)
        count = checksum = 0
        for piece in rows:
            content = np.ascontiguousarray(piece, dtype).tobytes()
            file.write(content)
            count, checksum = count + len(piece), zlib.crc32(content, checksum)
        size = file.tell()
        head = _write_head(file, count, shape, dtype)
        file.seek(size)
        file.write(_seal(path, size, zlib.crc32(head, checksum)))
    return count


def read_array(path: Path) -> NDArray[Any] | None:
    """The array that ``write_array`` wrote to ``path``, mapped to memory; None as of ``read_sealed``."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            head += file.read(int.from_bytes(head[-2:], "little"))
            size = os.fstat(file.fileno()).st_size - len(_seal(path, 0, 0))
            left, checksum = size - len(head), 0
            while piece := file.read(max(0, min(PIECE, left))):
                left, checksum = left - len(piece), zlib.crc32(piece, checksum)
            if file.read() != _seal(path, size, zlib.crc32(head, checksum)):
                return None
        mapped: NDArray[Any] = np.load(path, mmap_mode="c")
        return mapped
    except (OSError, ValueError):
        return None


def _write_head(file: BinaryIO, count: int, shape: tuple[int, ...], dtype: DTypeLike) -> bytes:
    """Write the head of an .npy file and return it; NumPy leaves room for any count."""
    head = BytesIO()
    entries = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (count, *shape)}
    np.lib.format.write_array_header_1_0(head, entries)
    file.seek(0)
    file.write(head.getvalue())
    return head.getvalue()


def _seal(path: Path, size: int, checksum: int) -> bytes:
    """A line of one length: the checksums of the name and of the content, and its size."""
    name = hashlib.sha256(path.name.encode()).hexdigest()[:16]
    return f"\nsealed {name} {size:016x} {checksum:08x}\n".encode()
