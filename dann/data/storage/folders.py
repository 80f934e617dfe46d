"""Where data sets and what is made of them lie on disk."""

import os
import re
from pathlib import Path

from dann.errors import BadInput


def data_folder() -> Path:
    """The folder that ``DANN_DATA`` names, else ``~/.cache/dann``; each data set has its own folder in it."""
    named = os.environ.get("DANN_DATA")
    folder = Path(named).expanduser() if named else Path.home() / ".cache" / "dann"
    if named and not folder.is_dir():
        raise BadInput(f"DANN_DATA names {folder}, which is not a folder: correct or unset it")
    return folder


def cache_folder() -> Path:
    """The folder that ``DANN_CACHE`` names, else ``~/.cache/dann/made``: what can be made again at any time."""
    named = os.environ.get("DANN_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "dann" / "made"


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


def found(name: str) -> Path | None:
    """The folder of a data set: ``name``, else the first called so with a number, as ``pacs128`` for ``pacs``."""
    folder = data_folder()
    if (folder / name).is_dir():
        return folder / name
    numbered = re.compile(rf"{re.escape(name)}{'[-_]' if name[-1].isdigit() else '[-_]?'}\d+")
    return next(
        (path for path in sorted(folder.glob(f"{name}*")) if path.is_dir() and numbered.fullmatch(path.name)), None
    )


def absent(name: str, otherwise: str) -> BadInput:
    """The error that a data set without a scriptable public source is not there; ``otherwise`` says how to get it."""
    return BadInput(f"data set {name} is not in {data_folder()}: {otherwise}")
