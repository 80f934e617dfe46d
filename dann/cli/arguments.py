"""The arguments of the command line. Imports nothing that takes time: ``dann --help`` waits for no torch."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from dann import __version__
from dann.cli.argument_values import read_count, read_examples, read_kind, read_minutes, read_port, read_seeds
from dann.errors import BadInput
from dann.evaluation.rules import RULES
from dann.files.user_paths import expand_user

FORMATS = ("md", "latex", "json")
REDO = ("changed", "failed")
BATCH_NORMS = ("global", "local")
LOGS = ("tensorboard", "wandb", "mlflow")
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
Command = Callable[[str, str], argparse.ArgumentParser]


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

    _add_experiments(command)
    _add_init(command)
    _add_recommend(command)
    _add_rank(command)
    _add_watching(command)
    _add_results(command)
    _add_models(command)
    _add_catalogue(command)
    return result


def _add_experiments(command: Command) -> None:
    """The commands that make runs."""
    run = command("run", "Make the runs of an experiment file that are missing, then its table and figures.")
    run.epilog = "Exit status: 0; 1 if some runs have no result, which the last lines name; 2 for bad input."
    run.add_argument("file", type=Path, metavar="FILE", help="an experiment file, such as experiments/quickstart.yaml")
    _set_completer(
        run.add_argument(
            "--only", action="append", metavar="VARIANT", help="make this row's runs only; may be repeated"
        ),
        "complete_variants",
    )
    run.add_argument("--seeds", type=read_seeds, metavar="0,1", help="seeds to use instead of the file's")
    run.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override a value in every run")
    _add_device(run)
    _add_jobs(run)
    run.add_argument(
        "--devices", type=read_count, metavar="N",
        help="train each run on N GPUs, or N processes on a CPU, which share every batch (default: 1; with "
        "torchrun --nproc-per-node N -m dann run, its processes)",
    )  # fmt: skip
    run.add_argument(
        "--batch-norm", choices=BATCH_NORMS, default="global",
        help="with several devices: BatchNorm over the whole batch, as on one device (default), or over each device's "
        "share",
    )  # fmt: skip
    run.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default: runs)")
    run.add_argument(
        "--redo", choices=REDO, metavar="changed|failed",
        help="make runs again whose configuration, data or weights files changed, or that failed in training; "
        "the old run stays until then",
    )  # fmt: skip
    run.add_argument(
        "--log-to", choices=LOGS, default="tensorboard",
        help="log to Weights & Biases or MLflow too (default: TensorBoard's events in the runs' folders alone)",
    )  # fmt: skip
    run.add_argument(
        "--dry-run", action="store_true", help="print the resolved configuration and the runs, and write nothing"
    )


def _add_init(command: Command) -> None:
    init = command("init", "Write a commented experiment file for a source and a target of your own.")
    data = "a folder of images, .csv or .txt of paths or texts, .npz, .npy, .pt, .mat or .svm"
    init.add_argument("--source", required=True, metavar="PATH", help=f"labelled: {data}")
    init.add_argument("--target", required=True, metavar="PATH", help="adapted to; its labels serve only to test")
    for side in ("source", "target"):
        init.add_argument(f"--{side}-labels", metavar="FILE", help=f"labels of the {side}, if it is a .npy or .pt file")
    init.add_argument(
        "--set", action="append", default=[], metavar="a=b", help="an option of both data sets, such as layout=nlc"
    )
    init.add_argument(
        "--out", type=Path, default=Path("experiment.yaml"), metavar="FILE", help="default: experiment.yaml"
    )


def _add_recommend(command: Command) -> None:
    recommend = command("recommend", "Report what two domains are like and, after a pilot, which methods to run next.")
    recommend.epilog = (
        "Without --oracle no target label is read. Each recommendation names the results that it rests on."
    )
    recommend.add_argument("file", type=Path, nargs="?", metavar="FILE", help="an experiment file, or:")
    recommend.add_argument("--source", metavar="PATH", help="labelled, as for dann init")
    recommend.add_argument("--target", metavar="PATH", help="adapted to; needs no labels")
    for side in ("source", "target"):
        recommend.add_argument(f"--{side}-labels", metavar="FILE", help=f"labels of the {side}, if it is a .npy file")
    _set_completer(
        recommend.add_argument("--task", metavar="NAME", help="one of the file's tasks (default: the first)"),
        "complete_tasks",
    )
    recommend.add_argument(
        "--set", action="append", default=[], metavar="a=b", help="as for dann init, or a.b=c for FILE"
    )
    budget = recommend.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes", type=read_minutes, default=3.0, metavar="M", help="budget of the pilot's training (default: 3)"
    )
    budget.add_argument(
        "--steps", type=read_count, metavar="N", help="steps of each run of the pilot, in place of minutes"
    )
    recommend.add_argument(
        "--seeds", type=read_seeds, default=[0, 1, 2], metavar="0,1", help="of the pilot (default: 0,1,2)"
    )
    recommend.add_argument(
        "--examples", type=read_examples, default=1000, metavar="N",
        help="measure distances and class shares on at most so many examples of each domain (default: 1000)",
    )  # fmt: skip
    recommend.add_argument(
        "--oracle", action="store_true", help="show the pilot's accuracies by the target's labels, which choose nothing"
    )
    recommend.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page too")
    recommend.add_argument("--write", type=Path, metavar="FILE", help="write the recommended experiment file")
    _add_device(recommend)


def _add_rank(command: Command) -> None:
    rank = command("rank", "Order the sources and pretrained networks of an experiment file, without training.")
    rank.epilog = "Scores: LogME, LEEP and H-score of the labelled source, and the proxy A-distance to the target."
    rank.add_argument("file", type=Path, metavar="FILE", help="its tasks and variants name the sources and networks")
    rank.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override a value in every row")
    rank.add_argument(
        "--examples", type=read_examples, default=1000, metavar="N",
        help="score at most so many examples of each domain (default: 1000)",
    )  # fmt: skip
    rank.add_argument("--format", choices=FORMATS, default="md")
    _add_device(rank)


def _add_watching(command: Command) -> None:
    """The commands that follow runs while any process makes them."""
    status = command("status", "Print what runs, how far, alarms, failed and interrupted runs, and the estimated end.")
    status.epilog = "Reads files alone, so other processes, on this machine or others, may be making the runs."
    _add_watched(status)
    status.add_argument("--format", choices=FORMATS, default="md")

    board = command("board", "Serve a page of the states of runs and the report, which follows the runs, on 127.0.0.1.")
    _add_watched(board)
    board.add_argument("--port", type=read_port, default=6007, metavar="N", help="0 for any free one (default: 6007)")
    _add_selection(board)


def _add_watched(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=Path, nargs="?", default=Path("runs"), metavar="FILE_OR_DIR",
        help="an experiment file, or a folder of runs (default: runs)",
    )  # fmt: skip


def _add_results(command: Command) -> None:
    """The commands that show what finished runs give."""
    table = command("table", "Print the tables of experiment files or of folders of runs.")
    table.add_argument("path", type=Path, metavar="FILE_OR_DIR")
    _add_selection(table)
    table.add_argument("--format", choices=FORMATS, default="md")

    report = command("report", "Write experiments as one HTML page: tables, figures, the runs behind each number.")
    report.add_argument("paths", type=Path, nargs="+", metavar="FILE_OR_DIR")
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of report.html")
    _add_selection(report)

    plot = command("plot", "Draw the figures of experiment files or of folders of runs.")
    plot.add_argument("path", type=Path, metavar="FILE_OR_DIR")

    verify = command("verify", "Make the runs of records again and compare: exit status 1 if one is different.")
    verify.add_argument(
        "path", type=Path, metavar="RECORD_OR_FILE",
        help="the folder of a run, a folder of runs or results, or an experiment file",
    )  # fmt: skip
    _set_completer(
        verify.add_argument("--only", action="append", metavar="VARIANT", help="this row's runs only; may be repeated"),
        "complete_rows",
    )
    verify.add_argument("--seeds", type=read_seeds, metavar="0,1", help="the runs of these seeds only")
    _add_device(verify)
    _add_jobs(verify)
    verify.add_argument(
        "--out", type=Path, metavar="DIR", help="keep the new runs here, where the same command goes on with them"
    )
    _add_use(verify)


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
    _add_device(predict)
    _add_use(predict)

    export = command("export", "Write the network of a finished run for use without dann.")
    export.add_argument("run", type=Path, metavar="RUN", help=folder)
    export.add_argument("--format", choices=EXPORTS, required=True)
    export.add_argument("--out", type=Path, metavar="FILE", help="default: model.onnx or model.pt2 in the run's folder")
    _add_use(export)


def _add_catalogue(command: Command) -> None:
    """The commands that show what an experiment file may name."""
    kinds = ", ".join(KINDS)
    listed = command("list", "List methods, networks, data sets and all else that an experiment file may name.")
    listed.add_argument(
        "kind", type=read_kind, nargs="?", choices=KINDS, metavar="KIND", help=f"of one kind only: {kinds}"
    )
    _add_use(listed)

    describe = command("describe", "Describe one entry: what it does, its options and their defaults, its source.")
    describe.add_argument("kind", type=read_kind, choices=KINDS, metavar="KIND", help=kinds)
    name = describe.add_argument("name", nargs="?", metavar="NAME", help="such as dann; without one, all are listed")
    _set_completer(name, "complete_names")
    _add_use(describe)

    data = command("data", "List data sets, show their examples, or download and decode them.")
    data.add_argument("action", choices=("list", "show", "prepare"))
    names = data.add_argument("names", nargs="*", metavar="NAME", help="mnist, pacs, pacs/photo, or an experiment file")
    _set_completer(names, "complete_data_sets")
    data.add_argument("--set", action="append", default=[], metavar="a=b", help="an option of it, such as size=64")
    data.add_argument("--out", type=Path, default=Path("runs/data"), metavar="DIR", help="folder of the PNG grid")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--selection", choices=RULES, default="last", help="the rule that selects the reported step (default: last)"
    )


def _add_use(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--use", type=Path, action="append", default=[], metavar="FILE",
        help="execute this file with parts of your own, such as the copy in a run's folder; may be repeated",
    )  # fmt: skip


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="cpu, cuda, … (default: a GPU if there is one)")


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=read_count,
        metavar="N",
        help="processes, one thread each (default: one per core, or one on a GPU)",
    )


def _set_completer(action: argparse.Action, completer: str) -> None:
    """Give an argument its completer, a function of ``dann.cli.completion``, which is imported when it is called."""

    def complete(**arguments: Any) -> list[str]:
        from dann.cli import completion

        names: list[str] = getattr(completion, completer)(**arguments)
        return names

    action.completer = complete  # type: ignore[attr-defined]
