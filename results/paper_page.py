"""The page that sets each number of Ganin et al. 2016 beside ours, from records. Imports no torch."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from committed import Reader, Result

from dann.config.experiment import Experiment
from dann.config.naming import printable
from dann.config.origin import EXPERIMENTS
from dann.reporting.locations import RESULTS
from dann.reporting.score_table import gap_cell, published_cell
from dann.reporting.scores import Outcomes, SeedScores, apply_rule
from dann.reporting.table import NONE, interval_cell, score_cell

FOLDER, PAGE = EXPERIMENTS / "ganin2016", RESULTS / "paper.md"
NAMED = re.compile(r"^(?P<name>.*) \(Ganin et al\. 2016, (?P<kind>Table|Figure) (?P<number>\d+)\)$")
# Data sets that were not at hand where the committed results were made.
NOT_AT_HAND = frozenset({"svhn", "syn_digits", "syn_signs", "gtsrb", "office31"})
INTRODUCTION = """\
# The paper's numbers and ours

Each number of the tables and figures of Ganin et al. 2016 that an experiment file repeats, beside ours: target
accuracy in per cent, mean ± standard deviation over seeds after the last step, the 95 % t-interval over seeds, and our
mean minus the published number in points. No step is selected; where the paper chooses hyper-parameters without target
labels, ours are chosen so too. The linked page has the table, figures and findings of an experiment; without one, the
command makes its runs. `make paper` makes the runs of all experiments of the paper whose data are at hand, and prints
this page of them."""
HEAD = ["pair", "method", "published", "ours", "95 % interval", "difference", "page"]
ALIGNMENT = "| --- | --- | ---: | ---: | ---: | ---: | --- |"


def paper_files() -> list[Path]:
    """The experiment files of the paper."""
    return sorted(FOLDER.glob("*.yaml"))


def render_paper(read: Reader, absent: Collection[Path] | None = None) -> str:
    """The page: for each table and figure a line for each published number.

    Args:
        read: gives an experiment file with its records, none where it has not been run.
        absent: the files whose data are not at hand; by default those that need one of ``NOT_AT_HAND``.
    """
    sections: dict[tuple[str, int], list[str]] = {}
    for file in paper_files():
        result = read(file)
        if match := NAMED.match(result.experiment.title):
            missing = needs_missing_data(result.experiment) if absent is None else file in absent
            lines = sections.setdefault((match["kind"], int(match["number"])), [])
            lines += _lines(result, match["name"], "data not at hand" if missing else "not run yet")
    parts = [f"## {kind} {number}\n\n" + "\n".join([_row(HEAD), ALIGNMENT, *sections[kind, number]])
             for kind, number in sorted(sections)]  # fmt: skip
    return "\n\n".join([INTRODUCTION, *parts]) + "\n"


def needs_missing_data(experiment: Experiment) -> bool:
    """Whether an experiment needs a data set that was not at hand for the committed results."""
    return bool(NOT_AT_HAND & set(_data_sets(experiment)))


def _data_sets(experiment: Experiment) -> Iterator[str]:
    """The names of the data sets of all rows."""
    for run in experiment.runs(seeds=[0]):
        for side in ("source", "target"):
            entry = run.declared["data"][side]
            yield from (each["name"] for each in (entry if isinstance(entry, list) else [entry]))


def _lines(result: Result, name: str, state: str) -> list[str]:
    """A line for each published number of an experiment.

    Args:
        state: what stands in place of ours where there is no run.
    """
    experiment, page = result.experiment, result.page
    ours = apply_rule(experiment, result.records) if result.records else None
    link = f"`dann run {FOLDER}/{result.file.name}`"
    if page.is_file():
        link = f"[{page.stem}]({os.path.relpath(page, PAGE.parent)})"
    lines = []
    for task, variant, published in published_numbers(experiment):
        scores = {} if ours is None else _scores(ours, task, variant)
        cells = _ours(scores, published, len(experiment.seeds)) if scores else [state, NONE, NONE]
        lines.append(_row([f"{name}: {task}" if task else name, variant, published_cell(published).text, *cells, link]))
    return lines


def published_numbers(experiment: Experiment) -> Iterator[tuple[str | None, str, float]]:
    """Task, variant and share of 1 of each published number; the task is None for an average or the only score."""
    for variant, reported in experiment.published.items():
        if not isinstance(reported, dict):
            yield None, variant, reported
    for task in experiment.tasks:
        for variant, reported in experiment.published.items():
            if isinstance(reported, dict) and task in reported:
                yield task, variant, reported[task]


def _scores(ours: Outcomes, task: str | None, variant: str) -> SeedScores:
    metric = ours.experiment.published_metric
    return ours.average(variant, metric) if task is None else ours.scores(variant, task, metric)


def _ours(scores: SeedScores, published: float, usual: int) -> list[str]:
    """Our score, its interval and its difference from the published number."""
    return [score_cell(scores, usual).text, interval_cell(scores).text, gap_cell(scores, published).text]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(printable(cell).replace("|", r"\|") for cell in cells) + " |"
