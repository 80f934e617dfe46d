"""Launch of an experiment: checks of its runs, which of them are still to be made, and where they execute."""

import os
import time
from functools import partial
from pathlib import Path

import torch

from dann.config.compatibility import check_data, check_parts
from dann.config.experiment import EXPERIMENT, Experiment, Run, write_experiment
from dann.config.schema import Config, resolve
from dann.errors import BadInput
from dann.evaluation.rules import RULES
from dann.runner.callbacks import Observer
from dann.runner.executor import Executor
from dann.runner.records import read_checked_records, read_record
from dann.runner.run_folder import check_configuration, is_finished
from dann.runner.turns import POLL, Turns
from dann.runner.workers import spread
from dann.training.stacking.grouping import Planned, Unit, group_runs


def launch(
    experiment: Experiment,
    runs: list[Run],
    folder: Path,
    device: torch.device,
    observer: Observer,
    file: Path,
    workers: int = 1,
) -> None:
    """Execute ``runs``, a selection of the experiment's, in its ``folder``; finished ones are not repeated.

    Args:
        file: the experiment's, for messages.
        workers: processes that execute them, one thread each; with one they execute here, with all threads.

    Raises:
        BadInput: before anything is trained or written, when a configuration is not valid or when ``folder`` holds a
            run of the same variant and seed with another configuration.
    """
    planned = plan(experiment, runs, folder, file)
    executor = Executor(device)
    folder.mkdir(parents=True, exist_ok=True)
    write_experiment(experiment, folder / EXPERIMENT)
    for run, _, place in planned:
        if is_finished(place):
            observer.finished(run, read_record(place), False)
    # Grouped with the finished runs, so that going on after an interruption changes neither units nor threads.
    units = group_runs(planned, workers)
    pending = [[each for each in unit if not is_finished(each.place)] for unit in units]
    pending = [unit for unit in pending if unit]
    if workers > 1 and len(units) > 1:
        spread(pending, executor.execute, min(workers, len(pending)), observer, partial(_divide, observer))
    else:
        _execute_here(pending, executor, observer)


def _execute_here(units: list[Unit], executor: Executor, observer: Observer) -> None:
    """Execute units one after another, at the end those that other processes had."""
    turns = Turns(units, observer)
    while turns.ready or turns.held:
        if (unit := turns.take()) is None:
            turns.report()
            time.sleep(POLL)
        elif (owner := executor.execute(unit, observer)) is not None:
            turns.postpone(unit, owner)


def _divide(observer: Observer, unit: Unit, reason: str) -> list[Unit]:
    """The runs of a unit that was lost, one by one; the only one of a unit is reported and not tried again."""
    left = [each for each in unit if not is_finished(each.place)]
    if len(unit) > 1:
        return [[each] for each in left]
    for each in left:
        observer.missed(each.run, reason, None)
    return []


def plan(experiment: Experiment, runs: list[Run], folder: Path, file: Path) -> list[Planned]:
    """The runs with their resolved configurations and folders, checked against the experiment's folder; writes nothing.

    Raises:
        BadInput: a configuration is not valid, or ``folder`` holds a run of the same variant and seed with another.
    """
    planned = [
        Planned(run, resolve(run.declared, f"{file}, variant {run.variant}"), folder / run.folder) for run in runs
    ]
    for each in planned:
        _check_compatible(each, file)
        check_configuration(each.place, each.config)
    _check_search(experiment, [each.config for each in planned], file)
    read_checked_records(experiment, folder)
    return planned


def _check_compatible(planned: Planned, file: Path) -> None:
    """Refuse parts that do not fit together now, not when the run's turn comes."""
    try:
        check_data(planned.config.data)
        check_parts(planned.config)
    except BadInput as error:
        raise BadInput(f"{file}, variant {planned.run.variant}: {error}") from error


def _check_search(experiment: Experiment, configs: list[Config], file: Path) -> None:
    """Refuse a search by a score that its runs will not have."""
    rule = None if experiment.search is None else experiment.search.rule
    for option in RULES[rule].diagnose if rule is not None else ():
        if not all(getattr(config.diagnose, option) for config in configs):
            raise BadInput(f"{file}: search.rule: {rule} needs diagnose.{option}, which is off: set it")


def default_workers(device: torch.device) -> int:
    """One process per core that this one may use; on a GPU, which they would share, one."""
    if device.type != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")  # of a container
    share, period = (quota.read_text().split() if quota.is_file() else ["max", "1"])[:2]
    return cores if share == "max" else max(1, min(cores, int(share) // int(period)))
