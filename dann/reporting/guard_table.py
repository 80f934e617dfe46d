"""The table of what the guard reports for each task, and why it reports no other row. Imports no torch."""

from collections import defaultdict

from dann.evaluation.guard import Guard, RowEvidence, compare_rows
from dann.evaluation.rules import VOTE
from dann.reporting.negative_transfer import NEGATIVE
from dann.reporting.scores import Outcomes, trains_on_target
from dann.reporting.table import NONE, Cell, Column, Columns, Table
from dann.runner.search_choice import Row

RULE = Guard()
Evidence = dict[str | None, dict[str, RowEvidence]]  # the rows of each task
REPORTED, PASSES = "reported", "passes"


def gather_evidence(ours: Outcomes) -> Evidence:
    """The evidence of the rows of each task, after the last step, without rows that train on the target."""
    runs: dict[Row, list[int]] = defaultdict(list)
    for place, record in enumerate(ours.records):
        if not trains_on_target(record):
            runs[record.task, record.variant].append(place)
    tasks: list[str | None] = [*ours.experiment.tasks] or [None]
    evidence: Evidence = {task: {} for task in tasks}
    for (task, variant), places in runs.items():
        records = {ours.records[place].seed: ours.records[place] for place in places}
        alarms = {seed: frozenset(alarm["alarm"] for alarm in record.alarms) - {NEGATIVE}
                  for seed, record in records.items()}  # fmt: skip
        last = {seed: record.evaluations[-1] for seed, record in records.items()}
        evidence[task][variant] = RowEvidence(last, alarms, int(next(iter(records.values())).data["validated_on"]))
    return evidence


def has_evidence(rows: dict[str, RowEvidence], source_only: str | None) -> bool:
    """Whether the guard can decide on a task: it has source only, another row, and label-free scores."""
    scored = any(VOTE.has_score(list(row.evaluations.values())) for row in rows.values())
    return source_only in rows and len(rows) > 1 and scored


def guard_tables(ours: Outcomes) -> list[Table]:
    """The table of the guard, if the experiment wants it and has a source-only row: a column for each task."""
    experiment, source_only = ours.experiment, ours.experiment.find_source_only()
    if not experiment.guard or source_only is None:
        return []
    evidence = {task: rows for task, rows in gather_evidence(ours).items() if source_only in rows}
    columns: Columns = {}
    for task, rows in evidence.items():
        column = Column(f"guard:{task}", "guard" if task is None else task, "guard", task)
        columns[column] = {variant: Cell() for variant in experiment.variants} | _cells(rows, source_only)
    shown = [variant for variant in experiment.variants if variant not in ours.upper_bounds]
    columns = {column: {variant: cells[variant] for variant in shown} for column, cells in columns.items()}
    return [Table.of_columns(f"{experiment.title}: the guard", shown, columns, _notes(source_only), "guard")]


def _cells(rows: dict[str, RowEvidence], source_only: str) -> dict[str, Cell]:
    """For each row whether it is reported or passes, or the conditions that it fails."""
    compared, cells = compare_rows(rows, source_only), {}
    reported = RULE.choose(rows, compared, source_only)
    for name in rows:
        failed = [] if name == source_only else RULE.objections(compared[name])
        passes = PASSES if name != source_only else NONE
        words = REPORTED if name in reported else ", ".join(failed) or passes
        cells[name] = Cell(words, {"reported": name in reported, "fails": failed})
    return cells


def _notes(source_only: str) -> list[str]:
    return [
        f"The row that the guard reports for each task, without target labels: {source_only}, unless an adapted row",
        "passes all conditions; of several the vote's choice. For the others, the conditions that they fail. im, bnm:",
        f"the 95 % t-interval of the difference from {source_only} on equal seeds is not above 0; source_val, reverse:",
        "the accuracy fell by more than a point and more than a standard error; alarms: a run has one that the run of",
        f"{source_only} with the same seed has not; seeds: fewer than two in common.",
    ]
