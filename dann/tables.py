"""Records → a table in Markdown, LaTeX or JSON. Imports no torch."""

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dann.errors import BadInput
from dann.experiment import Experiment, Metric
from dann.records import Evaluation, Record, check_declared, read_records, source_accuracy
from dann.selection import RULES

REPORTED = {
    "last": "after the last step; nothing is selected",
    "source_val": "at the step with the best source validation accuracy",
    "oracle": "at the step with the best target test accuracy: an upper bound that needs the target's labels",
}
METRICS = {
    "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1", "auc": "AUC",
    "seen": "mean recall of seen classes", "unseen": "mean recall of unseen classes",
    "harmonic": "harmonic mean of both recalls", "zero_shot": "mean recall of unseen classes among themselves",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """Accuracies of the runs that a cell stands for, as shares of 1; a published number has no runs behind it."""

    values: list[float]
    published: bool = False

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation, or None for fewer than two runs."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def text(self, plus_minus: str = "±") -> str:
        """Per cent: mean, standard deviation and number of runs."""
        if not self.values:
            return "—"
        if self.published:
            return f"{100 * self.mean:.4g}"
        spread = "" if self.deviation is None else f" {plus_minus} {100 * self.deviation:.1f}"
        return f"{100 * self.mean:.1f}{spread} (n = {len(self.values)})"


@dataclass(frozen=True)
class Table:
    """An experiment's result: a row per variant, each with a cell per column; ``corner`` heads the variants."""

    title: str
    columns: list[str]
    rows: dict[str, list[Cell]]
    notes: list[str] = field(default_factory=list)
    corner: str = ""

    def markdown(self) -> str:
        header = [self.corner, *self.columns]
        lines = [_joined(header), _joined(["---", *["---:"] * len(self.columns)])]
        lines += [_joined([name, *(cell.text() for cell in cells)]) for name, cells in self.rows.items()]
        return "\n".join(lines) + "\n\n" + " ".join(self.notes) + "\n"

    def latex(self) -> str:
        """A tabular for the booktabs package."""
        lines = [r"\begin{tabular}{l" + "r" * len(self.columns) + "}", r"\toprule"]
        lines += [" & ".join(map(_escaped, [self.corner, *self.columns])) + r" \\", r"\midrule"]
        for name, cells in self.rows.items():
            lines.append(
                " & ".join([_escaped(name), *(cell.text(r"$\pm$").replace("—", "--") for cell in cells)]) + r" \\"
            )
        notes = [f"% {note}" for note in [self.title, *self.notes]]
        return "\n".join([*notes, *lines, r"\bottomrule", r"\end{tabular}"]) + "\n"

    def json(self) -> str:
        def entry(cell: Cell) -> Any:
            if not cell.values:
                return None
            return {"mean": cell.mean, "deviation": cell.deviation, "values": cell.values}

        rows = {name: dict(zip(self.columns, map(entry, cells), strict=True)) for name, cells in self.rows.items()}
        content = {"title": self.title, "rows": rows, "notes": self.notes}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Table], str]] = {"md": Table.markdown, "latex": Table.latex, "json": Table.json}


