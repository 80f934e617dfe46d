"""Runs that fail stop no other: numbers that are not finite, files that are missing, code that raises."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from complaints import complaint
from stacked_runs import CPU
from tiny import DIAGNOSED, Silent, write_tiny
from torch import Tensor, nn

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.inference.loading import load
from dann.methods.dann import Dann
from dann.runner import executor
from dann.runner.planning import launch
from dann.runner.records import read_record, write_record

WILD = {"optimizer": {"name": "sgd", "lr": 1e30}, "network": {"activation": "relu"}}


class Noting(Silent):
    """An observer that notes the runs that were not made."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: dict[str, tuple[str, Path | None]] = {}

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        self.missing[run.name] = reason, trace


def make(file: Path, folder: Path, *sets: str, **selection: Any) -> Noting:
    experiment = read_experiment(file, sets)
    launch(experiment, list(experiment.runs(**selection)), folder, CPU, observer := Noting(), file)
    return observer


def weights(folder: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(folder / "checkpoint.pt", weights_only=True)["method"]
    return state


@pytest.fixture
def wild(tmp_path: Path) -> Path:
    """A row whose numbers overflow at once, and a sound one."""
    return write_tiny(tmp_path / "wild.yaml", variants={"DANN": WILD}, base=DIAGNOSED)


def test_a_run_that_overflows_fails_with_its_reason_and_the_others_are_made(
    wild: Path, tmp_path: Path, capsys: Any
) -> None:
    assert main(["run", str(wild), "--out", str(tmp_path / "runs")]) == 1
    captured = capsys.readouterr()
    reason = "failed at step 2: loss_label nan, learning rate 1e+30"
    assert f"DANN, seed 1: {reason}" in captured.out and "source only, seed 1: target" in captured.out
    assert f"DANN: 0 of 2 seeds; seed 0 {reason}; seed 1 {reason}." in " ".join(captured.out.split())
    assert captured.err.splitlines() == [
        f"dann: DANN, seed 0; DANN, seed 1: {reason}",
        "dann: 2 of 4 runs have no result: --redo failed makes them again: DANN, seed 0; DANN, seed 1",
    ]
    folder = tmp_path / "runs/wild/dann/seed-0"
    record = read_record(folder)
    assert record.failed == reason.removeprefix("failed at ") and record.evaluations == []
    assert record.losses == {"step": [2], "label": [None], "domain": [None]}
    assert [alarm["alarm"] for alarm in record.alarms] == ["divergence"]
    assert not list((tmp_path / "runs").rglob("*.lock")) and not list((tmp_path / "runs").rglob("*.unfinished"))
    for command in (["predict", folder, wild], ["export", folder, "--format", "onnx"]):
        assert f"{folder}: this run {reason}: " in complaint(capsys, *command)
    assert main(["run", str(wild), "--out", str(tmp_path / "runs")]) == 1  # neither forgotten nor made again
    assert "already there" in capsys.readouterr().out
    assert main(["report", str(tmp_path / "runs/wild"), "--out", str(tmp_path / "report")]) == 0
    assert reason in (tmp_path / "report/report.html").read_text()
    assert main(["run", str(wild), "--out", str(tmp_path / "only"), "--only", "DANN"]) == 1  # no run has a result
    for command in ("table", "plot"):
        assert main([command, str(tmp_path / "only/wild")]) == 0
    assert main(["report", str(tmp_path / "only/wild"), "--out", str(tmp_path / "report")]) == 0
    assert reason in (tmp_path / "report/report.html").read_text()


def test_failed_runs_are_made_again_on_request(wild: Path, tmp_path: Path) -> None:
    make(wild, tmp_path / "runs")
    sound = (tmp_path / "runs/source-only/seed-0/record.json").stat().st_mtime_ns
    write_tiny(wild, base=DIAGNOSED)  # the file is corrected
    experiment = read_experiment(wild)
    launch(experiment, list(experiment.runs(only=["DANN"])), tmp_path / "runs", CPU, Noting(), wild, redo="failed")
    assert read_record(tmp_path / "runs/dann/seed-0").failed is None
    assert (tmp_path / "runs/source-only/seed-0/record.json").stat().st_mtime_ns == sound
    assert not list((tmp_path / "runs").rglob("*.stale"))


class Breaking(nn.Module):
    """Passes its input on, and from one step on another gradient."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at, self.seen = at, 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += self.training
        if self.seen == self.at and x.requires_grad:
            x.register_hook(lambda gradient: gradient * float("inf"))
        return x


def test_a_gradient_that_is_not_finite_is_named_and_the_last_good_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    build = executor.begin

    def begin(*arguments: Any) -> Any:
        active = build(*arguments)
        active.trainer.method.network.features.append(Breaking(7))
        return active

    make(file, tmp_path / "sound", only=["DANN"])
    monkeypatch.setattr(executor, "begin", begin)
    make(file, tmp_path / "runs", only=["DANN"])
    record = read_record(tmp_path / "runs/dann/seed-0")
    assert record.failed == "step 7: gradient not finite, learning rate 0.01"
    assert [evaluation["step"] for evaluation in record.evaluations] == [4]
    state = torch.load(tmp_path / "runs/dann/seed-0/checkpoint.pt", weights_only=True)
    assert state["step"] == 4 and all(value.isfinite().all() for value in state["method"].values())
    with pytest.raises(BadInput, match="this run failed at step 7: gradient"):
        load(tmp_path / "runs/dann/seed-0")


@pytest.mark.parametrize("method", ["dann", "bnm"])
def test_the_other_members_of_a_stack_keep_their_bits(method: str, tmp_path: Path) -> None:
    """A rate of 1e30 for one of three; the members are the same in both experiments but for that rate."""
    train = {"train": {"replicas": 3}, "optimizer": {"name": "sgd"}}
    base = train | {"network": {"activation": "relu"}, "method": {"name": method}}
    for name, last in (("sound", 0.03), ("broken", 1e30)):
        rates = {"DANN": 0.01, "two": 0.02, "three": last}
        variants = {row: {"optimizer": {"lr": rate}} for row, rate in rates.items()}
        make(write_tiny(tmp_path / f"{name}.yaml", base=base, seeds=[0], variants=variants), tmp_path / name)
    assert (read_record(tmp_path / "broken/three/seed-0").failed or "").startswith("step 2: loss_")
    for row in ("dann", "two"):
        sound, other = (read_record(tmp_path / name / row / "seed-0") for name in ("sound", "broken"))
        assert other.environment["replicas"] == 3 and other.failed is None
        assert sound.losses == other.losses and sound.evaluations == other.evaluations
        states = [weights(tmp_path / name / row / "seed-0") for name in ("sound", "broken")]
        assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())


@pytest.mark.parametrize("method", ["bnm", "bsp", "bss"])
def test_losses_of_singular_values_fail_as_others_do(method: str, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", base=WILD, variants={"DANN": {"method": {"name": method}}}, seeds=[0])
    assert not make(file, tmp_path / "runs").missing
    assert (read_record(tmp_path / "runs/dann/seed-0").failed or "").startswith("step 2: loss_")
    assert read_record(tmp_path / "runs/source-only/seed-0").failed is not None  # the same rate


def test_a_row_that_names_a_missing_file_costs_only_itself(tmp_path: Path, capsys: Any) -> None:
    missing = {"data": {"source": {"name": "folder", "path": str(tmp_path / "nowhere")}}}
    file = write_tiny(tmp_path / "tiny.yaml", variants={"DANN": missing})
    assert main(["run", str(file), "--out", str(tmp_path / "runs")]) == 1
    *reasons, last = capsys.readouterr().err.splitlines()
    assert len(reasons) == 1 and "nowhere" in reasons[0] and reasons[0].startswith("dann: DANN, seed 0; DANN, seed 1: ")
    assert last == "dann: 2 of 4 runs have no result: the same command tries again: DANN, seed 0; DANN, seed 1"
    assert len(list((tmp_path / "runs").rglob("record.json"))) == 2
    assert "nowhere" in complaint(capsys, "run", file, "--out", tmp_path / "runs", "--only", "DANN")


def test_a_run_that_raises_is_tried_once_more_and_leaves_its_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, calls = write_tiny(tmp_path / "tiny.yaml", seeds=[0]), []

    def forward(*_: Any) -> Any:
        calls.append(len(calls))
        raise ValueError("a surprise\nin two lines")

    monkeypatch.setattr(Dann, "forward", forward)
    observer = make(file, tmp_path / "runs")
    trace = tmp_path / "runs/dann/seed-0.unfinished/error.txt"
    assert observer.missing == {"DANN, seed 0": ("ValueError: a surprise", trace)} and len(calls) == 2
    assert "in forward" in trace.read_text() and observer.new == 1
    monkeypatch.undo()
    assert not make(file, tmp_path / "runs").missing
    assert not list((tmp_path / "runs").rglob("error.txt"))


def test_a_full_disk_stops_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def begin(*_: Any) -> Any:
        raise OSError(28, "No space left on device", "runs")

    monkeypatch.setattr(executor, "begin", begin)
    assert "disk is full" in complaint(capsys, "run", write_tiny(tmp_path / "tiny.yaml"), "--out", tmp_path / "runs")


def test_a_failed_seed_is_said_beside_the_others(tmp_path: Path, capsys: Any) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0, 1, 2])
    make(file, tmp_path / "runs/tiny")
    place = tmp_path / "runs/tiny/dann/seed-1"
    failed = "step 8: loss_label nan, learning rate 10"
    write_record(replace(read_record(place), failed=failed, evaluations=[]), place)
    assert main(["table", str(tmp_path / "runs/tiny")]) == 0
    shown = capsys.readouterr().out
    assert "(n = 2, 1 failed)" in shown
    assert "DANN: 2 of 3 seeds; seed 1 failed at step 8: loss_label nan, learning rate 10." in shown
