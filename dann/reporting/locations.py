"""Folders of an experiment's runs and results. Imports no torch."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from dann.config.experiment import EXPERIMENT, Experiment, read_experiment
from dann.config.origin import RUNS, check_origin, relative
from dann.errors import BadInput

RESULTS = Path("results")
MOST_FOLDERS = 20_000  # that are searched, apart from those below an experiment


def find_experiments(path: Path) -> list[tuple[Experiment, Path]]:
    """The experiments at a path, each with the folder of its runs.

    Args:
        path: an experiment file, whose runs lie under runs/ or else results/; or a folder of runs or results, or one
            above such folders.

    Raises:
        BadInput: there are none, or they are those of another file of this name.
    """
    if path.is_file():
        places = [root / relative(path) for root in (RUNS, RESULTS) if (root / relative(path)).is_dir()]
        if not places:
            raise BadInput(f"{path}: no runs under {RUNS} or {RESULTS} yet: {shlex.join(['dann', 'run', str(path)])}")
        check_origin(places[0], path)
        return [(read_experiment(path), places[0])]
    folders = sorted(_search(path))
    if not folders:
        raise BadInput(
            f"{path}: neither an experiment file nor a folder with runs: name a file such as "
            f"experiments/quickstart.yaml, or a folder under {RUNS}"
        )
    return [(read_experiment(folder / EXPERIMENT), folder) for folder in folders]


def _search(path: Path) -> Iterator[Path]:
    """The folders of experiments at or below a folder; links are not followed.

    Raises:
        BadInput: there are too many folders to search, as in a whole file system.
    """
    around, searched = "", 0  # the experiment around a folder, if any
    for folder, _, files in os.walk(path):
        within = bool(around) and folder.startswith(around)
        if EXPERIMENT in files:
            around = around if within else os.path.join(folder, "")
            yield Path(folder)
        elif not within:
            searched += 1
        if searched > MOST_FOLDERS:
            raise BadInput(f"{path}: more than {MOST_FOLDERS} folders in it, too many to search: name one under {RUNS}")
