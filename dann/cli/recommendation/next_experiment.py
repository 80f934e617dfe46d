"""The experiment file that a report recommends to run next."""

import os
from collections.abc import Sequence
from pathlib import Path

from dann.cli.experiment_text import Line, render
from dann.cli.option_types import format_value
from dann.cli.recommendation.findings import BASELINE, ROWS
from dann.config.experiment import Experiment
from dann.config.merging import Nested
from dann.config.plug_ins import Library
from dann.config.schema import resolve
from dann.config.yaml_files import parse_yaml
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.options import validate

SEEDS = [0, 1, 2, 3, 4]
Reasons = dict[str, str]  # of the rows


def check_place(place: Path) -> None:
    """Raise if no experiment file can be written there, before anything takes time.

    Raises:
        BadInput: it exists already, or is no name of such a file.
    """
    if place.exists():
        raise BadInput(f"--write {place}: exists already: name another file, or remove it")
    if place.suffix not in (".yaml", ".yml"):
        raise BadInput(f"--write {place}: is no name of an experiment file: let it end in .yaml")


def compose_next(
    title: str, base: Nested, use: Sequence[str], names: Sequence[str], reasons: Reasons, out: Path
) -> str:
    """The text of the file.

    Args:
        base: the configuration without a method.
        use: files with parts of the user's own.
        names: the rows beside source only, the recommended one first.
        reasons: comments of rows.
        out: where it will lie, from where the files in ``use`` are named.
    """
    here = out.absolute().parent
    used = [(0, f"use: {format_value([os.path.relpath(each, here) for each in use])}", "")] if use else []
    lines: list[Line] = [
        (0, "", "# Written by dann recommend, whose report has the reasons; dann run on this file makes the runs"),
        (0, f"title: {format_value(title)}", ""),
        (0, f"seeds: {format_value(SEEDS)}", "runs of each row"),
        (0, "metrics: [accuracy, macro_f1]", "on the target's labelled test examples; dann list metric"),
        *used,
        (0, "base:", "what all rows share"),
        *_list_base(base | ROWS[BASELINE]),
        (0, "variants:", "the rows of the table"),
        *((2, f"{format_value(name)}: {format_value(ROWS[name])}", reasons.get(name, ""))
          for name in (BASELINE, *names)),
    ]  # fmt: skip
    return render(lines)


def _list_base(base: Nested) -> list[Line]:
    """The sections of the base: ``data`` with a line for each key, the others on a line each."""
    lines: list[Line] = []
    for key, value in base.items():
        if key == "data":
            lines += [(2, "data:", ""), *((4, f"{name}: {format_value(each)}", "") for name, each in value.items())]
        else:
            lines.append((2, f"{key}: {format_value(value)}", ""))
    return lines


def check_next(text: str, library: Library) -> None:
    """Raise unless ``dann run`` would accept the text as an experiment file."""
    experiment = validate(Experiment, parse_yaml(text, "the recommended file"), "the recommended file")
    for run in experiment.runs(seeds=[0]):
        resolve(run.declared, "the recommended file", library)


def write_next(text: str, place: Path) -> None:
    """Write the file, whole or not at all."""
    check_place(place)
    write_whole(place, text.encode())
