"""A worker process: it receives units of work through a pipe and reports its progress back."""

import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NoReturn, TypeVar

import torch

from dann.errors import BadInput
from dann.runner.callbacks import Forwarder, Observer

READY, HELD, FAILED = "READY", "HELD", "FAILED"  # messages of a worker besides calls of the observer
INTERRUPTED = 130  # the exit status of a worker that was asked to stop
USER_ERRORS = (BadInput, OSError, MemoryError)  # errors that the command line reports in one line

Unit = TypeVar("Unit")
Work = Callable[[Unit, Observer], str | None]  # returns the other process that has the unit, or None


def serve(pipe: Connection, lifeline: Connection, work: Work[Any], folder: str, environment: dict[str, str]) -> None:
    """Run units, one after another, until the pipe is closed; the body of a worker process."""
    os.setpgid(0, 0)  # so that its child processes can be ended with it
    threading.Thread(target=end_with_parent, args=(lifeline,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal, but the parent decides
    try:
        try:
            signal.signal(signal.SIGTERM, _interrupt)
            enter(folder, environment)
            _run_units(work, _Parent(pipe))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the rest takes no time
    except KeyboardInterrupt:  # as it is raised once at most, nothing leaves this process with a trace
        sys.exit(INTERRUPTED)


def enter(folder: str, environment: dict[str, str]) -> None:
    """Take the folder and environment of the parent, and compute with one thread."""
    torch.set_num_threads(1)  # two threads that wait for each other beside other work are ten times slower
    os.chdir(folder)  # the server still has the folder and environment of its start
    os.environ.clear()
    os.environ.update(environment)


def end_with_parent(lifeline: Connection) -> None:
    """End this process and its children at once when the parent has ended, which may have been killed alone."""
    with suppress(EOFError, OSError):
        lifeline.recv()
    os.killpg(os.getpid(), signal.SIGKILL)


def _run_units(work: Work[Any], parent: "_Parent") -> None:
    try:
        for unit in parent.units():
            if (owner := work(unit, parent.observer)) is not None:
                parent.send(HELD, owner)
    except Exception as error:
        parent.send(FAILED, make_portable(error))


def _interrupt(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the clean-up
    raise KeyboardInterrupt


class _Parent:
    """The parent process as a worker sees it, which sends units of work and repeats the calls of an observer."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self.observer = pipe, Forwarder(self.send)

    def units(self) -> Iterator[Any]:
        while True:
            self.send(READY)
            try:
                unit = self.pipe.recv()
            except (EOFError, OSError):  # no more units, or the parent is gone
                return
            yield unit

    def send(self, call: str, *arguments: object) -> None:
        with suppress(OSError):  # the parent has given up, and has asked this process to stop, or has ended
            self.pipe.send((call, arguments))


def make_portable(error: Exception) -> Exception:
    """``error`` itself if the command line reports it and it survives a pipe, else an exception with its trace."""
    if isinstance(error, USER_ERRORS):
        with suppress(Exception):
            if str(pickle.loads(pickle.dumps(error))) == str(error):
                return error
    return RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
