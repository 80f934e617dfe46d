"""Readers that no command of ``dann`` reaches without a download, and the script that publishes, as commands."""

import sys
from collections.abc import Callable
from pathlib import Path

from publish import publish

from dann.config.naming import printable
from dann.data.datasets.own_texts import texts
from dann.data.storage.archives import unpack
from dann.errors import BadInput


def unpack_archive(words: list[str]) -> int:
    """``unpack FILE``, into a folder in ``out``."""
    try:
        unpack(Path(words[1]), Path("out/unpacked"))
    except BadInput as error:
        return _complain(error)
    return 0


def read_texts(words: list[str]) -> int:
    """``read FILE``: raw texts and their labels."""
    try:
        texts(path=words[1])
    except BadInput as error:
        return _complain(error)
    return 0


def publish_runs(words: list[str]) -> int:
    """``publish FILE FOLDER``: write the page in ``results`` of an experiment from the records in a folder."""
    try:
        publish(Path(words[1]), Path(words[2]))
    except BadInput as error:
        return _complain(error)
    return 0


def _complain(error: BadInput) -> int:
    print(printable(f"dann: {error}"), file=sys.stderr)
    return 2


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "unpack": unpack_archive, "read": read_texts, "publish": publish_runs
}  # fmt: skip
