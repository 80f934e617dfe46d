"""Runs on a Ray cluster of two nodes on this machine; skipped where Ray is not installed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.config.experiment_fields import Resources
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.runner.cluster import ray_cluster
from dann.runner.cluster.ray_cluster import connect
from dann.runner.cluster.ray_worker import Errand
from dann.runner.planning import launch, plan
from dann.runner.records import Record, read_record, unfinished_folder
from dann.training.device import choose_device

pytestmark = pytest.mark.slow
CPU = choose_device("cpu")
LONG = {"train": {"steps": 4000, "evaluate_every": 1000, "log_every": 100}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", made.address)
        yield made
    made.shutdown()


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that do not see the folder of runs."""
    monkeypatch.setattr(ray_cluster._Leader, "_leave_probe", lambda leader: None)


@pytest.fixture(params=["shared", "apart"])
def shared_or_not(request: pytest.FixtureRequest) -> None:
    if request.param == "apart":
        request.getfixturevalue("apart")


def make(file: Path, out: Path, observer: Any, on_ray: bool = True, **resources: Any) -> list[Record]:
    experiment = read_experiment(file)
    runs = list(experiment.runs())
    if on_ray:
        with connect(Resources(**resources), "auto", None, None) as cluster:
            launch(experiment, runs, out, CPU, observer, file, cluster=cluster)
    else:
        launch(experiment, runs, out, CPU, observer, file, workers=2)
    return [read_record(out / run.folder) for run in runs]


def results(records: list[Record]) -> list[Any]:
    return [(record.run.name, record.evaluations, record.losses, record.confusion) for record in records]


class Acting(Silent):
    """Calls ``act`` once, when a run has logged the step ``at``."""

    def __init__(self, at: int, act: Any) -> None:
        super().__init__()
        self.at, self.act = at, act

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
        if done >= self.at and self.act is not None:
            act, self.act = self.act, None
            act()


def test_records_are_those_of_this_machine(cluster: Any, tmp_path: Path) -> None:
    file, observer = write_tiny(tmp_path / "tiny.yaml"), Silent()
    made = make(file, tmp_path / "ray", observer)
    assert observer.new == 4 and {record.environment["threads"] for record in made} == {1}
    assert results(made) == results(make(file, tmp_path / "here", Silent(), on_ray=False))
    make(file, tmp_path / "ray", again := Silent())
    assert again.new == 0
    assert not [*(tmp_path / "ray").glob(".*")]


def test_without_a_shared_folder_runs_go_on_and_come_back(cluster: Any, tmp_path: Path, apart: None) -> None:
    adapted = {"method": {"name": "tent", "from": "{runs}/source-only/seed-{seed}"}, "network": {"batch_norm": True}}
    file = write_tiny(tmp_path / "tiny.yaml", base={"network": {"batch_norm": True}}, variants={"TENT": adapted})
    with pytest.raises(KeyboardInterrupt):
        make(file, tmp_path / "ray", Silent(stop_at=10), on_ray=False)
    made = make(file, tmp_path / "ray", observer := Silent())
    assert observer.new >= 5 and 0 < max(observer.starts) < 12
    assert results(made) == results(make(file, tmp_path / "here", Silent(), on_ray=False))
    assert not [*(tmp_path / "ray").rglob("*.unfinished"), *(tmp_path / "ray").rglob(".arriving*")]


@pytest.mark.usefixtures("shared_or_not")
def test_a_worker_that_is_killed_is_replaced(cluster: Any, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "long.yaml", base=LONG)
    made = make(file, tmp_path / "ray", observer := Acting(2000, kill_workers))
    assert observer.act is None and observer.new == 4
    assert max(observer.starts) >= 1000  # it went on from a checkpoint
    assert results(made) == results(make(file, tmp_path / "here", Silent(), on_ray=False))


def kill_workers() -> None:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            title = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::Worker"):
            os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.usefixtures("shared_or_not")
def test_a_stop_saves_the_last_step(cluster: Any, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "long.yaml", seeds=[0], base=LONG)
    with pytest.raises(KeyboardInterrupt):
        make(file, tmp_path / "ray", Silent(stop_at=100))
    assert [*(tmp_path / "ray").rglob("*.unfinished/checkpoint.pt")]
    made = make(file, tmp_path / "ray", observer := Silent(), on_ray=False)
    assert any(start % 1000 for start in observer.starts)  # steps between checkpoints were not lost
    assert results(made) == results(make(file, tmp_path / "here", Silent(), on_ray=False))


def test_resources_that_no_node_has_are_refused(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"--on ray: no node of the cluster has \{'CPU': 1, 'GPU': 2.0\}"):
        make(write_tiny(tmp_path / "tiny.yaml"), tmp_path / "ray", Silent(), gpus=2.0)


def test_a_run_that_cannot_be_made_is_reported_once(cluster: Any, tmp_path: Path) -> None:
    class Missing(Silent):
        def __init__(self) -> None:
            super().__init__()
            self.reasons: list[str] = []

        def missed(self, run: Run, reason: str, trace: Path | None) -> None:
            self.reasons.append(f"{run.name}: {reason}")

    row = {"data": {"source": {"name": "csv", "path": str(tmp_path / "nowhere.csv")}}}
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0], variants={"bad": row})
    with pytest.raises(BadInput, match="not a record"):
        make(file, tmp_path / "ray", observer := Missing())
    assert observer.new == 2 and len(observer.reasons) == 1 and "nowhere.csv" in observer.reasons[0]
    assert not unfinished_folder(tmp_path / "ray/bad/seed-0").exists()


def test_a_run_that_came_back_is_not_made_again(tmp_path: Path) -> None:
    """A worker that ended between its runs: without Ray, whose part here is to carry one message."""
    errands: list[Errand] = []

    class Distant:
        execute = SimpleNamespace(remote=lambda errand: errands.append(errand) or "reference")

    file = write_tiny(tmp_path / "tiny.yaml")
    experiment, out = read_experiment(file), tmp_path / "runs"
    runs = [run for run in experiment.runs() if run.variant == "DANN"]
    launch(experiment, runs[:1], out, CPU, Silent(), file)
    unit = plan(experiment, runs, out, file).runs
    leader = ray_cluster._Leader(SimpleNamespace(ray=None), [unit], observer := Reported(), list)  # type: ignore[arg-type]
    leader.apart.add(worker := Distant())
    leader._send(worker, unit)
    leader.sent["reference"].locks.close()
    assert [each.run.seed for each in errands[0].unit] == [1] and observer.runs == [(0, False)]


class Reported(Silent):
    def __init__(self) -> None:
        super().__init__()
        self.runs: list[tuple[int, bool]] = []

    def finished(self, run: Run, record: Record, new: bool) -> None:
        self.runs.append((run.seed, new))


def test_a_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(BadInput, match=r"--on ray: Ray cannot be imported .*pip install 'dann\[ray\]'"):
        make(write_tiny(tmp_path / "tiny.yaml"), tmp_path / "ray", Silent())
