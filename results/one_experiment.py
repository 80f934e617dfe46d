"""The command line of scripts that act on one experiment and the folder of its runs."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dann.config.origin import RUNS, relative
from dann.errors import BadInput


def act_on_experiment(act: Callable[[Path, Path], str], description: str, arguments: Sequence[str] | None) -> int:
    """Print what ``act`` returns for an experiment file and the folder of its runs; the exit status, 2 for bad input.

    Args:
        arguments: of the command line; None for those of the process.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("file", type=Path, metavar="FILE", help="an experiment file under experiments/")
    parser.add_argument("--runs", type=Path, default=RUNS, metavar="DIR", help="folder of runs (default: runs)")
    options = parser.parse_args(arguments)
    try:
        print(act(options.file, options.runs / relative(options.file)))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0
