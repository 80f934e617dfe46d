"""Races: processes on one experiment folder, members of which are killed, and a parent that is killed alone."""

import contextlib
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from dann.config.experiment import read_experiment
from dann.config.experiment_run import Run
from dann.runner.planning import launch
from dann.runner.records import RECORD

sys.path.append(str(Path(__file__).parent.parent))  # the forkserver's children start without it

from outcome import Outcome
from tiny import Silent, write_tiny

CPU = torch.device("cpu")
MEMBERS, KILLS = 8, 6  # processes at once, and how many of them are killed
LAST = 600.0  # seconds after which processes that still run count as hanging


class Quiet(Silent):
    """An observer that prints nothing; a run that was not made is noticed by its absence."""

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        print(f"{run.name}: {reason}", file=sys.stderr)


def make_runs(file: Path, folder: Path, workers: int = 1) -> None:
    """Make the runs of an experiment that are missing; the body of a process."""
    torch.set_num_threads(1)
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), folder, CPU, Quiet(), file, workers)


def start(*arguments: Any) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dann.runner.planning"])
    process = context.Process(target=make_runs, args=arguments)
    process.start()
    return process


def results(folder: Path) -> dict[str, Any]:
    """Of each run its record and log without times; nothing may lie beside them."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob(RECORD)):
        record = json.loads(path.read_text())
        lines = [json.loads(line) for line in path.with_name("metrics.jsonl").read_text().splitlines()]
        log = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
        drop = {"seconds", "environment", "checksum"}  # the last is of all
        found[path.parent.relative_to(folder).as_posix()] = {
            "record": {key: value for key, value in record.items() if key not in drop}, "log": log,
        }  # fmt: skip
    for path in [*folder.rglob("*.lock"), *folder.rglob("*.unfinished")]:
        found[path.relative_to(folder).as_posix()] = "left behind"
    return found


def count_wrong(expected: dict[str, Any], folder: Path) -> int:
    """The number of runs that are missing, differ or are too many."""
    made = results(folder)
    return sum(expected.get(name) != made.get(name) for name in expected | made)


@contextlib.contextmanager
def ended(processes: list[BaseProcess]) -> Iterator[None]:
    """Leave no process behind, whatever happens."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def race(file: Path, folder: Path, draw: random.Random, members: int, kills: int) -> int:
    """Several processes on one folder, killed at random and started anew; returns how many were killed."""
    processes = [start(file, folder) for _ in range(members)]
    killed, deadline = 0, time.monotonic() + LAST
    with ended(processes):
        while any(process.is_alive() for process in processes) and time.monotonic() < deadline:
            time.sleep(draw.uniform(0.05, 0.4))
            alive = [place for place, process in enumerate(processes) if process.is_alive()]
            if killed < kills and alive and any(folder.rglob("*.lock")):
                place = draw.choice(alive)
                processes[place].kill()
                processes[place].join()
                processes[place] = start(file, folder)
                killed += 1
    return killed


def kill_owner(folder: Path, draw: random.Random) -> None:
    """Kill the process that makes a run of the folder, once there is one."""
    while not (locks := [lock for lock in folder.rglob("*.lock") if lock.read_bytes().endswith(b"}")]):
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(json.loads(draw.choice(locks).read_text())["pid"], signal.SIGKILL)


def kill_parent(file: Path, folder: Path, draw: random.Random) -> None:
    """A worker is killed, then its parent alone, and the same command goes on at once."""
    parents = [start(file, folder, 2)]
    with ended(parents):
        kill_owner(folder, draw)
        time.sleep(draw.uniform(0.0, 0.5))
        parents[0].kill()
        parents.append(start(file, folder))
        parents[1].join(LAST)


def measure(cases: int, seed: int, folder: Path, members: int = MEMBERS, kills: int = KILLS) -> list[Outcome]:
    """Races over ``cases`` runs.

    Args:
        members: processes at once.
        kills: how many of them are killed.
    """
    draw = random.Random(seed)
    seeds = list(range(-(-cases // 2)))
    file = write_tiny(folder / "race.yaml", seeds=seeds, base={"train": {"steps": 60, "evaluate_every": 10}})
    make_runs(file, folder / "alone")
    expected = results(folder / "alone")
    killed = race(file, folder / "together", draw, members, kills)
    kill_parent(file, folder / "orphans", draw)
    right = "each run once; records and logs equal to an undisturbed experiment's; no lock left"
    what = f"{members} processes on the same runs, {killed} of them killed at random moments"
    return [
        Outcome(what, right, len(expected), count_wrong(expected, folder / "together")),
        Outcome("a worker killed, then its parent alone, and the command started anew at once", right, len(expected),
                count_wrong(expected, folder / "orphans")),
    ]  # fmt: skip
