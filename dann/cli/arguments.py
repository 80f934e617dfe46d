"""The arguments of the command line. Imports nothing that takes time: ``dann --help`` waits for no torch."""

import argparse
from pathlib import Path
from typing import NoReturn

from dann import __version__
from dann.cli.argument_values import read_kind
from dann.cli.data_arguments import add_init, add_rank, add_recommend
from dann.cli.run_arguments import add_experiments, add_results, add_watching
from dann.cli.shared_arguments import Command, add_device, add_use, set_completer
from dann.errors import BadInput
from dann.files.user_paths import expand_user

EXPORTS = ("onnx", "torch_export")
ADAPTATIONS = ("adabn", "tent")
KINDS = ("method", "network", "dataset", "optimiser", "schedule", "transform", "rule", "metric")
EPILOGUE = """\
An experiment file and its table:
  dann run experiments/quickstart.yaml
Your own data:
  dann init --source photos/real --target photos/sketch --out mine.yaml
  dann recommend --source photos/real --target photos/sketch --write next.yaml
  dann rank mine.yaml
  dann run mine.yaml
What there is:
  dann list
  dann describe method dann

Completion in bash, for this shell (for every one, write the line into ~/.bashrc):
  eval "$(register-python-argcomplete dann)"
In zsh the same, after: autoload -U bashcompinit && bashcompinit
In fish: register-python-argcomplete --shell fish dann | source
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; a parsed command line has the command's name as ``command``."""
    result = _Parser(
        prog="dann",
        description="Domain-adversarial training and its baselines, on equal terms.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    result.add_argument("--version", action="version", version=f"dann {__version__}")
    commands = result.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(command=name)
        added.register("type", Path, expand_user)  # the shell leaves ~ in --out=~/runs and in quotes
        return added

    add_experiments(command)
    add_init(command)
    add_recommend(command)
    add_rank(command)
    add_watching(command)
    add_results(command)
    _add_models(command)
    _add_catalogue(command)
    return result


def _add_models(command: Command) -> None:
    """The commands that use the trained network of a run."""
    folder = "folder of a finished run, such as runs/…/dann/seed-0"
    predict = command("predict", "Predict the classes of your files with the network of a finished run.")
    predict.add_argument("run", type=Path, metavar="RUN", help=folder)
    predict.add_argument(
        "inputs", type=Path, nargs="+", metavar="INPUT",
        help="images, folders of them, .csv of images or texts, .npy, .npz, .pt, .mat or .svm files",
    )  # fmt: skip
    predict.add_argument(
        "--with", type=Path, action="append", default=[], metavar="RUN", dest="others",
        help="another run; the probabilities of all runs are averaged",
    )  # fmt: skip
    predict.add_argument(
        "--adapt", choices=ADAPTATIONS,
        help="adapt BatchNorm to all inputs together, without the source: its statistics, or TENT (default: neither)",
    )  # fmt: skip
    predict.add_argument(
        "--on-bad", choices=("skip", "error"), default="skip",
        help="an unreadable input: leave it out, name it and exit with status 1, or stop (default: skip)",
    )  # fmt: skip
    predict.add_argument("--out", type=Path, metavar="FILE", help="a CSV file (default: a table on the terminal)")
    add_device(predict)
    add_use(predict)

    export = command("export", "Write the network of a finished run for use without dann.")
    export.add_argument("run", type=Path, metavar="RUN", help=folder)
    export.add_argument("--format", choices=EXPORTS, required=True)
    export.add_argument("--out", type=Path, metavar="FILE", help="default: model.onnx or model.pt2 in the run's folder")
    add_use(export)


def _add_catalogue(command: Command) -> None:
    """The commands that show what an experiment file may name."""
    kinds = ", ".join(KINDS)
    listed = command("list", "List methods, networks, data sets and all else that an experiment file may name.")
    listed.add_argument(
        "kind", type=read_kind, nargs="?", choices=KINDS, metavar="KIND", help=f"of one kind only: {kinds}"
    )
    add_use(listed)

    describe = command("describe", "Describe one entry: what it does, its options and their defaults, its source.")
    describe.add_argument("kind", type=read_kind, choices=KINDS, metavar="KIND", help=kinds)
    name = describe.add_argument("name", nargs="?", metavar="NAME", help="such as dann; without one, all are listed")
    set_completer(name, "complete_names")
    add_use(describe)

    data = command("data", "List data sets, show their examples, or download and decode them.")
    data.add_argument("action", choices=("list", "show", "prepare"))
    names = data.add_argument("names", nargs="*", metavar="NAME", help="mnist, pacs, pacs/photo, or an experiment file")
    set_completer(names, "complete_data_sets")
    data.add_argument("--set", action="append", default=[], metavar="a=b", help="an option of it, such as size=64")
    data.add_argument("--out", type=Path, default=Path("runs/data"), metavar="DIR", help="folder of the PNG grid")
