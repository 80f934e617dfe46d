"""Make the runs of the paper's experiments whose data are at hand, and print each of its numbers beside ours.

``python results/paper.py`` takes all files of experiments/ganin2016, or those that it is given. Finished runs are not
repeated, and an interrupted command continues. ``results/pages.py`` writes the same page from the committed records.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from committed import Result
from paper_page import paper_files, render_paper

from dann.cli.main import main as run_command
from dann.config.experiment import read_experiment
from dann.config.origin import RUNS, relative
from dann.config.schema import resolve
from dann.errors import BadInput
from dann.runner.experiment_records import read_checked_records

STOPPED = 128  # exit statuses from here on are those of signals


def find_missing_data(file: Path) -> str | None:
    """Why a data set of an experiment cannot be read or downloaded, with the remedy; None if all can be."""
    configs = [resolve(run.declared, f"{file}, {run.name}") for run in read_experiment(file).runs(seeds=[0])]
    sides = (component for config in configs for component in (*config.data.sources, config.data.target))
    for component in {each.model_dump_json(): each for each in sides}.values():
        try:
            component.build()
        except BadInput as error:
            return str(error)
    return None


def run_all(files: Sequence[Path], runs: Path) -> tuple[int, set[Path]]:
    """Run the experiments whose data are at hand; a line names each of the others.

    Returns:
        The largest exit status of ``dann run``, or that of the one that a signal stopped; and the files without data.
    """
    status, absent = 0, set()
    for file in files:
        if (reason := find_missing_data(file)) is not None:
            print(f"skipped {file}: {reason}", file=sys.stderr, flush=True)
            absent.add(file)
            continue
        status = max(status, run_command(["run", str(file), "--out", str(runs)]))
        if status >= STOPPED:
            break
    return status, absent


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the runs and print the page; returns the exit status: that of ``dann run``, or 2 for bad input."""
    parser = argparse.ArgumentParser(description="Make the runs of the paper's experiments and compare the numbers.")
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="experiment files (default: all)")
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs (default: runs)")
    options = parser.parse_args(arguments)

    def read(file: Path) -> Result:
        experiment = read_experiment(file)
        return Result(file, experiment, read_checked_records(experiment, options.runs / relative(file)))

    try:
        status, absent = run_all(options.files or paper_files(), options.runs)
        if status < STOPPED:
            print(render_paper(read, absent), end="")
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
