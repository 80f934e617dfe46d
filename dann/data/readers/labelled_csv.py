"""Reader of CSV files of examples and their labels, as spreadsheets and scripts write them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from csv import Error as CsvError
from csv import field_size_limit, reader
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

from dann.data.readers.text_files import NAME, SAVE, Encoding, read_text
from dann.errors import BadInput

PATHS = ("path", "image", "file", "filename")
LABELS = ("label", "class", "target")
TEXTS = ("text", "sentence", "review")
PARTS = ("train", "test")
LOOKED_AT = 1000  # rows by which a delimiter is chosen
Columns = list[str] | None  # the option of a data set: the names of the columns, where no line of the file has them


@dataclass(frozen=True)
class Row:
    """One row of a CSV file: the number of its line, the path or text and the label as written, its part.

    Args:
        file: of a text that has a file of its own; None for a line of a file.
    """

    number: int
    name: str
    label: str
    part: str
    file: Path | None = None

    def place(self, file: Path) -> str:
        """Where the row is, for messages; ``file`` holds the line."""
        return f"{file}, line {self.number}" if self.file is None else str(self.file)


def read_rows(
    file: Path,
    examples: tuple[str, ...] = PATHS,
    columns: Columns = None,
    can_name: bool = True,
    encoding: Encoding = None,
) -> list[Row]:
    """Read the rows of a CSV file, or the lines of a .txt file that names no columns; without labels each is empty.

    Args:
        examples: possible names of the column of the examples.
        columns: the names of the columns of a file whose first line does not name them.
        can_name: whether the user can give them there, for the message.
        encoding: of a file without a byte order mark; by default UTF-8.

    Raises:
        BadInput: it is not CSV in that encoding with the column of examples, or has no example, or a row is malformed.
    """
    text = read_text(file, encoding, NAME if _are_texts(examples) else SAVE)
    if columns is None and is_plain(file, text, examples):
        lines = enumerate(StringIO(text, newline=None), 1)  # not splitlines, which ends a line at U+2028 and others
        return [Row(number, line.strip(), "", "") for number, line in lines if line.strip()]
    with _allow_fields_of(len(text)):
        if columns is None:
            delimiter, names = _header(file, text, examples, can_name)
        else:
            delimiter, names = _given(file, text, examples, columns)
        rows: list[Row] = []
        table = reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            for place, fields in enumerate(table):
                if (place or columns is not None) and not _is_blank(fields, examples):
                    rows.append(_row(file, table.line_num, fields, names, examples))
        except CsvError as error:
            raise BadInput(f"{file}, line {table.line_num}: {error}: correct the line") from error
    if not rows:
        raise BadInput(f"{file}: has no examples{'' if columns else ' below its first line'}: add them")
    return rows


def is_plain(file: Path, text: str, examples: tuple[str, ...]) -> bool:
    """Whether a file is a .txt file of one example a line, whose first line that is not empty names no columns."""
    first = next((line for line in text.splitlines() if line.strip()), "").lower()
    names = {name.strip(" \"'") for delimiter in ",;\t" for name in first.split(delimiter)}
    return file.suffix.lower() == ".txt" and bool(first) and not names & set(examples)


@contextmanager
def _allow_fields_of(length: int) -> Iterator[None]:
    """Let the csv module read fields of that many characters; its default limit is 131 072."""
    before = field_size_limit()
    field_size_limit(max(before, length))
    try:
        yield
    finally:
        field_size_limit(before)


def _header(file: Path, text: str, examples: tuple[str, ...], can_name: bool) -> tuple[str, list[str]]:
    """The delimiter, and the names of the columns as ``examples[0]``, ``label``, ``split`` or anything else."""
    wanted = examples[0]
    first = next(iter(text.splitlines()), "")
    if not first.strip():
        raise BadInput(f"{file}: its first line is empty; it should name the columns, such as {wanted},label")
    found = [(delimiter, _rename(fields, examples)) for delimiter, fields in _split(first)]
    found = [each for each in found if wanted in each[1]]
    if not found:
        count = max((len(fields) for _, fields in _split(first)), default=1)
        offered = [wanted, "label", *(f"other{i}" for i in range(1, count - 1))][:count]
        option = f"set columns: [{', '.join(offered)}]" if can_name else f"write {','.join(offered)} above it"
        raise BadInput(
            f"{file}: its first line, {first[:80]!r}, names no column {wanted}: write {wanted},label, or {wanted} "
            f"alone for examples without labels, as its first line; if it is an example, {option}, in the order of the "
            "fields"
        )
    return max(found, key=lambda each: "label" in each[1])


def _given(file: Path, text: str, examples: tuple[str, ...], columns: list[str]) -> tuple[str, list[str]]:
    """The same of a file without such a line, whose columns an option names."""
    names, first = _rename(columns, examples), next(iter(text.splitlines()), "")
    if examples[0] not in names:
        raise BadInput(f"columns: {columns} has no {examples[0]}: write columns: [{examples[0]}, label]")
    fitting = {delimiter: fields for delimiter, fields in _split(first) if len(fields) == len(names)}
    if fitting:
        delimiter = max(fitting, key=lambda each: _count_rows_of(len(names), text, each))
        if _rename(fitting[delimiter], examples) == names:
            raise BadInput(f"{file}: its first line names its columns already: leave columns out")
        return delimiter, names
    raise BadInput(f"{file}: its first line, {first[:80]!r}, has not {len(names)} fields as columns: {columns} says")


def _count_rows_of(width: int, text: str, delimiter: str) -> int:
    """The number of rows with that many fields among the first: a comma may be in a text whose label a tab precedes."""
    count = 0
    with suppress(CsvError):
        for fields in islice(reader(StringIO(text, newline=""), delimiter=delimiter), LOOKED_AT):
            count += len(fields) == width
    return count


def _split(line: str) -> list[tuple[str, list[str]]]:
    """The fields of a line for each delimiter that can be read."""
    found = []
    for delimiter in ",;\t":
        with suppress(CsvError, StopIteration):  # an unclosed quote
            found.append((delimiter, next(reader([line], delimiter=delimiter))))
    return found


def _rename(fields: list[str], examples: tuple[str, ...]) -> list[str]:
    names = [name.strip().lower() for name in fields]
    example = next((name for name in examples if name in names), None)
    label = next((name for name in LABELS if name in names), None)
    return [examples[0] if name == example else "label" if name == label else name for name in names]


def _is_blank(fields: list[str], examples: tuple[str, ...]) -> bool:
    """Whether a row is none, as those that spreadsheets leave at the end; a single quoted ``""`` is an empty text."""
    return not any(field.strip() for field in fields) and not (_are_texts(examples) and len(fields) == 1)


def _are_texts(examples: tuple[str, ...]) -> bool:
    """Whether a column of these names holds texts, which may be empty and in any encoding; else it holds paths."""
    return examples[0] in TEXTS


def _row(file: Path, number: int, fields: list[str], columns: list[str], examples: tuple[str, ...]) -> Row:
    """A row; a text may be empty, a path may not."""
    example = examples[0]
    if len(fields) != len(columns):
        raise BadInput(
            f"{file}, line {number}: {len(fields)} fields below {len(columns)} columns: correct the line, or quote a "
            "field that has a delimiter in it"
        )
    values = dict(zip(columns, (field.strip() for field in fields), strict=True))
    if not values[example] and not _are_texts(examples):
        raise BadInput(f"{file}, line {number}: no {example}: write one, or remove the line")
    part = values.get("split", "").lower()
    if "split" in columns and part not in PARTS:
        raise BadInput(f"{file}, line {number}: split is {part!r}: write train or test")
    return Row(number, values[example], values.get("label", ""), part)
