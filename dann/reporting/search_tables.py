"""Tables of a search with seeds of its own beside that of the scores: each task, and what it cost. Imports no torch."""

from dann.config.naming import name_setting
from dann.evaluation.metric_definitions import METRICS
from dann.reporting.scores import Outcomes
from dann.reporting.table import NONE, Cell, Column, Columns, Table
from dann.reporting.tuned_columns import CANDIDATES, candidate_columns
from dann.runner.search_choice import OWN, Candidate, search_records

HOUR = 3600  # seconds


def task_tables(ours: Outcomes) -> list[Table]:
    """For each metric the three candidates on each task, where there are tasks."""
    metrics = ours.experiment.metrics if ours.scored_tasks else []
    tables = []
    for metric in metrics:
        columns: Columns = {}
        for task in ours.scored_tasks:
            for candidate in CANDIDATES:
                columns |= candidate_columns(ours, task, metric, candidate)
        label = METRICS[metric].label
        notes = [f"Target {label}, %, mean ± standard deviation over {ours.seeds} fresh seeds."]
        title = f"{ours.experiment.title}: {label} on each task"
        tables.append(Table.of_columns(title, ours.experiment.variants, columns, notes, metric=metric, rule=ours.rule))
    return tables


def search_table(ours: Outcomes) -> Table:
    """For each row the cost of the search, and the settings that were chosen."""
    variants = ours.experiment.variants
    costs = {variant: _cost(ours, variant) for variant in variants}
    columns: Columns = {
        Column("runs", "search runs", "runs"): {v: Cell(str(runs), runs) for v, (runs, _) in costs.items()},
        Column("hours", "search, hours", "hours"): {
            v: Cell(_show_hours(hours), hours) for v, (_, hours) in costs.items()
        },
        Column("failed", "settings failed", "runs"): {v: _failed_cell(ours, v) for v in variants},
        Column("setting", "chosen", "setting"): {v: _setting_cell(ours, v, "tuned") for v in variants},
        Column("oracle", "oracle's choice", "setting"): {v: _setting_cell(ours, v, "oracle") for v in variants},
    }
    count, own = len(ours.records), sum(record.seconds for record in ours.records) / HOUR
    runs, hours = (sum(each) for each in zip(*costs.values(), strict=True))
    notes = [
        f"The search took {runs} runs and {_show_hours(hours)} hours in all; the {count} runs of its choices "
        f"with fresh seeds took {_show_hours(own)} hours. Own values: the row as the experiment file has it."
    ]
    return Table.of_columns(f"{ours.experiment.title}: the search", variants, columns, notes, runs=runs, hours=hours)


def _cost(ours: Outcomes, variant: str) -> tuple[int, float]:
    """The number of runs of a row's search, and their hours."""
    records = [each for each in search_records(ours.experiment, [*ours.all_records, *ours.failed])
               if each.variant == variant]  # fmt: skip
    return len(records), sum(record.seconds for record in records) / HOUR


def _show_hours(hours: float) -> str:
    return f"{hours:.2f}" if hours >= 0.01 or not hours else "< 0.01"


def _failed_cell(ours: Outcomes, variant: str) -> Cell:
    count = sum(len(choice.failed) for (_, own), choice in ours.choices.items() if own == variant)
    return Cell(str(count), count)


def _setting_cell(ours: Outcomes, variant: str, candidate: Candidate) -> Cell:
    """The chosen setting on each task."""
    settings = {task: choice.setting(candidate) for (task, own), choice in ours.choices.items() if own == variant}
    known = {task: setting for task, setting in settings.items() if setting is not None}
    words = [("own values" if setting == OWN else name_setting(setting)) for setting in known.values()]
    texts = [f"{task}: {text}" if task else text for task, text in zip(known, words, strict=True)]
    return Cell("; ".join(texts) or NONE, [{"task": task, "setting": each} for task, each in known.items()])
