"""Scores over a numeric axis of rows, as lines. Imports no torch."""

from statistics import fmean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dann.config.experiment import Experiment
from dann.config.experiment_fields import Axis
from dann.config.naming import shorten
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.statistics import interval
from dann.reporting.axis_table import Line, read_line
from dann.reporting.figures.bars import MOST_TASKS, TITLE, new_axes
from dann.reporting.scores import Outcomes, apply_rule
from dann.runner.records import Record

APART = 0.02  # of the axis, between the marks of two lines at one value


def axis_figure(experiment: Experiment, axis: Axis, records: list[Record]) -> Figure:
    """The lines of ``axis``: means over seeds with 95 % t-intervals, a panel for each task and for their average.

    The axis is that of log(1 + value), by which the worth of a line is read off: where the dashed line at its first
    score meets the first line. More than four tasks are shown by their average alone.
    """
    ours = apply_rule(experiment, records)
    tasks: list[str | None] = [*ours.scored_tasks] if len(ours.scored_tasks) <= MOST_TASKS else []
    panels = [*tasks, None]
    figure, every = new_axes(len(panels), 4.2 * len(panels) + 0.6, 4.0)
    for axes, task in zip(every, panels, strict=True):
        _draw_lines(axes, axis, ours, task)
        several = f"average of {len(ours.scored_tasks)} tasks" if experiment.tasks else shorten(experiment.title, TITLE)
        axes.set_title(several if task is None else shorten(task, TITLE), fontsize=10)
        axes.set_xlabel(axis.name)
        axes.set_xticks(list(np.log1p(axis.values)), [f"{value:g}" for value in axis.values])
        axes.grid(linewidth=0.4)
    every[0].set_ylabel(f"target test {METRICS[experiment.metrics[0]].label}, %")
    handles, names = every[-1].get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, fontsize=8, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_lines(axes: Axes, axis: Axis, ours: Outcomes, task: str | None) -> None:
    places = np.log1p(axis.values)
    for number, name in enumerate(axis.lines):
        line = read_line(ours, name, task)
        offset = (number - (len(axis.lines) - 1) / 2) * APART * float(places[-1])
        _draw_line(axes, list(places + offset), line, shorten(name), f"C{number}")
        if number and line[0]:
            axes.axhline(100 * fmean(line[0].values()), color=f"C{number}", linestyle="--", linewidth=1, alpha=0.6)


def _draw_line(axes: Axes, places: list[float], line: Line, name: str, colour: str) -> None:
    """A mark and an interval at each value that has runs, and a line through them."""
    points = [(place, [100 * score for score in scores.values()])
              for place, scores in zip(places, line, strict=True) if scores]  # fmt: skip
    if not points:
        return
    at, means = [place for place, _ in points], [fmean(scores) for _, scores in points]
    halves = [interval(scores) or 0.0 for _, scores in points]
    axes.errorbar(at, means, halves, marker="o", markersize=4, linewidth=1.4, capsize=2, color=colour, label=name)
