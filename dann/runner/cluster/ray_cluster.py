"""Runs on a Ray cluster: an actor for each worker, led by this process."""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

from dann.config.experiment_fields import Resources
from dann.errors import BadInput
from dann.runner.callbacks import Observer
from dann.runner.cluster.parcels import pack, unpack
from dann.runner.cluster.ray_worker import APART, ARRIVED, DONE, STOPPED, Errand, Mailbox, Message, Worker
from dann.runner.locks import Held, Locks
from dann.runner.records import read_record, unfinished_folder
from dann.runner.run_folder import is_finished
from dann.runner.work_queue import POLL, WorkQueue
from dann.runner.worker_process import FAILED, HELD
from dann.runner.workers import GRACE, GiveUp
from dann.training.stacking.grouping import Unit

PASSED_ON = ("DANN_", "WANDB_", "MLFLOW_", "HF_")  # begin the names of variables that the workers get
MOST_DEATHS = 3  # of workers, or of their nodes, that had the same unit
GIB = 2**30


@contextmanager
def connect(resources: Resources, device: str, log_to: str | None, jobs: int | None) -> Iterator["RayCluster"]:
    """A cluster for a while: the one that ``RAY_ADDRESS`` names or that runs here, else one that is started here.

    Args:
        resources: of each worker.
        device: of the runs, by name; ``auto`` is a GPU where a worker has one.
        log_to: a tracker of ``dann.runner.trackers``.
        jobs: the number of workers; by default as many as the cluster has resources for, at any time.

    Raises:
        BadInput: Ray is not installed, there is no cluster at that address, or it has no such resources.
    """
    ray = _import_ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    try:
        ray.init(log_to_driver=False, runtime_env={"env_vars": passed})
    except (ConnectionError, ValueError) as error:
        raise BadInput(f"--on ray: no cluster at {os.environ.get('RAY_ADDRESS')}: {error}") from error
    try:
        cluster = RayCluster(ray, resources, device, log_to, jobs)
        if cluster.capacity() == 0:
            raise BadInput(f"--on ray: no node of the cluster has {cluster.wanted}: change the file's resources")
        yield cluster
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise BadInput(f"--on ray: Ray cannot be imported ({error}): pip install 'dann[ray]'") from error
    return ray


class RayCluster:
    """A cluster that this process is connected to; arguments as of ``connect``."""

    def __init__(
        self, ray: ModuleType, resources: Resources, device: str, log_to: str | None, jobs: int | None
    ) -> None:
        self.ray, self.resources, self.device, self.log_to, self.jobs = ray, resources, device, log_to, jobs
        memory = None if resources.memory is None else int(resources.memory * GIB)
        wanted = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": memory}
        self.wanted = {name: amount for name, amount in wanted.items() if amount}

    def capacity(self) -> int:
        """The number of workers that the nodes have resources for; at most ``jobs``."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        each = [min(int(node.get(name, 0) / amount) for name, amount in self.wanted.items()) for node in nodes]
        return sum(each) if self.jobs is None else min(sum(each), self.jobs)

    def spread(self, units: Sequence[Unit], observer: Observer, give_up: GiveUp[Unit]) -> None:
        """Make units, each in one worker at a time; those of workers that end go on elsewhere.

        Args:
            give_up: called with a unit whose workers ended several times, and the reason; returns units to try instead.

        Raises:
            BadInput, OSError, MemoryError, KeyboardInterrupt: as in a worker.
        """
        with _Leader(self, units, observer, give_up) as leader:
            leader.run()

    def start_worker(self, mailbox: Any) -> Any:
        """An actor, which waits until there are resources for it."""
        options = {"num_cpus": self.resources.cpus, "num_gpus": self.resources.gpus, "max_restarts": 0,
                   "memory": self.wanted.get("memory")}  # fmt: skip
        arguments = mailbox, self.device, self.log_to, self.resources.cpus, os.getcwd()
        return self.ray.remote(Worker).options(**options).remote(*arguments)

    def start_mailbox(self) -> Any:
        """An actor on this node, which lives as long as this process."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self.ray.get_runtime_context().get_node_id(), soft=False)
        return self.ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here).remote()


@dataclass
class _Sent:
    """A unit that a worker has, and the locks that this process holds for one that does not share the folder."""

    worker: Any
    unit: Unit
    locks: ExitStack = field(default_factory=ExitStack)


