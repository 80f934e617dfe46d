"""Signals to stop while runs train: the first waits for the end of a step, a second stops at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from dann.errors import STOPPING, Stopped


class StopSignals:
    """A context in which the first signal to stop is only noted in ``received``; a second raises ``Stopped``.

    Outside the main thread, where Python handles no signals, nothing is noted. A signal that is ignored, as SIGHUP
    under ``nohup``, stays so.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self.before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        if kind is None and self.received is not None:  # after the last step
            raise Stopped(self.received)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise Stopped(number)
        self.received = number
