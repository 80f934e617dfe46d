"""Contests: each contestant is a process of its own; a round times each once, so that noise affects all equally."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

Times = dict[str, list[float]]
PAUSE = 0.4  # seconds before each timing, until spinning threads and prefetching loaders are idle
GRACE = 20  # seconds until a process that does not end is killed


class Ended(Exception):
    """A contestant ended too early; the message states why."""


def start_process(command: Sequence[str], environment: Mapping[str, str], errors: IO[str]) -> "subprocess.Popen[str]":
    """Start a process with pipes for its input and output."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=dict(environment))


class Child:
    """A process that answers each line on standard input with a number and is idle in between.

    It first prints "ready" and a JSON mapping, or ``{"broken": reason}``.
    """

    def __init__(self, command: Sequence[str], threads: int) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = start_process(command, os.environ | {"OMP_NUM_THREADS": str(threads)}, self.errors)

    def ready(self) -> dict[str, Any]:
        """Wait until the process is ready; returns its mapping."""
        for line in self._lines():
            if line.startswith("ready"):
                return json.loads(line.removeprefix("ready").strip() or "{}")
            if line.startswith('{"broken"'):
                raise Ended(json.loads(line)["broken"])
        raise Ended(self._reason())

    def ask(self, line: str) -> float:
        """The answer of the process to ``line``."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            raise Ended(self._reason()) from None
        for answer in self._lines():
            try:
                return float(answer)
            except ValueError:  # output of a library
                continue
        raise Ended(self._reason())

    def _lines(self) -> Iterator[str]:
        while line := self.process.stdout.readline():
            yield line

    def _reason(self) -> str:
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        return lines[-1] if lines else f"exit status {status}"

    def peak(self) -> float | None:
        """Peak memory in MiB, without child processes; None if the system does not report it."""
        status = Path(f"/proc/{self.process.pid}/status")
        lines = status.read_text().splitlines() if status.is_file() else []
        found = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
        return round(found[0], 1) if found else None

    def close(self) -> None:
        try:
            self.process.stdin.close()
            self.process.wait(GRACE)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


@contextmanager
def start_contest(commands: Mapping[str, Sequence[str]], threads: int | Mapping[str, int]) -> Iterator["Contest"]:
    """Start all contestants by their commands; stop them on leaving the context."""
    team: dict[str, Child] = {}
    try:
        for name, command in commands.items():
            team[name] = Child(command, threads if isinstance(threads, int) else threads[name])
        yield Contest(team)
    finally:
        for child in team.values():
            child.close()


class Contest:
    """A contest between processes.

    Attributes:
        said: mapping that each contestant printed when it was ready.
        lost: reason of each contestant that did not get ready or ended later.
    """

    def __init__(self, team: dict[str, Child]) -> None:
        self.team, self.said, self.lost = team, {}, {}
        for name, child in team.items():
            with self._losing(name):
                self.said[name] = child.ready()

    @contextmanager
    def _losing(self, name: str) -> Iterator[None]:
        try:
            yield
        except Ended as error:
            self.lost[name] = str(error)

    def ask(self, name: str, line: str) -> float | None:
        """The answer of a contestant; None if it is lost."""
        if name not in self.lost:
            with self._losing(name):
                return self.team[name].ask(line)
        return None

    def peak(self, name: str) -> float | None:
        return None if name in self.lost else self.team[name].peak()

    def rounds(self, asked: Mapping[str, tuple[str, str]], count: int, pause: float = PAUSE) -> Times:
        """The answers in each round, by label; without contestants that are lost.

        Args:
            asked: contestant and line for each label.
            count: number of rounds.
            pause: seconds before each timing.
        """
        return timed({label: lambda at=at: self.ask(*at) for label, at in asked.items()}, count, pause)


def timed(asks: Mapping[str, Callable[[], float | None]], count: int, pause: float = PAUSE) -> Times:
    """The results of each function of ``asks`` in each round; functions that return None are left out."""
    times: dict[str, list[Any]] = {label: [] for label in asks}
    for _ in range(count):
        for label, ask in asks.items():
            time.sleep(pause)
            times[label].append(ask())
    return {label: values for label, values in times.items() if None not in values}


def spread(values: Sequence[float], scale: float = 1.0) -> dict[str, float]:
    """Median, minimum and maximum."""
    scaled = [scale * value for value in values]
    found = {"median": statistics.median(scaled), "low": min(scaled), "high": max(scaled)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def ratio(one: Sequence[float], other: Sequence[float], scale: float = 1.0) -> dict[str, float]:
    """The spread of the ratios of two contestants within rounds."""
    return spread([a / b for a, b in zip(one, other, strict=True)], scale)
