"""``dann recommend``: what two domains are like, a pilot of a few methods, and an experiment file to run next."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from dann.cli.data_arguments import EXAMPLES
from dann.config.naming import printable
from dann.errors import BadInput

if TYPE_CHECKING:
    from dann.cli.recommendation.subject import Subject

FILE = Path("experiment.yaml")


def recommend(options: argparse.Namespace) -> int:
    from rich.console import Console

    from dann.cli.recommendation.advice_view import show_advice
    from dann.cli.recommendation.advising import advise
    from dann.cli.recommendation.next_experiment import check_place, write_next
    from dann.cli.recommendation.pilot import Budget
    from dann.reporting.html.advice_page import write_advice
    from dann.training.device import choose_device

    _check(options)
    if options.write is not None:
        check_place(options.write)
    device = choose_device(options.device)
    budget = Budget(options.minutes, options.steps, options.seeds)
    out = options.write or FILE
    with Console(stderr=True).status("reading the data") as status:
        subject = _read(options)
        advice = advise(subject, budget, options.examples, device, options.oracle, out, status.update)
    show_advice(advice)
    print()
    if options.write is not None:
        write_next(advice.file, options.write)
        print(printable(f"Next: dann run {shlex.quote(str(options.write))}"))
    if options.html is not None:
        write_advice(advice, options.html)
        print(printable(f"Page: {options.html}"))
    repeated = _repeat(options, advice.repeat)
    print(printable(f"{'The same again' if options.write else 'The file to run next'}: {repeated}"))
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise unless there is either a file or a source and a target."""
    paths = (options.source, options.target)
    if (options.file is None) == (None in paths) or (options.file is not None and any(paths)):
        raise BadInput("dann recommend: name an experiment file, or --source and --target")
    if options.file is not None and any((options.source_labels, options.target_labels)):
        raise BadInput("--source-labels, --target-labels: are for --source and --target: leave them out")
    if options.file is None and options.task is not None:
        raise BadInput(f"--task {options.task}: is of an experiment file: leave it out")
    if options.html is not None and options.html.is_dir():
        raise BadInput(f"--html {options.html}: is a folder: name a file")


def _read(options: argparse.Namespace) -> "Subject":
    from dann.cli.assignments import read_assignments
    from dann.cli.recommendation.subject import read_file, read_paths

    if options.file is not None:
        return read_file(options.file, options.task, options.set)
    sides = (options.source, options.source_labels), (options.target, options.target_labels)
    return read_paths(*sides, read_assignments(options.set))


def _repeat(options: argparse.Namespace, budget: str) -> str:
    """The command line that makes the same report again, with the number of steps in place of minutes."""
    words = ["dann", "recommend", *([str(options.file)] if options.file else [])]
    for name in ("source", "source_labels", "target", "target_labels", "task"):
        if (value := getattr(options, name)) is not None:
            words += [f"--{name.replace('_', '-')}", value]
    words += [word for each in options.set for word in ("--set", each)]
    words += [] if options.examples == EXAMPLES else ["--examples", str(options.examples)]
    write = "" if options.write else f" --write {FILE}"
    return f"{shlex.join(words)} {budget}{' --oracle' if options.oracle else ''}{write}"
