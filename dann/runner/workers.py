"""Worker processes: units of work run in several processes, with their progress reported to one observer."""

import multiprocessing
import os
import pickle
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn, TypeVar

import torch

from dann.errors import BadInput
from dann.runner.callbacks import Observer

PRELOADED = [
    "dann.runner.workers",
    "dann.runner.planning",
]  # torch is imported once, by the server that forks the workers
READY, FAILED = "ready", "failed"  # messages of a worker besides calls of the observer
USER_ERRORS = (BadInput, OSError, MemoryError)  # errors that the command line reports in one line
INTERRUPTED = 130  # the exit status of a worker that was asked to stop
GRACE = 5.0  # seconds in which a worker must stop

Unit = TypeVar("Unit")
Work = Callable[[Unit, Observer], None]
Team = dict[Connection, BaseProcess]


def spread(units: Sequence[Unit], work: Work[Unit], workers: int, observer: Observer) -> None:
    """Call ``work(unit, …)`` for each unit in one of ``workers`` processes, all of which have ended on return.

    A pool of ``concurrent.futures`` would return results alone, without progress, and not stop running units at Ctrl-C.

    Args:
        work: picklable; its calls of the observer that it receives are repeated on ``observer``, in this process.

    Raises:
        BadInput: as ``work`` raised it, or because a worker was killed.
        OSError, MemoryError, KeyboardInterrupt: as ``work`` raised it.
        RuntimeError: ``work`` raised another exception; the text is its trace.
    """
    team: Team = {}
    try:
        _start_server()
        for _ in range(min(workers, len(units))):
            pipe, process = _hire(work)
            team[pipe] = process
        _attend(team, deque(units), observer)
    except BaseException:
        for process in team.values():
            process.terminate()
        raise
    finally:
        _dismiss(team)


def _start_server() -> None:
    """Start the process that forks the workers, with Ctrl-C blocked, as it then is in them from the start."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    resource_tracker.ensure_running()  # the server needs it; starting it would end the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hire(work: Work[Any]) -> tuple[Connection, BaseProcess]:
    # A worker forked from this process might hang: threads of torch or of a progress bar may hold locks.
    context = multiprocessing.get_context("forkserver")
    here, there = context.Pipe()
    with there:  # once it is closed here, the worker's end closes with the worker
        # Not daemonic: a daemonic process may have no children, and runs may read data ahead in processes of their own.
        process = context.Process(target=_serve, args=(there, work, os.getcwd(), dict(os.environ)), daemon=False)
        process.start()
    return here, process


def _attend(team: Team, waiting: deque[Unit], observer: Observer) -> None:
    """Give units to the workers and pass on their calls of the observer, until all units are done."""
    busy = list(team)
    while busy:
        speaking = wait(busy)
        for pipe in [pipe for pipe in busy if pipe in speaking]:
            try:
                call, arguments = pipe.recv()
                if call == READY and waiting:
                    pipe.send(waiting.popleft())
                    continue
            except (EOFError, OSError):
                raise _loss(team[pipe]) from None
            if call == READY:
                pipe.close()
                busy.remove(pipe)
            elif call == FAILED:
                raise arguments[0]
            else:
                getattr(observer, call)(*arguments)


def _loss(process: BaseProcess) -> BaseException:
    """The exception for a worker that ended before its work."""
    process.join(GRACE)
    status = process.exitcode
    if status == INTERRUPTED:
        return KeyboardInterrupt()
    reason = f"killed by signal {-status}" if status is not None and status < 0 else f"exit status {status}"
    remedy = "the same command continues"
    if status == -signal.SIGKILL:
        reason, remedy = f"{reason}, perhaps for want of memory", f"try fewer --jobs; {remedy}"
    return BadInput(f"a worker process ended unexpectedly ({reason}): {remedy}")


def _dismiss(team: Team) -> None:
    """Wait for all workers to end, now that their pipes are closed, and kill those that do not."""
    try:
        for pipe in team:
            pipe.close()
        deadline = time.monotonic() + GRACE
        for process in team.values():
            process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for process in team.values():
            process.kill()
            process.join()
            if process.pid is not None and (process.exitcode or 0) < 0:  # end the processes that it had started
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _serve(pipe: Connection, work: Work[Any], folder: str, environment: dict[str, str]) -> None:
    """Run units, one after another, until the pipe is closed; the body of a worker process."""
    os.setpgid(0, 0)  # so that its child processes can be ended with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal, but the parent decides
    signal.signal(signal.SIGTERM, _interrupt)
    torch.set_num_threads(1)  # two threads that wait for each other beside other work are ten times slower
    os.chdir(folder)  # the server still has the folder and environment of its start
    os.environ.clear()
    os.environ.update(environment)
    try:
        _work(work, _Parent(pipe))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the rest takes no time


def _work(work: Work[Any], parent: "_Parent") -> None:
    try:
        for unit in parent.units():
            work(unit, parent)
    except Exception as error:
        parent.send(FAILED, _portable(error))


def _interrupt(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would interrupt the clean-up
    raise KeyboardInterrupt


class _Parent:
    """The parent process as a worker sees it: the source of units, and an observer."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe

    def units(self) -> Iterator[Any]:
        while True:
            self.send(READY)
            try:
                unit = self.pipe.recv()
            except (EOFError, OSError):  # no more units, or the parent is gone
                return
            yield unit

    def send(self, call: str, *arguments: object) -> None:
        try:
            self.pipe.send((call, arguments))
        except OSError:  # the parent is gone, or has given up
            sys.exit(INTERRUPTED)

    def noted(self, text: str) -> None:
        self.send("noted", text)

    def loaded(self, data: dict[str, Any]) -> None:
        self.send("loaded", data)

    def started(self, run: Any, done: int, steps: int) -> None:
        self.send("started", run, done, steps)

    def advanced(self, run: Any, done: int, terms: dict[str, float]) -> None:
        self.send("advanced", run, done, terms)

    def warned(self, run: Any, step: int, text: str) -> None:
        self.send("warned", run, step, text)

    def finished(self, run: Any, record: Any, new: bool) -> None:
        self.send("finished", run, record, new)


def _portable(error: Exception) -> Exception:
    """``error`` itself if the command line reports it and it survives a pipe, else an exception with its trace."""
    if isinstance(error, USER_ERRORS):
        with suppress(Exception):
            if str(pickle.loads(pickle.dumps(error))) == str(error):
                return error
    return RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
