"""Downloads that resume, are checked, and never unpack outside their folder."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from dann.data.storage.folders import cache_folder, data_folder
from dann.errors import BadInput
from dann.files import DISK_FULL, locked

PIECE = 1 << 20
TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True)
class Remote:
    """A public file.

    Args:
        url: its last part is the file's name.
        checksum: ``md5:…`` or ``sha256:…``, as its publisher or a library of the field states it.
    """

    url: str
    checksum: str

    @property
    def file(self) -> str:
        return unquote(PurePosixPath(urlsplit(self.url).path).name)


def download(name: str, remotes: list[Remote], folder: Path, otherwise: str) -> list[Path]:
    """The files of data set ``name`` in ``folder``; those that are missing are fetched and checked.

    Args:
        otherwise: what to put where instead, for the message.

    Raises:
        BadInput: a file could not be fetched, or is not the one that was published.
    """
    paths = []
    for remote in remotes:
        path = folder / remote.file
        if not path.is_file():
            try:
                with locked(
                    cache_folder() / "downloads" / f"{name}-{path.name}.lock"
                ):  # two processes would write into one file
                    if not path.is_file():
                        _fetch(remote, path)
            except (OSError, HTTPException, ValueError) as error:
                if isinstance(error, OSError) and error.errno in DISK_FULL:
                    raise
                raise BadInput(
                    f"data set {name} is not in {data_folder()} and could not be downloaded ({_reason(error)}): "
                    f"{otherwise}"
                ) from error
        paths.append(path)
    return paths


def _fetch(remote: Remote, path: Path) -> None:
    """Fetch a file by way of ``.part``, going on where an earlier attempt ended."""
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
                before = file.tell()
                shutil.copyfileobj(answer, file, PIECE)
                came, announced = file.tell() - before, answer.headers.get("Content-Length")
        if announced is not None and came < int(announced):
            raise OSError(f"the connection broke after {came} of {announced} bytes; the next attempt goes on there")
    except urllib.error.HTTPError as error:
        if error.code != 416:  # the whole file was there already, and only its check or its renaming was not done
            raise
    if (actual := checksum(part, remote.checksum.partition(":")[0])) != remote.checksum:
        part.unlink()
        raise ValueError(f"{remote.url} has {actual}, not {remote.checksum}, and was thrown away")
    part.replace(path)


def checksum(path: Path, kind: str = "sha256") -> str:
    """The checksum of a file, as ``kind:hexadecimal``."""
    digest = hashlib.new(kind)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return f"{kind}:{digest.hexdigest()}"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file into ``folder``, which must not be there yet and appears whole or not at all.

    Raises:
        BadInput: the archive is damaged, or would write outside the folder, or holds links or devices.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
        try:
            (_unzip if zipfile.is_zipfile(archive) else _untar)(archive, Path(place) / "whole")
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
            raise BadInput(f"{archive} is damaged ({_reason(error)}): download it again") from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise BadInput(f"{archive} is damaged ({_reason(error)}): download it again") from error
        (Path(place) / "whole").rename(folder)


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            _check_name(archive, member.filename)
            if (member.external_attr >> 16) & 0o170000 == 0o120000:
                raise BadInput(f"{archive}: {member.filename} is a link: do not trust this archive")
        folder.mkdir()
        file.extractall(folder)


def _untar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as file:
        folder.mkdir()
        for member in file:
            _check_name(archive, member.name)
            if not (member.isfile() or member.isdir()):
                raise BadInput(f"{archive}: {member.name} is a link or a device: do not trust this archive")
            path = folder / member.name
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif (content := file.extractfile(member)) is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                with content, path.open("wb") as out:
                    shutil.copyfileobj(content, out, PIECE)
        while file.fileobj is not None and file.fileobj.read(PIECE):  # gzip's checksum comes after the last member
            pass


def _check_name(archive: Path, name: str) -> None:
    parts = PurePosixPath(name.replace(os.sep, "/").replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or ".." in parts or any(":" in part for part in parts[:1]):
        raise BadInput(f"{archive}: {name} lies outside the folder it is unpacked in: do not trust this archive")


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    return " ".join(str(error).split()) or type(error).__name__
