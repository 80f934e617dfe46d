"""Recordings of sensors in CSV files: a line for each step, a column for each channel."""

import math
from array import array
from collections.abc import Iterator
from csv import Error as CsvError
from csv import reader
from io import StringIO
from pathlib import Path
from sys import intern

import numpy as np

from dann.data.readers.labelled_csv import LABELS, PARTS
from dann.data.readers.recordings import Recording, RecordingFile
from dann.data.readers.text_files import read_text
from dann.errors import BadInput

SERIES = ("series", "recording", "id")
IGNORED = ("time", "timestamp", "step")
MISSING = ("", "nan", "na", "n/a", "null", "none")
Step = tuple[int, list[str]]  # number of the line, its fields
Group = tuple[str, str]  # part, name of the series


def read_recording_csv(file: Path) -> RecordingFile:
    """Read recordings from a CSV file with a line for each step; every other column than those below is a channel.

    ``label`` (or ``class``, ``target``) is the label of the step, ``series`` (or ``recording``, ``id``) names the
    series that it belongs to, ``split`` is ``train`` or ``test``; ``time``, ``timestamp`` and ``step`` are left out.
    Commas, semicolons or tabs separate the fields. An empty field and NaN are a missing value.

    Raises:
        BadInput: the file has no header of names, no channel or no step, or a line is malformed.
    """
    lines = read_lines(file)
    names = [name.strip() for name in next(lines, (0, []))[1]]
    kinds = [_kind(name) for name in names]
    _check_header(file, names, kinds)
    values, labels = _group_steps(file, lines, names, kinds)
    if not any(part == "train" for part, _ in values):
        raise BadInput(f"{file}: has no step of training below its first line: add some")
    channels = [name for name, kind in zip(names, kinds, strict=True) if kind == "channel"]
    parts: dict[str, list[Recording]] = {part: [] for part in PARTS if any(part == each for each, _ in values)}
    for (part, name), steps in values.items():
        labelled = np.array(labels[part, name]) if "label" in kinds else None
        place = f"{file}: series {name}" if name else str(file)
        parts[part].append(Recording(place, np.array(steps).reshape(-1, len(channels)), labelled))
    return RecordingFile(parts, channels)


def _group_steps(
    file: Path, lines: Iterator[Step], names: list[str], kinds: list[str]
) -> tuple[dict[Group, "array[float]"], dict[Group, list[str]]]:
    """The channels' values of each part and series, step after step, and the labels of the steps."""
    channels = [place for place, kind in enumerate(kinds) if kind == "channel"]
    values: dict[Group, array[float]] = {}  # lists of texts would take ten times more memory
    labels: dict[Group, list[str]] = {}
    for number, fields in lines:
        if len(fields) != len(names):
            raise BadInput(f"{file}, line {number}: {len(fields)} fields, the first line {len(names)}: correct it")
        found = {kind: field.strip() for kind, field in zip(kinds, fields, strict=True)}
        part = found.get("split", "train").lower()
        if part not in PARTS:
            raise BadInput(f"{file}, line {number}: split is {part[:40]!r}: write train or test")
        group = part, found.get("series", "")
        row = [read_value(file, number, names[place], fields[place].strip()) for place in channels]
        values.setdefault(group, array("d")).extend(row)
        labels.setdefault(group, []).append(intern(found.get("label", "")))
    return values, labels


def _check_header(file: Path, names: list[str], kinds: list[str]) -> None:
    if not names:
        raise BadInput(f"{file}: is empty: write a line of column names, then a line for each step")
    if len(set(names)) < len(names) or any(kinds.count(kind) > 1 for kind in ("label", "series", "split")):
        raise BadInput(f"{file}: two columns of its first line mean the same: rename one")
    channels = [name for name, kind in zip(names, kinds, strict=True) if kind == "channel"]
    if not channels or all(is_number(name) for name in channels):
        raise BadInput(f"{file}: its first line has to name the channels, as in time,x,y,z,label: write it")


def read_lines(file: Path) -> Iterator[Step]:
    """The lines that are not empty, with their numbers; the delimiter is the one that the first line has most of."""
    text = read_text(file)
    first = next(iter(text.splitlines()), "")
    table = reader(StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        for fields in table:
            if any(field.strip() for field in fields):
                yield table.line_num, fields
    except CsvError as error:
        raise BadInput(f"{file}, line {table.line_num}: {error}: correct the line") from error


def _kind(name: str) -> str:
    lower = name.lower()
    for kind, names in (("label", LABELS), ("series", SERIES), ("split", ("split",)), ("ignored", IGNORED)):
        if lower in names:
            return kind
    return "channel"


def is_number(text: str) -> bool:
    """Whether a field is a number, or empty."""
    try:
        float(text)
    except ValueError:
        return not text
    return True


def read_value(file: Path, number: int, name: str, text: str) -> float:
    """The number in a field, NaN where it is missing.

    Args:
        number: of the line, for the message.
        name: of the column.

    Raises:
        BadInput: it is no number.
    """
    try:
        return math.nan if text.lower() in MISSING else float(text)
    except ValueError:
        raise BadInput(f"{file}, line {number}: {name} is {text[:40]!r}, not a number: correct it") from None
