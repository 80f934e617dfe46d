"""Launch of an experiment: checks of its runs, which of them are still to be made, and where they execute."""

import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from dann.config.compatibility import check_data, check_parts
from dann.config.components import Component
from dann.config.experiment import EXPERIMENT, Experiment, write_experiment
from dann.config.experiment_run import Run
from dann.config.origin import check_origin, redo_command
from dann.config.plug_ins import Library
from dann.config.schema import Config, library_of
from dann.errors import BadInput
from dann.evaluation.rules import OWN, RULES
from dann.runner.callbacks import Observer
from dann.runner.changed_runs import (
    Change,
    Redo,
    compare_inputs,
    describe_changes,
    drop_superseded,
    find_changed_configurations,
    find_dependents,
    find_failed,
    set_aside,
)
from dann.runner.executor import Executor
from dann.runner.experiment_records import read_checked_records
from dann.runner.records import read_record
from dann.runner.run_folder import is_finished
from dann.runner.source_free import resolve_run
from dann.runner.team import Team
from dann.runner.work_queue import POLL, WorkQueue
from dann.runner.workers import GiveUp, spread
from dann.training.stacking.grouping import Planned, Unit, group_runs


class Cluster(Protocol):
    """Other machines, which make units of runs as worker processes of this one would."""

    def capacity(self) -> int:
        """The number of units that are made at a time."""

    def spread(self, units: Sequence[Unit], observer: Observer, give_up: GiveUp[Unit]) -> None:
        """Make units, see ``dann.runner.workers.spread``."""


class Plan(NamedTuple):
    """The runs of a command.

    Args:
        changes: the runs that are there, but have changed and are to be made again: some of these and, of a search with
            seeds of its own, of those that may follow from them.
        notes: for the user.
    """

    runs: list[Planned]
    changes: list[Change]
    notes: list[str]


def launch(
    experiment: Experiment,
    runs: list[Run],
    folder: Path,
    device: torch.device,
    observer: Observer,
    file: Path,
    workers: int = 1,
    redo: Redo | None = None,
    seeds: list[int] | None = None,
    team: Team | None = None,
    log_to: str | None = None,
    cluster: Cluster | None = None,
) -> None:
    """Execute ``runs``, a selection of the experiment's, in its ``folder``; finished ones are not repeated.

    Args:
        file: the experiment's, for messages.
        workers: processes that execute them, one thread each; with one they execute here, with all threads.
        redo: ``changed`` to make runs again whose configuration, data or weights files changed, ``failed`` those whose
            numbers stopped being finite; the folder of such a run stays, under another name, until its successor is
            complete.
        seeds: those that the command line named, for messages.
        team: the processes that train each run together, led by this one; then there are no other workers.
        log_to: a tracker of ``dann.runner.trackers`` that runs log to beside TensorBoard.
        cluster: makes the runs in place of this machine, with its own device and number of workers.

    Raises:
        BadInput: before anything is trained or written, when a configuration is not valid or when ``folder`` holds
            runs of another file, or of a configuration, data or weights that have changed.
    """
    planned, changes, notes = plan(experiment, runs, folder, file, redo, seeds)
    for note in notes:
        observer.noted(note)
    folder.mkdir(parents=True, exist_ok=True)
    write_experiment(experiment, folder / EXPERIMENT, file)
    for change in changes:
        set_aside(change)
    execute(planned, device, observer, workers, team, log_to, cluster)
    drop_superseded(each.place for each in planned)


def execute(
    planned: list[Planned],
    device: torch.device,
    observer: Observer,
    workers: int = 1,
    team: Team | None = None,
    log_to: str | None = None,
    cluster: Cluster | None = None,
) -> None:
    """Make the runs that are missing, on a cluster or in worker processes if there are several ``workers``.

    Those that take weights from another of them come after it.
    """
    executor = Executor(device, team, log_to)
    for run, _, place in planned:
        if is_finished(place):
            executor.locks.remove_left_over(place)
            observer.finished(run, read_record(place), False)
    # Grouped with the finished runs, so that going on after an interruption changes neither units nor threads.
    units = group_runs(planned, workers if cluster is None else cluster.capacity())
    pending = [[each for each in unit if not is_finished(each.place)] for unit in units]
    pending = [unit for unit in pending if unit]
    for left in _in_order(pending):
        if cluster is not None:
            cluster.spread(left, observer, partial(_divide, observer))
        elif workers > 1 and len(units) > 1:
            spread(left, executor.execute, min(workers, len(left)), observer, partial(_divide, observer))
        else:
            _execute_here(left, executor, observer)


def _in_order(units: list[Unit]) -> Iterator[list[Unit]]:
    """The units in groups, of which none takes weights from a run of a later one: first those that take none."""
    left = [(unit, {folder.absolute() for each in unit for folder in each.earlier if folder}) for unit in units]
    while left:
        waiting = {each.place.absolute() for unit, _ in left for each in unit}
        without = any(not earlier for _, earlier in left)
        ready = [not earlier if without else not earlier & waiting for _, earlier in left]
        if not any(ready):  # each would wait for another, which is reported when they are made
            ready = [True] * len(left)
        yield [unit for (unit, _), is_ready in zip(left, ready, strict=True) if is_ready]
        left = [each for each, is_ready in zip(left, ready, strict=True) if not is_ready]


