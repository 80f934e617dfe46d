"""``dann verify``: the runs of records made again and compared with them."""

import argparse
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dann.errors import BadInput

if TYPE_CHECKING:
    from dann.config.use_files import UseFile
    from dann.runner.records import Record
    from dann.runner.verification import Outcome, Verdict

EXPERIMENT_FILES = (".yaml", ".yml")
WORDS: "dict[Verdict, str]" = {
    "equal": "equal to the last bit",
    "close": "within the tolerance",
    "different": "different",
    "unknown": "not compared",
}


def verify(options: argparse.Namespace) -> int:
    """Verify records; returns the exit status: 0, 1 if a run is different, 2 if one could not be compared."""
    with TemporaryDirectory() as temporary:
        outcomes = _verify_all(options, options.out or Path(temporary))
    counts = Counter(outcome.verdict for outcome in outcomes)
    each = ", ".join(f"{counts[verdict]} {word}" for verdict, word in WORDS.items() if verdict in counts)
    print(f"{len(outcomes)} run{'s' * (len(outcomes) != 1)}: {each}")
    return 1 if counts["different"] else 2 if counts["unknown"] else 0


def _verify_all(options: argparse.Namespace, out: Path) -> "list[Outcome]":
    from dann.cli.progress import Progress
    from dann.runner.planning import default_workers
    from dann.runner.verification import verify
    from dann.training.device import choose_device

    device = choose_device(options.device)
    found = [(folder, every, _select(own, options)) for folder, own, every in _find_records(options.path)]
    use = _find_use_files(options)
    runs = sum(len(chosen) for _, _, chosen in found)
    if not runs:
        narrowed = options.only is not None or options.seeds is not None
        fault = "of these rows and seeds: leave out --only and --seeds" if narrowed else "yet: dann run makes them"
        raise BadInput(f"{options.path}: no finished run {fault}")
    with_runs = {record.variant for _, _, chosen in found for record in chosen.values()}
    if missing := [row for row in options.only or () if row not in with_runs]:
        raise BadInput(f"{options.path}: no finished run of the row {missing[0]!r}: leave out --only {missing[0]!r}")
    outcomes: list[Outcome] = []
    with Progress(runs) as progress:

        def report(outcome: "Outcome") -> None:
            outcomes.append(outcome)
            progress.noted(f"{outcome.name}: {outcome.text}")

        for number, (folder, every, chosen) in enumerate(found):
            place = out / (folder.name if len(found) == 1 else f"{number}-{folder.name}")
            workers = options.jobs or default_workers(device)
            verify(chosen, every, place, device, progress, report, workers, use)
    return outcomes


def _find_use_files(options: argparse.Namespace) -> "tuple[UseFile, ...]":
    """The files that may be executed: those after ``--use``, and those of an experiment file that is named itself.

    A folder names none: whoever verifies another's runs says first that their code may run.
    """
    from dann.config.experiment import read_experiment
    from dann.config.use_files import read_use_files

    given = {path.name: path for path in options.use}
    if options.path.is_file() and options.path.suffix in EXPERIMENT_FILES:
        given = {Path(path).name: Path(path) for path in read_experiment(options.path).use} | given
    return read_use_files([*given.values()], str(options.path))


def _find_records(path: Path) -> "list[tuple[Path, dict[Path, Record], list[Record]]]":
    """The records at a path: of each experiment or run its folder, its records by their runs' folders, and all seeds'.

    Args:
        path: the folder of a run, an experiment file, a folder of runs or results, or the file of records in one.
    """
    from dann.reporting.locations import find_experiments
    from dann.runner.experiment_records import PACKED, read_checked_records, read_records
    from dann.runner.records import RECORD, UNFINISHED, read_record

    folder = path.parent if path.name in (RECORD, PACKED) else path
    if folder.name.endswith(UNFINISHED) and folder.is_dir():
        raise BadInput(f"{folder}: this run is unfinished: continue it with the dann run that began it")
    if (folder / RECORD).is_file():
        seeds = [read_record(file.parent) for file in sorted(folder.absolute().parent.glob(f"seed-*/{RECORD}"))]
        return [(folder, {folder: read_record(folder)}, seeds)]
    found = []
    for experiment, place in find_experiments(folder):
        every = read_checked_records(experiment, place)
        found.append((place, read_records(experiment, place), every))
    return found


def _select(records: "dict[Path, Record]", options: argparse.Namespace) -> "dict[Path, Record]":
    """The records of the rows and seeds that the command line names."""
    return {place: record for place, record in records.items()
            if (options.only is None or record.variant in options.only)
            and (options.seeds is None or record.seed in options.seeds)}  # fmt: skip
