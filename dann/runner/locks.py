"""Locks on runs, so that several processes, on this host or others, may work on one experiment's folder.

The lock of ``seed-3`` is the file ``seed-3.lock`` beside its folder, which is there while a process makes the run. It
names its owner and is locked by ``flock``, which ends with the process, however it ends. Its time is renewed every
``HEARTBEAT`` seconds, because ``flock`` does not reach other hosts on every file system.
"""

import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

HEARTBEAT, STALE = 15.0, 120.0  # seconds between heartbeats, and without one until another host takes over
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}  # of file systems without flock


class Held(Exception):
    """Another process has the lock; the text says which."""


class Owner(NamedTuple):
    """The process that holds a lock.

    Args:
        since: when it began, in local time.
    """

    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


def lock_file(place: Path) -> Path:
    """The lock of the run whose folder is ``place``."""
    return place.with_name(f"{place.name}.lock")


def find_owner(place: Path) -> Owner | None:
    """The process that makes the run in ``place``, as its lock file says, which is neither locked nor changed.

    None if there is no such file or if its last heartbeat is older than ``STALE``, by this host's clock. A process that
    was killed is therefore named for two minutes more.
    """
    path = lock_file(place)
    if not path.is_file():
        return None
    with suppress(OSError), path.open("rb") as file:
        if time.time() - os.fstat(file.fileno()).st_mtime < STALE:
            return _read_owner(file.fileno())
    return None


class Locks:
    """The locks of one process.

    Args:
        stale: seconds without a heartbeat after which the lock of another host is stale.
    """

    def __init__(self, stale: float = STALE) -> None:
        self.stale = stale
        self.seen: dict[Path, tuple[float, float]] = {}  # the last heartbeat, and when it was seen

    @contextmanager
    def hold(self, places: Sequence[Path]) -> Iterator[None]:
        """Hold the locks of runs; their files are removed at the end.

        Raises:
            Held: another process has one of them; none is held then.
        """
        with ExitStack() as held:
            files = [held.enter_context(self._hold(lock_file(place))) for place in places]
            ended = threading.Event()
            heartbeats = threading.Thread(target=_send_heartbeats, args=(files, ended), daemon=True)
            heartbeats.start()
            try:
                yield
            finally:
                ended.set()
                heartbeats.join()

    def remove_left_over(self, place: Path) -> None:
        """Remove the lock of a finished run, whose owner may have been killed before it could."""
        if lock_file(place).is_file():
            with suppress(Held, OSError), self.hold([place]):
                pass

    @contextmanager
    def _hold(self, path: Path) -> Iterator[int]:
        file = self._acquire(path)
        try:
            yield file
        finally:
            path.unlink(missing_ok=True)  # before it is closed: the next process would lock a file without a name
            os.close(file)

    def _acquire(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                self._claim(file, path)
                if _is_at(file, path):  # not removed by its owner between opening and locking
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def _claim(self, file: int, path: Path) -> None:
        """Lock an open file and write the owner into it.

        Raises:
            Held: another process has it.
        """
        locked = True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(str(_read_owner(file) or "another process")) from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            locked = False
        owner = _read_owner(file)
        # On its own host a dead owner has lost its flock, whatever it left in the file.
        if owner is not None and not (locked and owner.host == socket.gethostname()) and self._is_alive(file, path):
            raise Held(str(owner))
        now = datetime.now().strftime("%H:%M:%S")
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(Owner(socket.gethostname(), os.getpid(), now)._asdict()).encode(), 0)

    def _is_alive(self, file: int, path: Path) -> bool:
        """Whether the last heartbeat is recent, by this host's clock and by how long no new one was seen here."""
        heartbeat, now = os.fstat(file).st_mtime, time.monotonic()
        if self.seen.get(path, (None, 0.0))[0] != heartbeat:
            self.seen[path] = heartbeat, now
        return time.time() - heartbeat < self.stale and now - self.seen[path][1] < self.stale


def _send_heartbeats(files: Sequence[int], ended: threading.Event) -> None:
    """Renew the modification times of lock files until ``ended`` is set."""
    while not ended.wait(HEARTBEAT):
        for file in files:
            with suppress(OSError):  # the file system may be gone for a while
                os.utime(file)


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one of this name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _read_owner(file: int) -> Owner | None:
    try:
        return Owner(**json.loads(os.pread(file, 4096, 0)))
    except (ValueError, TypeError):  # empty, or being written
        return None
