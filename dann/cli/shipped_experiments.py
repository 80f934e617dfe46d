"""The experiment files that come with an installed package, for those who have no checkout of the repository."""

import sys
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from dann.config.origin import EXPERIMENTS
from dann.files.atomic_files import open_whole


def bring_experiment(file: Path, copy: bool = True) -> Path:
    """Copy a file under experiments/ that is not there from the installed package, if that has it, and say so.

    Files of other types beside it come along, such as the tables that it reads. In a checkout there is nothing to do.

    Args:
        copy: whether to write; a dry run reads the installed file where it is.

    Returns:
        the path to read.
    """
    if file.exists() or file.is_absolute() or file.parts[:1] != EXPERIMENTS.parts:
        return file
    found = {path.parts[-len(file.parts) :]: path for path in _list_shipped()}
    if (shipped := found.get(file.parts)) is None:
        return file
    if not copy:
        return shipped
    beside = {path for path in found.values() if path.parent == shipped.parent and path.suffix != shipped.suffix}
    for path in (shipped, *beside):
        with open_whole(file.with_name(path.name)) as written:
            written.write(path.read_bytes())
    print(f"{file}: copied from the installed package", file=sys.stderr)
    return file


def _list_shipped() -> list[Path]:
    try:
        listed = files("dann") or []
    except PackageNotFoundError:
        return []
    return [Path(str(each.locate())) for each in listed if f"share/dann/{EXPERIMENTS}/" in each.as_posix()]
