"""The table of what a row is worth on a numeric axis, such as adaptation in labelled examples. Imports no torch."""

import math
from collections.abc import Mapping, Sequence

from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.reach import bootstrap_reach
from dann.reporting.scores import Outcomes, SeedScores
from dann.reporting.table import Cell, Column, Columns, Table

Line = list[SeedScores]  # the scores of a line at each value of the axis


def axis_tables(ours: Outcomes) -> list[Table]:
    """The value at which the first line reaches each other line's score at the first value, by task and on average."""
    axis = ours.experiment.axis
    if axis is None or len(axis.lines) < 2 or not ours.has_target_labels:
        return []
    first, *others = axis.lines
    metric, columns = ours.experiment.metrics[0], Columns()
    for task in [*ours.scored_tasks, None]:
        curve = read_line(ours, first, task)
        title = axis.name if not ours.experiment.tasks else "average" if task is None else task
        columns[Column(f"worth:{task or ''}", title, "worth", task, metric, ours.rule)] = {
            name: _worth(axis.values, curve, read_line(ours, name, task)[0]) for name in others
        }
    note = (
        f"The {axis.name} at which {first} has the mean target {METRICS[metric].label} that the row has at "
        f"{axis.values[0]:g}: the first crossing of the means over seeds, linear in log(1 + value) between them; "
        f"> {axis.values[-1]:g}: nowhere on the axis. In brackets the 95 % percentile bootstrap interval over seeds."
    )
    title = f"{ours.experiment.title}: worth"
    return [Table.of_columns(title, others, columns, [note], f"worth, {axis.name}", metric=metric, rule=ours.rule)]


def read_line(ours: Outcomes, name: str, task: str | None) -> Line:
    """The scores by seed of a line at each value, on a task or averaged over tasks."""
    axis, metric = ours.experiment.axis, ours.experiment.metrics[0]
    rows = [] if axis is None else axis.lines[name]
    return [ours.average(row, metric) if task is None else ours.scores(row, task, metric) for row in rows]


def _worth(values: Sequence[float], curve: Line, level: Mapping[int, float]) -> Cell:
    """The value and its interval; empty until a seed has all runs."""
    if not set(level).intersection(*curve):
        return Cell()
    found, ends = bootstrap_reach(values, curve, level)
    text = _show(found, values) + ("" if ends is None else f" ({' to '.join(_show(end, values) for end in ends)})")
    return Cell(text, {"value": _finite(found), "interval": None if ends is None else [*map(_finite, ends)]})


def _show(value: float, values: Sequence[float]) -> str:
    return f"> {values[-1]:g}" if math.isinf(value) else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else value
