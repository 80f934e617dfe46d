"""Folders of runs as bytes, for machines that share no folder."""

import io
import shutil
import tarfile
import tempfile
from pathlib import Path

from dann.files.atomic_files import sync_folder


def pack(folder: Path) -> bytes:
    """The files in a folder as a tar archive."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(folder, ".")
    return content.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Put the files of an archive into ``folder``, in place of what is there: it appears by a rename."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    arriving = Path(tempfile.mkdtemp(prefix=".arriving-", dir=folder.parent))
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(arriving, filter="data")
        shutil.rmtree(folder, ignore_errors=True)
        arriving.rename(folder)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    sync_folder(folder.parent)
