"""Copy an experiment's finished runs to results/: records, what figures show, and figures; then write its page.

``python results/publish.py experiments/x.yaml`` takes the runs under runs/, or under another folder with ``--runs``.
"""

import io
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from committed import experiment_copy, read_result
from marker_tables import fill_markers, pages_with_markers
from one_experiment import act_on_experiment
from paper_page import PAGE, paper_files, render_paper

from dann.config.experiment import EXPERIMENT, Experiment, read_experiment
from dann.config.origin import EXPERIMENTS, relative
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.reporting.figures.draw import draw_all
from dann.reporting.locations import RESULTS
from dann.reporting.negative_transfer import flag_negative_transfer
from dann.reporting.setting_selection import select_settings
from dann.runner.experiment_records import pack_records, read_checked_records
from dann.runner.records import FEATURES, GENERATED, PLANE, Record
from dann.runner.search_choice import planned_runs


def publish(file: Path, runs: Path) -> Path:
    """Copy the finished runs of an experiment, then write its page and the tables between markers that name it.

    Of an experiment of the paper, the page of the paper's numbers is written too.

    Negative transfer is flagged anew, as the file may name other baselines than when the runs were made.

    Args:
        runs: the folder of the experiment's runs.

    Returns:
        The page.

    Raises:
        BadInput: a planned run is missing, or was made with another configuration.
    """
    experiment = read_experiment(file)
    made = read_checked_records(experiment, runs)
    finished = {(record.run.row, record.seed) for record in made}
    planned = {(run.row, run.seed): run.name for run in planned_runs(experiment, made)}
    missing = [name for key, name in planned.items() if key not in finished]
    if missing:
        raise BadInput(f"{runs}: {len(missing)} runs of {file} are missing, the first {missing[0]}: dann run {file}")
    if (EXPERIMENTS / relative(file)).is_dir():
        raise BadInput(f"{file}: has the name of a folder of experiments, whose results lie there: rename one")
    list(flag_negative_transfer(experiment, runs))
    records = {(record.run.row, record.seed): record for record in read_checked_records(experiment, runs)}
    _copy(file, experiment, [records[key] for key in planned], runs)
    result = read_result(file)
    write_whole(result.page, result.render().encode())
    if file.resolve() in map(Path.resolve, paper_files()):
        write_whole(PAGE, render_paper(read_result).encode())
    for page, text in pages_with_markers():
        filled = fill_markers(text, page, read_result, result.page)
        if filled != text:
            write_whole(page, filled.encode())
    return result.page


def _copy(file: Path, experiment: Experiment, records: list[Record], runs: Path) -> None:
    """Put records and figures in place of the old; of the first seed also features, plane and pictures, where shown."""
    folder = RESULTS / relative(file)
    new = folder.with_name(f"{folder.name}.new")
    restore(folder)
    shutil.rmtree(new, ignore_errors=True)
    pack_records([_without_unshown(experiment, record) for record in records], new)
    whole = Path.read_bytes
    shapes = {"tsne": (FEATURES, _coarse), "plane": (PLANE, whole), "generated": (GENERATED, whole)}
    kept = [shape for kind, shape in shapes.items() if kind in experiment.shown.figures]
    for run in (record.run for record in select_settings(experiment, records)):
        if experiment.shows(run.variant, run.task) and run.seed == experiment.seeds[0]:
            for name, read in kept:
                # Of images no plane is filed, and pictures by few methods.
                if name == FEATURES or (runs / run.folder / name).is_file():
                    (new / run.folder).mkdir(parents=True, exist_ok=True)
                    write_whole(new / run.folder / name, read(runs / run.folder / name))
    write_whole(new / EXPERIMENT, experiment_copy(file))
    draw_all(experiment, new, experiment.shown.figures)
    replace_folder(folder, new)  # only now that it is complete


def _without_unshown(experiment: Experiment, record: Record) -> Record:
    """A record without the points of its reliability plot, a third of its bytes, unless the page has that plot."""
    shown = "reliability" in experiment.shown.figures and experiment.shows(record.variant, record.task)
    return record if shown else replace(record, reliability={})


def replace_folder(folder: Path, new: Path) -> None:
    """Put ``new`` in place of ``folder``; what an interruption leaves aside, ``restore`` puts back."""
    if folder.exists():
        folder.rename(_aside(folder))
    new.rename(folder)
    shutil.rmtree(_aside(folder), ignore_errors=True)


def restore(folder: Path) -> None:
    """Put back a folder that an interruption left aside, before its successor had its name."""
    if _aside(folder).is_dir() and not folder.exists():
        _aside(folder).rename(folder)
    shutil.rmtree(_aside(folder), ignore_errors=True)


def _aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.old")


def _coarse(file: Path) -> bytes:
    """Features in 8 bits, a third of the size: t-SNE depends on neighbours, at whatever scale."""
    with np.load(file) as stored:
        features, others = stored["features"].astype(np.float32), {name: stored[name] for name in ("domain", "label")}
    scaled = np.round(127 * features / max(float(np.abs(features).max()), 1e-6)).astype(np.int8)
    content = io.BytesIO()
    np.savez_compressed(content, features=scaled, **others)
    return content.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish one experiment; returns the exit status: 0, or 2 for bad input."""
    description = "Copy an experiment's finished runs to results/ and write its page."
    return act_on_experiment(lambda file, runs: str(publish(file, runs)), description, arguments)


if __name__ == "__main__":
    sys.exit(main())
