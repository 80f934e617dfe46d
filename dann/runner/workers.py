"""Worker processes: units of work run in several processes, with their progress reported to one observer."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, NoReturn, TypeVar

import torch

from dann.data.loading.read_ahead import start_fork_server
from dann.errors import BadInput
from dann.runner.callbacks import Observer
from dann.runner.turns import POLL, Turns

PRELOADED = [
    "dann.runner.workers",
    "dann.runner.planning",
]  # torch is imported once, by the server that forks the workers
READY, HELD, FAILED = "READY", "HELD", "FAILED"  # messages of a worker besides calls of the observer
USER_ERRORS = (BadInput, OSError, MemoryError)  # errors that the command line reports in one line
INTERRUPTED = 130  # the exit status of a worker that was asked to stop
GRACE = 30.0  # seconds in which a worker must stop, after the end of a step and a checkpoint
MOST_USELESS = 3  # workers that may end before they have a unit

Unit = TypeVar("Unit")
Work = Callable[[Unit, Observer], str | None]
Lose = Callable[[Unit, str], Sequence[Unit]]


def spread(units: Sequence[Unit], work: Work[Unit], workers: int, observer: Observer, lose: Lose[Unit]) -> None:
    """Call ``work(unit, …)`` for each unit in one of ``workers`` processes, all of which have ended on return.

    A pool of ``concurrent.futures`` would return results alone, without progress, and not stop running units at Ctrl-C.

    Args:
        work: picklable; its calls of the observer that it receives are repeated on ``observer``, in this process. It
            returns the other process that has the unit, which then comes again later, or None.
        lose: called with a unit whose worker has ended twice, and the reason; returns units to try in its place.

    Raises:
        BadInput, OSError, MemoryError, KeyboardInterrupt: as ``work`` raised it.
        RuntimeError: ``work`` raised another exception; the text is its trace.
    """
    team = _Team(work)
    try:
        start_fork_server(PRELOADED)
        for _ in range(min(workers, len(units))):
            team.hire()
        _Desk(team, Turns(units, observer), observer, lose).attend()
    except BaseException:
        for process in team.processes.values():
            process.terminate()
        raise
    finally:
        team.dismiss()


class _Team:
    """The worker processes, each with the parent's end of its pipe."""

    def __init__(self, work: Work[Any]) -> None:
        self.work, self.processes, self.leaving = work, dict[Connection, BaseProcess](), list[BaseProcess]()
        self.context = multiprocessing.get_context("forkserver")
        # Nothing is ever written into it: a worker reads the end of the file when this process has ended, however.
        self.life, self.alive = self.context.Pipe(duplex=False)

    def hire(self) -> None:
        """Start a worker."""
        # A worker forked from this process might hang: threads of torch or of a progress bar may hold locks.
        here, there = self.context.Pipe()
        with there:  # once it is closed here, the worker's end closes with the worker
            arguments = (there, self.life, self.work, os.getcwd(), dict(os.environ))
            # Not daemonic: a daemonic process may have no children, and runs may read data in processes of their own.
            process = self.context.Process(target=_serve, args=arguments, daemon=False)
            process.start()
        self.processes[here] = process

    def release(self, pipe: Connection) -> None:
        """Let a worker go that has nothing to do."""
        pipe.close()
        self.leaving.append(self.processes.pop(pipe))

    def bury(self, pipe: Connection) -> str:
        """Forget a worker that ended before its work, and end what it had started; returns how it ended.

        Raises:
            KeyboardInterrupt: it was asked to stop.
        """
        process = self.processes.pop(pipe)
        pipe.close()
        process.join(GRACE)
        status = process.exitcode
        _end([process])
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        reason = f"killed by signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        memory = status == -signal.SIGKILL
        return f"{reason}, perhaps for want of memory: try fewer --jobs" if memory else reason

    def dismiss(self) -> None:
        """Wait for all workers to end, now that their pipes are closed, and kill those that do not."""
        every = [*self.leaving, *self.processes.values()]
        try:
            for pipe in list(self.processes):
                self.release(pipe)
            deadline = time.monotonic() + GRACE
            for process in every:
                process.join(max(0.0, deadline - time.monotonic()))
        finally:
            _end(every)
            self.life.close()
            self.alive.close()


def _end(processes: Sequence[BaseProcess]) -> None:
    """Kill the processes that have not ended, and what those that were killed had started."""
    for process in processes:
        process.kill()
        process.join()
        if process.pid is not None and (process.exitcode or 0) < 0:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.close()


