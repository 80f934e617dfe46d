"""Tables of published results in the README, between markers that say which. Imports no torch."""

import re
from pathlib import Path

from dann.errors import BadInput
from dann.experiment import EXPERIMENT, read_experiment
from dann.tables import Cell, Table, checked_records, make_table, tested_on

MARKER = r"<!-- (?P<kind>table|averages) (?P<pages>\S+(?: \S+)*) -->\n.*?<!-- end -->"


def with_tables(readme: str, where: Path, only: Path | None = None) -> str:
    """``readme`` with the tables of pages in results/ between their markers.

    ``<!-- table results/x.md -->`` begins the table of a page, ``<!-- averages results/x.md results/y.md -->`` that of
    several pages' averages, and ``<!-- end -->`` ends either.

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
        text = averages(pages).markdown().strip() if match["kind"] == "averages" else _table(pages[0])
        return f"<!-- {match['kind']} {match['pages']} -->\n{text}\n<!-- end -->"

    if len(re.findall("<!-- (?:table|averages)", readme)) != len(re.findall(MARKER, readme, flags=re.DOTALL)):
        raise BadInput(
            f"{where}: a table's markers are not <!-- table results/x.md --> or <!-- averages results/x.md … -->, "
            "and <!-- end -->, a line each"
        )
    return re.sub(MARKER, current, readme, flags=re.DOTALL)


def _table(page: Path) -> str:
    return "\n\n".join(page.read_text(encoding="utf-8").split("\n\n")[1:3])


def averages(pages: list[Path]) -> Table:
    """The rows of several published experiments side by side: a column for each, its average over its tasks."""
    columns: list[dict[str, Cell]] = []
    titles, links = [], []
    for page in pages:
        folder = page.with_suffix("")
        experiment = read_experiment(folder / EXPERIMENT)
        records = checked_records(experiment, folder)
        rows = make_table(experiment, records).rows
        columns.append({name: cells[-1 if experiment.tasks else 0] for name, cells in rows.items()})
        titles.append(experiment.title)
        links.append(f"[{experiment.title}]({page}), on {tested_on(records)}")
    names = dict.fromkeys(name for column in columns for name in column)
    notes = [
        "Target accuracy, %, averaged over tasks, mean ± standard deviation over seeds, after the last step; nothing",
        f"is selected. {'; '.join(links)}.",
    ]
    return Table(
        "Averages", titles, {name: [column.get(name, Cell([])) for column in columns] for name in names}, notes
    )
