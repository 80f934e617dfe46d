"""Committed results: copied from finished runs, written into the README, and held against both. Imports no torch."""

import re
import shutil
from pathlib import Path

from dann.errors import BadInput
from dann.experiment import EXPERIMENT, Experiment, read_experiment
from dann.files import write_whole
from dann.records import FEATURES, RECORD
from dann.tables import checked_records, make_table

README = Path("README.md")
EXPERIMENTS, RUNS, RESULTS = Path("experiments"), Path("runs"), Path("results")


def relative(file: Path) -> Path:
    """Where an experiment's runs and results lie within their folders: its path under experiments/, no ending."""
    path = file.resolve()
    root = EXPERIMENTS.resolve()
    return (path.relative_to(root) if path.is_relative_to(root) else Path(path.name)).with_suffix("")


def located(path: Path) -> list[tuple[Experiment, Path]]:
    """The experiments that ``path`` means, each with the folder of its runs.

    Args:
        path: an experiment file, whose runs lie under runs/ or else results/; or a folder that ``dann run`` or
            ``dann publish`` made, or one above such folders.
    """
    if path.is_file():
        places = [root / relative(path) for root in (RUNS, RESULTS) if (root / relative(path)).is_dir()]
        if not places:
            raise BadInput(f"{path}: no runs under {RUNS} or {RESULTS} yet: dann run {path}")
        return [(read_experiment(path), places[0])]
    folders = sorted(file.parent for file in path.rglob(EXPERIMENT))
    if not folders:
        raise BadInput(f"{path}: neither an experiment file nor a folder with runs")
    return [(read_experiment(folder / EXPERIMENT), folder) for folder in folders]


def publish(file: Path, runs: Path) -> Path:
    """Copy the compact records of an experiment's finished runs from ``runs`` to results/, with table and figures.

    Features are kept for the first seed alone, to draw the t-SNE from.

    Returns:
        The Markdown page.

    Raises:
        BadInput: a planned run is missing, or was made with another configuration.
    """
    experiment = read_experiment(file)
    checked_records(experiment, runs)
    missing = [run.name for run in experiment.runs() if not (runs / run.folder / RECORD).is_file()]
    if missing:
        raise BadInput(f"{runs}: {len(missing)} runs of {file} are missing, the first {missing[0]}: dann run {file}")
    if (EXPERIMENTS / relative(file)).is_dir():
        raise BadInput(f"{file}: has the name of a folder of experiments, whose results lie there: rename one")
    folder = RESULTS / relative(file)
    _copy(file, experiment, runs, folder)
    page = folder.with_suffix(".md")
    write_whole(page, _page(file, experiment, folder).encode())
    if README.is_file():
        write_whole(README, _with_tables(README.read_text(encoding="utf-8"), page).encode())
    return page


def _copy(file: Path, experiment: Experiment, runs: Path, folder: Path) -> None:
    """Put the records, first features and figures of an experiment from ``runs`` in ``folder``, in place of the old."""
    from dann.plots import draw_all  # here, because matplotlib takes a second that `dann table` need not wait

    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    for run in experiment.runs():
        place = new / run.folder
        place.mkdir(parents=True)
        shutil.copy2(runs / run.folder / RECORD, place)
        if run.seed == experiment.seeds[0]:
            shutil.copy2(runs / run.folder / FEATURES, place)
    shutil.copy2(file, new / EXPERIMENT)
    draw_all(experiment, new)
    shutil.rmtree(folder, ignore_errors=True)  # only now that its successor is complete
    new.rename(folder)


def stale(file: Path) -> list[str]:
    """What of the committed results of ``file`` its records do not give, one line each; empty if all agrees."""
    folder = RESULTS / relative(file)
    page = folder.with_suffix(".md")
    remedy = f"dann publish {file}"
    if not folder.is_dir():
        return []
    experiment = read_experiment(file)
    lines = []
    recorded = {(record.task, record.variant, record.seed) for record in checked_records(experiment, folder)}
    planned = {(run.task, run.variant, run.seed) for run in experiment.runs()}
    if recorded != planned:
        lines.append(f"{folder}: not the runs that {file} plans: {remedy}")
    if not page.is_file() or page.read_text(encoding="utf-8") != _page(file, experiment, folder):
        lines.append(f"{page}: not what its records give: {remedy}")
    return lines


def orphans() -> list[str]:
    """A line for each published result whose experiment file is gone."""
    folders = [file.parent for file in sorted(RESULTS.rglob(EXPERIMENT))]
    files = {folder: (EXPERIMENTS / folder.relative_to(RESULTS)).with_suffix(".yaml") for folder in folders}
    return [f"{folder}: {file} does not exist" for folder, file in files.items() if not file.is_file()]


def stale_readme() -> list[str]:
    """A line if a table in the README is not the one in results/."""
    text = README.read_text(encoding="utf-8") if README.is_file() else ""
    return [] if text == _with_tables(text) else [f"{README}: a table differs from its page in results/: dann publish"]


def _page(file: Path, experiment: Experiment, folder: Path) -> str:
    table = make_table(experiment, checked_records(experiment, folder))
    path = relative(file)
    regenerate = f"`dann run experiments/{path}.yaml` makes the runs; `dann publish experiments/{path}.yaml` this page."
    figures = [f"![{name.stem}]({path.name}/{name.name})" for name in sorted(folder.glob("*.png"))]
    finding = [experiment.finding.strip()] if experiment.finding else []
    return "\n\n".join([f"# {experiment.title}", table.markdown().strip(), *finding, *figures, regenerate]) + "\n"


def _with_tables(readme: str, only: Path | None = None) -> str:
    """``readme`` with the table of each page between its markers, ``<!-- table results/x.md -->`` and ``<!-- end -->``.

    Args:
        only: the one page whose table is written; by default all.

    Raises:
        BadInput: a marker names a page that does not exist.
    """

    def current(match: re.Match[str]) -> str:
        page = Path(match["page"])
        if only is not None and page != only:
            return match[0]
        if not page.is_file():
            raise BadInput(f"{README}: {page} does not exist: dann publish its experiment")
        blocks = page.read_text(encoding="utf-8").split("\n\n")
        return f"<!-- table {page} -->\n" + "\n\n".join(blocks[1:3]) + "\n<!-- end -->"

    pattern = r"<!-- table (?P<page>\S+) -->\n.*?<!-- end -->"
    if readme.count("<!-- table") != len(re.findall(pattern, readme, flags=re.DOTALL)):
        raise BadInput(f"{README}: a table's markers are not <!-- table results/x.md --> and <!-- end -->, a line each")
    return re.sub(pattern, current, readme, flags=re.DOTALL)
