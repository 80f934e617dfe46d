"""Where data sets lie on disk, and the one sentence said when one is missing."""

import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from dann.errors import BadInput


def data_folder() -> Path:
    """The folder that ``DANN_DATA`` names, else ``~/.cache/dann``; each data set has its own folder in it."""
    named = os.environ.get("DANN_DATA")
    folder = Path(named).expanduser() if named else Path.home() / ".cache" / "dann"
    if named and not folder.is_dir():
        raise BadInput(f"DANN_DATA names {folder}, which is not a folder: correct or unset it")
    return folder


def download(name: str, expected: str, fetch: Callable[[], object]) -> None:
    """Call ``fetch`` to download data set ``name``.

    Args:
        expected: the files that would have made the download unnecessary, for the message.

    Raises:
        BadInput: it could not be downloaded or written; says what to set or download.
    """
    try:
        fetch()
    except (OSError, RuntimeError, EOFError, tarfile.TarError, zlib.error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(
            f"data set {name} is not in {data_folder()} and could not be downloaded ({reason}): put {expected} "
            "there, or set DANN_DATA to a folder that has it"
        ) from error
