"""Reader of CSV files of examples and their labels, as spreadsheets and scripts write them."""

from csv import Error as CsvError
from csv import reader
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dann.data.readers.image_lists import read_text
from dann.errors import BadInput

PATHS = ("path", "image", "file", "filename")
LABELS = ("label", "class", "target")
PARTS = ("train", "test")


@dataclass(frozen=True)
class Row:
    """One row of a CSV file: the number of its line, the path or text and the label as written, its part."""

    number: int
    name: str
    label: str
    part: str


def read_rows(file: Path, examples: tuple[str, ...] = PATHS) -> list[Row]:
    """Read the rows of a CSV file, or the lines of a .txt file that names no columns; without labels each is empty.

    Args:
        examples: possible names of the column of the examples.

    Raises:
        BadInput: it is not CSV in UTF-8 with the column of examples, or has no example, or a row is malformed.
    """
    text = read_text(file)
    if is_plain(file, text, examples):
        return [Row(number, line.strip(), "", "") for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    delimiter, columns = _header(file, text, examples)
    rows: list[Row] = []
    lines = reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for fields in lines:
            if lines.line_num > 1 and any(field.strip() for field in fields):
                rows.append(_row(file, lines.line_num, fields, columns, examples[0]))
    except CsvError as error:
        raise BadInput(f"{file}, line {lines.line_num}: {error}: correct the line") from error
    if not rows:
        raise BadInput(f"{file}: has no examples below its first line: add them")
    return rows


def is_plain(file: Path, text: str, examples: tuple[str, ...]) -> bool:
    """Whether a file is a .txt file of one example a line, whose first line names no columns."""
    first = next(iter(text.splitlines()), "").lower()
    names = {name.strip(" \"'") for delimiter in ",;\t" for name in first.split(delimiter)}
    return file.suffix.lower() == ".txt" and bool(first.strip()) and not names & set(examples)


def _header(file: Path, text: str, examples: tuple[str, ...]) -> tuple[str, list[str]]:
    """The delimiter, and the names of the columns as ``examples[0]``, ``label``, ``split`` or anything else."""
    wanted = examples[0]
    first = next(iter(text.splitlines()), "")
    if not first.strip():
        raise BadInput(f"{file}: its first line is empty; it should name the columns, such as {wanted},label")
    found: list[tuple[str, list[str]]] = []
    for delimiter in ",;\t":
        try:
            names = [name.strip().lower() for name in next(reader([first], delimiter=delimiter))]
        except CsvError:  # a line too long to be one of names
            continue
        example = next((name for name in examples if name in names), None)
        label = next((name for name in LABELS if name in names), None)
        if example is not None:
            renamed = [wanted if name == example else "label" if name == label else name for name in names]
            found.append((delimiter, renamed))
    if not found:
        raise BadInput(
            f"{file}: its first line, {first[:80]!r}, names no column {wanted}: write {wanted},label, or {wanted} "
            "alone for examples without labels"
        )
    return max(found, key=lambda each: "label" in each[1])


def _row(file: Path, number: int, fields: list[str], columns: list[str], example: str) -> Row:
    if len(fields) != len(columns):
        raise BadInput(
            f"{file}, line {number}: {len(fields)} fields below {len(columns)} columns: correct the line, or quote a "
            "field that has a delimiter in it"
        )
    values = dict(zip(columns, (field.strip() for field in fields), strict=True))
    if not values[example]:
        raise BadInput(f"{file}, line {number}: no {example}: write one, or remove the line")
    part = values.get("split", "").lower()
    if "split" in columns and part not in PARTS:
        raise BadInput(f"{file}, line {number}: split is {part!r}: write train or test")
    return Row(number, values[example], values.get("label", ""), part)
