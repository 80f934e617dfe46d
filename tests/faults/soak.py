"""Soak: very many tiny runs in one experiment, which leave no memory, files or processes behind."""

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from outcome import Outcome

sys.path.append(str(Path(__file__).parent.parent))

from tiny import Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.config.experiment_run import Run
from dann.runner.executor import Executor
from dann.runner.planning import launch
from dann.runner.records import RECORD, Record

GROWTH, SCHEDULING = 0.05, 0.05  # shares of memory and time that are allowed
SETTLED = 100  # runs after which memory must be flat
PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def memory() -> int:
    """The resident memory of this process and all below it, in bytes."""
    total = 0
    for pid in descendants(os.getpid()):
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


class Gauge(Silent):
    """An observer that notes the memory after each run."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: list[int] = []

    def finished(self, run: Run, record: Record, new: bool) -> None:
        super().finished(run, record, new)
        self.memory.append(memory())

    def growth(self) -> float:
        """The change from the runs that follow the first hundred to the last ones, as a share."""
        settled = min(SETTLED, len(self.memory) // 2)
        after = self.memory[settled:]
        tenth = max(1, len(after) // 10)
        return statistics.median(after[-tenth:]) / statistics.median(after[:tenth]) - 1


class Clock:
    """The seconds inside the making of runs in this process."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.make = Executor._make

    def __call__(self, executor: Executor, *arguments: Any) -> None:
        began = time.perf_counter()
        try:
            self.make(executor, *arguments)
        finally:
            self.seconds += time.perf_counter() - began


def soak(file: Path, folder: Path, jobs: int) -> tuple[Gauge, float, float]:
    """Make all runs; returns memory, the seconds in runs made in this process, and all seconds."""
    gauge, clock = Gauge(), Clock()
    began = time.perf_counter()
    experiment = read_experiment(file)
    with mock.patch.object(Executor, "_make", lambda *arguments: clock(*arguments)):
        launch(experiment, list(experiment.runs()), folder, torch.device("cpu"), gauge, file, jobs)
    return gauge, clock.seconds, time.perf_counter() - began


def measure(cases: int, seed: int, folder: Path) -> list[Outcome]:
    """One experiment of ``cases`` runs, in this process and in two workers; ``seed`` is the first of its seeds."""
    torch.set_num_threads(1)
    seeds = list(range(seed, seed + -(-cases // 2)))
    file = write_tiny(folder / "soak.yaml", seeds=seeds, base={"train": {"steps": 12}})
    outcomes = []
    for jobs in (1, 2):
        files, processes = len(os.listdir("/proc/self/fd")), set(descendants(os.getpid()))
        gauge, inside, whole = soak(file, folder / str(jobs), jobs)
        growth, made = gauge.growth(), len(list((folder / str(jobs)).rglob(RECORD)))
        left = len(os.listdir("/proc/self/fd")) - files
        stayed = len(set(descendants(os.getpid())) - processes)
        what = "runs in this process" if jobs == 1 else f"runs in {jobs} worker processes"
        detail = (
            f"memory {100 * growth:+.1f} % after the first {SETTLED}, {left} descriptors and {stayed} processes left"
        )
        many = 2 * len(seeds) >= 2 * SETTLED  # fewer show the start alone
        wrong = (2 * len(seeds) - made) + (many and growth > GROWTH) + (left > SERVER[jobs]) + (stayed > SERVER[jobs])
        if jobs == 1:
            between = 1 - inside / whole
            detail += f", {100 * between:.1f} % of the time between runs"
            wrong += many and between > SCHEDULING
        right = "all runs made, memory flat to 5 %, nothing left, 5 % of the time between runs"
        outcomes.append(Outcome(what, right, 2 * len(seeds), wrong, detail))
    return outcomes


SERVER = {1: 0, 2: 3}  # the server that forks workers stays for the next, with its tracker
