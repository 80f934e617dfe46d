"""A worker on a Ray cluster: an actor that makes units of runs, and the mailbox through which it reports."""

import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dann.config.experiment_run import Run
from dann.runner.callbacks import Forwarder
from dann.runner.cluster.parcels import pack, unpack
from dann.runner.executor import Executor
from dann.runner.records import Record, unfinished_folder
from dann.runner.worker_process import FAILED, HELD, make_portable
from dann.training.checkpoint import CHECKPOINT
from dann.training.device import choose_device
from dann.training.stacking.grouping import Unit

DONE, APART, STOPPED, ARRIVED = "DONE", "APART", "STOPPED", "ARRIVED"  # beside FAILED and HELD

Message = tuple[str, tuple[Any, ...]]  # a call of the observer, or ARRIVED: the path of a folder and its files


class Mailbox:
    """Messages of all workers to the process that leads them, and its request to stop; an actor of its own."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.stopping = False

    def put(self, message: Message) -> bool:
        """Leave a message; returns whether the worker should stop."""
        self.messages.append(message)
        return self.stopping

    def take(self) -> list[Message]:
        """The messages since the last call."""
        taken, self.messages = self.messages, []
        return taken

    def stop(self) -> None:
        self.stopping = True


@dataclass(frozen=True)
class Errand:
    """What a worker needs to make a unit.

    Args:
        unit: with the places of the runs in the leader's folder.
        probe: a file in that folder, by which a worker sees whether it shares the folder.
        parcel: for a worker that does not share it, the folders that the runs go on from, by their paths in it; None
            as long as that is not known.
    """

    unit: Unit
    probe: Path
    parcel: Mapping[Path, bytes] | None = None


class Worker:
    """Makes units, with the data of the last one kept.

    Args:
        mailbox: a handle of the ``Mailbox`` actor.
        device: its name, or ``auto``.
        folder: the working folder of the leader, which relative paths start from; left out where there is none.
    """

    def __init__(self, mailbox: Any, device: str, log_to: str | None, threads: int, folder: str) -> None:
        self.mailbox = mailbox
        with suppress(OSError):
            os.chdir(folder)
        torch.set_num_threads(threads)
        self.executor = Executor(choose_device(device), log_to=log_to)

    def execute(self, errand: Errand) -> tuple[str, Any]:
        """Make the runs of a unit that are missing.

        Returns:
            ``DONE``; ``HELD`` and the process that makes one of them; ``APART`` if the folder of runs is not shared and
            no parcel was given; ``STOPPED`` after a request to stop; or ``FAILED`` and an error that stops all.
        """
        if not errand.unit:
            return DONE, None
        if errand.parcel is None and not errand.probe.is_file():
            return APART, None
        with tempfile.TemporaryDirectory(prefix="dann-") as apart:
            reporter = _Reporter(self.mailbox, errand, Path(apart))
            try:
                owner = self.executor.execute(reporter.unit, reporter)
                return (DONE, None) if owner is None else (HELD, owner)
            except KeyboardInterrupt:
                return STOPPED, None
            except Exception as error:
                return FAILED, make_portable(error)
            finally:
                reporter.close()


class _Reporter(Forwarder):
    """Reports to the leader and, where the folder of runs is not shared, sends checkpoints and finished runs along.

    Args:
        apart: an empty folder, which takes the place of that of the runs where it is not shared.
    """

    def __init__(self, mailbox: Any, errand: Errand, apart: Path) -> None:
        super().__init__(self._put)
        self.mailbox, self.asked = mailbox, list[Any]()  # answers to messages, which say whether to stop
        self.leader = self.runs = errand.unit[0].runs
        self.unit, self.apart = errand.unit, errand.parcel is not None
        self.saved: dict[Path, float] = {}  # when the checkpoints that were sent were written
        if errand.parcel is not None:
            for folder, content in errand.parcel.items():
                unpack(content, apart / folder)
            self.runs, self.unit = apart, [each._replace(place=apart / each.run.folder) for each in errand.unit]

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
        super().advanced(run, done, terms)
        self._send_checkpoints()
        if self._is_stopping():
            signal.raise_signal(signal.SIGTERM)  # which ``StopSignals`` notes: the step is saved

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        if self.apart and trace is not None:
            self._send_folder(trace.parent)
            trace = self.leader / trace.relative_to(self.runs)
        super().missed(run, reason, trace)

    def finished(self, run: Run, record: Record, new: bool) -> None:
        if self.apart and new:
            self._send_folder(self.runs / run.folder)
        super().finished(run, record, new)

    def close(self) -> None:
        """Send the last checkpoints and wait until all messages have arrived."""
        import ray

        self._send_checkpoints()
        ray.get(self.asked)

    def _put(self, call: str, *arguments: object) -> None:
        self.asked.append(self.mailbox.put.remote((call, arguments)))

    def _is_stopping(self) -> bool:
        import ray

        ready, self.asked = ray.wait(self.asked, num_returns=len(self.asked), timeout=0)
        return any(ray.get(ready))

    def _send_checkpoints(self) -> None:
        """Send the unfinished folders with a new checkpoint, from which another worker could go on."""
        for each in self.unit if self.apart else ():
            folder = unfinished_folder(each.place)
            with suppress(FileNotFoundError):
                written = (folder / CHECKPOINT).stat().st_mtime
                if self.saved.get(folder) != written:
                    self.saved[folder] = written
                    self._send_folder(folder)

    def _send_folder(self, folder: Path) -> None:
        self._put(ARRIVED, folder.relative_to(self.runs), pack(folder))
