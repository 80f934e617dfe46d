"""A table as a page shows it: cells with what they are sorted by and made of, badges, intervals. Imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dann.reporting.table import NONE, signed

WIDTH = 180  # of an interval's drawing, in pixels


@dataclass(frozen=True)
class Badge:
    """An alarm of a row: its words, and a line for each reason."""

    alarm: str
    words: str
    reasons: Sequence[str] = ()


@dataclass(frozen=True)
class Drawn:
    """A difference and its interval, in pixels from the left."""

    dot: float
    ends: tuple[float, float] | None
    zero: float
    told: str
    less_is_better: bool = False

    @property
    def side(self) -> str:
        """Whether the interval lies wholly on the ``worse`` or the ``better`` side of 0, or ``around`` it."""
        left, right = self.ends or (self.zero, self.zero)
        if left <= self.zero <= right:
            return "around"
        return "worse" if (right < self.zero) != self.less_is_better else "better"


@dataclass(frozen=True)
class Entry:
    """A cell.

    Args:
        key: what sorting goes by: a number, a text, or None to be last.
        hover: more of it.
        link: a fragment of the page's address, such as that of the runs it is made of.
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
        words: the column holds words, else numbers.
        upper: its numbers are upper bounds.
        key: by which links name it.
        ticks: of a drawing: a place in pixels and what it says.
    """

    name: str
    words: bool = False
    upper: bool = False
    key: str = ""
    ticks: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class Line:
    """A row.

    Args:
        upper: it trains on the target's labels.
        faint: it is not in the tables.
        link: the address of the runs that it is made of, where its cells have none of their own.
    """

    name: str
    entries: Sequence[Entry]
    upper: bool = False
    faint: bool = False
    link: str = ""


@dataclass(frozen=True)
class Grid:
    """A table to show.

    Args:
        id: its name in the page's addresses.
        corner: heads the names of the rows.
        groups: heads over the heads, each with how many columns it has, where there are such.
    """

    id: str
    title: str
    corner: str
    heads: Sequence[Head]
    lines: Sequence[Line]
    notes: Sequence[str] = ()
    groups: Sequence[tuple[str, int]] = field(default_factory=tuple)


def key_of(facts: Any) -> float | None:
    """What sorting goes by in a cell with ``facts``: the mean, the lower end of an interval, the number of alarms."""
    if isinstance(facts, dict):
        return float(facts["mean"])
    if isinstance(facts, list):
        return float(facts[0]) if facts and isinstance(facts[0], int | float) else float(len(facts))
    return None if facts is None else float(facts)


def text_entry(text: str, hover: str = "") -> Entry:
    """A cell of words."""
    return Entry(text, text or None, hover)


def share_entry(share: float | None) -> Entry:
    """A cell with a share of 1 in per cent, to two digits."""
    return Entry() if share is None or math.isnan(share) else Entry(f"{100 * share:.2f}", share)


def draw(
    differences: Sequence[tuple[float, Sequence[float] | None]], less_is_better: bool = False
) -> tuple[list[Drawn], list[tuple[float, str]]]:
    """Differences and their intervals on one scale that has 0, and the scale's ticks.

    Args:
        differences: each with the ends of its interval, None where it has none; as shares of 1.
    """
    points = [0.0] + [value for mean, ends in differences for value in (mean, *(ends or ()))]
    low, high = min(points), max(points)
    room = 0.06 * (high - low) or 0.01
    low, high = low - room, high + room

    def at(value: float) -> float:
        return round((value - low) / (high - low) * WIDTH, 1)

    drawn = []
    for mean, ends in differences:
        told = f"{signed(mean)} points" + (f", 95 % interval {' to '.join(map(signed, ends))}" if ends else "")
        drawn.append(Drawn(at(mean), (at(ends[0]), at(ends[1])) if ends else None, at(0), told, less_is_better))
    values = {0.0, *(end for end in (low + room, high - room) if abs(at(end) - at(0)) > WIDTH / 5)}
    return drawn, sorted((at(value), signed(value)) for value in values)
