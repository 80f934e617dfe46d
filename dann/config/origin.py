"""Origin of a folder of runs: the experiment file that they were made from, and its command. Imports no torch."""

import json
import os
import shlex
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any

from dann.config.comparison import difference
from dann.config.experiment import EXPERIMENT, ORIGIN, Experiment, read_experiment
from dann.config.merging import flatten
from dann.config.yaml_files import read_yaml
from dann.errors import BadInput

EXPERIMENTS, RUNS = Path("experiments"), Path("runs")


def relative(file: Path) -> Path:
    """The place of an experiment under runs/ and results/: its file's path under experiments/, without the ending."""
    path = file.resolve()
    root = EXPERIMENTS.resolve()
    return (path.relative_to(root) if path.is_relative_to(root) else Path(path.name)).with_suffix("")


def read_origin(folder: Path) -> Path | None:
    """The experiment file of the runs in ``folder``, as its copy there names it; None where it names none."""
    copy = folder / EXPERIMENT
    content = read_yaml(copy) if copy.is_file() else None
    origin = content.get(ORIGIN) if isinstance(content, dict) else None
    return Path(origin) if isinstance(origin, str) else None


def find_change(experiment: Experiment, folder: Path) -> str | None:
    """What the experiment file of the runs in ``folder`` has changed since their copy of it, with the remedy, or None.

    Rows that it added or removed, texts and ``--set`` do not count, and neither does a file that cannot be read.
    """
    file = read_origin(folder)
    if file is None or not file.is_file():
        return None
    try:
        now = read_experiment(file)
    except BadInput:
        return None
    variants = [name for name in experiment.variants if name in now.variants]
    tasks = [name for name in experiment.tasks if name in now.tasks]

    def compared(one: Experiment) -> dict[str, Any]:
        return {"base": one.base, "variants": {name: one.variants[name] for name in variants},
                "tasks": {name: one.tasks[name] for name in tasks}}  # fmt: skip

    changed = difference(compared(experiment), compared(now))
    if changed is None:
        return None
    command = redo_command(experiment, folder, file)
    return f"shown are runs as they were made; {file} has changed since ({changed}): {command} makes them again"


def check_origin(folder: Path, file: Path) -> None:
    """Refuse a folder with the runs of another experiment file of the same name.

    A file that was moved has left its old path, and one that was edited is still there; a copy is the same experiment.

    Raises:
        BadInput: the file of the runs in ``folder`` exists, is not ``file``, and has other content.
    """
    origin = read_origin(folder)
    if origin is None or not origin.is_file() or not file.is_file():
        return
    if origin.samefile(file) or origin.read_bytes() == file.read_bytes():
        return
    parent = file.resolve().parent.name or "other"
    names = chain([parent], (f"{parent}-{number}" for number in count(2)))
    free = next(RUNS / name for name in names if read_origin(RUNS / name / relative(file)) in (None, file.resolve()))
    command = shlex.join(["dann", "run", str(file), "--out", str(free)])
    raise BadInput(
        f"{folder} has the runs of another file of this name, {origin}: {command} keeps those of this one apart"
    )


def redo_command(
    experiment: Experiment, folder: Path, file: Path, seeds: Sequence[int] | None = None, only: Sequence[str] = ()
) -> str:
    """The command that makes the changed runs of an experiment again.

    Args:
        folder: of its runs.
        file: of the experiment.
        seeds: in place of the file's, if ``--seeds`` named them.
        only: the rows that ``--only`` named; other rows may not know the values of ``--set``.
    """
    place, out = relative(file), folder
    if folder.parts[-len(place.parts) :] == place.parts:
        out = Path(*folder.parts[: -len(place.parts)])
    shown = os.path.relpath(file) if file.resolve().is_relative_to(Path.cwd()) else str(file)
    words = ["dann", "run", shown]
    for row in only:
        words += ["--only", row]
    words += [] if seeds is None else ["--seeds", ",".join(map(str, seeds))]
    for key, value in flatten(experiment.overrides).items():
        words += ["--set", f"{key}={json.dumps(value, ensure_ascii=False)}"]
    words += [] if out == RUNS else ["--out", str(out)]
    return shlex.join([*words, "--redo", "changed"])
