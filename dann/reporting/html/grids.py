"""Tables of the HTML page: cells with a sort key and a link, badges for alarms, drawn intervals. Imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dann.evaluation.metric_definitions import METRICS
from dann.reporting.table import NONE, show_difference, show_differences, show_score

WIDTH = 180  # of an interval's drawing, in pixels


@dataclass(frozen=True)
class Badge:
    """An alarm of a row in words, and a line for each reason."""

    alarm: str
    words: str
    reasons: Sequence[str] = ()


@dataclass(frozen=True)
class Drawn:
    """A difference and its interval, in pixels from the left, and the same in words."""

    dot: float
    ends: tuple[float, float] | None
    zero: float
    words: str
    lower_is_better: bool = False

    @property
    def side(self) -> str:
        """Whether the interval lies entirely on the ``worse`` or the ``better`` side of 0, or ``around`` it."""
        left, right = self.ends or (self.zero, self.zero)
        if left <= self.zero <= right:
            return "around"
        return "worse" if (right < self.zero) != self.lower_is_better else "better"


@dataclass(frozen=True)
class Entry:
    """A cell.

    Args:
        key: sorts the column: a number, a text, or None to come last.
        hover: details.
        link: a fragment of the page's address, such as that of the runs behind a number.
    """

    text: str = NONE
    key: float | str | None = None
    hover: str = ""
    link: str = ""
    badges: Sequence[Badge] = ()
    drawn: Drawn | None = None


@dataclass(frozen=True)
class Head:
    """The head of a column.

    Args:
        words: the column holds words, not numbers.
        upper: its numbers are upper bounds.
        key: identifies it in links.
        metric: of its scores, where it has some; shares of 1 are shown in per cent.
        ticks: of a drawing: a place in pixels and its label.
    """

    name: str
    words: bool = False
    upper: bool = False
    key: str = ""
    metric: str = "accuracy"
    ticks: Sequence[tuple[float, str]] = ()

    @property
    def unit(self) -> int:
        """The factor by which its values are shown."""
        return 1 if METRICS[self.metric].of_numbers else 100


@dataclass(frozen=True)
class Line:
    """A row.

    Args:
        upper: it trains on target labels.
        faint: no table shows it.
        link: the address of the runs behind it, where its cells have none of their own.
    """

    name: str
    entries: Sequence[Entry]
    upper: bool = False
    faint: bool = False
    link: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of the page.

    Args:
        id: in the page's addresses.
        corner: heads the names of the rows.
        groups: heads above the heads, each with its number of columns.
    """

    id: str
    title: str
    corner: str
    heads: Sequence[Head]
    lines: Sequence[Line]
    notes: Sequence[str] = ()
    groups: Sequence[tuple[str, int]] = field(default_factory=tuple)


def sort_key(facts: Any) -> float | None:
    """The sort key of a cell: its mean, the lower end of its interval, or its number of alarms."""
    if isinstance(facts, dict):
        return float(facts["mean"])
    if isinstance(facts, list):
        return float(facts[0]) if facts and isinstance(facts[0], int | float) else float(len(facts))
    return None if facts is None else float(facts)


def text_entry(text: str, hover: str = "") -> Entry:
    """A cell of words, sorted by them."""
    return Entry(text, text or None, hover)


def score_entry(value: float | None, metric: str) -> Entry:
    """A cell with a metric of one run, a share of 1 in per cent, to two decimals."""
    return Entry() if value is None or math.isnan(value) else Entry(show_score(value, metric, decimals=2), value)


def draw(
    differences: Sequence[tuple[float, Sequence[float] | None]], metric: str
) -> tuple[list[Drawn], list[tuple[float, str]]]:
    """Place differences and their intervals on one scale that includes 0, and give the ticks of the scale.

    Args:
        differences: each with the ends of its interval, None where it has none.
        metric: what they are of.
    """
    points = [0.0] + [value for mean, ends in differences for value in (mean, *(ends or ()))]
    low, high = min(points), max(points)
    room = 0.06 * (high - low) or 0.01
    low, high = low - room, high + room

    def at(value: float) -> float:
        return round((value - low) / (high - low) * WIDTH, 1)

    drawn, lower = [], not METRICS[metric].higher_is_better
    for mean, ends in differences:
        interval = f", 95 % interval {show_differences(ends, metric, mean)}" if ends else ""
        unit = "" if METRICS[metric].of_numbers else " points"
        words = f"{show_difference(mean, metric)}{unit}{interval}"
        drawn.append(Drawn(at(mean), (at(ends[0]), at(ends[1])) if ends else None, at(0), words, lower))
    values = {0.0, *(end for end in (low + room, high - room) if abs(at(end) - at(0)) > WIDTH / 5)}
    return drawn, sorted((at(value), show_difference(value, metric)) for value in values)