class _Leader:
    """Gives units to workers and repeats their calls of the observer; the arguments are those of ``spread``."""

    def __init__(self, cluster: RayCluster, units: Sequence[Unit], observer: Observer, give_up: GiveUp[Unit]) -> None:
        self.cluster, self.ray, self.observer, self.give_up = cluster, cluster.ray, observer, give_up
        self.queue, self.runs = WorkQueue(units, observer), units[0][0].runs if units else Path()
        self.probe = self.runs / f".probe-{uuid4().hex}"
        self.idle: list[Any] = []
        self.sent: dict[Any, _Sent] = {}  # by the reference of what the worker will return
        self.apart: set[Any] = set()  # workers that do not share the folder of runs
        self.lost: list[Unit] = []  # a unit for each time that its worker has ended

    def __enter__(self) -> "_Leader":
        self._leave_probe()
        self.mailbox = self.cluster.start_mailbox()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._stop()
        finally:
            for sent in self.sent.values():
                sent.locks.close()
            for worker in [*self.idle, *(sent.worker for sent in self.sent.values())]:
                self.ray.kill(worker)
            self.ray.kill(self.mailbox)
            self.probe.unlink(missing_ok=True)

    def _leave_probe(self) -> None:
        self.runs.mkdir(parents=True, exist_ok=True)
        self.probe.touch()

    def run(self) -> None:
        """Give out units and handle messages until all are done."""
        while self._assign():
            if self.sent:
                ended, _ = self.ray.wait(list(self.sent), timeout=POLL)
            else:
                ended = []
                self.queue.report()
                time.sleep(POLL)
            for call, arguments in self._take_calls():
                getattr(self.observer, call)(*arguments)
            for reference in ended:
                self._end(reference)

    def _assign(self) -> bool:
        """Give units to idle workers and to new ones; returns whether anything is left to do."""
        limit = self.cluster.capacity() if self.queue.ready or self.queue.held else 0
        while len(self.sent) < max(1, limit) and (unit := self.queue.take()) is not None:
            worker = self.idle.pop() if self.idle else self.cluster.start_worker(self.mailbox)
            self._send(worker, unit)
        while self.idle and not self.queue.held:
            self.ray.kill(self.idle.pop())
        return bool(self.sent or self.queue.ready or self.queue.held)

    def _send(self, worker: Any, unit: Unit) -> None:
        sent, errand = _Sent(worker, unit), Errand(unit, self.probe)
        if worker in self.apart:
            try:
                sent.locks.enter_context(Locks().hold([each.place for each in unit]))
            except Held as owner:
                self.idle.append(worker)
                self.queue.postpone(unit, str(owner))
                return
            left = [each for each in unit if not is_finished(each.place)]
            for each in unit:
                if each not in left:  # by a worker that ended later, as this one cannot see
                    self.observer.finished(each.run, read_record(each.place), False)
            errand = replace(errand, unit=left, parcel=self._pack(left))
        self.sent[worker.execute.remote(errand)] = sent

    def _pack(self, unit: Unit) -> dict[Path, bytes]:
        """The folders that runs go on from: those that an interruption left, and those of earlier runs."""
        folders = {unfinished_folder(each.place) for each in unit}
        folders |= {folder for each in unit for folder in each.earlier if folder and folder.is_relative_to(self.runs)}
        return {folder.relative_to(self.runs): pack(folder) for folder in sorted(folders) if folder.is_dir()}

    def _take_calls(self) -> Iterator[Message]:
        """The calls of the observer since the last time; folders that came with them are put in their places."""
        for call, arguments in self.ray.get(self.mailbox.take.remote()):
            if call == ARRIVED:
                self._take_in(*arguments)
            else:
                yield call, arguments

    def _take_in(self, folder: Path, content: bytes) -> None:
        """Put a folder that a worker sent in its place; that of a finished run ends its unfinished one."""
        unpack(content, self.runs / folder)
        shutil.rmtree(unfinished_folder(self.runs / folder), ignore_errors=True)

    def _end(self, reference: Any) -> None:
        """Handle what a worker returned, or that it has ended."""
        sent = self.sent.pop(reference)
        sent.locks.close()
        try:
            outcome, detail = self.ray.get(reference)
        except self.ray.exceptions.RayActorError as error:
            self._replace(sent.unit, error)
            return
        if outcome == FAILED:
            raise detail
        if outcome == STOPPED:
            raise KeyboardInterrupt
        self.idle.append(sent.worker)
        if outcome == HELD:
            self.queue.postpone(sent.unit, detail)
        elif outcome == APART:
            self.apart.add(sent.worker)
            self.queue.ready.appendleft(sent.unit)
        else:
            assert outcome == DONE

    def _replace(self, unit: Unit, error: Exception) -> None:
        """Try a unit again whose worker has ended."""
        self.lost.append(unit)
        if sum(each is unit for each in self.lost) < MOST_DEATHS:
            self.queue.ready.appendleft(unit)
        else:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reason = f"its worker ended unexpectedly {MOST_DEATHS} times ({'; '.join(lines[:3])})"
            self.queue.ready.extend(self.give_up(unit, reason))

    def _stop(self) -> None:
        """Ask workers that are under way to save their last step, and wait for them."""
        if not self.sent:
            return
        self.mailbox.stop.remote()
        with suppress(self.ray.exceptions.RayError):
            self.ray.wait(list(self.sent), num_returns=len(self.sent), timeout=GRACE)
            list(self._take_calls())  # for the folders alone: the observer has broken off
