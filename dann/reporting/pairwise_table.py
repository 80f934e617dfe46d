"""The table of each row against each other over tasks, as Table 1 (b) of Ganin et al. 2016. Imports no torch."""

from statistics import fmean

from dann.evaluation.statistics import poisson_binomial
from dann.reporting.scores import Outcomes
from dann.reporting.table import Cell, Column, Columns, Table

NOTE = (
    "The probability that the row is better than the column on more than half of the tasks (Poisson binomial test, "
    "Lacoste et al. 2012), by the mean accuracy over seeds on each task, errors of two rows being taken as independent."
)


def pairwise_tables(ours: Outcomes) -> list[Table]:
    """The probability that a row is better than another, for all pairs of rows with a score on the same tasks."""
    sizes = {record.task: record.data["target"]["test"] for record in ours.records}
    means = {variant: _means(ours, variant) for variant in ours.experiment.variants if variant not in ours.upper_bounds}
    means = {variant: own for variant, own in means.items() if own}
    if not ours.experiment.tasks or len(means) < 2:
        return []
    columns: Columns = {
        Column(f"against {at}", other, "probability", None, "accuracy", ours.rule): {
            row: _cell(means[row], means[other], sizes) for row in means
        }
        for at, other in enumerate(means)
    }
    title = f"{ours.experiment.title}: each row against each other"
    return [Table.of_columns(title, means, columns, [NOTE], "better, by tasks", metric="accuracy", rule=ours.rule)]


def _means(ours: Outcomes, variant: str) -> dict[str, float]:
    """The mean accuracy of a row on each task that it has a score on."""
    scores = {task: ours.scores(variant, task, "accuracy") for task in ours.scored_tasks}
    return {task: fmean(own.values()) for task, own in scores.items() if own}


def _cell(row: dict[str, float], other: dict[str, float], sizes: dict[str | None, int]) -> Cell:
    common = [task for task in row if task in other]
    if not common:
        return Cell()
    probability = poisson_binomial([(row[task], other[task], sizes[task]) for task in common])
    return Cell(f"{probability:.2f}", probability)
