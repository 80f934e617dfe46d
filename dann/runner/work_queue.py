"""The queue of units of work: those that are left, and those that other processes make at the moment."""

import time
from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

from dann.runner.callbacks import Observer

POLL = 0.5  # seconds between attempts at units that other processes have

Unit = TypeVar("Unit")


class WorkQueue(Generic[Unit]):
    """The units that are left, in order; a unit that another process makes is tried again after a while.

    Args:
        observer: receives the name of each process that is waited for, once.
    """

    def __init__(self, units: Iterable[Unit], observer: Observer) -> None:
        self.ready, self.observer = deque(units), observer
        self.held: list[tuple[Unit, str]] = []
        self.since = 0.0
        self.reported: set[str] = set()

    def take(self) -> Unit | None:
        """The next unit; None if there is none now."""
        if not self.ready and self.held and time.monotonic() - self.since >= POLL:
            self.ready.extend(unit for unit, _ in self.held)
            self.held = []
        return self.ready.popleft() if self.ready else None

    def postpone(self, unit: Unit, owner: str) -> None:
        """Keep a unit for later, because another process has it."""
        self.held.append((unit, owner))
        self.since = time.monotonic()

    def report(self) -> None:
        """Report the processes that are waited for, now that there is nothing else to do."""
        for _, owner in self.held:
            if owner not in self.reported:
                self.reported.add(owner)
                self.observer.waiting(owner)
