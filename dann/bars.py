"""A table as bars. Imports no torch."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dann.experiment import Experiment
from dann.records import Record
from dann.tables import METRICS, Cell, Table, make_tables

MOST_TASKS = 4  # with more, the bars are of their average alone
MOST_ROWS, MOST_BARS, LONGEST = 12, 40, 32  # with more, or a longer name, the bars lie


def new_axes(columns: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    """A figure of ``columns`` panels side by side, of a size in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(figure.subplots(1, columns)).flat)


def bars(experiment: Experiment, records: list[Record]) -> Figure:
    """The first table as bars: a metric of each variant, per task; a dashed line is the published number.

    Of more than four tasks the average alone is shown. More than twelve variants, more than forty bars, or bars of long
    names lie, the first on top.
    """
    table = make_tables(experiment, records)[0]
    columns = _columns(experiment, table)
    lying = len(table.rows) > MOST_ROWS or len(table.rows) * len(columns) > MOST_BARS
    lying = lying or max(map(len, table.rows)) > LONGEST
    long = len(table.rows) * (0.6 + 0.35 * len(columns))
    figure, (axes,) = new_axes(1, *((8, 1.2 + 0.24 * long) if lying else (2.5 + long, 3.6)))
    width = 0.8 / len(columns)
    for offset, column in enumerate(columns):
        for position, cells in enumerate(table.rows.values()):
            at = position + (offset - (len(columns) - 1) / 2) * width
            name = table.columns[column] if position == 0 else ""
            _bar(axes, at, 0.9 * width, cells[column], f"C{offset}", name, lying)
            if table.columns[column + 1 : column + 2] and cells[column + 1].published and cells[column + 1].values:
                line = axes.vlines if lying else axes.hlines
                line(100 * cells[column + 1].mean, at - width / 2, at + width / 2, color="grey", linestyle="--")
    _label(axes, experiment, list(table.rows), lying)
    if len(columns) > 1:
        figure.legend(fontsize=7, loc="outside lower center", ncols=len(columns))
    return figure


def _columns(experiment: Experiment, table: Table) -> list[int]:
    """Which columns are bars: not the published numbers, not the source accuracy, and not many tasks."""
    if len(experiment.tasks) > MOST_TASKS:
        return [len(table.columns) - 1]
    shown = len(table.columns) if experiment.tasks else len(table.columns) - 1
    return [i for i in range(shown) if not any(cells[i].published for cells in table.rows.values())]


def _bar(axes: Axes, at: float, width: float, cell: Cell, colour: str, name: str, lying: bool) -> None:
    """A cell's mean as a bar, its standard deviation as a whisker and each run as a dot."""
    if not cell.values:
        return
    values, mean, deviation = [100 * value for value in cell.values], 100 * cell.mean, 100 * (cell.deviation or 0)
    if lying:
        axes.barh(at, mean, width, color=colour, alpha=0.75, label=name or None)
        axes.errorbar(mean, at, xerr=deviation, color="black", capsize=3)
        axes.plot(values, [at] * len(values), ".", color="black", markersize=4)
        axes.text(1, at, f"{mean:.1f}", color="white", fontsize=7, va="center")  # many bars differ by little
    else:
        axes.bar(at, mean, width, color=colour, alpha=0.75, label=name or None)
        axes.errorbar(at, mean, deviation, color="black", capsize=3)
        axes.plot([at] * len(values), values, ".", color="black", markersize=4)


def _label(axes: Axes, experiment: Experiment, rows: list[str], lying: bool) -> None:
    """The title, the names of the rows and what the bars measure."""
    many = len(experiment.tasks) > MOST_TASKS
    several = len(experiment.metrics) > 1 and not experiment.tasks
    metric = "target test" if several else f"target test {METRICS[experiment.metrics[0]]}"
    metric += (f", average of {len(experiment.tasks)} tasks" if many else "") + ", %"
    axes.set_title(experiment.title, fontsize=10)
    if lying:
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        axes.set_ylim(len(rows) - 0.4, -0.6)  # the first row on top
        axes.set_xlabel(metric)
        axes.grid(axis="x", linewidth=0.4)
        axes.set_axisbelow(True)
    else:
        axes.set_xticks(range(len(rows)), rows, rotation=15 if len(rows) > 4 else 0)
        axes.set_ylabel(metric)
