"""Committed results: copied from finished runs, written into the README, and held against both. Imports no torch."""

import io
import shutil
from pathlib import Path

import numpy as np
import yaml

from dann.config.experiment import EXPERIMENT, Experiment, read_experiment
from dann.config.migration import mark
from dann.errors import BadInput
from dann.files import write_whole
from dann.reporting.negative_transfer import flag_negative_transfer
from dann.reporting.pages import with_tables
from dann.reporting.scores import of_chosen_settings
from dann.reporting.tables import make_tables
from dann.runner.records import FEATURES, Record, checked_records, pack_records

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
    """Pack the records of an experiment's finished runs in ``runs`` into results/, with table and figures.

    Negative transfer is flagged anew, as the file may name other baselines than when the runs were made. Features are
    kept for the first seed alone, of the variants and tasks shown, to draw the t-SNE from.

    Returns:
        The Markdown page.

    Raises:
        BadInput: a planned run is missing, or was made with another configuration.
    """
    experiment = read_experiment(file)
    made = {(record.run.row, record.seed) for record in checked_records(experiment, runs)}
    planned = {(run.row, run.seed): run.name for run in experiment.runs()}
    missing = [name for key, name in planned.items() if key not in made]
    if missing:
        raise BadInput(f"{runs}: {len(missing)} runs of {file} are missing, the first {missing[0]}: dann run {file}")
    if (EXPERIMENTS / relative(file)).is_dir():
        raise BadInput(f"{file}: has the name of a folder of experiments, whose results lie there: rename one")
    list(flag_negative_transfer(experiment, runs))
    records = {(record.run.row, record.seed): record for record in checked_records(experiment, runs)}
    folder = RESULTS / relative(file)
    _copy(file, experiment, [records[key] for key in planned], runs, folder)
    page = folder.with_suffix(".md")
    write_whole(page, _page(file, experiment, checked_records(experiment, folder)).encode())
    if README.is_file():
        write_whole(README, with_tables(README.read_text(encoding="utf-8"), README, page).encode())
    return page


def _copy(file: Path, experiment: Experiment, records: list[Record], runs: Path, folder: Path) -> None:
    """Put an experiment's records, first features from ``runs`` and figures in ``folder``, in place of the old."""
    from dann.reporting.figures.draw import (
        draw_all,  # here, because matplotlib takes a second that `dann table` need not wait
    )

    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    pack_records(records, new)
    for run in (record.run for record in of_chosen_settings(experiment, records)):
        if experiment.shows(run.variant, run.task) and run.seed == experiment.seeds[0]:
            (new / run.folder).mkdir(parents=True)
            write_whole(new / run.folder / FEATURES, _coarse(runs / run.folder / FEATURES))
    write_whole(new / EXPERIMENT, file.read_bytes() + yaml.safe_dump(mark()).encode())
    draw_all(experiment, new)
    shutil.rmtree(folder, ignore_errors=True)  # only now that its successor is complete
    new.rename(folder)


def _coarse(file: Path) -> bytes:
    """Features in 8 bits, a third of the size: t-SNE goes by which are near, at whatever scale."""
    with np.load(file) as stored:
        features, others = stored["features"].astype(np.float32), {name: stored[name] for name in ("domain", "label")}
    scaled = np.round(127 * features / max(float(np.abs(features).max()), 1e-6)).astype(np.int8)
    content = io.BytesIO()
    np.savez_compressed(content, features=scaled, **others)
    return content.getvalue()


def stale(file: Path) -> list[str]:
    """What of the committed results of ``file`` its records do not give, one line each; empty if all agrees."""
    folder = RESULTS / relative(file)
    page = folder.with_suffix(".md")
    remedy = f"dann publish {file}"
    if not folder.is_dir():
        return []
    experiment = read_experiment(file)
    lines = []
    records = checked_records(experiment, folder)
    recorded = {(record.run.row, record.seed) for record in records}
    planned = {(run.row, run.seed) for run in experiment.runs()}
    if recorded != planned:
        lines.append(f"{folder}: not the runs that {file} plans: {remedy}")
    if not page.is_file() or page.read_text(encoding="utf-8") != _page(file, experiment, records):
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
    if text == with_tables(text, README):
        return []
    return [f"{README}: a table differs from its page or records in results/: dann publish"]


def _page(file: Path, experiment: Experiment, records: list[Record]) -> str:
    first, *others = [table.markdown().strip() for table in make_tables(experiment, records)]
    path = relative(file)
    regenerate = f"`dann run experiments/{path}.yaml` makes the runs; `dann publish experiments/{path}.yaml` this page."
    figures = [f"![{name.stem}]({path.name}/{name.name})" for name in sorted((RESULTS / path).glob("*.png"))]
    finding = [experiment.finding.strip()] if experiment.finding else []
    return "\n\n".join([f"# {experiment.title}", first, *finding, *figures, *others, regenerate]) + "\n"
