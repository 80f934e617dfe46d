"""The table of the domains' proxy A-distance by the features of each row, Figure 3 of Ganin et al. 2016, in numbers.

Imports no torch.
"""

from statistics import fmean

from dann.reporting.scores import Outcomes, SeedScores
from dann.reporting.table import Cell, Column, Columns, Table, value_cell
from dann.runner.search_choice import Row

LOWEST = "distance_lowest"
NOTE = (
    "Proxy A-distance 2 (1 − 2 ε) of all training examples of both domains, by the features of a row: the lowest error "
    "ε of linear support vector machines with several C on the half that they were not trained on, as in the paper's "
    "section 5.1.5; mean ± standard deviation over seeds. 2: the domains are distinguished without error; 0: chance."
)


def measured_distances(ours: Outcomes) -> dict[Row, SeedScores]:
    """The distance by seed for each task, or None without tasks, and row; empty where it was not measured."""
    tasks: list[str | None] = [*ours.experiment.tasks] or [None]
    return {(task, row): _by_seed(ours, task, row) for task in tasks for row in ours.experiment.variants}


def distance_tables(ours: Outcomes) -> list[Table]:
    """The distance for each task and row, and the mean over tasks, where it was measured."""
    tasks: list[str | None] = [*ours.experiment.tasks] or [None]
    measured = measured_distances(ours)
    rows = [row for row in ours.experiment.variants if any(measured[task, row] for task in tasks)]
    if not rows:
        return []
    columns: Columns = {}
    for task in tasks:
        column = Column(f"distance:{task or ''}", task or "distance", "distance", task, None, ours.rule)
        columns[column] = {row: value_cell(measured[task, row], ours.seeds) for row in rows}
    if ours.experiment.tasks:
        columns[Column("distance", "average", "distance", None, None, ours.rule)] = {
            row: _mean_cell([fmean(own.values()) for task in tasks if (own := measured[task, row])]) for row in rows
        }
    return [Table.of_columns(f"{ours.experiment.title}: distance of the domains", rows, columns, [NOTE],
                             "proxy A-distance", rule=ours.rule)]  # fmt: skip


def _by_seed(ours: Outcomes, task: str | None, row: str) -> SeedScores:
    runs = ours.chosen.get((task, row), {})
    return {seed: evaluation[LOWEST] for seed, evaluation in runs.items() if LOWEST in evaluation}


def _mean_cell(means: list[float]) -> Cell:
    return Cell(f"{fmean(means):.3f}", fmean(means)) if means else Cell()
