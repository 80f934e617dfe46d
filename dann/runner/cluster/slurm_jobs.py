"""Runs as jobs of Slurm, through submitit: each job makes runs of the shared folder until none is left."""

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch

from dann.config.experiment_fields import Resources
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.runner.callbacks import Forwarder, Observer
from dann.runner.executor import Executor
from dann.runner.records import read_record
from dann.runner.run_folder import is_finished
from dann.runner.work_queue import POLL, WorkQueue
from dann.runner.workers import GRACE, GiveUp
from dann.training.device import choose_device
from dann.training.stacking.grouping import Planned, Unit

JOBS = 16  # by default, at most
FOLDER = ".slurm"  # of scripts, output and claims of jobs, in the folder of the runs
WATCH = 1.0  # seconds between looks at the folder
MOST_ROUNDS = 3  # times that jobs are submitted for runs that jobs have not made
TOLD = ("noted", "loaded", "warned", "missed")  # calls of the observer that a job returns

Call = tuple[str, tuple[Any, ...]]


@dataclass
class SlurmJob:
    """What one job does; submitit pickles it, and submits it again after a preemption or the end of its time.

    Args:
        units: all that are left, beginning with another one in each job.
        claims: a folder, in which a file for each unit names the job that makes it.
        name: of the job, in these files.
    """

    units: Sequence[Unit]
    claims: Path
    name: str
    device: str
    log_to: str | None
    threads: int

    def __call__(self) -> list[Call]:
        """Make the units that no other job makes; returns calls of the observer."""
        torch.set_num_threads(self.threads)
        calls: list[Call] = []

        def keep(call: str, *arguments: object) -> None:
            if call in TOLD:
                calls.append((call, arguments))

        observer, executor = Forwarder(keep), Executor(choose_device(self.device), log_to=self.log_to)
        queue = WorkQueue(self.units, observer)
        while queue.ready or queue.held:
            if (unit := queue.take()) is None:
                time.sleep(POLL)
            elif self._claim(unit) and (owner := executor.execute(unit, observer)) is not None:
                queue.postpone(unit, owner)
        return calls

    def checkpoint(self) -> Any:
        """What is submitted in its place; runs go on from their own checkpoints."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _claim(self, unit: Unit) -> bool:
        """Whether this job makes a unit: the first that asks does, and does so again when it is submitted again."""
        file = self.claims / unit[0].config.fingerprint() / str(unit[0].run.seed)
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("x") as claim:
                claim.write(self.name)
        except FileExistsError:
            return file.read_text() == self.name
        return True


@dataclass(frozen=True)
class SlurmCluster:
    """Jobs that this process submits and waits for; several of them work on the same units.

    Args:
        resources: of each job.
        device: of the runs, by name; ``auto`` is a GPU where a job has one.
        log_to: a tracker of ``dann.runner.trackers``.
        jobs: their number; by default one for each unit, at most ``JOBS``.
        kind: of submitit's executors: ``slurm``, or in tests ``local`` or ``debug``.
    """

    resources: Resources
    device: str
    log_to: str | None
    jobs: int | None
    kind: str = "slurm"

    def capacity(self) -> int:
        """The largest number of jobs."""
        return self.jobs or JOBS

    def spread(self, units: Sequence[Unit], observer: Observer, give_up: GiveUp[Unit]) -> None:
        """Submit jobs for units, wait for them, and report the runs as they are finished.

        Args:
            give_up: called with a unit that jobs have not made, and the reason.

        Raises:
            BadInput: submitit is not installed, or jobs cannot be submitted.
            KeyboardInterrupt: the jobs are cancelled, which saves their last step.
        """
        left, cause = list(units), ""
        for _ in range(MOST_ROUNDS):
            if not left:
                return
            missed, cause = self._work(left, observer)
            left = [
                unit for unit in left if any(not is_finished(each.place) for each in unit if each.run not in missed)
            ]
        for unit in left:
            give_up(unit, f"{MOST_ROUNDS} times its job did not make it ({cause or 'without an error'})")

    def _work(self, units: Sequence[Unit], observer: Observer) -> tuple[list[Run], str]:
        """Submit jobs for units and wait for them; returns the runs reported as missed, and why a job failed."""
        jobs = self._submit(units)
        waited = {each.place: each for unit in units for each in unit}
        try:
            while not all(job.done() for job in jobs):
                time.sleep(WATCH)
                _report_finished(waited, observer)
        except BaseException:
            _cancel(jobs)
            raise
        causes = [str(error).strip().splitlines()[-1] for job in jobs if (error := job.exception()) is not None]
        calls = [call for job in jobs if job.exception() is None for call in job.result()]
        _report_finished(waited, observer)
        for call, arguments in calls:
            getattr(observer, call)(*arguments)
        return [arguments[0] for call, arguments in calls if call == "missed"], next(iter(causes), "")

    def _submit(self, units: Sequence[Unit]) -> list[Any]:
        """Submit jobs that each begin with other units."""
        try:
            import submitit
        except ImportError as error:
            raise BadInput(f"--on slurm: submitit cannot be imported ({error}): pip install 'dann[slurm]'") from error
        if self.kind == "slurm" and shutil.which("sbatch") is None:
            raise BadInput("--on slurm: there is no sbatch here: run this on a machine from which jobs are submitted")
        folder, number = units[0][0].runs / FOLDER, min(self.capacity(), len(units))
        claims = folder / uuid4().hex
        try:
            executor = submitit.AutoExecutor(folder=folder, cluster=self.kind)
            executor.update_parameters(**self._parameters())
            with executor.batch():
                jobs = []
                for job in range(number):
                    first = job * len(units) // number
                    ordered = [*units[first:], *units[:first]]
                    work = SlurmJob(ordered, claims, str(job), self.device, self.log_to, self.resources.cpus)
                    jobs.append(executor.submit(work))
        except (RuntimeError, NameError, TypeError, OSError) as error:
            raise BadInput(f"--on slurm: {' '.join(str(error).split())}: correct the file's resources") from error
        return jobs

    def _parameters(self) -> dict[str, Any]:
        resources = self.resources
        if resources.gpus % 1:
            raise BadInput(f"resources.gpus: {resources.gpus}: a job of Slurm has whole GPUs: set a whole number")
        wanted = {"name": "dann", "cpus_per_task": resources.cpus, "timeout_min": round(60 * resources.hours),
                  "gpus_per_node": int(resources.gpus) or None, "mem_gb": resources.memory}  # fmt: skip
        own = {f"slurm_{name}": value for name, value in resources.slurm.items()}
        return {name: value for name, value in wanted.items() if value is not None} | own


def _report_finished(waited: dict[Path, Planned], observer: Observer) -> None:
    """Report the runs that have been finished since the last call, and wait for them no more."""
    for place in [place for place in waited if is_finished(place)]:
        observer.finished(waited.pop(place).run, read_record(place), True)


def _cancel(jobs: Iterable[Any]) -> None:
    """Cancel jobs, and wait while they save their last step."""
    for job in jobs:
        job.cancel(check=False)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and not all(job.done() for job in jobs):
        time.sleep(WATCH)
