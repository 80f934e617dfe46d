"""``dann table``, ``dann report`` and ``dann plot``: what the records of finished runs show."""

import argparse

from dann.config.naming import printable


def table(options: argparse.Namespace) -> int:
    from dann.reporting.experiment_tables import make_tables
    from dann.reporting.locations import find_experiments
    from dann.reporting.table import FORMATS as WRITERS
    from dann.runner.records import read_checked_records

    texts = []
    for experiment, folder in find_experiments(options.path):
        heading = [printable(f"{experiment.title} ({folder})") + "\n"] if options.format == "md" else []
        tables = make_tables(experiment, read_checked_records(experiment, folder), options.selection)
        texts += heading + [WRITERS[options.format](table) for table in tables]
    print("[" + ",\n".join(texts) + "]" if options.format == "json" else "\n".join(texts))
    return 0


def report(options: argparse.Namespace) -> int:
    from dann.reporting.html.page import write_report

    print(write_report(options.paths, options.out, options.selection))
    return 0


def plot(options: argparse.Namespace) -> int:
    from dann.reporting.figures.draw import draw_all
    from dann.reporting.locations import find_experiments

    for experiment, folder in find_experiments(options.path):
        for path in draw_all(experiment, folder):
            print(path)
    return 0