def _joined(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _escaped(text: str) -> str:
    for old, new in (
        ("&", r"\&"),
        ("%", r"\%"),
        ("_", r"\_"),
        ("→", r"$\to$"),
        ("λ", r"$\lambda$"),
        ("—", "--"),
    ):
        text = text.replace(old, new)
    return text


def checked_records(experiment: Experiment, folder: Path) -> list[Record]:
    """The records in ``folder`` of the experiment's variants and tasks.

    Raises:
        BadInput: a record was made with another configuration than the experiment now has, or from other data than
            another of its row.
    """
    runs = {(run.task, run.variant): run for run in experiment.runs(seeds=[0])}
    checksums: dict[tuple[str | None, str], tuple[str, str]] = {}
    records = read_records(experiment, folder)
    for place, record in records.items():
        row = (record.task, record.variant)
        check_declared(record, runs[row], place)
        used = (record.data["source"]["checksum"], record.data["target"]["checksum"])
        if checksums.setdefault(row, used) != used:
            raise BadInput(
                f"{place}: made from other data than seeds before it: check DANN_DATA, run again in another --out"
            )
    return list(records.values())


def make_tables(experiment: Experiment, records: list[Record], rule: str = "last") -> list[Table]:
    """The tables of an experiment: of its tasks, one for each metric; without tasks a single one."""
    if not experiment.tasks:
        return [make_table(experiment, records, rule, experiment.metrics)]
    return [make_table(experiment, records, rule, [metric]) for metric in experiment.metrics]


def make_table(
    experiment: Experiment, records: list[Record], rule: str = "last", metrics: Sequence[Metric] = ()
) -> Table:
    """A table of an experiment: the target's test metrics, per task if there are some, else with source test accuracy.

    Args:
        metrics: by default the experiment's first; several if it has no tasks.
    """
    select, metrics = RULES[rule], metrics or experiment.metrics[:1]

    def scores(variant: str, task: str | None, of: Callable[[Evaluation], float]) -> dict[int, float]:
        chosen = [record for record in records if record.variant == variant and record.task == task]
        return {record.seed: of(select(record.evaluations)) for record in chosen}

    variants, tasks = list(experiment.variants), list(experiment.tasks)
    columns: dict[str, dict[str, Cell]] = {}
    for metric in metrics:
        on_target = partial(_on_target, metric=metric)
        for task in experiment.tasks or [None]:
            cells = {v: Cell(list(scores(v, task, on_target).values())) for v in variants}
            columns[_column(task, metric)] = cells
            published = {v: _published(experiment, v, task) for v in variants}
            if metric == "accuracy" and any(cell.values for cell in published.values()):
                columns[f"{task}, published" if task else "published"] = published
        if tasks:
            averages = {v: _average([scores(v, task, on_target) for task in tasks]) for v in variants}
            columns["average"] = averages
    if not tasks:
        adapted = {record.variant for record in records if record.data["source"] != record.data["target"]}
        sources = {v: scores(v, None, source_accuracy).values() if v in adapted else [] for v in variants}
        columns["source accuracy, %"] = {v: Cell(list(values)) for v, values in sources.items()}
    rows = {v: [column[v] for column in columns.values()] for v in variants}
    mark = " (oracle)" if rule == "oracle" else ""
    names = [name if name.endswith("published") else name + mark for name in columns]
    corner = f"{METRICS[metrics[0]]}, %" if tasks and len(experiment.metrics) > 1 else ""
    return Table(experiment.title, names, rows, _notes(records, rule, metrics), corner)


def _on_target(evaluation: Evaluation, metric: str) -> float:
    key = "target_test" if metric == "accuracy" else f"target_test_{metric}"
    if key not in evaluation:
        raise BadInput(f"metrics: these runs have no {metric}: make them again, or leave it out")
    return evaluation[key]


def _column(task: str | None, metric: str) -> str:
    return f"target {METRICS[metric]}, %" if task is None else task


def _published(experiment: Experiment, variant: str, task: str | None) -> Cell:
    given = experiment.published.get(variant)
    value = given.get(task or "") if isinstance(given, dict) else given
    return Cell([] if value is None else [value], published=True)


def _average(per_task: list[dict[int, float]]) -> Cell:
    """The mean over tasks of each seed that all tasks have."""
    seeds = sorted(set.intersection(*(set(values) for values in per_task)))
    return Cell([statistics.fmean(values[seed] for values in per_task) for seed in seeds])


def _notes(records: list[Record], rule: str, metrics: Sequence[Metric]) -> list[str]:
    if not records:
        return ["No finished runs yet."]
    tests = sorted({f"{record.data['target']['test']} of {record.data['target']['name']}" for record in records})
    made = sorted({_made(record.environment) for record in records})
    minutes = sum(record.seconds for record in records) / 60
    seen = tested_on(records)
    validated = all("source_test" not in record.evaluations[-1] for record in records)
    source = " Source accuracy is that of its validation split." if validated else ""
    shown = ", ".join(METRICS[metric] for metric in metrics)
    return [
        f"{shown[0].upper()}{shown[1:]} on {seen}, mean ± standard deviation over seeds,",
        f"{REPORTED[rule]}. Target test examples: {', '.join(tests)}.{source}",
        f"{len(records)} runs, {minutes:.0f} minutes in all; {'; '.join(made)}.",
    ]


def tested_on(records: list[Record]) -> str:
    """On which target examples the accuracies of ``records`` are, naming the rows that differ from most."""
    kinds = {False: "test splits that training never sees",
             True: "the target examples trained on without labels (transductive)"}  # fmt: skip
    rows = {kind: [record.variant for record in records if _transductive(record) == kind] for kind in kinds}
    most = len(rows[True]) > len(rows[False])
    others = ", ".join(dict.fromkeys(rows[not most]))
    return kinds[most] + (f" or, of {others}, {kinds[not most]}" if others else "")


def _transductive(record: Record) -> bool:
    return bool(record.data.get("protocol", "").startswith("transductive"))


def _made(environment: dict[str, Any]) -> str:
    return (
        f"{environment['device']}, {environment['threads']} thread(s), {environment['precision']}, "
        f"torch {environment['torch']}, commit {environment['commit'] or 'unknown'}"
    )
