"""Code that finished runs need beside this package, which reading their folders never executes."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dann.config.plug_ins import Library
from dann.config.use_files import UseFile
from dann.errors import BadInput
from dann.options import shown
from dann.runner.checksums import OWN
from dann.runner.records import Record
from dann.runner.run_folder import USED


def library_of_record(record: Record, given: Sequence[UseFile], folder: Path) -> Library:
    """What the configuration of a record may name: of the files that were given, those that the run was made with.

    Args:
        given: by the user, who thereby allows that they are executed.
        folder: of the run, for messages and its copies of the files.

    Raises:
        BadInput: a file is not given or not that of the run, or a package is missing or of another version.
    """
    needed: dict[str, UseFile] = {}
    for key, origin in record.checksums.items():
        if key.startswith(OWN):
            name, _, mark = origin.rpartition(" ")
            part = f"{folder}: its {key.removeprefix(OWN)} is"
            if name.endswith(".py"):
                needed[name] = _choose(name, mark, given, folder, part)
            else:
                _check_installed(name, mark, part)
    return Library(tuple(needed.values()))


def _choose(name: str, checksum: str, given: Sequence[UseFile], folder: Path, part: str) -> UseFile:
    if Path(name).name != name:
        raise BadInput(f"{part} of {shown(name)}, which is no name of a file: its record was altered, do not use it")
    copy = folder / USED / name
    remedy = f"--use {copy}" if copy.is_file() else f"--use with that file (its copy {copy} is gone)"
    named = [file for file in given if file.name == name]
    if not named:
        raise BadInput(f"{part} code of {name}, which runs only at your word: read it, then add {remedy}")
    if named[0].checksum != checksum:
        raise BadInput(f"{part} of {name} as it was; {named[0].path} is another (checksum {named[0].checksum}, "
                       f"not {checksum}): give {remedy}")  # fmt: skip
    return named[0]


def _check_installed(name: str, wanted: str, part: str) -> None:
    try:
        installed = version(name)
    except (PackageNotFoundError, ValueError):  # a name that none can have
        raise BadInput(f"{part} of the package {name}, which is not installed: pip install {name}=={wanted}") from None
    if installed != wanted:
        raise BadInput(f"{part} of the package {name} {wanted}, but {installed} is installed: pip install "
                       f"{name}=={wanted}")  # fmt: skip
