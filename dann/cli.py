"""The command line: the only place that parses arguments and prints. What imports torch is imported when needed."""

import argparse
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from dann import __version__
from dann.errors import BadInput
from dann.files import DISK_FULL, write_whole

FORMATS = ("md", "latex", "json")
RULES = ("last", "source_val", "entropy", "im", "snd", "bnm", "dev", "rankme", "mixval", "reverse", "vote", "oracle")
EXPORTS = ("onnx", "torch_export")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failed check, 2 for bad input, 130 when interrupted."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops as Ctrl-C does, and worker processes with it
    try:
        options = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="dann", description="Domain-adversarial training and its baselines, on equal terms.")
    parser.add_argument("--version", action="version", version=f"dann {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, function: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(command=function)
        return added

    _add_experiments(command)
    _add_using(command)
    _add_others(command)
    return parser


Command = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def _add_experiments(command: Command) -> None:
    """The commands on experiment files and their runs."""
    run = command(
        "run", _run, "Make the runs of an experiment file that are not there yet, then its table and figures."
    )
    run.add_argument("file", type=Path, metavar="FILE", help="an experiment file, such as experiments/quickstart.yaml")
    run.add_argument("--only", metavar="VARIANT", help="make the runs of one row alone")
    run.add_argument("--seeds", type=_seeds, metavar="0,1", help="seeds in place of the file's")
    run.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override a value in every run")
    run.add_argument("--device", default="auto", help="cpu, cuda, … (default: a GPU if there is one)")
    run.add_argument(
        "--jobs", type=_count, metavar="N", help="processes, one thread each (default: one per core, or one on a GPU)"
    )
    run.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default: runs)")

    table = command("table", _table, "Print the tables of experiment files or of folders of runs.")
    table.add_argument("path", type=Path, metavar="FILE_OR_DIR")
    table.add_argument(
        "--selection", choices=RULES, default="last", help="the rule that chooses the reported step (default: last)"
    )
    table.add_argument("--format", choices=FORMATS, default="md")
    table.add_argument("--check", action="store_true", help="fail if results/ or README.md differ from the records")

    report = command("report", _report, "Write experiments as one HTML page: tables, figures, each number's runs.")
    report.add_argument("paths", type=Path, nargs="+", metavar="FILE_OR_DIR")
    report.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of report.html")
    report.add_argument(
        "--selection", choices=RULES, default="last", help="the rule that chooses the reported step (default: last)"
    )

    plot = command("plot", _plot, "Draw the figures of experiment files or of folders of runs.")
    plot.add_argument("path", type=Path, metavar="FILE_OR_DIR")

    publish = command(
        "publish", _publish, "Copy an experiment's finished runs, table and figures to results/ and README."
    )
    publish.add_argument("file", type=Path, metavar="FILE")
    publish.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default: runs)")


def _add_using(command: Command) -> None:
    """The commands on the trained network of a run."""
    predict = command("predict", _predict, "Predict the classes of your files with the network of a finished run.")
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

    export = command("export", _export, "Write the network of a finished run for use without dann.")
    export.add_argument("run", type=Path, metavar="RUN", help="the run's folder, such as runs/…/dann/seed-0")
    export.add_argument("--format", choices=EXPORTS, required=True)
    export.add_argument("--out", type=Path, metavar="FILE", help="default: model.onnx or model.pt2 in the run's folder")


def _add_others(command: Command) -> None:
    """The commands on data sets, on what there is, and on speed."""
    command("list", _list, "List data sets, networks, methods and optimisers.")

    data = command("data", _data, "List data sets, show what is in them, or download and decode them.")
    data.add_argument("action", choices=("list", "show", "prepare"))
    data.add_argument("names", nargs="*", metavar="NAME", help="mnist, pacs, pacs/photo, or an experiment file")
    data.add_argument("--set", action="append", default=[], metavar="a=b", help="an option of it, such as size=64")
    data.add_argument("--out", type=Path, default=Path("runs/data"), metavar="DIR", help="folder of the PNG grid")

    bench = command("bench", _bench, "Measure what dann costs and write results/speed; in a clone of the repository.")
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


