"""The table of the discriminator after the last step. Imports no torch."""

from statistics import fmean, median

from dann.diagnostics.alarms import CHANCE
from dann.reporting.adversary import final_measurements, has_discriminator
from dann.reporting.scores import Outcomes
from dann.reporting.table import Cell, Column, Columns, Table, score_cell, value_cell
from dann.runner.records import Record

TITLES = {
    "domain_loss": "domain loss",
    "discriminator_source": "accuracy on source, %",
    "discriminator_target": "accuracy on target, %",
    "lambda": "λ",
    "gradient_ratio": "gradient ratio",
}
NOTE = (
    "Mean ± standard deviation over seeds; of the gradient ratio, which is skewed, median and range. Domain loss: mean "
    f"over the recorded steps of the last tenth of training; {CHANCE:.3f}, ln 2, is chance. Accuracies: of the "
    "discriminator on the examples of each domain that the model is tested on; 50 is chance, and one near it "
    "need not mean aligned features. λ: of the last step, by its schedule. Gradient ratio: norm of the gradient of all "
    "terms but the label loss at the features, over that of the label loss, in one batch."
)


def discriminator_tables(ours: Outcomes) -> list[Table]:
    """A table for each task that figures show, where ``shown.figures`` names the figure of the discriminator."""
    if "discriminator" not in ours.experiment.shown.figures:
        return []
    tasks = [task for task in ours.experiment.tasks or [None] if task is None or ours.experiment.shows_task(task)]
    return [table for task in tasks if (table := _table(ours, task)) is not None]


def _table(ours: Outcomes, task: str | None) -> Table | None:
    runs = {row: _by_seed(ours, row, task) for row in ours.experiment.variants}
    rows = {row: measured for row, measured in runs.items() if measured}
    if not rows:
        return None
    columns: Columns = {}
    for key, title in TITLES.items():
        values = {row: {seed: each[key] for seed, each in by_seed.items() if key in each}
                  for row, by_seed in rows.items()}  # fmt: skip
        columns[Column(f"discriminator:{key}", title, "discriminator", task)] = {
            row: _cell(key, each, ours.seeds) for row, each in values.items()
        }
    title = "discriminator after the last step"
    return Table.of_columns(f"{ours.experiment.title}: {title}{f', {task}' if task else ''}", rows, columns, [NOTE],
                            f"{title}{f', {task}' if task else ''}")  # fmt: skip


def _by_seed(ours: Outcomes, row: str, task: str | None) -> dict[int, dict[str, float]]:
    runs: list[Record] = [each for each in ours.by_variant[row] if each.task == task and has_discriminator(each)]
    return {record.seed: final_measurements(record) for record in runs}


def _cell(key: str, values: dict[int, float], usual: int) -> Cell:
    """A mean and its spread over seeds; of λ, which a schedule sets, the mean, of the skewed ratio median and range."""
    if not values:
        return Cell()
    every = list(values.values())
    if key == "lambda":
        return Cell(f"{fmean(every):.3f}", fmean(every))
    if key == "gradient_ratio":
        text, ends = f"{median(every):.3g}", f"{min(every):.3g} to {max(every):.3g}"
        facts = {"mean": fmean(every), "median": median(every), "values": every, "seeds": list(values)}
        return Cell(f"{text} ({ends})" if len(every) > 1 else text, facts)
    return score_cell(values, usual) if key.startswith("discriminator_") else value_cell(values, usual)
