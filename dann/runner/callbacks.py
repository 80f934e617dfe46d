"""Callbacks that report the progress of runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from dann.config.experiment_run import Run
from dann.runner.records import Record


class Observer(Protocol):
    """The receiver of progress: the command line's progress bar, or a test."""

    def noted(self, text: str) -> None:
        """There is a note on the experiment as a whole."""

    def loaded(self, data: dict[str, Any]) -> None:
        """The data of the next runs are loaded; ``data`` is ``Pair.describe()``."""

    def started(self, run: Run, done: int, steps: int) -> None:
        """A run begins, or goes on after ``done`` of its ``steps``."""

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
        """A run has logged its loss terms after ``done`` steps."""

    def warned(self, run: Run, step: int, text: str) -> None:
        """A run has raised an alarm."""

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        """A run could not be made and has no record; the file ``trace`` is on an error that is not the user's."""

    def waiting(self, owner: str) -> None:
        """All runs that are left are being made by other processes, one of them by ``owner``."""

    def finished(self, run: Run, record: Record, new: bool) -> None:
        """A run has its record, also if it failed in training; ``new`` if this command made it."""


class Forwarder:
    """An observer that hands the name and the arguments of each call on, to a process that repeats it.

    Args:
        send: is called with them.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self.send = send

    def noted(self, text: str) -> None:
        self.send("noted", text)

    def loaded(self, data: dict[str, Any]) -> None:
        self.send("loaded", data)

    def started(self, run: Run, done: int, steps: int) -> None:
        self.send("started", run, done, steps)

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
        self.send("advanced", run, done, terms)

    def warned(self, run: Run, step: int, text: str) -> None:
        self.send("warned", run, step, text)

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        self.send("missed", run, reason, trace)

    def waiting(self, owner: str) -> None:
        self.send("waiting", owner)

    def finished(self, run: Run, record: Record, new: bool) -> None:
        self.send("finished", run, record, new)
