"""The first table of an experiment as bars. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from dann.config.experiment import Experiment
from dann.config.naming import shorten
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.statistics import deviation
from dann.reporting.scores import Outcomes, SeedScores, apply_rule, published_score
from dann.runner.records import Record

MOST_TASKS = 4  # with more, the bars show their average alone
MOST_DRAWN = 100  # rows: each takes hundredths of a second, and an image has at most 65 536 pixels a side
TITLE = 70  # characters
MOST_ROWS, MOST_BARS, LONGEST = 12, 40, 32  # with more, or a longer name, the bars are horizontal
FITTING = 15  # characters in an inch of a name below its bars


def new_axes(columns: int, width: float, height: float, rows: int = 1) -> tuple[Figure, Sequence[Axes]]:
    """A figure of panels, row by row, of a size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(figure.subplots(rows, columns)).flat)


def bars(experiment: Experiment, records: list[Record]) -> Figure:
    """The first table as bars: a metric of each variant, per task; a dashed line is the published number.

    More than four tasks are shown by their average alone, and of very many variants the first hundred. More than twelve
    variants, more than forty bars, or long names make the bars horizontal, the first on top.
    """
    ours = apply_rule(experiment, records)
    columns = _columns(ours)
    rows = list(experiment.variants)[:MOST_DRAWN]
    lying = len(rows) > MOST_ROWS or len(rows) * len(columns) > MOST_BARS or max(map(len, rows)) > LONGEST
    room = 0.6 + 0.35 * len(columns)  # inches of a row
    long = len(rows) * room
    figure, (axes,) = new_axes(1, *((8, 1.2 + 0.24 * long) if lying else (2.5 + long, 3.6)))
    width = 0.8 / len(columns)
    for offset, column in enumerate(columns):
        for position, variant in enumerate(rows):
            at = position + (offset - (len(columns) - 1) / 2) * width
            _bar(axes, at, 0.9 * width, list(column.scores[variant].values()), column.unit, f"C{offset}", lying)
            published = column.published[variant]
            if published is not None:
                line = axes.vlines if lying else axes.hlines
                line(column.unit * published, at - width / 2, at + width / 2, color="grey", linestyle="--")
    names = [shorten(row) if lying else fill(shorten(row), int(FITTING * room), break_long_words=False) for row in rows]
    _label(axes, ours, names, lying)
    if len(columns) > 1:
        handles = [
            Patch(facecolor=f"C{offset}", alpha=0.75, label=shorten(column.name))
            for offset, column in enumerate(columns)
        ]
        figure.legend(handles=handles, fontsize=7, loc="outside lower center", ncols=len(columns))
    return figure


@dataclass(frozen=True)
class _Column:
    """Bars of one colour: the scores of each variant, the published number, and the factor by which they are shown."""

    name: str
    scores: dict[str, SeedScores]
    published: dict[str, float | None]
    unit: int


def _columns(ours: Outcomes) -> list[_Column]:
    """A column for each task, unless there are many, and for their average; without tasks one for each metric."""
    experiment, (first, *others) = ours.experiment, ours.experiment.metrics

    def column(name: str, task: str | None, metric: str) -> _Column:
        scores = {v: ours.average(v, metric) if task is None else ours.scores(v, task, metric)
                  for v in experiment.variants}  # fmt: skip
        comparable = task is not None or len(ours.scored_tasks) == len(experiment.tasks)
        published = {v: published_score(experiment, v, task, metric) if comparable else None for v in scores}
        return _Column(name, scores, published, 1 if METRICS[metric].of_numbers else 100)

    if not experiment.tasks:
        return [column(f"target {METRICS[metric].heading}", None, metric) for metric in _drawn_metrics(first, others)]
    tasks = ours.scored_tasks if len(ours.scored_tasks) <= MOST_TASKS else []
    return [*(column(task, task, first) for task in tasks), column("average", None, first)]


def _drawn_metrics(first: str, others: Sequence[str]) -> list[str]:
    """The metrics that fit one axis: shares all do, while errors and R² of numbers have scales of their own."""
    return [first] if METRICS[first].of_numbers else [first, *others]


def _bar(axes: Axes, at: float, width: float, scores: list[float], unit: int, colour: str, lying: bool) -> None:
    """Draw the mean as a bar, its standard deviation as a whisker and each run as a dot; without scores, say so."""
    if not scores:
        text: dict[str, Any] = {"s": " no result", "color": "grey", "fontsize": 7}
        if lying:
            axes.text(0, at, va="center", **text)
        else:
            axes.text(at, 0, ha="center", rotation=90, **text)
        return
    values, mean, spread = [unit * score for score in scores], unit * fmean(scores), unit * (deviation(scores) or 0)
    if lying:
        axes.barh(at, mean, width, color=colour, alpha=0.75)
        axes.errorbar(mean, at, xerr=spread, color="black", capsize=3)
        axes.plot(values, [at] * len(values), ".", color="black", markersize=4)
        place, number = (1.0, f"{mean:.1f}") if unit == 100 else (0.02 * mean, f"{mean:.4g}")
        axes.text(place, at, number, color="white", fontsize=7, va="center")  # many bars differ by little
    else:
        axes.bar(at, mean, width, color=colour, alpha=0.75)
        axes.errorbar(at, mean, spread, color="black", capsize=3)
        axes.plot([at] * len(values), values, ".", color="black", markersize=4)


def _label(axes: Axes, ours: Outcomes, names: list[str], lying: bool) -> None:
    """Write the title, the names of the rows and the metric."""
    experiment, many = ours.experiment, len(ours.scored_tasks) > MOST_TASKS
    first, *others = experiment.metrics
    several = len(_drawn_metrics(first, others)) > 1 and not experiment.tasks
    metric = "target test" if several else f"target test {METRICS[first].label}"
    metric += f", average of {len(ours.scored_tasks)} tasks" if many else ""
    metric += "" if METRICS[first].of_numbers else ", %"
    every = len(experiment.variants)
    cut = f", the first {len(names)} of {every} variants" if len(names) < every else ""
    axes.set_title(shorten(experiment.title, TITLE) + cut, fontsize=10)
    if lying:
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set_ylim(len(names) - 0.4, -0.6)  # the first row on top
        axes.set_xlabel(metric)
        axes.grid(axis="x", linewidth=0.4)
        axes.set_axisbelow(True)
    else:
        axes.set_xticks(range(len(names)), names, fontsize=8)
        axes.set_ylabel(metric)
