"""Tables of an experiment and of predictions on the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich import markup
from rich.console import Console
from rich.table import Table as RichTable

from dann.config.experiment import Experiment
from dann.config.naming import printable
from dann.reporting.experiment_tables import make_tables
from dann.reporting.table import Table
from dann.runner.experiment_records import read_checked_records

NAMES = 28  # largest width of the names of rows; longer names are wrapped
ROWS, CLASSES = 20, 6  # predictions shown; with more classes than CLASSES only the predicted one is


def escape(text: str) -> str:
    """``text`` as it is shown: without Rich's markup and without commands of the terminal."""
    return markup.escape(printable(text))


def show_table(experiment: Experiment, folder: Path) -> None:
    """Print the experiment's tables from the records in ``folder``, in parts where the terminal is too narrow."""
    console = Console()
    for table in make_tables(experiment, read_checked_records(experiment, folder)):
        title = escape(table.title)
        for places in _parts(table, console.width):
            console.print(_part(table, places, title))
            title = ""
        console.print(escape(" ".join(table.notes)), style="italic", highlight=False)


def _parts(table: Table, width: int) -> list[list[int]]:
    """The places of the columns of each part, those that fit beside the names of the rows on a terminal."""
    room = width - _names_width(table) - 4
    parts: list[list[int]] = [[]]
    left = room
    for place in range(len(table.columns)):
        needed = _width(table, place) + 3
        if needed > left and parts[-1]:
            parts.append([])
            left = room
        parts[-1].append(place)
        left -= needed
    return parts


def _names_width(table: Table) -> int:
    return max([min(NAMES, max(map(len, table.rows), default=0)), *map(len, table.corner.split())])


def _width(table: Table, place: int) -> int:
    """The width of a column, whose heading and alarms may take two lines; other cells are whole."""
    column, texts = table.columns[place], [cells[place].text for cells in table.rows.values()]
    longest = max((min(len(text), NAMES) if column.kind == "alarms" else len(text) for text in texts), default=0)
    return max([longest, (len(column.title) + 1) // 2, *map(len, column.title.split())])


def _part(table: Table, places: list[int], title: str) -> RichTable:
    shown = RichTable(title=title or None)
    shown.add_column(escape(table.corner), width=_names_width(table))
    for place in places:
        column = table.columns[place]
        justify: Literal["left", "right"] = "left" if column.is_text else "right"
        shown.add_column(escape(column.title), justify=justify, width=_width(table, place))
    for name, cells in table.rows.items():
        shown.add_row(escape(name), *(escape(cells[place].text) for place in places))
    return shown


def show_predictions(names: Sequence[str], classes: Sequence[str], values: Sequence[Sequence[float] | float]) -> None:
    """Print the first predictions as a table.

    Args:
        names: of the N inputs.
        classes: the K names; none of numbers.
        values: probabilities, shape ``(N, K)``, or numbers, ``(N,)``.
    """
    shown = RichTable("input", "class") if classes else RichTable("input")
    every = classes if len(classes) <= CLASSES else ()
    for column in ("probability", *every) if classes else ("prediction",):
        shown.add_column(escape(column), justify="right")
    for name, row in list(zip(names, values, strict=True))[:ROWS]:
        if isinstance(row, float):
            shown.add_row(escape(name), f"{row:.6g}")
            continue
        probabilities = [max(row), *row[: len(every)]]
        best = escape(classes[list(row).index(max(row))])
        shown.add_row(escape(name), best, *(f"{value:.3f}" for value in probabilities))
    hidden = len(names) - ROWS
    if hidden > 0:
        shown.caption = f"and {hidden} more; --out FILE.csv writes all"
    Console().print(shown)
