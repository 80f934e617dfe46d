"""The arguments of the command line. Imports nothing that takes time, so that help is there at once."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from dann import __version__
from dann.errors import BadInput
from dann.evaluation.rules import RULES

FORMATS = ("md", "latex", "json")
EXPORTS = ("onnx", "torch_export")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """Of all commands; what it parses has the name of one as ``command``."""
    result = _Parser(prog="dann", description="Domain-adversarial training and its baselines, on equal terms.")
    result.add_argument("--version", action="version", version=f"dann {__version__}")
    commands = result.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(command=name)
        return added

    _add_experiments(command)
    _add_using(command)
    _add_others(command)
    return result


Command = Callable[[str, str], argparse.ArgumentParser]


def _add_experiments(command: Command) -> None:
    """The commands on experiment files and their runs."""
    run = command("run", "Make the runs of an experiment file that are not there yet, then its table and figures.")
    run.add_argument("file", type=Path, metavar="FILE", help="an experiment file, such as experiments/quickstart.yaml")
    run.add_argument("--only", metavar="VARIANT", help="make the runs of one row alone")
    run.add_argument("--seeds", type=_seeds, metavar="0,1", help="seeds in place of the file's")
    run.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override a value in every run")
    run.add_argument("--device", default="auto", help="cpu, cuda, … (default: a GPU if there is one)")
    run.add_argument(
        "--jobs", type=_count, metavar="N", help="processes, one thread each (default: one per core, or one on a GPU)"
    )
    run.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default: runs)")

    table = command("table", "Print the tables of experiment files or of folders of runs.")
    table.add_argument("path", type=Path, metavar="FILE_OR_DIR")
    _add_selection(table)
    table.add_argument("--format", choices=FORMATS, default="md")

    report = command("report", "Write experiments as one HTML page: tables, figures, each number's runs.")
    report.add_argument("paths", type=Path, nargs="+", metavar="FILE_OR_DIR")
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of report.html")
    _add_selection(report)

    plot = command("plot", "Draw the figures of experiment files or of folders of runs.")
    plot.add_argument("path", type=Path, metavar="FILE_OR_DIR")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    """How tables and reports choose."""
    parser.add_argument(
        "--selection",
        choices=RULES,
        default="last",
        help="the rule that chooses the reported step (default: last)",
    )


def _add_using(command: Command) -> None:
    """The commands on the trained network of a run."""
    predict = command("predict", "Predict the classes of your files with the network of a finished run.")
    predict.add_argument("run", type=Path, metavar="RUN", help="the run's folder, such as runs/…/dann/seed-0")
    predict.add_argument(
        "inputs", type=Path, nargs="+", metavar="INPUT",
        help="images, folders of images, .npy, .npz, .pt or .svm files, .csv of texts",
    )  # fmt: skip
    predict.add_argument(
        "--with", type=Path, action="append", default=[], metavar="RUN", dest="others",
        help="another run, whose probabilities are averaged with the first one's",
    )  # fmt: skip
    predict.add_argument("--out", type=Path, metavar="FILE", help="a CSV file (default: a table on the terminal)")
    predict.add_argument("--device", default="auto", help="cpu, cuda, … (default: a GPU if there is one)")

    export = command("export", "Write the network of a finished run for use without dann.")
    export.add_argument("run", type=Path, metavar="RUN", help="the run's folder, such as runs/…/dann/seed-0")
    export.add_argument("--format", choices=EXPORTS, required=True)
    export.add_argument("--out", type=Path, metavar="FILE", help="default: model.onnx or model.pt2 in the run's folder")


def _add_others(command: Command) -> None:
    """The commands on data sets, on what there is, and on speed."""
    command("list", "List data sets, networks, methods and optimisers.")

    data = command("data", "List data sets, show what is in them, or download and decode them.")
    data.add_argument("action", choices=("list", "show", "prepare"))
    data.add_argument("names", nargs="*", metavar="NAME", help="mnist, pacs, pacs/photo, or an experiment file")
    data.add_argument("--set", action="append", default=[], metavar="a=b", help="an option of it, such as size=64")
    data.add_argument("--out", type=Path, default=Path("runs/data"), metavar="DIR", help="folder of the PNG grid")

    bench = command("bench", "Measure what dann costs and write results/speed; in a clone of the repository.")
    bench.add_argument("parts", nargs="*", metavar="PART", help="steps roofline growth start replicas jobs data")
    bench.add_argument("--device", default="cpu", help="cpu, cuda, … (default: cpu)")
    bench.add_argument("--out", default="results/speed", metavar="DIR", help="default: results/speed")
    bench.add_argument("--peers", metavar="PYTHON", help="a Python with the peer libraries (default: installs them)")


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = [-1]
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError("write different whole numbers, as in 0,1")
    return seeds


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("write a whole number from 1 on")
    return int(text)