def _run(options: argparse.Namespace) -> int:
    from dann.experiment import read_experiment
    from dann.plots import draw_all
    from dann.publish import relative

    experiment = read_experiment(options.file, options.set)
    runs = list(experiment.runs(options.only, options.seeds))
    folder = options.out / relative(options.file)

    from dann.device import chosen_device
    from dann.launch import default_workers, launch
    from dann.show import Progress, show_table

    device = chosen_device(options.device)
    with Progress(len(runs)) as progress:
        launch(experiment, runs, folder, device, progress, options.file, options.jobs or default_workers(device))
    show_table(experiment, folder)
    figures = draw_all(experiment, folder)
    print(f"Figures:      {folder}/: {', '.join(path.name for path in figures)}")
    print(f"TensorBoard:  tensorboard --logdir {folder}")
    print(f"Report:       dann report {folder} --out {folder}")
    return 0


def _table(options: argparse.Namespace) -> int:
    from dann.formats import FORMATS as WRITERS
    from dann.publish import located, orphans, stale, stale_readme
    from dann.tables import checked_records, make_tables

    if options.check:
        files = _experiment_files(options.path)
        lines = [line for file in files for line in stale(file)] + stale_readme() + orphans()
        print(
            "\n".join(lines)
            if lines
            else f"{len(files)} experiments checked: results and README agree with the records"
        )
        return 1 if lines else 0
    every = []
    for experiment, folder in located(options.path):
        heading = [f"{experiment.title} ({folder})\n"] if options.format == "md" else []
        tables = make_tables(experiment, checked_records(experiment, folder), options.selection)
        every += heading + [WRITERS[options.format](table) for table in tables]
    print("[" + ",\n".join(every) + "]" if options.format == "json" else "\n".join(every))
    return 0


def _experiment_files(path: Path) -> list[Path]:
    from dann.experiment import EXPERIMENT

    files = sorted(path.rglob("*.yaml")) if path.is_dir() else [path] if path.is_file() else []
    if not files or any(file.name == EXPERIMENT for file in files):
        raise BadInput(f"{path}: no experiment files there; try dann table experiments --check")
    return files


def _report(options: argparse.Namespace) -> int:
    from dann.report import write_report

    print(write_report(options.paths, options.out, options.selection))
    return 0


def _plot(options: argparse.Namespace) -> int:
    from dann.plots import draw_all
    from dann.publish import located

    for experiment, folder in located(options.path):
        for path in draw_all(experiment, folder):
            print(path)
    return 0


def _publish(options: argparse.Namespace) -> int:
    from dann.publish import publish, relative

    print(publish(options.file, options.out / relative(options.file)))
    return 0


def _predict(options: argparse.Namespace) -> int:
    from dann.predict import predict
    from dann.show import show_predictions
    from dann.using import Ensemble, load

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
    from dann.export import export
    from dann.using import load

    _check_file(options.out)
    print(export(load(options.run, "cpu"), options.format, options.run, options.out))
    return 0


def _check_file(path: Path | None) -> None:
    if path is not None and path.is_dir():
        raise BadInput(f"--out {path}: is a folder: name a file in it")


def _list(options: argparse.Namespace) -> int:
    from dann.data import DOMAINS
    from dann.methods import METHODS
    from dann.networks import NETWORKS
    from dann.optimizers import OPTIMIZERS

    for title, registry in (
        ("Data sets", DOMAINS), ("Networks", NETWORKS), ("Methods", METHODS), ("Optimisers", OPTIMIZERS),
    ):  # fmt: skip
        print(title)
        for name, entry in registry.items():
            print(f"  {name:16} {(entry.__doc__ or '').strip().splitlines()[0]}")
    return 0


def _data(options: argparse.Namespace) -> int:
    from dann.catalogue import described, entries, fed, pairs, requested
    from dann.gallery import draw, panel
    from dann.show import data_line

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
                print(f"{name}\n  {data_line(pair.reported())}")
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
