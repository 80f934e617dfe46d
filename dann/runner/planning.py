"""Where the runs of an experiment execute: here, or in worker processes."""

import os
from pathlib import Path

import torch

from dann.config.experiment import EXPERIMENT, Experiment, Run, write_experiment
from dann.config.schema import Config, resolve
from dann.errors import BadInput
from dann.evaluation.rules import RULES
from dann.runner import workers as jobs
from dann.runner.callbacks import Observer
from dann.runner.executor import CONFIGURATION, Executor, read_json, unfinished
from dann.runner.records import RECORD, checked_records, difference, read_record
from dann.training.stacking.grouping import Planned, units


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
    execute = Executor(device)
    configs = [resolve(run.declared, f"{file}, variant {run.variant}") for run in runs]
    for run, config in zip(runs, configs, strict=True):
        _check_same(folder / run.folder, config)
    _check_search(experiment, configs, file)
    checked_records(experiment, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_experiment(experiment, folder / EXPERIMENT)
    planned = [Planned(run, config, folder / run.folder) for run, config in zip(runs, configs, strict=True)]
    # Planned with the finished runs, so that taking up an interrupted command changes neither units nor threads.
    parts = units(planned, workers)
    for run, _, place in planned:
        if _finished(place):
            observer.finished(run, read_record(place), False)
    pending = [[each for each in part if not _finished(each.place)] for part in parts]
    pending = [part for part in pending if part]
    if workers > 1 and len(parts) > 1:
        jobs.spread(pending, execute, min(workers, len(pending)), observer)
    else:
        for part in pending:
            execute(part, observer)


def _check_search(experiment: Experiment, configs: list[Config], file: Path) -> None:
    """Refuse a search by a score that runs will not have, before anything is trained."""
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


def _finished(place: Path) -> bool:
    return (place / RECORD).is_file()


def _check_same(place: Path, config: Config) -> None:
    if place.exists() and not _finished(place):
        raise BadInput(f"{place} holds no {RECORD}: remove that folder to make the run again")
    for folder, file in ((place, RECORD), (unfinished(place), CONFIGURATION)):
        if (folder / file).is_file():
            recorded = read_record(folder).config if file == RECORD else read_json(folder / file)
            if changed := difference(recorded, config.model_dump(mode="json")):
                raise BadInput(
                    f"{folder} is of another configuration ({changed}): give another --out or remove that folder"
                )
