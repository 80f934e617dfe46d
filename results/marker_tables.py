"""Tables between markers in Markdown pages, made from committed records.

A marker begins a line of its own and names pages from the top of the repository::

    <!-- table results/x.md -->                     the first table of a page
    <!-- averages results/x.md results/y.md -->     the averages over tasks of several pages, side by side
    <!-- rules results/x.md results/y.md -->        the quality of the rules' choices there

and ``<!-- end -->`` ends each table.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from committed import Reader, Result

from dann.config.experiment import EXPERIMENT
from dann.config.origin import EXPERIMENTS
from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES
from dann.reporting.circumstances import scored_examples
from dann.reporting.locations import RESULTS
from dann.reporting.rule_comparison import MEASURES, rule_table
from dann.reporting.scores import Outcomes, apply_rule
from dann.reporting.table import Cell, Column, Columns, Kind, Table, score_cell
from dann.reporting.tuned_columns import CANDIDATES, candidate_columns

MARKER = r"^<!-- (?P<kind>table|averages|rules) (?P<pages>\S+(?: \S+)*) -->\n.*?<!-- end -->"
SHOWN: tuple[Kind, ...] = ("correlation", "regret", "worst")  # of each experiment in a table of rules
FOLDERS = ("dann", "experiments", "results", "tests")  # in which pages may lie, beside the top level


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

    flags = re.DOTALL | re.MULTILINE
    if len(re.findall("^<!-- (?:table|averages|rules)", text, flags)) != len(re.findall(MARKER, text, flags)):
        raise BadInput(
            f"{place}: a marker is malformed: write <!-- table results/x.md -->, <!-- averages results/x.md … --> or "
            "<!-- rules results/x.md … -->, and <!-- end -->, a line each"
        )
    return re.sub(MARKER, fill, text, flags=flags)


def averages(results: Sequence[Result], links: dict[Path, str]) -> Table:
    """The rows of several experiments side by side, averaged over tasks, and the oracle's.

    Where settings were searched for with seeds of their own, each row has its own values, the choice and the oracle's.
    """
    ours = [apply_rule(result.experiment, result.records) for result in results]
    usual = max(each.seeds for each in ours)
    columns: Columns = {}
    for result, each in zip(results, ours, strict=True):
        columns |= _searched(result, each) if result.experiment.search_seeds else _plain(result, each, usual)
    rows = dict.fromkeys(row for cells in columns.values() for row in cells)
    columns = {column: {row: cells.get(row, Cell()) for row in rows} for column, cells in columns.items()}
    linked = [f"[{result.experiment.title}]({links[result.page]}), on {scored_examples(each.records)}"
              for result, each in zip(results, ours, strict=True)]  # fmt: skip
    labels = " or ".join(dict.fromkeys(METRICS[result.experiment.metrics[0]].label for result in results))
    notes = [
        f"Target {labels}, %, averaged over tasks, mean ± standard deviation over {usual} seeds, after the last step;",
        f"no step is selected. {_what_oracle_means(results)} {'; '.join(linked)}.",
    ]
    return Table.of_columns("Averages", rows, columns, notes)


def _plain(result: Result, ours: Outcomes, usual: int) -> Columns:
    metric = result.experiment.metrics[0]
    oracle = apply_rule(result.experiment, result.records, "oracle", metric, "oracle")
    score = Column(f"score:{result.page}", result.experiment.title, "score", None, metric, "last")
    upper = Column(f"oracle:{result.page}", "oracle (upper bound)", "score", None, metric, "oracle")
    return {score: _averages(ours, usual), upper: _averages(oracle, usual)}


def _averages(ours: Outcomes, usual: int) -> dict[str, Cell]:
    metric = ours.experiment.metrics[0]
    return {variant: score_cell(ours.average(variant, metric), usual) for variant in ours.experiment.variants}


def _searched(result: Result, ours: Outcomes) -> Columns:
    metric, columns = result.experiment.metrics[0], Columns()
    for candidate, name in CANDIDATES.items():
        title = f"{result.experiment.title}, {name}" if candidate == "default" else name
        column = Column(f"{candidate}:{result.page}", title, "score", None, metric, ours.rule, candidate)
        (columns[column],) = candidate_columns(ours, None, metric, candidate).values()
    return columns


def _what_oracle_means(results: Sequence[Result]) -> str:
    searched = [result.experiment.search for result in results if result.experiment.search_seeds]
    plain = "" if len(searched) == len(results) else "Oracle: the best step of each run by target labels."
    kinds = dict.fromkeys(f"{RULES[each.rule].criterion}" for each in searched if each)
    if not kinds:
        return plain
    return (
        f"Default: a row's own values; tuned: of these and as many searched settings for every row, those with "
        f"{' or '.join(kinds)}; oracle there: those with the best target score. {plain}"
    ).strip()


def rules(results: Sequence[Result], links: dict[Path, str]) -> Table:
    """How well each selection rule chooses in several experiments, among all steps of all rows."""
    columns: Columns = {}
    for result in results:
        table = rule_table(result.experiment, result.records)
        for measure in SHOWN:
            column = Column(f"{measure}:{result.page}", f"{_name(result)}: {MEASURES[measure]}", measure)
            columns[column] = table.column(f"both:{measure}")
    names = dict.fromkeys(row for cells in columns.values() for row in cells)
    rows = [row for row in names if any(cells.get(row, Cell()).facts is not None for cells in columns.values())]
    columns = {column: {row: cells.get(row, Cell()) for row in rows} for column, cells in columns.items()}
    linked = ", ".join(f"[{_name(result)}]({links[result.page]})" for result in results)
    notes = [
        "Among all steps of all rows of a task and seed: Spearman's rank correlation of a rule's score with the",
        "target test accuracy; regret, the accuracy of the oracle's choice minus that of the rule's, in points, mean",
        "and worst over tasks and seeds; of rows that tie, the mean counts.",
        f"The pages show the steps and the rows separately, and which row a rule chose: {linked}.",
    ]
    return Table.of_columns("Rules", rows, columns, notes, "rule")


def _name(result: Result) -> str:
    """The name of a page in headings."""
    return result.page.stem.replace("_", " ")
