"""Trackers beside TensorBoard: what they receive, how a resumed run goes on, and that they stop no run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import Silent, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.errors import BadInput
from dann.runner.planning import launch
from dann.runner.records import Record, read_record
from dann.runner.trackers import TRACKERS, End, Tracked, Tracking

PLACE = "runs/dann/seed-0"
WILD = {"optimizer": {"name": "sgd", "lr": 1e30}, "network": {"activation": "relu"}}  # stops being finite


class Listed:
    """A tracker that keeps what it receives, for all of its runs."""

    made: ClassVar[list["Listed"]] = []

    def __init__(self, tracked: Tracked) -> None:
        self.tracked, self.identity = tracked, tracked.identity or f"id-{len(self.made)}"
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.ends: list[End] = []
        self.made.append(self)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.logged.append((step, dict(values)))

    def close(self, end: End) -> None:
        self.ends.append(end)


class Broken(Listed):
    def log(self, step: int, values: Mapping[str, float]) -> None:
        if step > 4:
            raise RuntimeError("the server is gone\nand more")
        super().log(step, values)


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    Listed.made = Broken.made = []
    monkeypatch.setitem(TRACKERS, "listed", Listed)
    monkeypatch.setitem(TRACKERS, "broken", Broken)


def train(folder: Path, log_to: str | None, observer: Silent | None = None, **changes: Any) -> Record:
    """The record of the first run, of 12 steps, logged every 2 and evaluated every 4."""
    file = write_tiny(folder / "tiny.yaml", **{"seeds": [0], **changes})
    experiment = read_experiment(file)
    runs = list(experiment.runs(["DANN"]))
    launch(experiment, runs, folder / "runs", torch.device("cpu"), observer or Silent(), file, log_to=log_to)
    return read_record(folder / PLACE)


def test_a_tracker_receives_what_tensorboard_does(tmp_path: Path) -> None:
    train(tmp_path, "listed")
    (tracker,) = Listed.made
    assert (tracker.tracked.name, tracker.tracked.group) == ("DANN, seed 0", str(tmp_path / "runs"))
    assert tracker.tracked.config["train"]["steps"] == 12 and tracker.ends == ["finished"]
    events = EventAccumulator(str(tmp_path / PLACE))
    events.Reload()
    shown = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    received: dict[str, list[tuple[int, float]]] = {}
    for step, values in tracker.logged:
        for name, value in values.items():
            received.setdefault(name, []).append((step, value))
    assert {"loss/label", "loss/ln 2", "schedule/lambda", "accuracy/target_test"} <= set(received)
    for name, points in received.items():
        assert [step for step, _ in points] == [step for step, _ in shown[name]], name
        assert [value for _, value in points] == pytest.approx([value for _, value in shown[name]], nan_ok=True), name


def test_a_tracker_changes_no_result(tmp_path: Path) -> None:
    one, other = train(tmp_path / "one", None), train(tmp_path / "other", "listed")
    assert one.evaluations == other.evaluations and one.losses == other.losses and one.fingerprint == other.fingerprint


def test_a_resumed_run_goes_on_in_the_tracker(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, "listed", Silent(stop_at=6))
    train(tmp_path, "listed")
    first, second = Listed.made
    assert first.tracked.identity is None and second.tracked.identity == first.identity == "id-0"
    assert first.ends == ["interrupted"] and second.ends == ["finished"]
    assert [step for step, values in second.logged if "loss/label" in values][-1] == 12
    assert (tmp_path / PLACE / "listed.id").read_text() == "id-0"


def test_a_failed_run_is_one_in_the_tracker(tmp_path: Path) -> None:
    assert train(tmp_path, "listed", base=WILD).failed is not None
    assert Listed.made[0].ends == ["failed"]


def test_a_tracker_that_breaks_stops_no_run(tmp_path: Path) -> None:
    observer = Silent()
    assert train(tmp_path, "broken", observer).failed is None
    assert observer.warnings == ["broken receives nothing more of this run, which goes on: the server is gone"]
    assert Broken.made[0].ends == []


def test_a_tracker_that_cannot_begin_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tracked: Tracked) -> Listed:
        raise RuntimeError("no API key configured\nUse wandb login")

    monkeypatch.setitem(TRACKERS, "wandb", refuse)
    with pytest.raises(BadInput, match="--log-to wandb: no API key configured: wandb login, or WANDB_MODE=offline"):
        Tracking("wandb", tmp_path, "DANN, seed 0", "runs", {})


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_library_that_is_missing_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dann.runner.trackers.find_spec", lambda name: None)
    file = write_tiny(tmp_path / "tiny.yaml")
    assert main(["run", str(file), "--out", str(tmp_path / "runs"), "--log-to", name]) == 2
    assert f"--log-to {name}: {name} is not installed: pip install 'dann[{name}]'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.filterwarnings("ignore")
def test_wandb_without_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    train(tmp_path, "wandb", seeds=[0, 1], base={"train": {"replicas": 2}})  # two at once in one process
    for seed in (0, 1):
        identity = (tmp_path / f"runs/dann/seed-{seed}/wandb.id").read_text()
        (log,) = tmp_path.glob(f"wandb/offline-run-*/run-{identity}.wandb")
        content = log.read_bytes()
        for name in (f"DANN, seed {seed}", "accuracy/target_test", "loss/label", "schedule/lambda"):
            assert name.encode() in content


@pytest.mark.filterwarnings("ignore")
def test_mlflow_without_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, "mlflow", Silent(stop_at=6))
    client, identity = mlflow.MlflowClient(), (tmp_path / f"{PLACE}.unfinished/mlflow.id").read_text()
    assert client.get_run(identity).info.status == "KILLED"
    record = train(tmp_path, "mlflow")
    run = client.get_run(identity)
    assert run.info.status == "FINISHED" and run.data.params["method.name"] == "dann"
    history = {point.step: point.value for point in client.get_metric_history(identity, "accuracy/target_test")}
    assert history == pytest.approx({each["step"]: each["target_test"] for each in record.evaluations})
    assert json.loads(run.data.params["train.steps"]) == 12
