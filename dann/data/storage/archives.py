"""Archives: downloaded, unpacked inside their folder, and deleted."""

import os
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from dann.data.storage.download import PIECE, Remote, describe_error, download
from dann.errors import BadInput

DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, RuntimeError, NotImplementedError)


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
        BadInput: the archive is damaged, or would write outside the folder, or holds devices.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as place:
        whole = Path(place) / "whole"
        whole.mkdir()
        try:
            (_unzip if zipfile.is_zipfile(archive) else _untar)(archive, whole)
        except (*DAMAGED, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a full disk: not the archive's fault
            raise BadInput(f"{archive} is damaged ({describe_error(error)}): download it again") from error
        whole.rename(folder)


def _untar(archive: Path, folder: Path) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise BadInput(f"{archive}: this Python cannot unpack it safely: update it to 3.10.12, 3.11.4 or later")
    with tarfile.open(archive) as file:
        try:
            file.extractall(folder, filter="data")
        except tarfile.FilterError as error:  # a path or link that leads outside, or a device
            raise BadInput(f"{archive}: {describe_error(error)}: do not trust this archive") from error
        while file.fileobj is not None and file.fileobj.read(PIECE):  # gzip's checksum comes after the last member
            pass


def _unzip(archive: Path, folder: Path) -> None:
    """Unpack a zip file; ``zipfile`` would put members outside to other places without an error."""
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            name = member.filename
            parts = PurePosixPath(name.replace(os.sep, "/").replace("\\", "/")).parts
            if name.startswith(("/", "\\")) or ".." in parts or any(":" in part for part in parts[:1]):
                raise BadInput(
                    f"{archive}: {name} lies outside the folder it is unpacked in: do not trust this archive"
                )
            if (member.external_attr >> 16) & 0o170000 == 0o120000:
                raise BadInput(f"{archive}: {name} is a link: do not trust this archive")
        file.extractall(folder)
