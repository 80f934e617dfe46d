"""Atomic writing of files, and locks between processes."""

import errno
import fcntl
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def open_whole(path: Path, before: Path | None = None) -> Iterator[BinaryIO]:
    """A file that replaces ``path`` atomically when the block ends: after a crash the old or the new file is there.

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
        if error.filename in (None, str(unfinished)):  # an error of writing, unlike one of opening, names no file
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):  # the folder may be gone: that error is the one to report
            unfinished.unlink()


def remove_left_over(path: Path) -> None:
    """Remove temporary files of ``path`` that killed processes left: no process of this host or another has them."""
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


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Make other processes that lock ``path`` wait; a crash releases the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
