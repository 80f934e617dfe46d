"""The arguments of the commands that make runs, follow them and show what they give."""

import argparse
from pathlib import Path

from dann.cli.argument_values import read_count, read_port, read_seeds
from dann.cli.shared_arguments import FORMATS, Command, add_device, add_jobs, add_selection, add_use, set_completer

REDO = ("changed", "failed")
BATCH_NORMS = ("global", "local")
LOGS = ("tensorboard", "wandb", "mlflow")
CLUSTERS = ("ray", "slurm")


def add_experiments(command: Command) -> None:
    """The commands that make runs."""
    run = command("run", "Make the runs of an experiment file that are missing, then its table and figures.")
    run.epilog = "Exit status: 0; 1 if some runs have no result, which the last lines name; 2 for bad input."
    run.add_argument("file", type=Path, metavar="FILE", help="an experiment file, such as experiments/quickstart.yaml")
    set_completer(
        run.add_argument(
            "--only", action="append", metavar="VARIANT", help="make this row's runs only; may be repeated"
        ),
        "complete_variants",
    )
    run.add_argument("--seeds", type=read_seeds, metavar="0,1", help="seeds to use instead of the file's")
    run.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override a value in every run")
    add_device(run)
    add_jobs(run)
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
    run.add_argument(
        "--on", choices=CLUSTERS,
        help="make the runs on a cluster, with the file's resources: Ray's at RAY_ADDRESS or one that is started here, "
        "or jobs of Slurm; --jobs is the number of workers (default: as many as fit)",
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


def add_watching(command: Command) -> None:
    """The commands that follow runs while any process makes them."""
    status = command("status", "Print what runs, how far, alarms, failed and interrupted runs, and the estimated end.")
    status.epilog = "Reads files alone, so other processes, on this machine or others, may be making the runs."
    _add_watched(status)
    status.add_argument("--format", choices=FORMATS, default="md")

    board = command("board", "Serve a page of the states of runs and the report, which follows the runs, on 127.0.0.1.")
    _add_watched(board)
    board.add_argument("--port", type=read_port, default=6007, metavar="N", help="0 for any free one (default: 6007)")
    add_selection(board)


def _add_watched(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=Path, nargs="?", default=Path("runs"), metavar="FILE_OR_DIR",
        help="an experiment file, or a folder of runs (default: runs)",
    )  # fmt: skip


def add_results(command: Command) -> None:
    """The commands that show what finished runs give."""
    table = command("table", "Print the tables of experiment files or of folders of runs.")
    table.add_argument("path", type=Path, metavar="FILE_OR_DIR")
    add_selection(table)
    table.add_argument("--format", choices=FORMATS, default="md")

    report = command("report", "Write experiments as one HTML page: tables, figures, the runs behind each number.")
    report.add_argument("paths", type=Path, nargs="+", metavar="FILE_OR_DIR")
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of report.html")
    add_selection(report)

    plot = command("plot", "Draw the figures of experiment files or of folders of runs.")
    plot.add_argument("path", type=Path, metavar="FILE_OR_DIR")

    verify = command("verify", "Make the runs of records again and compare: exit status 1 if one is different.")
    verify.add_argument(
        "path", type=Path, metavar="RECORD_OR_FILE",
        help="the folder of a run, a folder of runs or results, or an experiment file",
    )  # fmt: skip
    set_completer(
        verify.add_argument("--only", action="append", metavar="VARIANT", help="this row's runs only; may be repeated"),
        "complete_rows",
    )
    verify.add_argument("--seeds", type=read_seeds, metavar="0,1", help="the runs of these seeds only")
    add_device(verify)
    add_jobs(verify)
    verify.add_argument(
        "--out", type=Path, metavar="DIR", help="keep the new runs here, where the same command goes on with them"
    )
    add_use(verify)
