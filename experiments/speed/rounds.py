"""Contestants in processes of their own, timed in turn: a round times each once, so that noise hits all alike."""

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
PAUSE = 0.4  # seconds before each timing, in which threads that spin and loaders that read ahead come to rest
GRACE = 20  # seconds that a process has to end in


class Ended(Exception):
    """A contestant ended before its time; says why."""


def started(command: Sequence[str], environment: Mapping[str, str], errors: IO[str]) -> "subprocess.Popen[str]":
    """A process with pipes to and from it."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=dict(environment))


class Child:
    """A process that waits for a line on standard input, answers it with a number, and is idle in between.

    It first prints "ready" and a JSON mapping, or ``{"broken": why}``.
    """

    def __init__(self, command: Sequence[str], threads: int) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = started(command, os.environ | {"OMP_NUM_THREADS": str(threads)}, self.errors)

    def ready(self) -> dict[str, Any]:
        """What it says when it is ready; waits for that."""
        for line in self._lines():
            if line.startswith("ready"):
                return json.loads(line.removeprefix("ready").strip() or "{}")
            if line.startswith('{"broken"'):
                raise Ended(json.loads(line)["broken"])
        raise Ended(self._reason())

    def ask(self, line: str) -> float:
        """Its answer to ``line``."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            raise Ended(self._reason()) from None
        for answer in self._lines():
            try:
                return float(answer)
            except ValueError:  # a library that prints
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
        """The most MiB that it had in memory at a time, without processes of its own; None where this is not told."""
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
def opened(commands: Mapping[str, Sequence[str]], threads: int | Mapping[str, int]) -> Iterator["Contest"]:
    """The contestants that these commands start, all at once; they end on leaving."""
    team: dict[str, Child] = {}
    try:
        for name, command in commands.items():
            team[name] = Child(command, threads if isinstance(threads, int) else threads[name])
        yield Contest(team)
    finally:
        for child in team.values():
            child.close()


class Contest:
    """Contestants that got ready.

    Attributes:
        said: what each said then.
        lost: why the others did not, or ended later.
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
        """The answer of a contestant; None once it is lost."""
        if name not in self.lost:
            with self._losing(name):
                return self.team[name].ask(line)
        return None

    def peak(self, name: str) -> float | None:
        return None if name in self.lost else self.team[name].peak()

    def rounds(self, asked: Mapping[str, tuple[str, str]], count: int, pause: float = PAUSE) -> Times:
        """The answers in each round, by label, of those contestants that last.

        Args:
            asked: label → contestant, line.
        """
        return timed({label: lambda at=at: self.ask(*at) for label, at in asked.items()}, count, pause)


def timed(asks: Mapping[str, Callable[[], float | None]], count: int, pause: float = PAUSE) -> Times:
    """What each of ``asks`` returns in each round; those that return None are left out."""
    times: dict[str, list[Any]] = {label: [] for label in asks}
    for _ in range(count):
        for label, ask in asks.items():
            time.sleep(pause)
            times[label].append(ask())
    return {label: values for label, values in times.items() if None not in values}


def spread(values: Sequence[float], scale: float = 1.0) -> dict[str, float]:
    """Median, lowest and highest."""
    scaled = [scale * value for value in values]
    found = {"median": statistics.median(scaled), "low": min(scaled), "high": max(scaled)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def ratio(one: Sequence[float], other: Sequence[float], scale: float = 1.0) -> dict[str, float]:
    """The spread of the ratios within rounds."""
    return spread([a / b for a, b in zip(one, other, strict=True)], scale)
