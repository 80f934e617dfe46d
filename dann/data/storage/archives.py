"""Archives: downloaded, unpacked inside their folder, and deleted."""

import bz2
import errno
import gzip
import io
import lzma
import os
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from dann.data.storage.download import PIECE, Remote, describe_error, download
from dann.errors import BadInput
from dann.files.input_limits import check_regular, most_unpacked

PACKERS: dict[bytes, Callable[[Path], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda path: gzip.GzipFile(path),
    b"BZh": lambda path: bz2.BZ2File(path),
    b"\xfd7zXZ": lambda path: lzma.LZMAFile(path),  # noqa: SIM115  # closed by its caller
}
LARGEST_PIECE = PADDING = 1 << 24  # bytes read at once, and bytes after the last member
NAMES = (errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EEXIST)  # of a bad name
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    LookupError,  # of a link to a member that is not there
    ValueError,
    struct.error,
)


def fetch_archive(name: str, remote: Remote, folder: Path, otherwise: str) -> Path:
    """Download a public archive and unpack it, unless it is unpacked already.

    Args:
        name: of the data set, for the message.
        folder: the folder in which it is unpacked, to a folder with its name.
        otherwise: the remedy, for the message: what to put where instead.

    Returns:
        The folder with its content.

    Raises:
        BadInput: it could not be downloaded, or is not the archive that was published.
    """
    unpacked = folder / remote.file.partition(".")[0]
    if not unpacked.is_dir():
        own = not (folder / remote.file).is_file()
        (archive,) = download(name, [remote], folder, otherwise)
        unpack(archive, unpacked)
        if own:
            archive.unlink()
    return unpacked


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file into ``folder``, which must not be there yet and appears whole or not at all.

    Raises:
        BadInput: the archive is damaged, or would write outside the folder or one file twice, or holds devices, or
            unpacks to far more than its own size.
    """
    check_regular(archive)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        try:
            (_unzip if zipfile.is_zipfile(archive) else _untar)(archive, whole)
        except (*DAMAGED, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (None, *NAMES):
                raise  # a full disk: not the archive's fault
            raise BadInput(f"{archive} is damaged ({describe_error(error)}): download it again") from error
        whole.rename(folder)


class _Bounded:
    """A stream whose reads are at most a piece long and end at ``most`` bytes.

    A tar file's headers may claim any length, and tarfile reads them at once.
    """

    def __init__(self, file: io.BufferedIOBase, most: int, archive: Path) -> None:
        self.file, self.most, self.archive = file, most, archive

    def read(self, size: int) -> bytes:
        if size > LARGEST_PIECE or self.file.tell() > self.most:
            raise _too_large(self.archive, self.most)
        return self.file.read(size)

    def seek(self, place: int) -> int:
        if place > self.most:
            raise _too_large(self.archive, self.most)
        return self.file.seek(place)

    def tell(self) -> int:
        return self.file.tell()


def _untar(archive: Path, folder: Path) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise BadInput(f"{archive}: this Python cannot unpack it safely: update it to 3.10.12, 3.11.4 or later")
    with archive.open("rb") as plain:
        start = plain.read(6)
    opener = next(
        (opener for magic, opener in PACKERS.items() if start.startswith(magic)), lambda path: path.open("rb")
    )
    most = most_unpacked(archive.stat().st_size)
    with opener(archive) as unpacked, _open_tar(_Bounded(unpacked, most, archive)) as file:
        total = 0
        for member in file:
            total += member.size  # of a sparse file more than is in the archive
            if total > most:
                raise _too_large(archive, most)
            try:
                checked = tarfile.data_filter(member, str(folder))
            except tarfile.FilterError as error:  # a path or link that leads outside, or a device
                raise BadInput(f"{archive}: {describe_error(error)}: do not trust this archive") from error
            _check_new(archive, checked.name, folder, checked.isdir())
            file.extract(member, folder, filter="data")
        for _ in range(PADDING // PIECE):  # gzip's checksum comes after the last member and zeros
            if not unpacked.read(PIECE):
                return
        raise BadInput(f"{archive}: goes on after its end: do not trust this archive")


def _open_tar(stream: _Bounded) -> tarfile.TarFile:
    opened: tarfile.TarFile = tarfile.open(fileobj=stream, mode="r:")  # type: ignore[call-overload]  # noqa: SIM115
    return opened


def _unzip(archive: Path, folder: Path) -> None:
    """Unpack a zip file; ``zipfile`` would put members outside to other places without an error."""
    most = most_unpacked(archive.stat().st_size)
    with zipfile.ZipFile(archive) as file:
        if sum(member.file_size for member in file.infolist()) > most:
            raise _too_large(archive, most)
        for member in file.infolist():
            name = member.filename
            parts = PurePosixPath(name.replace(os.sep, "/").replace("\\", "/")).parts
            if name.startswith(("/", "\\")) or ".." in parts or any(":" in part for part in parts[:1]):
                raise BadInput(
                    f"{archive}: {name} lies outside the folder it is unpacked in: do not trust this archive"
                )
            if (member.external_attr >> 16) & 0o170000 == 0o120000:
                raise BadInput(f"{archive}: {name} is a link: do not trust this archive")
            _check_new(archive, name, folder, member.is_dir())
            file.extract(member, folder)


def _check_new(archive: Path, name: str, folder: Path, is_folder: bool) -> None:
    """Raise if a member would be written over another: one of its name, or its name in capitals on some disks."""
    place = folder / name
    if os.path.lexists(place) and not (is_folder and place.is_dir()):
        raise BadInput(f"{archive}: {name} is there twice: do not trust this archive")


def _too_large(archive: Path, most: int) -> BadInput:
    return BadInput(f"{archive}: unpacks to more than {most} bytes, far more than its size: do not trust this archive")
