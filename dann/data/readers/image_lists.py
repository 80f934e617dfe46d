"""Reader of lists of image files, a path and a label on each line, as of VisDA-2017 and DomainNet."""

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

from dann.data.readers.image_files import OnBad
from dann.data.readers.text_files import read_text
from dann.errors import BadInput
from dann.options import name_some

SHOWN = 3


@dataclass(frozen=True)
class ListedImage:
    """One line of a list: its number, the path as written, the file, and the label."""

    number: int
    name: str
    path: Path
    label: int


def read_list(file: Path, base: Path, classes: int) -> list[ListedImage]:
    """Read the lines ``path label`` of ``file``; paths from ``base``, labels 0 to ``classes`` − 1.

    Raises:
        BadInput: a line is malformed or its label out of range, or there is none; names file and line.
    """
    listed = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        name, *label = line.strip().rsplit(maxsplit=1)
        if not label or not label[0].removeprefix("-").isdecimal():
            raise BadInput(f"{file}, line {number}: {line.strip()[:80]!r} is not a path and a label: restore the file")
        if not 0 <= int(label[0]) < classes:
            raise BadInput(
                f"{file}, line {number}: label {label[0]} is not one of 0 to {classes - 1}: restore the file"
            )
        listed.append(ListedImage(number, name, base / name, int(label[0])))
    if not listed:
        raise BadInput(f"{file}: names no images: restore the file")
    return listed


def keep_existing(
    file: Path, listed: Sequence[ListedImage], on_bad: OnBad
) -> tuple[list[ListedImage], tuple[str, ...]]:
    """Divide lines into those whose files exist and the names on the others.

    Raises:
        BadInput: a file is not there and ``on_bad`` is ``error``; names the lines.
    """
    there = [line for line in listed if isfile(line.path)]  # not Path's, which raises for names that are too long
    missing = [line for line in listed if not isfile(line.path)] if len(there) < len(listed) else []
    if missing and on_bad == "error":
        some = name_some([f"{line.name[:120]} (line {line.number})" for line in missing], SHOWN)
        remedy = _suggest(missing[0], file) or "restore them, correct it, or set on_bad: skip"
        raise BadInput(f"{file}: names images that do not exist: {some}: {remedy}")
    return there, tuple(line.name for line in missing)


def _suggest(line: ListedImage, file: Path) -> str:
    """The remedy for a path that is written in another way than a reader of CSV files expects; empty for others."""
    path, *label = line.name.rsplit(maxsplit=1)
    if label and isfile(file.parent / path):
        return "write commas between paths and labels, and path,label as the first line"
    if isfile(file.parent / line.name.replace("\\", "/")):
        return "write / for \\ in the paths"
    if "://" in line.name:
        return "download them, and write the paths of the files"
    return ""
