"""Folders of data sets and of the cache."""

import os
import re
from pathlib import Path

from dann.errors import BadInput
from dann.files.atomic_files import DISK_FULL
from dann.files.user_paths import data_folder as data_folder  # beside the cache's, for readers of data sets
from dann.files.user_paths import expand_home, home_folder


def cache_folder() -> Path:
    """The folder of files that can be made again: ``DANN_CACHE`` names it, else ``~/.cache/dann/made``."""
    named = os.environ.get("DANN_CACHE")
    return expand_home(Path(named), "DANN_CACHE") if named else home_folder("DANN_CACHE") / "made"


def made_folder(name: str) -> Path:
    """A folder of the cache, which is there and can be written.

    Raises:
        BadInput: it cannot be created or written.
    """
    folder = cache_folder() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = None if os.access(folder, os.W_OK) else "no permission, or a read-only file system"
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        reason = error.strerror
    if reason is not None:
        raise BadInput(f"{folder}: the cache cannot be written ({reason}): name another folder with DANN_CACHE")
    return folder


def memory_budget() -> int:
    """The bytes that one domain's decoded images may take: ``DANN_MEMORY`` in GiB, else 4 GiB."""
    named = os.environ.get("DANN_MEMORY", "4")
    try:
        budget = float(named)
    except ValueError:
        budget = -1.0
    if not budget >= 0:
        raise BadInput(f"DANN_MEMORY is {named!r}: write the GiB that one domain's images may take, such as 4")
    return int(min(budget, 2**30) * 2**30)


def find_dataset_folder(name: str) -> Path | None:
    """Find the folder of a data set: ``name``, else the first called so with a number, as ``pacs128`` for ``pacs``."""
    folder = data_folder()
    if (folder / name).is_dir():
        return folder / name
    numbered = re.compile(rf"{re.escape(name)}{'[-_]' if name[-1].isdigit() else '[-_]?'}\d+")
    return next(
        (path for path in sorted(folder.glob(f"{name}*")) if path.is_dir() and numbered.fullmatch(path.name)), None
    )


def missing_data_error(name: str, otherwise: str) -> BadInput:
    """The error for a data set without a scriptable public source; ``otherwise`` is how to get it."""
    return BadInput(f"data set {name} is not in {data_folder()}: {otherwise}")
