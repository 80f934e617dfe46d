"""Write the Markdown pages of results/, and the tables between markers in other pages, from the committed records.

``python results/pages.py`` writes those that differ; with ``--check`` it names them instead and fails. Neither makes
runs or figures. A table is kept up to date between markers, a line each::

    <!-- table results/x.md -->                     the first table of a page
    <!-- averages results/x.md results/y.md -->     the averages over tasks of several pages, side by side
    <!-- rules results/x.md results/y.md -->        how well each selection rule chooses there
    <!-- end -->
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import yaml

from dann.config.experiment import EXPERIMENT, Experiment, read_experiment
from dann.config.migration import mark
from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.files import write_whole
from dann.reporting.captions import scored_examples
from dann.reporting.locations import EXPERIMENTS, RESULTS, relative
from dann.reporting.rule_comparison import rule_table
from dann.reporting.scores import Outcomes, apply_rule
from dann.reporting.table import Cell, Column, Columns, Table, score_cell
from dann.reporting.tables import make_tables
from dann.runner.records import Record, checked_records

MARKER = r"<!-- (?P<kind>table|averages|rules) (?P<pages>\S+(?: \S+)*) -->\n.*?<!-- end -->"
FOLDERS = ("dann", "experiments", "results")  # in which pages may lie, beside the top level


@dataclass(frozen=True)
class Result:
    """An experiment with its committed records."""

    file: Path
    experiment: Experiment
    records: list[Record]

    @property
    def folder(self) -> Path:
        return RESULTS / relative(self.file)

    @property
    def page(self) -> Path:
        return self.folder.with_suffix(".md")

    @cached_property
    def tables(self) -> list[Table]:
        return make_tables(self.experiment, self.records)

    def render(self) -> str:
        """The page: the first table, what was found, the figures, the other tables, and how to make it again."""
        first, *others = [table.markdown().strip() for table in self.tables]
        figures = [
            f"![{figure.stem}]({self.folder.name}/{figure.name})" for figure in sorted(self.folder.glob("*.png"))
        ]
        finding = [self.experiment.finding.strip()] if self.experiment.finding else []
        file = f"experiments/{relative(self.file)}.yaml"
        again = f"`dann run {file}` makes the runs; `make publish FILE={file}` makes this page."
        return "\n\n".join([f"# {self.experiment.title}", first, *finding, *figures, *others, again]) + "\n"


Reader = Callable[[Path], Result]


def read_result(file: Path) -> Result:
    """The committed result of an experiment file."""
    experiment = read_experiment(file)
    return Result(file, experiment, checked_records(experiment, RESULTS / relative(file)))


def experiment_copy(file: Path) -> bytes:
    """An experiment file as results/ keeps it, marked with the version of its names."""
    return file.read_bytes() + yaml.safe_dump(mark()).encode()


def published_files() -> list[Path]:
    """The experiment files that have results."""
    return [file for file in sorted(EXPERIMENTS.rglob("*.yaml")) if (RESULTS / relative(file)).is_dir()]


def pages_with_markers() -> Iterator[tuple[Path, str]]:
    """Every page that may have tables between markers, with its text; not those of experiments."""
    pages = [*Path().glob("*.md"), *(page for folder in FOLDERS for page in Path(folder).rglob("*.md"))]
    for page in sorted(pages):
        if not (page.with_suffix("") / EXPERIMENT).is_file():
            yield page, page.read_text(encoding="utf-8")


def fill_markers(text: str, place: Path, read: Reader, only: Path | None = None) -> str:
    """A text with the tables between its markers made from the records.

    Args:
        place: the file of the text, which links are relative to.
        read: gives the result of an experiment file.
        only: the one page whose tables are made, if all others beside it exist; by default all tables are made.

    Raises:
        BadInput: a marker is malformed, or names a page that does not exist.
    """

    def fill(match: re.Match[str]) -> str:
        pages = [Path(page) for page in match["pages"].split()]
        missing = [page for page in pages if not page.is_file()]
        if only is not None and (only not in pages or missing):
            return match[0]
        if missing:
            raise BadInput(f"{place}: a marker names {missing[0]}, which does not exist: make publish its experiment")
        results = [read((EXPERIMENTS / page.relative_to(RESULTS)).with_suffix(".yaml")) for page in pages]
        links = {result.page: os.path.relpath(result.page, place.parent) for result in results}
        make = {"table": lambda results, links: results[0].tables[0], "averages": averages, "rules": rules}
        table = make[match["kind"]](results, links).markdown().strip()
        return f"<!-- {match['kind']} {match['pages']} -->\n{table}\n<!-- end -->"

    if len(re.findall("<!-- (?:table|averages|rules)", text)) != len(re.findall(MARKER, text, flags=re.DOTALL)):
        raise BadInput(
            f"{place}: a marker is malformed: write <!-- table results/x.md -->, <!-- averages results/x.md … --> or "
            "<!-- rules results/x.md … -->, and <!-- end -->, a line each"
        )
    return re.sub(MARKER, fill, text, flags=re.DOTALL)


def averages(results: Sequence[Result], links: dict[Path, str]) -> Table:
    """The rows of several experiments side by side: the average over tasks of each, and the oracle's."""
    ours = [apply_rule(result.experiment, result.records) for result in results]
    usual = max(each.seeds for each in ours)
    columns: Columns = {}
    for result, each in zip(results, ours, strict=True):
        metric = result.experiment.metrics[0]
        oracle = apply_rule(result.experiment, result.records, "oracle", metric)
        score = Column(f"score:{result.page}", result.experiment.title, "score", None, metric, "last")
        upper = Column(f"oracle:{result.page}", "oracle (upper bound)", "score", None, metric, "oracle")
        columns |= {score: _averages(each, usual), upper: _averages(oracle, usual)}
    rows = dict.fromkeys(row for cells in columns.values() for row in cells)
    columns = {column: {row: cells.get(row, Cell()) for row in rows} for column, cells in columns.items()}
    linked = [f"[{result.experiment.title}]({links[result.page]}), on {scored_examples(each.records)}"
              for result, each in zip(results, ours, strict=True)]  # fmt: skip
    labels = " or ".join(dict.fromkeys(METRICS[result.experiment.metrics[0]].label for result in results))
    notes = [
        f"Target {labels}, %, averaged over tasks, mean ± standard deviation over {usual} seeds, after the last step;",
        f"no step is selected. Oracle: the best step of each run by target labels. {'; '.join(linked)}.",
    ]
    return Table.of_columns("Averages", rows, columns, notes)


