"""Files: written whole, checked to be still whole, locked between processes; and the paths that users give."""

import bz2
import errno
import fcntl
import glob
import gzip
import hashlib
import io
import os
import resource
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dann.errors import BadInput

SEAL = b"sha256:"
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
SMALL, RATIO = 1 << 28, 50  # bytes that may come out of any packed file, and their ratio to those of a larger one
SMALL_ARRAYS, RATIO_ARRAYS = 1 << 30, 200  # the same of arrays, of which nearly all values may be zero
KINDS = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"), (stat.S_ISCHR, "device"),
         (stat.S_ISBLK, "device"))  # fmt: skip


def check_regular(path: Path, most: int | None = None) -> None:
    """Raise unless ``path`` is a regular file of at most ``most`` bytes; leaves a missing one to its reader.

    To open a FIFO would wait for its writer for ever, and a device may never end.

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
    """The largest number of bytes that ``packed`` compressed bytes may unpack to; real data come nowhere near."""
    return max(SMALL_ARRAYS, RATIO_ARRAYS * packed) if arrays else max(SMALL, RATIO * packed)


def check_zip(path: Path) -> None:
    """Raise if the members of a zip file, as which NumPy and PyTorch save, unpack to more than is plausible.

    A member that is larger than its entry claims is an error of its reader.
    """
    if not (path.is_file() and zipfile.is_zipfile(path)):
        return
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(member.file_size for member in file.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # its reader says what is damaged
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
        most: the largest number of bytes that come out; a thousand times as many may hide in a packed file.

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


@contextmanager
def open_whole(path: Path, before: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write that appears at ``path`` when the block ends: a crash, a full disk or a reader sees old or new.

    It is on the disk, and so is its name, before this returns. An error within the block leaves ``path`` as it was.

    Args:
        before: where the file that was at ``path`` is kept; by default it is not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    remove_left_over(path)
    try:
        with unfinished.open("wb") as file:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            file.flush()
            os.fsync(file.fileno())
        if before is not None and path.is_file():
            path.replace(before)
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)  # an error of writing, unlike one of opening, names no file
        raise
    finally:
        with suppress(OSError):  # the folder may be gone: that error is the one to report
            unfinished.unlink()


def remove_left_over(path: Path) -> None:
    """Remove what processes that were killed had written of ``path``: nobody on this host or another has it locked."""
    for unfinished in path.parent.glob(f"{glob.escape(path.name)}.*.tmp"):
        with suppress(OSError), unfinished.open("rb") as file:
            if not _lives(unfinished.suffixes[-2]):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                unfinished.unlink()


def _lives(number: str) -> bool:
    """Whether a process of this host has the number, such as ``.123``."""
    try:
        os.kill(int(number[1:]), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:  # of another user
        pass
    return True


def write_whole(path: Path, content: bytes, before: Path | None = None) -> None:
    """Write ``content`` to ``path`` as ``open_whole`` does."""
    with open_whole(path, before) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def seal_archive(content: bytes) -> bytes:
    """A zip archive, such as ``torch.save`` writes, with the SHA-256 of its bytes as its comment."""
    body = content[:-2]  # an archive without a comment ends in the length of one, two bytes of zero
    return body + len(_seal(body)).to_bytes(2, "little") + _seal(body)


def _seal(body: bytes) -> bytes:
    return SEAL + hashlib.sha256(body).hexdigest().encode()


def is_whole_archive(path: Path) -> bool:
    """Whether a zip archive is complete, as its seal says or, where there is none, the checksums of its members do."""
    try:
        content = path.read_bytes()
        body, mark, _ = content[-len(_seal(b"")) - 2 :].partition(SEAL)
        if mark:
            body = content[: -len(_seal(b"")) - 2]
            return content.endswith(_seal(body))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            stored = all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())  # no bomb
            return stored and archive.testzip() is None
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile):
        return False


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Make other processes that lock ``path`` wait; a crash releases the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def data_folder() -> Path:
    """The folder that ``DANN_DATA`` names, else ``~/.cache/dann``; each data set has its own folder in it."""
    named = os.environ.get("DANN_DATA")
    folder = expand_home(Path(named), "DANN_DATA") if named else home_folder("DANN_DATA")
    if named and not folder.is_dir():
        raise BadInput(f"DANN_DATA names {folder}, which is not a folder: correct or unset it")
    return folder


def home_folder(variable: str) -> Path:
    """The folder of data and of the cache where ``variable`` names no other."""
    return expand_home(Path("~"), variable) / ".cache" / "dann"


def expand_home(path: Path, variable: str) -> Path:
    """The path that an environment variable names, with the home folder in place of ``~``.

    Raises:
        BadInput: there is no such home folder.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise BadInput(f"{path}: there is no such home folder: set HOME, or {variable} to a whole path") from error


def expand_user(path: str | Path) -> Path:
    """``path`` with the home folder in place of a leading ``~``, where that user has one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~name of an unknown user is a file of that name
        return Path(path)


def find_user_path(path: str) -> Path | None:
    """Find the file or folder that ``path`` names: from the working directory, else from the data folder."""
    return next((place for place in _places(path) if os.path.exists(place)), None)


def resolve_user_path(path: str) -> Path:
    """Find the file or folder that ``path`` names, as ``find_user_path`` does.

    Raises:
        BadInput: it is in neither folder, or empty; names both places.
    """
    if not path.strip():
        raise BadInput("path is empty: name a file or folder")
    if (found := find_user_path(path)) is not None:
        return found
    raise BadInput(f"{path} is not there: looked for {' and '.join(map(str, _places(path)))}: correct the path")


def find_model_folder(model: str) -> str:
    """The folder that the name of a model is, with the same rule; else the name, which a library may know."""
    found = find_user_path(model) if model.strip() else None
    return str(found) if found is not None and found.is_dir() else model


def _places(path: str) -> list[Path]:
    """Where a path may lead, the first place first; the data folder may be missing if it is not needed."""
    wanted = expand_user(path)
    places = [Path.cwd() / wanted]
    if not wanted.is_absolute() and not os.path.exists(places[0]):
        places.append(data_folder() / wanted)
    return places
