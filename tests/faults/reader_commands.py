"""Readers that no command of ``dann`` reaches without a download, as commands."""

import sys
from pathlib import Path

from dann.config.naming import printable
from dann.data.datasets.own_images import read_labels, read_parts
from dann.data.datasets.own_texts import TEXTS
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
    """``read FILE``: texts and their labels, without the tokenizer, which takes seconds to import."""
    try:
        read_labels(read_parts(Path(words[1]), None, (*TEXTS, "path")), None, TEXTS)
    except BadInput as error:
        return _complain(error)
    return 0


def _complain(error: BadInput) -> int:
    print(printable(f"dann: {error}"), file=sys.stderr)
    return 2
