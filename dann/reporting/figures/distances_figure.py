"""Proxy A-distances by the features of two rows, after Figure 3 of Ganin et al. 2016. Imports no torch."""

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dann.config.experiment import Experiment
from dann.config.naming import shorten
from dann.evaluation.statistics import deviation
from dann.reporting.distance_table import measured_distances
from dann.reporting.figures.bars import new_axes
from dann.reporting.figures.label_placement import find_room
from dann.reporting.scores import Outcomes, SeedScores, apply_rule
from dann.runner.records import Record

MOST_ROWS = 4  # each with each other, which makes six panels
COLUMNS, SIDE = 3, 3.6  # panels side by side; inches of one
SIZE = np.array([215.0, 215.0])  # of the axes in points, near enough to place labels
REACH, HALF = 13.0, np.array([9.0, 0.0])  # points from a mark to its label; half of the width of one
ARROW, MOST_LETTERS = "→", 4  # of a name of a task; of a domain's abbreviation
Pairs = list[tuple[str, str]]


def distances(experiment: Experiment, records: list[Record]) -> Figure:
    """Scatter plots of two rows each, a point for each task: the distance by the one over that by the other.

    The rows are those of ``shown.variants`` in its order, or else all in order, at most four; of two rows the first is
    on the x axis. Points are means over seeds, whiskers standard deviations. Below the diagonal the domains are closer
    by the features of the row on the y axis. The paper's three panels are (a) DANN over original data, (b) DANN over
    NN, both with 100 hidden units, and (c) mSDA and DANN on mSDA over original data.
    """
    ours = apply_rule(experiment, records)
    pairs = choose_pairs(ours)
    columns = min(len(pairs), COLUMNS)
    rows = -(-len(pairs) // columns)
    figure, every = new_axes(columns, SIDE * columns, SIDE * rows, rows)
    measured = measured_distances(ours)
    low, high = _limits([measured[task, row] for task, row in measured if any(row in pair for pair in pairs)])
    tasks = list(experiment.tasks)
    names, letters = abbreviate(tasks)
    for axes, (first, second) in zip(every, pairs, strict=False):
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_aspect("equal")
        axes.locator_params(nbins=8)
        axes.axline((low, low), slope=1, color="grey", linestyle="--", linewidth=1)
        both = [(name, measured[task, first], measured[task, second]) for task, name in zip(tasks, names, strict=True)]
        _draw_points(axes, [each for each in both if each[1] and each[2]], low, high)
        axes.set_xlabel(f"distance by {shorten(first, 30)}")
        axes.set_ylabel(f"distance by {shorten(second, 30)}")
    for axes in every[len(pairs) :]:
        axes.set_axis_off()
    title = f"proxy A-distance, mean over {ours.seeds} seeds" if ours.seeds > 1 else "proxy A-distance"
    key = ", ".join(f"{letter}: {shorten(name, 20)}" for letter, name in letters.items())
    figure.suptitle(f"{title}; {key}" if key else title, fontsize=9)
    return figure


def choose_pairs(ours: Outcomes) -> Pairs:
    """The pairs of rows that have panels: those whose distance was measured on two tasks that both have."""
    measured, experiment = measured_distances(ours), ours.experiment
    shown = experiment.shown.variants or list(experiment.variants)
    tasks = {row: {task for task in experiment.tasks if measured[task, row]} for row in shown}
    rows = [row for row in shown if len(tasks[row]) > 1][:MOST_ROWS]
    return [(first, second) for first, second in combinations(rows, 2) if len(tasks[first] & tasks[second]) > 1]


def abbreviate(tasks: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Names of points, and what their letters stand for.

    Of "books → dvd" B→D, by as many letters as distinguish the domains; names of another form, or of domains that begin
    with the same four letters, are shortened, and there are no letters.
    """
    parts = [[part.strip() for part in task.split(ARROW)] for task in tasks]
    domains = dict.fromkeys(part for each in parts for part in each)
    short = {name: _prefix(name, [other for other in domains if other != name]) for name in domains}
    if not all(len(each) == 2 and all(each) for each in parts) or max(map(len, short.values())) > MOST_LETTERS:
        return [shorten(task, 16) for task in tasks], {}
    return [ARROW.join(short[part] for part in each) for each in parts], {
        letter: name for name, letter in short.items() if letter != name
    }


def _prefix(name: str, others: Sequence[str]) -> str:
    """The shortest beginning of a name that no other name has, or all of it; with a capital letter."""
    own = 1
    while own < len(name) and any(other.lower().startswith(name[:own].lower()) for other in others):
        own += 1
    return name[:1].upper() + name[1:own]


def _limits(measured: Sequence[SeedScores]) -> tuple[float, float]:
    """The ends of all axes: the least and the greatest mean, with a margin."""
    means = [fmean(each.values()) for each in measured if each]
    margin = 0.12 * max(max(means) - min(means), 0.1)
    return min(means) - margin, max(means) + margin


def _draw_points(axes: Axes, both: Sequence[tuple[str, SeedScores, SeedScores]], low: float, high: float) -> None:
    """Draw a mark for each task with its name beside it, where there is most room."""
    at = np.array([[fmean(first.values()), fmean(second.values())] for _, first, second in both])
    spread = np.array([[deviation(list(each.values())) or 0.0 for each in pair[1:]] for pair in both])
    axes.errorbar(
        at[:, 0], at[:, 1], xerr=spread[:, 0], yerr=spread[:, 1], fmt="none", ecolor="C0", elinewidth=0.7, alpha=0.4
    )
    axes.plot(at[:, 0], at[:, 1], "o", color="C0", markersize=4)
    places = (at - low) / (high - low) * SIZE
    taken = places
    for (name, _, _), mark, place in zip(both, at, places, strict=True):
        way = find_room(place, taken, SIZE, REACH)
        taken = np.concatenate([taken, [place + way, place + way - HALF, place + way + HALF]])
        axes.annotate(name, tuple(mark), tuple(way), textcoords="offset points", ha="center", va="center", fontsize=7)
