"""Worker processes: units of work run in several processes, with their progress reported to one observer."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic

from dann.data.loading.read_ahead import start_fork_server
from dann.errors import BadInput
from dann.runner.callbacks import Observer
from dann.runner.work_queue import POLL, WorkQueue
from dann.runner.worker_process import FAILED, HELD, INTERRUPTED, READY, Unit, Work, serve

PRELOADED = [
    "dann.runner.workers",
    "dann.runner.planning",
]  # torch is imported once, by the server that forks the workers
GRACE = 30.0  # seconds in which a worker must stop, after the end of a step and a checkpoint
MOST_FAILED_STARTS = 3  # workers that may end before they have a unit

GiveUp = Callable[[Unit, str], Sequence[Unit]]


def spread(units: Sequence[Unit], work: Work[Unit], workers: int, observer: Observer, give_up: GiveUp[Unit]) -> None:
    """Call ``work(unit, …)`` for each unit in one of ``workers`` processes, all of which have ended on return.

    A pool of ``concurrent.futures`` would return results alone, without progress, and not stop running units at Ctrl-C.

    Args:
        work: picklable; its calls of the observer that it receives are repeated on ``observer``, in this process. It
            returns the other process that has the unit, which then comes again later, or None.
        give_up: called with a unit whose worker has ended twice, and the reason; returns units to try in its place.

    Raises:
        BadInput, OSError, MemoryError, KeyboardInterrupt: as ``work`` raised it.
        RuntimeError: ``work`` raised another exception; the text is its trace.
    """
    pool = _Pool(work)
    try:
        start_fork_server(PRELOADED)
        for _ in range(min(workers, len(units))):
            pool.start_worker()
        _Dispatcher(pool, WorkQueue(units, observer), observer, give_up).run()
    except BaseException:
        for process in pool.processes.values():
            process.terminate()
        raise
    finally:
        pool.close()


class _Pool:
    """The worker processes, each with the parent's end of its pipe."""

    def __init__(self, work: Work[Any]) -> None:
        self.work, self.processes, self.leaving = work, dict[Connection, BaseProcess](), list[BaseProcess]()
        self.context = multiprocessing.get_context("forkserver")
        # Nothing is ever written into it: a worker reads the end of the file when this process has ended, however.
        self.lifeline, self.own_end = self.context.Pipe(duplex=False)

    def start_worker(self) -> None:
        # A worker forked from this process might hang: threads of torch or of a progress bar may hold locks.
        here, there = self.context.Pipe()
        with there:  # once it is closed here, the worker's end closes with the worker
            arguments = (there, self.lifeline, self.work, os.getcwd(), dict(os.environ))
            # Not daemonic: a daemonic process may have no children, and runs may read data in processes of their own.
            process = self.context.Process(target=serve, args=arguments, daemon=False)
            process.start()
        self.processes[here] = process

    def release(self, pipe: Connection) -> None:
        """Close the pipe of an idle worker, at which it ends."""
        pipe.close()
        self.leaving.append(self.processes.pop(pipe))

    def reap(self, pipe: Connection) -> str:
        """Remove a worker that ended unexpectedly, with its child processes; returns how it ended.

        Raises:
            KeyboardInterrupt: it was asked to stop.
        """
        process = self.processes.pop(pipe)
        pipe.close()
        process.join(GRACE)
        status = process.exitcode
        end_processes([process])
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        reason = f"killed by signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        memory = status == -signal.SIGKILL
        return f"{reason}, perhaps out of memory: try fewer --jobs" if memory else reason

    def close(self) -> None:
        """Wait for all workers to end, now that their pipes are closed, and kill those that do not."""
        every = [*self.leaving, *self.processes.values()]
        try:
            for pipe in list(self.processes):
                self.release(pipe)
            deadline = time.monotonic() + GRACE
            for process in every:
                process.join(max(0.0, deadline - time.monotonic()))
        finally:
            end_processes(every)
            self.lifeline.close()
            self.own_end.close()


def end_processes(processes: Sequence[BaseProcess]) -> None:
    """Kill the processes that have not ended, and the child processes of those that were killed."""
    for process in processes:
        process.kill()
        process.join()
        if process.pid is not None and (process.exitcode or 0) < 0:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.close()


class _Dispatcher(Generic[Unit]):
    """Assigns units to the workers and forwards their calls of the observer."""

    def __init__(self, pool: _Pool, queue: WorkQueue[Unit], observer: Observer, give_up: GiveUp[Unit]) -> None:
        self.pool, self.queue, self.observer, self.give_up = pool, queue, observer, give_up
        self.current: dict[Connection, Unit] = {}  # the unit of each worker that has one
        self.idle: list[Connection] = []
        self.retried: list[Unit] = []  # units whose worker has ended once
        self.failed_starts = 0  # workers that ended without a unit

    def run(self) -> None:
        """Assign units and handle messages until all units are done."""
        while self._assign():
            if self.idle and self.queue.held:
                self.queue.report()
            for pipe in wait(list(self.pool.processes), timeout=POLL if self.queue.held else None):
                assert isinstance(pipe, Connection)
                try:
                    call, arguments = pipe.recv()
                except (EOFError, OSError):
                    self._replace(pipe)
                else:
                    self._handle(pipe, call, arguments)

    def _assign(self) -> bool:
        """Assign units to idle workers, or release them; returns whether any workers are left."""
        while self.idle and (unit := self.queue.take()) is not None:
            pipe = self.idle.pop()
            self.current[pipe] = unit
            with suppress(OSError):  # it has just ended, and its pipe will say so
                pipe.send(unit)
        while self.idle and not self.queue.held:
            self.pool.release(self.idle.pop())
        return bool(self.pool.processes)

    def _handle(self, pipe: Connection, call: str, arguments: tuple[Any, ...]) -> None:
        if call == READY:
            self.current.pop(pipe, None)
            self.idle.append(pipe)
        elif call == HELD:
            self.queue.postpone(self.current[pipe], arguments[0])
        elif call == FAILED:
            raise arguments[0]
        else:
            getattr(self.observer, call)(*arguments)

    def _replace(self, pipe: Connection) -> None:
        """Start another worker in place of one that has ended; its unit is tried once more."""
        unit = self.current.pop(pipe, None)
        if pipe in self.idle:
            self.idle.remove(pipe)
        reason = f"its process ended unexpectedly ({self.pool.reap(pipe)})"
        if unit is None:
            self.failed_starts += 1
            if self.failed_starts > MOST_FAILED_STARTS:
                raise BadInput(f"worker processes do not start: {reason}")
        elif any(unit is each for each in self.retried):
            self.queue.ready.extend(self.give_up(unit, reason))
        else:
            self.retried.append(unit)
            self.queue.ready.appendleft(unit)
        if self.queue.ready or self.queue.held:
            self.pool.start_worker()