def _averages(ours: Outcomes, usual: int) -> dict[str, Cell]:
    metric = ours.experiment.metrics[0]
    return {variant: score_cell(ours.average(variant, metric), usual) for variant in ours.experiment.variants}


def rules(results: Sequence[Result], links: dict[Path, str]) -> Table:
    """How well each selection rule chooses in several experiments, among all steps of all rows."""
    columns: Columns = {}
    for result in results:
        table = rule_table(result.experiment, result.records)
        for key in ("both:correlation", "both:regret", "both:worst"):
            column = next(column for column in table.columns if column.key == key)
            title = f"{_short(result)}: {column.title.removeprefix('both: ')}"
            columns[Column(f"{key}:{result.page}", title, column.kind)] = table.column(key)
    names = dict.fromkeys(row for cells in columns.values() for row in cells)
    rows = [row for row in names if any(cells.get(row, Cell()).facts is not None for cells in columns.values())]
    columns = {column: {row: cells.get(row, Cell()) for row in rows} for column, cells in columns.items()}
    linked = ", ".join(f"[{_short(result)}]({links[result.page]})" for result in results)
    notes = [
        "Among all steps of all rows of a task and seed: Spearman's rank correlation of a rule's score with the",
        "target test accuracy; regret, the accuracy of the oracle's choice minus that of the rule's, in points, mean",
        "and worst over tasks and seeds; of rows that tie, the mean counts.",
        f"The pages show the steps and the rows separately, and which row a rule chose: {linked}.",
    ]
    return Table.of_columns("Rules", rows, columns, notes, "rule")


def _short(result: Result) -> str:
    """The part of a title after "on", up to a comma."""
    return result.experiment.title.split(" on ")[-1].split(",")[0]


def render_all(read: Reader) -> dict[Path, bytes]:
    """What every page, and every copy of an experiment file in results/, should hold."""
    contents: dict[Path, bytes] = {}
    for file in published_files():
        result, copy = read(file), RESULTS / relative(file) / EXPERIMENT
        contents[result.page] = result.render().encode()
        kept = copy.read_bytes() if copy.is_file() else b""  # its mark may be of an earlier version
        contents[copy] = kept if kept.startswith(file.read_bytes()) else experiment_copy(file)
    for page, text in pages_with_markers():
        contents[page] = fill_markers(text, page, read).encode()
    return contents


def outdated(read: Reader) -> dict[Path, bytes]:
    """What the pages and copies should hold that hold something else."""
    return {path: content for path, content in render_all(read).items()
            if not path.is_file() or path.read_bytes() != content}  # fmt: skip


def check() -> list[str]:
    """A line for each disagreement of results/ and other pages with the records; empty if all agree."""
    read = cache(read_result)
    lines = [f"{path}: differs from its experiment file or records: make pages" for path in outdated(read)]
    for file in published_files():
        planned = {(run.row, run.seed) for run in read(file).experiment.runs()}
        recorded = {(record.run.row, record.seed) for record in read(file).records}
        if recorded != planned:
            lines.append(f"{RESULTS / relative(file)}: not the runs that {file} plans: make publish FILE={file}")
    for folder in (path.parent for path in sorted(RESULTS.rglob(EXPERIMENT))):
        file = (EXPERIMENTS / folder.relative_to(RESULTS)).with_suffix(".yaml")
        if not file.is_file():
            lines.append(f"{folder}: {file} does not exist: restore it, or remove the folder and its page")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check all pages; returns the exit status: 0, 1 for a difference, 2 for bad input."""
    parser = argparse.ArgumentParser(description="Write the pages of results/ and all tables between markers.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page differs")
    options = parser.parse_args(arguments)
    try:
        lines = check() if options.check else []
        written = {} if options.check else outdated(cache(read_result))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    for path, content in written.items():
        write_whole(path, content)
    print(*(lines or written or [f"{len(published_files())} results agree with their records"]), sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
