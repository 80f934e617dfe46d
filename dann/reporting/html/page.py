"""A self-contained HTML page of experiments: tables, figures, and the runs behind every number. Imports no torch."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from dann.config.experiment import EXPERIMENT, Experiment
from dann.config.naming import printable_lines
from dann.errors import BadInput
from dann.evaluation.rules import RULES
from dann.files.atomic_files import write_whole
from dann.files.file_search import find_files
from dann.reporting.figure_captions import captioned_figures
from dann.reporting.html.class_tables import class_grids
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
from dann.reporting.locations import find_experiments
from dann.reporting.rule_comparison import rule_table
from dann.reporting.scores import apply_rule, with_result
from dann.runner.experiment_records import read_checked_records
from dann.runner.records import RECORD, Record, has_target_labels
from dann.runner.search_choice import planned_runs

TEMPLATE, PAGE = Path(__file__).with_name("report.html"), "report.html"
MOST_RUNS = 20_000  # of a page: with more, browsers take minutes


@dataclass(frozen=True)
class Drawing:
    """A figure as part of the page."""

    caption: str
    address: str
    width: int
    height: int


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
    records = {place: read_checked_records(experiment, folder) for place, (_, experiment, folder) in found.items()}
    if (many := sum(map(len, records.values()))) > MOST_RUNS:
        raise BadInput(f"{many:,} runs, more than the {MOST_RUNS:,} that a page can show: name a smaller experiment")
    if not any(records.values()):
        raise BadInput(f"{', '.join(map(str, paths))}: no finished runs yet: dann run makes them")
    given = [(path if path.is_file() else folder / EXPERIMENT, experiment, folder, records[place])
             for place, (path, experiment, folder) in found.items() if records[place]]  # fmt: skip
    sections = [_section(f"e{number}", *parts, rule) for number, parts in enumerate(given, 1)]
    environment = Environment(loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    empty = [str(found[place][2]) for place, runs in records.items() if not runs]
    page = environment.get_template(TEMPLATE.name).render(
        sections=sections, rule=rule, moment=RULES[rule].moment, empty=empty, summary=_summarise(sections)
    )
    write_whole(out / PAGE, printable_lines(page).encode())
    return out / PAGE


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


def _section(
    name: str, file: Path, experiment: Experiment, folder: Path, records: Sequence[Record], rule: str
) -> Section:
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
        source=file.read_text(encoding="utf-8"),
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
        drawings=list(_drawings(experiment, folder)),
        classes=class_grids(runs),
        table=table,
        same=same,
    )


def _drawings(experiment: Experiment, folder: Path) -> Iterator[Drawing]:
    """The figures in an experiment's folder; drawn first if there are none, or if a run was recorded since."""
    drawn = [path.stat().st_mtime for path in folder.glob("*.png")]
    recorded = [path.stat().st_mtime for path in find_files(folder, RECORD)]
    if not drawn or max(recorded, default=0.0) > max(drawn):
        from dann.reporting.figures.draw import (
            draw_all,  # here, because matplotlib takes a second that is seldom needed
        )

        draw_all(experiment, folder)
    for path, caption in captioned_figures(experiment, folder):
        with Image.open(path) as image:
            width, height = image.size
        address = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        yield Drawing(caption, address, width, height)
