"""Runs as jobs of submitit's local and debug executors, which stand for Slurm."""

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny import Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.config.experiment_fields import Resources
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.runner.cluster.slurm_jobs import FOLDER, SlurmCluster, SlurmJob
from dann.runner.planning import launch, plan
from dann.runner.records import Record, read_record
from dann.training.device import choose_device

CPU = choose_device("cpu")


def make(file: Path, out: Path, observer: Any, kind: str | None, jobs: int = 2, **resources: Any) -> list[Record]:
    experiment = read_experiment(file)
    runs = list(experiment.runs())
    cluster = None if kind is None else SlurmCluster(Resources(**resources), "cpu", None, jobs, kind)
    launch(experiment, runs, out, CPU, observer, file, workers=2, cluster=cluster)
    return [read_record(out / run.folder) for run in runs]


def results(records: list[Record]) -> list[Any]:
    return [(record.run.name, record.evaluations, record.losses, record.confusion) for record in records]


class Noting(Silent):
    """Notes the runs that are reported, and calls ``act`` at the first finished one."""

    def __init__(self, act: Any = None) -> None:
        super().__init__()
        self.act, self.made, self.reasons = act, list[str](), list[str]()

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        self.reasons.append(f"{run.name}: {reason}")

    def finished(self, run: Run, record: Record, new: bool) -> None:
        self.made.append(run.name)
        if self.act is not None:
            act, self.act = self.act, None
            act()


@pytest.mark.slow
def test_records_are_those_of_this_machine(tmp_path: Path) -> None:
    file, observer = write_tiny(tmp_path / "tiny.yaml"), Noting()
    made = make(file, tmp_path / "jobs", observer, "local")
    assert sorted(observer.made) == sorted(record.run.name for record in made)
    assert results(made) == results(make(file, tmp_path / "here", Silent(), None))
    assert len([*(tmp_path / "jobs" / FOLDER).glob("*_result.pkl")]) == 2


@pytest.mark.slow
def test_the_runs_of_a_job_that_is_killed_are_made_by_another(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0, 1, 2], base={"train": {"steps": 300}})
    observer = Noting(lambda: kill_jobs(tmp_path))
    made = make(file, tmp_path / "jobs", observer, "local", jobs=1)
    assert observer.act is None and sorted(observer.made) == sorted(record.run.name for record in made)
    assert len({*(path.name.split("_")[0] for path in (tmp_path / "jobs" / FOLDER).glob("*_submitted.pkl"))}) == 2


def kill_jobs(folder: Path) -> None:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "submitit.core._submit" in arguments and any(str(folder) in each for each in arguments):
            os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # submitit leaves its logs open there
def test_a_run_that_cannot_be_made_is_tried_once(tmp_path: Path) -> None:
    row = {"data": {"source": {"name": "csv", "path": str(tmp_path / "nowhere.csv")}}}
    file, observer = write_tiny(tmp_path / "tiny.yaml", seeds=[0], variants={"bad": row}), Noting()
    with pytest.raises(BadInput, match="not a record"):
        make(file, tmp_path / "jobs", observer, "debug")
    gc.collect()
    assert len(observer.made) == 2
    assert len(observer.reasons) == 1 and "nowhere.csv" in observer.reasons[0]


def test_a_job_makes_what_no_other_has_claimed(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml")
    experiment = read_experiment(file)
    planned = plan(experiment, list(experiment.runs()), tmp_path / "runs", file).runs
    units = [[each] for each in planned]
    jobs = [SlurmJob(units, tmp_path / "claims", name, "cpu", None, 1) for name in ("a", "b")]
    assert jobs[0]._claim(units[1]) and not jobs[1]._claim(units[1]) and jobs[0]._claim(units[1])
    jobs[1]()
    made = [each.run.folder for each in planned if (each.place / "record.json").is_file()]
    assert made == [each.run.folder for each in (planned[0], *planned[2:])]


def test_resources_become_options_of_jobs() -> None:
    resources = Resources(cpus=4, gpus=1.0, memory=8.0, hours=0.5, slurm={"partition": "gpu"})
    assert SlurmCluster(resources, "auto", None, None)._parameters() == {
        "name": "dann", "cpus_per_task": 4, "gpus_per_node": 1, "mem_gb": 8.0, "timeout_min": 30,
        "slurm_partition": "gpu",
    }  # fmt: skip
    with pytest.raises(BadInput, match=r"resources\.gpus: 0\.5: a job of Slurm has whole GPUs"):
        SlurmCluster(Resources(gpus=0.5), "auto", None, None)._parameters()


def test_without_slurm_or_submitit_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_tiny(tmp_path / "tiny.yaml")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="--on slurm: there is no sbatch here: run this on a machine"):
        make(file, tmp_path / "jobs", Silent(), "slurm")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(BadInput, match=r"--on slurm: submitit cannot be imported .*pip install 'dann\[slurm\]'"):
        make(file, tmp_path / "jobs", Silent(), "local")
