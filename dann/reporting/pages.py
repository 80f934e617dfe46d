"""Tables of published results in the README, between markers that say which. Imports no torch."""

import re
from pathlib import Path

from dann.config.experiment import EXPERIMENT, read_experiment
from dann.errors import BadInput
from dann.reporting.captions import METRICS, tested_on
from dann.reporting.rule_comparison import ranking
from dann.reporting.scores import Outcomes, outcomes
from dann.reporting.table import Cell, Table, score
from dann.runner.records import checked_records

MARKER = r"<!-- (?P<kind>table|averages|rules) (?P<pages>\S+(?: \S+)*) -->\n.*?<!-- end -->"


def with_tables(readme: str, where: Path, only: Path | None = None) -> str:
    """``readme`` with the tables of pages in results/ between their markers.

    ``<!-- table results/x.md -->`` begins the table of a page, ``<!-- averages results/x.md results/y.md -->`` that of
    several pages' averages, ``<!-- rules results/x.md results/y.md -->`` that of how the selection rules choose there,
    and ``<!-- end -->`` ends each.

    Args:
        where: names the file in messages.
        only: the one page whose tables are written, averages only if all their pages exist; by default all.

    Raises:
        BadInput: a marker names a page that does not exist.
    """

    def current(match: re.Match[str]) -> str:
        pages = [Path(page) for page in match["pages"].split()]
        missing = [page for page in pages if not page.is_file()]
        if only is not None and (only not in pages or missing):
            return match[0]
        if missing:
            raise BadInput(f"{where}: {missing[0]} does not exist: dann publish its experiment")
        joined = {"averages": averages, "rules": rules}
        text = joined[match["kind"]](pages).markdown().strip() if match["kind"] in joined else _table(pages[0])
        return f"<!-- {match['kind']} {match['pages']} -->\n{text}\n<!-- end -->"

    if len(re.findall("<!-- (?:table|averages|rules)", readme)) != len(re.findall(MARKER, readme, flags=re.DOTALL)):
        raise BadInput(
            f"{where}: a table's markers are not <!-- table results/x.md -->, <!-- averages results/x.md … --> or "
            "<!-- rules results/x.md … -->, and <!-- end -->, a line each"
        )
    return re.sub(MARKER, current, readme, flags=re.DOTALL)


def _table(page: Path) -> str:
    return "\n\n".join(page.read_text(encoding="utf-8").split("\n\n")[1:3])


def averages(pages: list[Path]) -> Table:
    """The rows of several published experiments side by side: a column for each, its average over its tasks."""
    found = {page: _outcomes(page.with_suffix("")) for page in pages}
    usual = max(ours.seeds for ours in found.values())
    columns, titles = [], []
    for ours in found.values():
        oracle = outcomes(ours.experiment, ours.every, "oracle", ours.experiment.metrics[0])
        columns += [_averages(ours, usual), _averages(oracle, usual)]
        titles += [ours.experiment.title, "oracle (upper bound)"]
    links = [f"[{ours.experiment.title}]({page}), on {tested_on(ours.records)}" for page, ours in found.items()]
    names = dict.fromkeys(name for column in columns for name in column)
    metrics = " or ".join(dict.fromkeys(METRICS[ours.experiment.metrics[0]] for ours in found.values()))
    notes = [
        f"Target {metrics}, %, averaged over tasks, mean ± standard deviation over {usual} seeds, after the last step;",
        f"no step is selected; beside it the oracle's step of each run. {'; '.join(links)}.",
    ]
    return Table("Averages", titles, {name: [column.get(name, Cell()) for column in columns] for name in names}, notes)


def rules(pages: list[Path]) -> Table:
    """How well each selection rule chooses in several published experiments, among all steps of all rows."""
    found = {page: _outcomes(page.with_suffix("")) for page in pages}
    columns: dict[str, dict[str, Cell]] = {}
    for ours in found.values():
        table = ranking(ours.experiment, ours.every)
        for told in ("rank correlation", "regret", "worst regret"):
            place = table.columns.index(f"both: {told}")
            columns[f"{_short(ours.experiment.title)}: {told}"] = {
                rule: cells[place] for rule, cells in table.rows.items()
            }
    names = dict.fromkeys(name for column in columns.values() for name in column)
    every = {name: [column.get(name, Cell()) for column in columns.values()] for name in names}
    rows = {name: cells for name, cells in every.items() if any(cell.facts is not None for cell in cells)}
    links = ", ".join(f"[{_short(ours.experiment.title)}]({page})" for page, ours in found.items())
    notes = [
        "Among all steps of all rows of a task and seed: Spearman's rank correlation of a rule's score with the",
        "target's test accuracy, and by how many points the choice is under the oracle's, mean and worst over tasks",
        "and seeds; of equal rows the mean.",
        f"The pages have the steps and the rows by themselves, and which row a rule chose: {links}.",
    ]
    return Table("Rules", list(columns), rows, notes, "rule")


def _short(title: str) -> str:
    """What a title has after "on", without what follows a comma."""
    return title.split(" on ")[-1].split(",")[0]


def _outcomes(folder: Path) -> Outcomes:
    experiment = read_experiment(folder / EXPERIMENT)
    return outcomes(experiment, checked_records(experiment, folder))


def _averages(ours: Outcomes, usual: int) -> dict[str, Cell]:
    metric = ours.experiment.metrics[0]
    return {variant: score(ours.main(variant, metric), usual) for variant in ours.experiment.variants}