def _execute_here(units: list[Unit], executor: Executor, observer: Observer) -> None:
    """Execute units one after another, at the end those that other processes had."""
    queue = WorkQueue(units, observer)
    while queue.ready or queue.held:
        if (unit := queue.take()) is None:
            queue.report()
            time.sleep(POLL)
        elif (owner := executor.execute(unit, observer)) is not None:
            queue.postpone(unit, owner)


def _divide(observer: Observer, unit: Unit, reason: str) -> list[Unit]:
    """The runs of a unit that was lost, one by one; the only one of a unit is reported and not tried again."""
    left = [each for each in unit if not is_finished(each.place)]
    if len(unit) > 1:
        return [[each] for each in left]
    for each in left:
        observer.missed(each.run, reason, None)
    return []


def plan(
    experiment: Experiment,
    runs: list[Run],
    folder: Path,
    file: Path,
    redo: Redo | None = None,
    seeds: list[int] | None = None,
) -> Plan:
    """The runs with their resolved configurations and folders, checked against the experiment's folder; writes nothing.

    Args:
        redo: as in ``launch``, and so ``seeds``.

    Raises:
        BadInput: a configuration is not valid, or ``folder`` holds runs of another file or runs that have changed.
    """
    check_origin(folder, file)
    library = library_of(experiment, str(file))
    own = _resolve_runs(runs, folder, file, library)
    planned = [*own, *_resolve_runs(_find_earlier(experiment, runs, folder), folder, file, library)]
    _check_rules(experiment, planned, file)
    again = find_failed(planned) if redo == "failed" else []
    places = {change.place for change in again}
    changed = find_changed_configurations([each for each in planned if each.place not in places])
    places |= {change.place for change in changed}
    everything = redo_command(experiment, folder, file, seeds)
    compared = compare_inputs(experiment, [each for each in planned if each.place not in places], folder)
    changes = [*changed, *compared.changes]
    changes += find_dependents([each for each in planned if each.place not in places], changes)
    places |= {change.place for change in changes}
    read_checked_records(experiment, folder, places, everything)  # seeds from other data are named by what changed
    covered = {each.place for each in planned}
    if left := [change for change in changes if redo != "changed" or change.place not in covered]:
        rows = {run.variant for run in runs}
        only = [row for row in experiment.variants if row in rows] if len(rows) < len(experiment.variants) else []
        these = redo_command(experiment, folder, file, seeds, only)
        raise BadInput(describe_changes(left, these if all(each.place in covered for each in left) else everything))
    return Plan(own, [*changes, *again], compared.notes)


def _find_earlier(experiment: Experiment, runs: list[Run], folder: Path) -> list[Run]:
    """The finished runs of settings that a search chose or kept before, of the rows and seeds that are to be made.

    What is changed or failed of them is set aside with the others, as the choice may fall on them again.
    """
    if not experiment.search_seeds:
        return []
    rows, seeds = {(run.task, run.variant) for run in runs}, {run.seed for run in runs}
    own = {(run.row, run.seed) for run in runs}
    return [run for run in experiment.runs(seeds=sorted(seeds)) if (run.task, run.variant) in rows
            and (run.row, run.seed) not in own and is_finished(folder / run.folder)]  # fmt: skip


def _resolve_runs(runs: list[Run], folder: Path, file: Path, library: Library) -> list[Planned]:
    """The runs with their configurations, of which the seeds of a row share one."""
    planned: list[Planned] = []
    for run in runs:
        if planned and planned[-1].run.declared is run.declared:
            config = planned[-1].config
        else:
            config = resolve_run(run, f"{file}, variant {run.variant}", library, folder)
            _check_compatible(config, run, file)
        planned.append(Planned(run, config, folder / run.folder))
    return planned


def _check_compatible(config: Config, run: Run, file: Path) -> None:
    """Refuse parts that do not fit together now, not when the run's turn comes."""
    try:
        check_data(config.data)
        check_parts(config)
    except BadInput as error:
        raise BadInput(f"{file}, variant {run.variant}: {error}") from error


def _check_rules(experiment: Experiment, planned: list[Planned], file: Path) -> None:
    """Refuse a search, or a comparison of selection rules, by a score that its runs will not have."""
    seeds = experiment.search_seeds
    searched = [each.config for each in planned if not seeds or each.run.seed in seeds]
    reported = [each.config for each in planned if each.run.seed not in seeds]
    named = [("selections", rule, reported) for rule in experiment.selections]
    named += [] if experiment.search is None else [("search.rule", experiment.search.rule, searched)]
    for key, rule, configs in named:
        for option in RULES[rule].diagnose:
            if not all(getattr(config.diagnose, option) for config in configs):
                raise BadInput(f"{file}: {key}: {rule} needs diagnose.{option}, which is off: set it")
        if RULES[rule].needs_source and not all(config.data.sources for config in configs):
            raise BadInput(f"{file}: {key}: {rule} reads source examples, and a row has no data.source: take another")
        own = rule.removeprefix(OWN)
        if rule.startswith(OWN) and not all(own in _names(config.diagnose.validators) for config in configs):
            raise BadInput(f"{file}: {key}: {rule} needs diagnose.validators with {own}, which is not in it: add it")


def _names(components: Sequence[Component] | None) -> list[str]:
    return [component.name for component in components or ()]


def default_workers(device: torch.device) -> int:
    """One process per core that this one may use; on a GPU, which they would share, one."""
    if device.type != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")  # of a container
    share, period = (quota.read_text().split() if quota.is_file() else ["max", "1"])[:2]
    return cores if share == "max" else max(1, min(cores, int(share) // int(period)))
