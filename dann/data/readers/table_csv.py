"""Tables of numbers in CSV files: a line for each example, a column for each feature."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dann.data.readers.labelled_csv import LABELS, PARTS
from dann.data.readers.recording_csv import MISSING, is_number, read_lines, read_value
from dann.errors import BadInput
from dann.options import name_some

SPLIT = "split"
LOOKED_AT = 20  # lines by which a file is recognised
LARGEST = float(np.finfo(np.float32).max)
NAMED = 4  # columns that a message names
Example = tuple[str, list[float], str]  # part, values, label


@dataclass(frozen=True)
class Table:
    """The examples of a file.

    Args:
        columns: the names of the D features.
        x: by part, ``train`` and ``test``, of which either may be missing; float32, NaN where a value is, ``(N, D)``.
        labels: as written, by part; None without a column of labels.
    """

    columns: list[str]
    x: dict[str, NDArray[np.float32]]
    labels: dict[str, list[str]] | None


def read_table(file: Path, label: str | None = None, columns: Sequence[str] | None = None) -> Table:
    """Read a table whose first line names its columns; commas, semicolons or tabs separate the fields.

    Args:
        label: the name of the column of labels; by default ``label``, ``class`` or ``target``, where there is one.
        columns: the names of the features, in this order; by default all other columns but ``split``.

    Raises:
        BadInput: the file has no such line, no such column or no example, or a field is no number.
    """
    features, labelled, rows = _read_rows(file, label, columns)
    x = {part: _to_array([values for each, values, _ in rows if each == part]) for part in PARTS}
    labels = {part: [name for each, _, name in rows if each == part] for part in PARTS}
    return Table(features, {part: values for part, values in x.items() if len(values)}, labels if labelled else None)


def read_features(file: Path, label: str | None, columns: Sequence[str] | None) -> NDArray[np.float32]:
    """The features of all examples in the order of the file, whatever their part; a column of labels may be missing.

    Args:
        label: as for ``read_table``, and so ``columns``.

    Raises:
        BadInput: as ``read_table``.
    """
    names = [name.strip() for name in next(read_lines(file), (0, []))[1]]
    _, _, rows = _read_rows(file, label if label in names else None, columns)
    return _to_array([values for _, values, _ in rows])


def _to_array(rows: list[list[float]]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float64).astype(np.float32)


def _read_rows(
    file: Path, label: str | None, columns: Sequence[str] | None
) -> tuple[list[str], str | None, list[Example]]:
    """The names of the features and of the column of labels, and the examples in the order of the file."""
    lines = read_lines(file)
    names = [name.strip() for name in next(lines, (0, []))[1]]
    _check_header(file, names)
    labelled = _find_label(file, names, label)
    features = _find_features(file, names, labelled, columns)
    rows = [_read_row(file, number, names, fields, features, labelled) for number, fields in lines]
    if not rows:
        raise BadInput(f"{file}: has no example below its first line: add some")
    return features, labelled, rows


def looks_like_table(file: Path, label: str | None = None) -> bool:
    """Whether the first line names columns and one of them beside labels holds numbers in the lines below it."""
    try:
        lines = read_lines(file)
        names = [name.strip() for name in next(lines, (0, []))[1]]
        some = [fields for _, (_, fields) in zip(range(LOOKED_AT), lines, strict=False) if len(fields) == len(names)]
    except BadInput:
        return False
    others = [place for place, name in enumerate(names) if not _is_label(name, label) and name.lower() != SPLIT]
    named = not all(is_number(name) for name in names)
    return named and any(_holds_numbers([fields[place].strip() for fields in some]) for place in others)


def _holds_numbers(fields: Sequence[str]) -> bool:
    known = [field for field in fields if field.lower() not in MISSING]
    return bool(known) and all(map(is_number, known))


def _is_label(name: str, label: str | None) -> bool:
    return name == label if label is not None else name.lower() in LABELS


def _check_header(file: Path, names: list[str]) -> None:
    if not names:
        raise BadInput(f"{file}: is empty: write a line of column names, then a line for each example")
    if all(map(is_number, names)):
        raise BadInput(f"{file}: its first line holds numbers: write a line of column names above it, as in a,b,label")
    if len(set(names)) < len(names):
        raise BadInput(f"{file}: two columns of its first line have one name: rename one")


def _find_label(file: Path, names: list[str], label: str | None) -> str | None:
    if label is not None and label not in names:
        raise BadInput(
            f"{file}: has no column {label}, which label names; it has {name_some(names, NAMED)}: correct it"
        )
    found = [name for name in names if _is_label(name, label)]
    if len(found) > 1:
        raise BadInput(f"{file}: {' and '.join(found)} may both be the labels: set label: {found[0]}, or rename one")
    return found[0] if found else None


def _find_features(file: Path, names: list[str], labelled: str | None, columns: Sequence[str] | None) -> list[str]:
    free = [name for name in names if name != labelled and name.lower() != SPLIT]
    wanted = free if columns is None else list(columns)
    if unknown := [name for name in wanted if name not in free]:
        lacking, known = name_some(unknown, NAMED), name_some(free, NAMED)
        raise BadInput(f"{file}: has no column {lacking} for a feature; it has {known}: correct columns")
    if not wanted or len(set(wanted)) < len(wanted):
        raise BadInput(f"{file}: {'columns names one twice' if wanted else 'has no column of features'}: correct it")
    return wanted


def _read_row(
    file: Path, number: int, names: list[str], fields: list[str], features: list[str], labelled: str | None
) -> Example:
    if len(fields) != len(names):
        raise BadInput(f"{file}, line {number}: {len(fields)} fields, the first line {len(names)}: correct it")
    found = {name: field.strip() for name, field in zip(names, fields, strict=True)}
    part = next((field for name, field in found.items() if name.lower() == SPLIT), PARTS[0]).lower()
    if part not in PARTS:
        raise BadInput(f"{file}, line {number}: split is {part[:40]!r}: write train or test")
    values = [_read_feature(file, number, name, found[name]) for name in features]
    return part, values, found[labelled] if labelled is not None else ""


def _read_feature(file: Path, number: int, name: str, text: str) -> float:
    if not is_number(text) and text.lower() not in MISSING:
        raise BadInput(f"{file}, line {number}: {name} is {text[:40]!r}, not a number: code it as numbers, or set "
                       "columns to the columns of numbers")  # fmt: skip
    value = read_value(file, number, name, text)
    if abs(value) > LARGEST:
        raise BadInput(f"{file}, line {number}: {name} is {text[:40]}, too large for a number here: correct it")
    return value
