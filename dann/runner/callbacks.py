"""What is told of runs while they are made."""

from typing import Any, Protocol

from dann.config.experiment import Run
from dann.runner.records import Record


class Observer(Protocol):
    """Who watches the runs: the command line's progress bar, or a test."""

    def loaded(self, data: dict[str, Any]) -> None: ...

    def started(self, run: Run, done: int, steps: int) -> None: ...

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None: ...

    def warned(self, run: Run, step: int, text: str) -> None: ...

    def finished(self, run: Run, record: Record, new: bool) -> None: ...