class _Desk(Generic[Unit]):
    """Gives units to the workers and passes on their calls of the observer."""

    def __init__(self, team: _Team, turns: Turns[Unit], observer: Observer, lose: Lose[Unit]) -> None:
        self.team, self.turns, self.observer, self.lose = team, turns, observer, lose
        self.current: dict[Connection, Unit] = {}  # the unit of each worker that has one
        self.idle: list[Connection] = []
        self.again: list[Unit] = []  # units whose worker has ended once before
        self.useless = 0  # workers that ended without a unit

    def attend(self) -> None:
        """Work until all units are done."""
        while self._give_out():
            if self.idle and self.turns.held:
                self.turns.report()
            for pipe in wait(list(self.team.processes), timeout=POLL if self.turns.held else None):
                assert isinstance(pipe, Connection)
                try:
                    call, arguments = pipe.recv()
                except (EOFError, OSError):
                    self._replace(pipe)
                else:
                    self._hear(pipe, call, arguments)

    def _give_out(self) -> bool:
        """Give units to the workers that have none, or let them go; returns whether any are left."""
        while self.idle and (unit := self.turns.take()) is not None:
            pipe = self.idle.pop()
            self.current[pipe] = unit
            with suppress(OSError):  # it has just ended, and its pipe will say so
                pipe.send(unit)
        while self.idle and not self.turns.held:
            self.team.release(self.idle.pop())
        return bool(self.team.processes)

    def _hear(self, pipe: Connection, call: str, arguments: tuple[Any, ...]) -> None:
        if call == READY:
            self.current.pop(pipe, None)
            self.idle.append(pipe)
        elif call == HELD:
            self.turns.postpone(self.current[pipe], arguments[0])
        elif call == FAILED:
            raise arguments[0]
        else:
            getattr(self.observer, call)(*arguments)

    def _replace(self, pipe: Connection) -> None:
        """Put another worker in the place of one that has ended; its unit is tried once more."""
        unit = self.current.pop(pipe, None)
        if pipe in self.idle:
            self.idle.remove(pipe)
        reason = f"its process ended unexpectedly ({self.team.bury(pipe)})"
        if unit is None:
            self.useless += 1
            if self.useless > MOST_USELESS:
                raise BadInput(f"worker processes do not start: {reason}")
        elif any(unit is each for each in self.again):
            self.turns.ready.extend(self.lose(unit, reason))
        else:
            self.again.append(unit)
            self.turns.ready.appendleft(unit)
        if self.turns.ready or self.turns.held:
            self.team.hire()


def _serve(pipe: Connection, life: Connection, work: Work[Any], folder: str, environment: dict[str, str]) -> None:
    """Run units, one after another, until the pipe is closed; the body of a worker process."""
    os.setpgid(0, 0)  # so that its child processes can be ended with it
    threading.Thread(target=_end_with_parent, args=(life,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal, but the parent decides
    try:
        try:
            signal.signal(signal.SIGTERM, _interrupt)
            _prepare(folder, environment)
            _work(work, _Parent(pipe))
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the rest takes no time
    except KeyboardInterrupt:  # as it is raised once at most, nothing leaves this process with a trace
        sys.exit(INTERRUPTED)


def _prepare(folder: str, environment: dict[str, str]) -> None:
    torch.set_num_threads(1)  # two threads that wait for each other beside other work are ten times slower
    os.chdir(folder)  # the server still has the folder and environment of its start
    os.environ.clear()
    os.environ.update(environment)


def _end_with_parent(life: Connection) -> None:
    """End this process and its children at once when the parent has ended, which may have been killed alone."""
    with suppress(EOFError, OSError):
        life.recv()
    os.killpg(os.getpid(), signal.SIGKILL)


def _work(work: Work[Any], parent: "_Parent") -> None:
    try:
        for unit in parent.units():
            if (owner := work(unit, parent)) is not None:
                parent.send(HELD, owner)
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
        with suppress(OSError):  # the parent has given up, and has asked this process to stop, or has ended
            self.pipe.send((call, arguments))

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

    def missed(self, run: Any, reason: str, trace: Any) -> None:
        self.send("missed", run, reason, trace)

    def waiting(self, owner: str) -> None:
        self.send("waiting", owner)

    def finished(self, run: Any, record: Any, new: bool) -> None:
        self.send("finished", run, record, new)


def _portable(error: Exception) -> Exception:
    """``error`` itself if the command line reports it and it survives a pipe, else an exception with its trace."""
    if isinstance(error, USER_ERRORS):
        with suppress(Exception):
            if str(pickle.loads(pickle.dumps(error))) == str(error):
                return error
    return RuntimeError(f"in a worker process:\n{traceback.format_exc()}")
