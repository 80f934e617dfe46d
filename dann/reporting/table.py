"""A table with typed columns, and its form in Markdown, LaTeX and JSON. Imports no torch."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, Literal

from dann.config.naming import printable
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.statistics import deviation, interval
from dann.reporting.latex import escape
from dann.runner.search_choice import Candidate

NONE = "—"
TAG = re.compile(r"<(?=[a-zA-Z/!?])")
Kind = Literal[
    "score", "interval", "published", "gap", "source", "label_free", "setting", "alarms",  # of what rows score
    "baseline", "difference", "p", "holm", "effect", "seeds",  # of paired differences
    "probability",  # of a comparison of all rows with one another
    "worth",  # of a row on a numeric axis
    "distance",  # of the domains by the features of a run
    "discriminator",  # what it measures after the last step
    "rank", "runs", "hours",  # of a search with seeds of its own
    "correlation", "regret", "worst", "most",  # of how the rules choose
    "guard",  # of the row that the guard reports
    "transferability", "seconds",  # of candidates that are ranked without training
    "state", "step",  # of runs that may not be finished
]  # fmt: skip
TEXT: frozenset[Kind] = frozenset({"setting", "alarms", "baseline", "most", "guard", "state"})


@dataclass(frozen=True)
class Column:
    """A column of a table, identified by its key, never by its title: a task may be called as a heading is.

    Args:
        key: unique in its table.
        title: its heading.
        kind: what its cells hold.
        task: whose scores it shows; None for the average over tasks or the only score.
        metric: which its scores are of.
        rule: which chose the evaluations that it shows.
        candidate: of a search with seeds of its own, the setting whose scores it shows.
    """

    key: str
    title: str
    kind: Kind
    task: str | None = None
    metric: str | None = None
    rule: str | None = None
    candidate: Candidate = "tuned"

    @property
    def is_text(self) -> bool:
        """Whether its cells hold words, which are set from the left."""
        return self.kind in TEXT


@dataclass(frozen=True)
class Cell:
    """The text that a table shows, and the facts behind it for JSON and HTML."""

    text: str = NONE
    facts: Any = None


Columns = dict[Column, dict[str, Cell]]  # the cells of each column by row


@dataclass(frozen=True)
class Table:
    """Named rows with a cell for each column.

    Args:
        notes: sentences below it.
        corner: heads the names of the rows.
        facts: what JSON holds beside the cells.
    """

    title: str
    columns: list[Column]
    rows: dict[str, list[Cell]]
    notes: list[str] = field(default_factory=list)
    corner: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_columns(
        cls, title: str, rows: Iterable[str], columns: Columns, notes: list[str], corner: str = "", **facts: Any
    ) -> "Table":
        """A table of columns that each have a cell for every row."""
        cells = {row: [column[row] for column in columns.values()] for row in rows}
        return cls(title, list(columns), cells, notes, corner, facts)

    def column(self, key: str) -> dict[str, Cell]:
        """The cells of a column by row."""
        place = [column.key for column in self.columns].index(key)
        return {row: cells[place] for row, cells in self.rows.items()}

    def markdown(self) -> str:
        alignment = ["---", *("---" if column.is_text else "---:" for column in self.columns)]
        lines = [_markdown_row(row) for row in (self._header(), alignment, *self._body())]
        return "\n".join(lines) + "\n\n" + _escape_markdown(" ".join(self.notes)) + "\n"

    def latex(self) -> str:
        """A tabular for the booktabs package, and amssymb where there is a ▼."""
        aligned = "".join("l" if column.is_text else "r" for column in self.columns)
        header, *rows = [_latex_row(row) for row in (self._header(), *self._body())]
        notes = [f"% {' '.join(note.split())}" for note in [self.title, *self.notes]]
        begin, end = rf"\begin{{tabular}}{{l{aligned}}}", r"\end{tabular}"
        return "\n".join([*notes, begin, r"\toprule", header, r"\midrule", *rows, r"\bottomrule", end]) + "\n"

    def _header(self) -> list[str]:
        return [self.corner, *(column.title for column in self.columns)]

    def _body(self) -> list[list[str]]:
        return [[name, *(cell.text for cell in cells)] for name, cells in self.rows.items()]

    def json(self) -> str:
        """The facts of all cells by row and column; a column goes by its title, or by its key if two share a title."""
        titles = [column.title for column in self.columns]
        names = titles if len(set(titles)) == len(titles) else [column.key for column in self.columns]
        content = {
            "title": self.title,
            **self.facts,
            "columns": {name: _column_facts(column) for name, column in zip(names, self.columns, strict=True)},
            "rows": {row: dict(zip(names, (cell.facts for cell in cells), strict=True))
                     for row, cells in self.rows.items()},
            "notes": self.notes,
        }  # fmt: skip
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def _column_facts(column: Column) -> dict[str, Any]:
    """A column for JSON; only a search with seeds of its own has several candidates."""
    facts = asdict(column)
    if column.candidate == "tuned":
        del facts["candidate"]
    return facts


FORMATS: dict[str, Callable[[Table], str]] = {"md": Table.markdown, "latex": Table.latex, "json": Table.json}


def score_cell(scores: Mapping[int, float], usual: int, failures: int = 0, metric: str = "accuracy") -> Cell:
    """Mean and standard deviation, and the number of seeds where it is not the usual one.

    Args:
        scores: by seed.
        usual: the number of seeds that the notes name.
        failures: the number of runs that failed and have no score.
        metric: what they are of; shares of 1 are shown in per cent.
    """
    mean = fmean(scores.values()) if scores else 0.0
    return _seeds_cell(scores, usual, failures, lambda value: show_score(value, metric, mean))


def value_cell(values: Mapping[int, float], usual: int, failures: int = 0) -> Cell:
    """As ``score_cell``, of values that are no shares, to three decimals."""
    return _seeds_cell(values, usual, failures, lambda value: f"{value:.3f}".replace("-", "−"))


def _seeds_cell(scores: Mapping[int, float], usual: int, failures: int, show: Callable[[float], str]) -> Cell:
    values = list(scores.values())
    if not values:
        return Cell(f"{failures} failed", {"failed": failures}) if failures else Cell()
    spread, half = deviation(values), interval(values)
    text = show(fmean(values)) + ("" if spread is None else f" ± {show(spread)}")
    marks = [] if len(values) == usual and not failures else [f"n = {len(values)}"]
    marks += [f"{failures} failed"] if failures else []
    text += f" ({', '.join(marks)})" if marks else ""
    facts = {"mean": fmean(values), "deviation": spread, "interval": interval_ends(fmean(values), half),
             "n": len(values), "values": values, "seeds": list(scores)}  # fmt: skip
    return Cell(text, facts)


def interval_cell(scores: Mapping[int, float], metric: str = "accuracy") -> Cell:
    """The 95 % t-interval of the mean over seeds."""
    values = list(scores.values())
    ends = interval_ends(fmean(values), interval(values)) if values else None
    return Cell() if ends is None else show_interval(ends, metric)


def show_interval(ends: list[float], metric: str = "accuracy") -> Cell:
    """An interval of a metric by its ends."""
    return Cell("–".join(show_score(end, metric, fmean(ends)) for end in ends), ends)


def interval_ends(mean: float, half_width: float | None) -> list[float] | None:
    """The ends of an interval around a mean."""
    return None if half_width is None else [mean - half_width, mean + half_width]


def show_score(value: float, metric: str, like: float | None = None, decimals: int = 1) -> str:
    """A value of a metric as tables write it: shares of 1 in per cent, errors and R² to four digits.

    Args:
        like: the number whose four digits decide the decimals, by default ``value``: a mean and its deviation have
            as many.
        decimals: of a share in per cent.
    """
    if METRICS[metric].of_numbers:
        return f"{value:.{_decimals(value if like is None else like)}f}".replace("-", "−")
    return f"{100 * value:.{decimals}f}".replace("-", "−")


def show_difference(value: float, metric: str, like: float | None = None) -> str:
    """A difference of a metric with its sign, of shares of 1 in points."""
    if not METRICS[metric].of_numbers:
        return format_points(value)
    return f"{value:+.{_decimals(value if like is None else like)}f}".replace("-", "−")


def show_differences(ends: Iterable[float], metric: str, like: float | None = None) -> str:
    """The ends of an interval of differences."""
    return " to ".join(show_difference(end, metric, like) for end in ends)


def _decimals(like: float) -> int:
    """The decimals of a number with four digits, at least one before the point."""
    return min(12, max(0, 3 - math.floor(math.log10(abs(like))))) if like and math.isfinite(like) else 3


def format_points(share: float) -> str:
    """A difference of shares of 1 in points, as +1.4 or −1.4."""
    text = f"{100 * share:+.1f}".replace("-", "−")
    return "0.0" if text in {"+0.0", "−0.0"} else text


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_escape_markdown(cell).replace("|", r"\|") for cell in cells) + " |"


def _escape_markdown(text: str) -> str:
    """``text`` without tags of HTML and on one line."""
    return TAG.sub(r"\\<", printable(text))


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(escape(printable(cell)) for cell in cells) + r" \\"
