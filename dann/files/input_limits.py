"""Checks before a file is read: its kind, its size, and the size that it unpacks to."""

import bz2
import gzip
import os
import resource
import stat
import zipfile
from pathlib import Path

from dann.errors import BadInput

SMALL, RATIO = 1 << 28, 50  # bytes that may come out of any packed file, and their ratio to those of a larger one
SMALL_ARRAYS, RATIO_ARRAYS = 1 << 30, 200  # the same of arrays, of which nearly all values may be zero
KINDS = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"),
         (stat.S_ISBLK, "device"))  # fmt: skip


def check_regular(path: Path, most: int | None = None) -> None:
    """Raise unless ``path`` is a regular file of at most ``most`` bytes; leaves a missing one to its reader.

    Opening a FIFO would wait for a writer, and reading a device may never end.

    Raises:
        BadInput: it is a folder, a FIFO, a socket or a device, or larger.
    """
    try:
        status = path.stat()
    except OSError:
        return
    except ValueError as error:  # a zero byte in the name
        raise BadInput(f"{str(path)!r}: not a path: correct it") from error
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in KINDS if is_kind(status.st_mode)), "special file")
        raise BadInput(f"{path}: a {kind}, not a file: name or restore a file")
    if most is not None and status.st_size > most:
        raise BadInput(f"{path}: {status.st_size} bytes, where at most {most} are read: restore the file")


def memory() -> int:
    """The bytes of memory that this process may use: the machine's, or less where a limit is set."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), resource.getrlimit(resource.RLIMIT_AS)[0]]
    return min(size for size in sizes if size > 0)  # no limit is −1


def most_unpacked(packed: int, arrays: bool = False) -> int:
    """The largest number of bytes that ``packed`` compressed bytes may unpack to; real data stay far below it."""
    return max(SMALL_ARRAYS, RATIO_ARRAYS * packed) if arrays else max(SMALL, RATIO * packed)


def check_zip(path: Path) -> None:
    """Raise if the members of a zip file, the format of .npz and .pt files, unpack to more than is plausible.

    A member that is larger than its entry claims is an error of its reader.
    """
    if not (path.is_file() and zipfile.is_zipfile(path)):
        return
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(member.file_size for member in file.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # its reader reports the damage
    check_size(path, size, most_unpacked(path.stat().st_size, arrays=True))


def check_size(place: object, size: int, most: int | None = None) -> None:
    """Raise if content of ``size`` bytes is more than ``most``, or than half of the memory."""
    most = min(memory() // 2, size if most is None else most)
    if size > most:
        raise BadInput(
            f"{place}: its content takes {size / 2**30:.1f} GiB, too much for a limit of {most / 2**30:.1f} GiB: "
            "restore the file, or keep fewer examples"
        )


def read_unpacked(path: Path, most: int | None = None) -> bytes:
    """The content of a regular file, unpacked if its name ends in .gz or .bz2.

    Args:
        most: the largest number of bytes that come out; a packed file may hold a thousand times its size.

    Raises:
        BadInput: as ``check_regular``, or more bytes come out.
        OSError, EOFError, zlib.error: it is damaged, or cannot be read.
    """
    check_regular(path, memory() // 2)
    most = most_unpacked(path.stat().st_size) if most is None else most
    packed = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File}.get(path.suffix)
    with path.open("rb") if packed is None else packed(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise BadInput(f"{path}: holds more than {most} bytes when unpacked: restore the file")
    return content
