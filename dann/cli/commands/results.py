"""``dann table``, ``dann report`` and ``dann plot``: what the records of finished runs show."""

import argparse
import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dann.config.experiment import Experiment

from dann.config.naming import printable
from dann.errors import BadInput

UNWRITABLE = {errno.EACCES, errno.EROFS}


def table(options: argparse.Namespace) -> int:
    from dann.reporting.experiment_tables import make_tables
    from dann.reporting.locations import find_experiments
    from dann.reporting.table import FORMATS as WRITERS
    from dann.runner.experiment_records import read_checked_records

    texts = []
    for experiment, folder in find_experiments(options.path):
        heading = [printable(f"{experiment.title} ({folder})") + "\n"] if options.format == "md" else []
        tables = make_tables(experiment, read_checked_records(experiment, folder), options.selection)
        texts += heading + [WRITERS[options.format](table) for table in tables]
        write_notes(experiment, folder)
    print("[" + ",\n".join(texts) + "]" if options.format == "json" else "\n".join(texts))
    return 0


def report(options: argparse.Namespace) -> int:
    from dann.reporting.html.page import write_report
    from dann.reporting.locations import find_experiments

    print(printable(str(write_report(options.paths, options.out, options.selection))))
    for path in options.paths:
        for experiment, folder in find_experiments(path):
            write_notes(experiment, folder)
    return 0


def plot(options: argparse.Namespace) -> int:
    from dann.reporting.figures.draw import describe_cut, draw_all
    from dann.reporting.locations import find_experiments

    for experiment, folder in find_experiments(options.path):
        try:
            paths = draw_all(experiment, folder)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            elsewhere = "dann report, with the same path and --out FOLDER, draws the figures elsewhere"
            raise BadInput(f"{error.filename}: {error.strerror}: {elsewhere}") from error
        for path in paths:
            print(printable(str(path)))
        write_notes(experiment, folder, describe_cut(experiment) if paths else None)
    return 0


def write_notes(experiment: "Experiment", folder: Path, cut: str | None = None) -> None:
    """Report on standard error what the tables and figures of a folder do not show.

    These are finished runs that the file no longer lists or the search no longer chooses, and a change of the file
    since its copy in the folder. Data are not compared: reading them takes too long.

    Args:
        cut: what the figures leave out, if there is anything.
    """
    from dann.config.origin import find_change
    from dann.runner.experiment_records import find_other_runs, find_unchosen_runs

    other = "not shown, as the experiment names no such row or seed: add it, or remove the folder"
    unchosen = "not shown, as the search does not choose this setting now: kept in case it does, or remove it"
    for places, cause in ((find_other_runs(experiment, folder), other),
                          (find_unchosen_runs(experiment, folder), unchosen)):  # fmt: skip
        if places:
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            print(printable(f"dann: {places[0]}{more}: {cause}"), file=sys.stderr)
    if (change := find_change(experiment, folder)) is not None:
        print(printable(f"dann: {folder}: {change}"), file=sys.stderr)
    if cut is not None:
        print(f"dann: {cut}", file=sys.stderr)
