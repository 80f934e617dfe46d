"""Downloads that resume where they broke off and are checked against a published checksum.

torchvision's downloads start anew after a break, so that 7 GB over a poor line never arrive; these go on.
"""

import hashlib
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlsplit

from dann.data.storage.folders import cache_folder, data_folder
from dann.errors import BadInput
from dann.files.atomic_files import DISK_FULL, hold_lock

PIECE = 1 << 20
TIMEOUT = 30.0  # seconds without a byte
PATIENCE, SLOWEST = 60.0, 1024  # seconds over which the speed is measured, and the least bytes a second
LARGEST = 1 << 36  # bytes of a file; the largest that is published, of VisDA-2017, has 2³³


@dataclass(frozen=True)
class Remote:
    """A public file.

    Args:
        url: its last part is the file's name.
        checksum: ``md5:…`` or ``sha256:…``, as its publisher or a library of the field states it.
        name: another name for the file here.
    """

    url: str
    checksum: str
    name: str | None = None

    @property
    def file(self) -> str:
        return self.name or PurePosixPath(unquote(urlsplit(self.url).path)).name


def download(name: str, remotes: list[Remote], folder: Path, otherwise: str) -> list[Path]:
    """Fetch and check the files of data set ``name`` that are missing in ``folder``.

    Args:
        otherwise: the remedy, for the message: what to put where instead.

    Returns:
        The paths of all files.

    Raises:
        BadInput: a file could not be fetched, or is not the one that was published.
    """
    paths = [folder / remote.file for remote in remotes]
    for remote, path in zip(remotes, paths, strict=True):
        if path.is_file():
            continue
        try:
            with hold_lock(cache_folder() / "downloads" / f"{name}-{path.name}.lock"):  # or two would write one file
                if not path.is_file():
                    _fetch(remote, path)
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                raise
            raise BadInput(
                f"data set {name} is not in {data_folder()} and could not be downloaded ({describe_error(error)}): "
                f"{otherwise}"
            ) from error
    return paths


def _fetch(remote: Remote, path: Path) -> None:
    """Fetch a file by way of ``.part``, from where an earlier attempt ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    done = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": "dann"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            resumed = done and answer.status == 206  # a server that knows no ranges sends the whole file
            with part.open("ab" if resumed else "wb") as file:
                announced = answer.headers.get("Content-Length")
                came = _copy(answer, file, LARGEST - file.tell())
        if announced is not None and came < int(announced):
            raise OSError(f"the connection broke after {came} of {announced} bytes; the next attempt goes on there")
    except _TooLargeError:
        part.unlink()
        raise
    except urllib.error.HTTPError as error:
        if error.code != 416:  # the whole file was there already, and only its check or its renaming was not done
            raise
    if (actual := compute_checksum(part, remote.checksum.partition(":")[0])) != remote.checksum:
        part.unlink()
        raise ValueError(f"{remote.url} has {actual}, not {remote.checksum}, and was thrown away")
    part.replace(path)


def _copy(answer: IO[bytes], file: IO[bytes], most: int) -> int:
    """Copy what comes, at most ``most`` bytes; returns their number.

    Raises:
        OSError: more comes, or less than ``SLOWEST`` over ``PATIENCE`` seconds.
    """
    came, since, before = 0, time.monotonic(), 0
    while piece := answer.read1(PIECE):  # type: ignore[attr-defined]  # read would wait for a whole piece
        file.write(piece)
        came += len(piece)
        if came > most:
            raise _TooLargeError(f"more than {LARGEST} bytes came, which were thrown away")
        if (waited := time.monotonic() - since) > PATIENCE:
            if came - before < SLOWEST * waited:
                raise OSError(f"fewer than {SLOWEST} bytes a second came; the next attempt goes on there")
            since, before = time.monotonic(), came
    return came


class _TooLargeError(OSError):
    pass


def compute_checksum(path: Path, kind: str = "sha256") -> str:
    """Compute the checksum of a file, as ``kind:hexadecimal``."""
    digest = hashlib.new(kind)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return f"{kind}:{digest.hexdigest()}"


def describe_error(error: Exception) -> str:
    """An error in one line, for a message."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    return " ".join(str(error).split()) or type(error).__name__
