"""A self-contained HTML page of experiments: tables, figures, and the runs behind every number. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dann.config.experiment import EXPERIMENT, Experiment
from dann.errors import BadInput
from dann.evaluation.rules import RULES
from dann.files.atomic_files import write_whole
from dann.reporting.html.class_tables import class_grids
from dann.reporting.html.drawings import Drawing, find_drawings
from dann.reporting.html.grids import Grid
from dann.reporting.html.linked_tables import (
    alarm_grid,
    difference_grids,
    guard_grids,
    measurement_grids,
    rule_grid,
    score_grids,
    search_grids,
    selection_grids,
)
from dann.reporting.html.provenance import Runs
from dann.reporting.html.templates import render_template
from dann.reporting.locations import find_experiments
from dann.reporting.rule_comparison import rule_table
from dann.reporting.scores import apply_rule, with_result
from dann.runner.experiment_records import read_checked_records
from dann.runner.records import Record, has_target_labels
from dann.runner.search_choice import planned_runs

PAGE = "report.html"  # and its template
MOST_RUNS = 20_000  # of a page: with more, browsers take minutes


@dataclass(frozen=True)
class Recorded:
    """One experiment with its records and the file that is shown as its source."""

    file: Path
    experiment: Experiment
    folder: Path
    records: Sequence[Record]


@dataclass(frozen=True)
class Section:
    """One experiment on the page.

    Args:
        source: the content of its file.
        same: the circumstances that all runs share.
        planned: number of runs that the file asks for.
        unwatched: number of runs that predate alarms.
    """

    name: str
    experiment: Experiment
    folder: Path
    source: str
    runs: Runs
    grids: Sequence[Grid]
    alarms: Grid
    planned: int
    unwatched: int
    drawings: Sequence[Drawing]
    classes: Sequence[Grid]
    table: Grid
    same: Sequence[tuple[str, str]]


def write_report(paths: Sequence[Path], out: Path, rule: str = "last") -> Path:
    """Write the page on some experiments into the folder ``out``; returns the file.

    Args:
        paths: experiment files or folders of runs, as ``dann.reporting.locations.find_experiments`` takes them.
        rule: chooses the reported step, as in the tables.

    Raises:
        BadInput: there are no runs, ``out`` is a file, or tables cannot be made.
    """
    if out.is_file():
        raise BadInput(f"--out {out}: is a file: name a folder")
    found = {
        folder.resolve(): (path, experiment, folder) for path in paths for experiment, folder in find_experiments(path)
    }
    given = [Recorded(path if path.is_file() else folder / EXPERIMENT, experiment, folder,
                      read_checked_records(experiment, folder))
             for path, experiment, folder in found.values()]  # fmt: skip
    if not any(each.records for each in given):
        raise BadInput(f"{', '.join(map(str, paths))}: no finished runs yet: dann run makes them")
    write_whole(out / PAGE, render(PAGE, given, rule))
    return out / PAGE


def render(template: str, given: Sequence[Recorded], rule: str, redraw: bool = True, **more: Any) -> bytes:
    """The page on some experiments.

    Args:
        template: in this folder: that of the report, or one that extends it.
        rule: chooses the reported step.
        redraw: draw figures that are missing or older than a record; else these are left out.
        more: what else the template shows.

    Raises:
        BadInput: there are too many runs for a page, or tables cannot be made.
    """
    if (many := sum(len(each.records) for each in given)) > MOST_RUNS:
        raise BadInput(f"{many:,} runs, more than the {MOST_RUNS:,} that a page can show: name a smaller experiment")
    made = [each for each in given if each.records]
    sections = [_section(f"e{number}", each, rule, redraw) for number, each in enumerate(made, 1)]
    empty = [str(each.folder) for each in given if not each.records]
    summary = _summarise(sections) if sections else {}
    shown = {"sections": sections, "rule": rule, "moment": RULES[rule].moment, "empty": empty, "summary": summary}
    return render_template(template, **shown, **more)


def _summarise(sections: Sequence[Section]) -> dict[str, str]:
    """The summary above the page: number of experiments and runs, commits, hardware."""
    records = [record for section in sections for record in section.runs.records]
    commits = sorted({record.environment["commit"] or "unknown" for record in records})
    devices = sorted({record.environment["device"] for record in records})
    hours = sum(record.seconds for record in records) / 3600
    return {
        "experiments": str(len(sections)),
        "runs": f"{len(records)}, {hours:.1f} hours of computing"
        if hours >= 1
        else f"{len(records)}, {60 * hours:.0f} minutes of computing",
        "commits" if len(commits) > 1 else "commit": ", ".join(commits),
        "hardware": "; ".join(devices),
    }


def _section(name: str, recorded: Recorded, rule: str, redraw: bool) -> Section:
    experiment, folder, records = recorded.experiment, recorded.folder, recorded.records
    made = with_result(records)
    labelled = any(map(has_target_labels, made))
    metrics = experiment.metrics if labelled else []
    oracle = {metric: apply_rule(experiment, records, "oracle", metric) for metric in metrics}
    runs = Runs(name, folder, made, apply_rule(experiment, records, rule), oracle)
    ranked = [rule_grid(runs, rule_table(experiment, records))] if experiment.compare_rules and labelled else []
    table, same = runs.table()
    return Section(
        name=name,
        experiment=experiment,
        folder=folder,
        source=recorded.file.read_text(encoding="utf-8"),
        runs=runs,
        grids=[
            *score_grids(runs),
            *difference_grids(runs),
            *measurement_grids(runs),
            *search_grids(runs),
            *selection_grids(runs),
            *ranked,
            *guard_grids(runs),
        ],
        alarms=alarm_grid(runs),
        planned=len(planned_runs(experiment, records)),
        unwatched=sum(not record.shares for record in made),
        drawings=list(find_drawings(experiment, folder, redraw)),
        classes=class_grids(runs),
        table=table,
        same=same,
    )
