"""Damage that tests do to files, and downloads that fail."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from dann.data.storage.download import Remote


def fail_with(error: Exception) -> Callable[..., None]:
    """A download that ends in ``error``."""

    def download(*_: object, **__: object) -> None:
        raise error

    return download


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty_file(path: Path) -> None:
    path.write_bytes(b"")


def remote(path: Path) -> Remote:
    return Remote(path.as_uri(), f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}")


Change = Callable[[str], str]


def edit(path: Path, change: Change) -> None:
    path.write_text(change(path.read_text()))


def line(number: int, change: Change) -> Change:
    """A change of one line, counted from 1."""

    def changed(text: str) -> str:
        lines = text.splitlines()
        lines[number - 1] = change(lines[number - 1])
        return "\n".join(lines) + "\n"

    return changed
