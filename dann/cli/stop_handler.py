"""The default handler of signals to stop on the command line."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from dann.errors import STOPPING, Stopped


class StopHandler:
    """Raises ``Stopped`` at the first and second signal to stop, and ignores further ones."""

    def __init__(self) -> None:
        self.came = 0
        self.numbers: list[signal.Signals] = []

    def __call__(self, number: int, frame: FrameType | None) -> NoReturn:
        self.came += 1
        if self.came > 1:
            self.ignore()
        raise Stopped(number)

    def ignore(self) -> None:
        """Ignore the signals from now on."""
        for number in self.numbers:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def handle_stop_signals() -> Iterator[StopHandler]:
    """Turn SIGINT, SIGTERM and SIGHUP into ``Stopped``, except those that are ignored, as SIGHUP under ``nohup``.

    After a stop they stay ignored, so that one more does not disturb the program's end.
    """
    handler, before = StopHandler(), {}
    if threading.current_thread() is threading.main_thread():  # Python handles signals in no other
        handler.numbers = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, handler) for number in handler.numbers}
    yield handler
    if not handler.came:
        for number, earlier in before.items():
            signal.signal(number, earlier)
