"""The commands. Torch is imported by those that need it."""

import argparse
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from dann.cli.arguments import parser
from dann.errors import BadInput
from dann.files import DISK_FULL, write_whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failed check, 2 for bad input, 130 when interrupted."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops as Ctrl-C does, and worker processes with it
    try:
        options = parser().parse_args(arguments)
        return COMMANDS[options.command](options)
    except BadInput as error:
        return _complain(str(error), 2)
    except BrokenPipeError:  # the reader of our output has gone, as in `dann table … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        if error.errno in DISK_FULL:
            return _complain(f"{place}the disk is full: free some space and run the same command to continue", 2)
        return _complain(f"{place}{error.strerror or error}", 2)
    except MemoryError as error:
        return _complain(f"out of memory ({error or 'too much was asked for'}): ask for less, or smaller examples", 2)
    except KeyboardInterrupt:
        return _complain("stopped; the same command continues from the last checkpoint", 130)


def _complain(message: str, status: int) -> int:
    print(f"dann: {message}", file=sys.stderr)
    return status


def _run(options: argparse.Namespace) -> int:
    from dann.config.experiment import read_experiment
    from dann.reporting.figures.draw import draw_all
    from dann.reporting.locations import relative
    from dann.reporting.negative_transfer import flag_negative_transfer

    experiment = read_experiment(options.file, options.set)
    runs = list(experiment.runs(options.only, options.seeds))
    folder = options.out / relative(options.file)

    from dann.cli.terminal import Progress, show_table
    from dann.runner.planning import default_workers, launch
    from dann.training.device import choose_device

    device = choose_device(options.device)
    with Progress(len(runs)) as progress:
        launch(experiment, runs, folder, device, progress, options.file, options.jobs or default_workers(device))
        for record, alarm in flag_negative_transfer(experiment, folder):
            progress.warned(record.run, alarm.step, f"{alarm.alarm}: {alarm.text}")
    show_table(experiment, folder)
    figures = draw_all(experiment, folder)
    print(f"Figures:      {folder}/: {', '.join(path.name for path in figures)}")
    print(f"TensorBoard:  tensorboard --logdir {folder}")
    print(f"Report:       dann report {folder} --out {folder}")
    return 0


def _table(options: argparse.Namespace) -> int:
    from dann.reporting.locations import located
    from dann.reporting.table import FORMATS as WRITERS
    from dann.reporting.tables import make_tables
    from dann.runner.records import checked_records

    every = []
    for experiment, folder in located(options.path):
        heading = [f"{experiment.title} ({folder})\n"] if options.format == "md" else []
        tables = make_tables(experiment, checked_records(experiment, folder), options.selection)
        every += heading + [WRITERS[options.format](table) for table in tables]
    print("[" + ",\n".join(every) + "]" if options.format == "json" else "\n".join(every))
    return 0


def _report(options: argparse.Namespace) -> int:
    from dann.reporting.html.page import write_report

    print(write_report(options.paths, options.out, options.selection))
    return 0


def _plot(options: argparse.Namespace) -> int:
    from dann.reporting.figures.draw import draw_all
    from dann.reporting.locations import located

    for experiment, folder in located(options.path):
        for path in draw_all(experiment, folder):
            print(path)
    return 0


def _predict(options: argparse.Namespace) -> int:
    from dann.cli.terminal import show_predictions
    from dann.inference.model import Ensemble, load
    from dann.inference.predict import predict

    _check_file(options.out)
    models = [load(run, options.device) for run in (options.run, *options.others)]
    predicted = predict(Ensemble(models), options.inputs)
    if options.out is None:
        show_predictions(predicted.names, predicted.classes, predicted.probabilities.tolist())
    else:
        write_whole(options.out, predicted.csv())
        print(f"{options.out}: {len(predicted.names)} predictions")
    return 0


def _export(options: argparse.Namespace) -> int:
    from dann.inference.export import export
    from dann.inference.model import load

    _check_file(options.out)
    print(export(load(options.run, "cpu"), options.format, options.run, options.out))
    return 0


def _check_file(path: Path | None) -> None:
    if path is not None and path.is_dir():
        raise BadInput(f"--out {path}: is a folder: name a file in it")


def _list(options: argparse.Namespace) -> int:
    from dann.data.datasets.all_datasets import DOMAINS
    from dann.methods.all_methods import METHODS
    from dann.networks.all_networks import NETWORKS
    from dann.optim import OPTIMIZERS

    for title, registry in (
        ("Data sets", DOMAINS), ("Networks", NETWORKS), ("Methods", METHODS), ("Optimisers", OPTIMIZERS),
    ):  # fmt: skip
        print(title)
        for name, entry in registry.items():
            print(f"  {name:16} {(entry.__doc__ or '').strip().splitlines()[0]}")
    return 0


def _data(options: argparse.Namespace) -> int:
    from dann.cli.data_sets import described, entries, fed, pairs, requested
    from dann.cli.gallery import draw, panel
    from dann.cli.terminal import data_line

    files = [word for word in options.names if word.endswith((".yaml", ".yml"))]
    if options.set and (files or options.action == "list"):
        raise BadInput("--set is for data sets: an experiment file and the list take no options")
    if options.action == "list":
        for entry in entries():
            domains = f" [{_some(entry.domains)}]" if entry.domains else ""
            print(f"{entry.name:26} {entry.state:10} {entry.summary}{domains}")
        return 0
    if not options.names:
        raise BadInput(f"dann data {options.action}: name a data set; dann data list lists them")
    shown = []
    for word in options.names:
        if word in files:
            for name, config, pair in pairs(Path(word)):
                print(f"{name}\n  {data_line(pair.describe())}")
                shown += fed(config, pair)
            continue
        for domain in requested(word, options.set):
            print(domain.name, *(f"  {name:8} {text}" for name, text in described(domain).items()), sep="\n")
            shown.append(panel(domain))
    if options.action == "show":
        print(f"figure: {draw(shown, ' '.join(Path(word).stem for word in options.names), options.out)}")
    return 0


def _bench(options: argparse.Namespace) -> int:
    script = Path("experiments/speed/bench.py")
    if not script.is_file():
        raise BadInput(f"{script} is not here: run it in a clone of the repository")
    peers = [] if options.peers is None else ["--peers", options.peers]
    arguments = [*options.parts, "--device", options.device, "--out", options.out, *peers]
    try:
        status: int = runpy.run_path(str(script), run_name="bench")["main"](arguments)
    except KeyboardInterrupt:
        return _complain("stopped; parts that were finished are written", 130)
    return status


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f", … {names[-1]}" if len(names) > 6 else "")


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "table": _table,
    "report": _report,
    "plot": _plot,
    "predict": _predict,
    "export": _export,
    "list": _list,
    "data": _data,
    "bench": _bench,
}
