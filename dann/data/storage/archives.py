"""Public archives: downloaded, checked, unpacked, and thrown away."""

from pathlib import Path

from dann.data.storage.download import Remote, download, unpack


def fetched(name: str, remote: Remote, folder: Path, otherwise: str) -> Path:
    """The folder under ``folder`` with the content of a public archive, fetched if it is not there yet.

    Args:
        name: of the data set, for the message.
        otherwise: what to put where instead, for the message.

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
