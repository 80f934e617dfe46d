"""Whole runs: what must not matter does not, interruption loses nothing, and the files are all there."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import DIAGNOSED, TINY, Silent, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.config.schema import Config, resolve
from dann.runner import executor as execute
from dann.runner import planning as launch
from dann.runner.experiment_records import read_records
from dann.runner.records import read_record
from dann.training.building import build_trainer
from dann.training.evaluate import evaluate
from dann.training.pair_loading import load_pair

CPU = torch.device("cpu")


def launched(file: Path, folder: Path, observer: Silent, **selection: Any) -> Silent:
    experiment = read_experiment(file)
    launch.launch(experiment, list(experiment.runs(**selection)), folder, CPU, observer, file)
    return observer


def configured(**changes: Any) -> Config:
    return resolve(merge(TINY["base"], changes), "test")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "checkpoint.pt", weights_only=True)["method"]
    return state


DIGITS = {
    "data": {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "batch_size": 16, "transform": {"shift": 1}},
    "network": {"name": "mnist", "batch_norm": True, "dropout": 0.5},
}


def test_running_twice_repeats_nothing(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml")
    assert launched(file, tmp_path / "runs", Silent(), seeds=[0]).new == 2
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("record.json")}
    assert launched(file, tmp_path / "runs", Silent()).new == 2  # seed 1 of both variants
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert launched(file, tmp_path / "runs", Silent()).new == 0


def test_worker_processes_change_no_result(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", base={"train": {"replicas": 2}})
    experiment = read_experiment(file)
    runs = list(experiment.runs())
    observer = Silent()
    launch.launch(experiment, runs, tmp_path / "spread", CPU, observer, file, workers=2)
    assert observer.new == 4 and observer.data["trained_on"] == 36
    launch.launch(experiment, runs, tmp_path / "here", CPU, Silent(), file)
    one, other = (read_records(experiment, tmp_path / place) for place in ("spread", "here"))
    for ours, theirs in zip(one.values(), other.values(), strict=True):
        assert ours.evaluations == theirs.evaluations and ours.losses == theirs.losses
        assert ours.environment == theirs.environment and ours.environment["threads"] == 1


def test_same_seed_same_weights_whatever_ran_before(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml")
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    launched(file, tmp_path / "all", Silent())
    assert torch.equal(torch.random.get_rng_state(), before)  # a run leaves the caller's generator alone
    launched(file, tmp_path / "one", Silent(), only=["DANN"], seeds=[1])
    one, other = weights(tmp_path / "all/dann/seed-1"), weights(tmp_path / "one/dann/seed-1")
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    seed_0 = weights(tmp_path / "all/dann/seed-0")
    assert any(not torch.equal(value, seed_0[name]) for name, value in one.items())


def test_evaluating_and_logging_more_often_changes_nothing(tmp_path: Path) -> None:
    often = {"base": merge(DIGITS, {"train": {"evaluate_every": 1, "log_every": 1}})}
    seldom = {"base": merge(DIGITS, {"train": {"evaluate_every": 99, "log_every": 99}})}
    for name, changes in (("often", often), ("seldom", seldom)):
        launched(write_tiny(tmp_path / f"{name}.yaml", **changes), tmp_path / name, Silent(), only=["DANN"], seeds=[0])
    one, other = (weights(tmp_path / name / "dann/seed-0") for name in ("often", "seldom"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_weights_and_batches_are_shared_by_all_methods_of_a_seed() -> None:
    dann, source_only = configured(), configured(method={"name": "source_only"})
    pair = load_pair(dann.data)
    one, other = build_trainer(dann, pair, 0, CPU), build_trainer(source_only, pair, 0, CPU)
    for name, value in other.method.network.state_dict().items():
        assert torch.equal(value, one.method.network.state_dict()[name])
    assert all(torch.equal(a, b) for a, b in zip(one.stream[5][:4], other.stream[5][:4], strict=True))


def test_chunks_of_an_evaluation_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(**DIGITS)
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    split = trainer.splits["target_test"]
    scores = []
    for chunk in (1000, 7):
        monkeypatch.setattr("dann.data.loading.read_ahead.CHUNK", chunk)
        scores.append(evaluate(trainer.method, split, trainer.transform("target_test")))
    assert scores[0].score == scores[1].score
    assert scores[0].as_target is not None and scores[1].as_target is not None
    torch.testing.assert_close(scores[0].as_target, scores[1].as_target, rtol=1e-5, atol=1e-6)
    assert torch.equal(scores[0].confusion, scores[1].confusion)
    assert int(scores[0].confusion.sum()) == len(split)
    assert torch.equal(scores[0].confusion.sum(dim=1), split.y.bincount(minlength=10))
    assert trainer.method.training


def test_loss_curve_is_golden(tmp_path: Path) -> None:
    """A change of these numbers is a change of what every experiment computes: say so, and run them all again."""
    launched(write_tiny(tmp_path / "tiny.yaml"), tmp_path / "runs", Silent(), only=["DANN"], seeds=[0])
    losses = read_record(tmp_path / "runs/dann/seed-0").losses
    assert losses["step"] == [2, 4, 6, 8, 10, 12]
    assert losses["label"] == pytest.approx(GOLDEN["label"], rel=2e-3)
    assert losses["domain"] == pytest.approx(GOLDEN["domain"], rel=2e-3)


GOLDEN = {
    "label": [0.74034, 0.71837, 0.68647, 0.66873, 0.64713, 0.62839],
    "domain": [0.6946, 0.69557, 0.69492, 0.6922, 0.6935, 0.69484],
}


FOUND = {
    "score": "entropy im snd bnm dev rankme",
    "distance": "svm mlp",
    "features": "source_norm source_rank target_norm target_rank",
    "gradient": "label transfer ratio cosine",
    "update": "features classifier discriminator",
}


def test_the_record_is_complete(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", base=DIGITS | DIAGNOSED)
    launched(file, tmp_path / "runs", Silent(), only=["DANN"], seeds=[0])
    folder = tmp_path / "runs/dann/seed-0"
    record = read_record(folder)
    assert [evaluation["step"] for evaluation in record.evaluations] == [4, 8, 12]
    of_predictions = ("balanced_accuracy", "macro_precision", "macro_f1", "auc", "calibration_error")
    worth = {f"{split}_{metric}" for split in ("source_test", "target_test") for metric in of_predictions}
    fooled = {f"discriminator_{what}" for what in ("source", "target", "source_confidence", "target_confidence",
                                                   "calibration_error")}  # fmt: skip
    diagnosed = {f"{group}_{name}" for group, names in FOUND.items() for name in names.split()}
    splits = {"step", "source_validation", "source_test", "target_test", "share_distance"}
    assert set(record.evaluations[0]) == splits | worth | fooled | diagnosed
    assert len(record.shares) == 3 and sum(record.shares[-1]) == pytest.approx(1, abs=1e-3)
    assert set(record.reliability) == {"source_test", "target_test"}
    counts = np.array(record.confusion["target_test"])
    assert counts.trace() / counts.sum() == pytest.approx(record.evaluations[-1]["target_test"], rel=1e-5)
    assert record.data["source"]["train"] == 674 and record.data["trained_on"] == 607
    assert record.config["method"] == {"name": "dann", "weight": 1.0, "schedule": "ramp", "horizon": 1.0,
                                       "layer": "features", "discriminator": None, "together": True,
                                       "loss_weight": 1.0, "discriminator_dropout": 0.0}  # fmt: skip
    assert {"commit", "torch", "numpy", "device", "precision", "threads"} <= set(record.environment)
    assert record.seconds > 0
    assert resolve(record.declared, "record").fingerprint() == record.fingerprint
    features = np.load(folder / "features.npz")
    assert features["features"].shape == (449, 48) and features["domain"].sum() == 225
    assert not list(tmp_path.rglob("*.unfinished"))


def test_tensorboard_shows_what_it_should(tmp_path: Path) -> None:
    base = merge(DIGITS, {"optimizer": {"schedule": "inverse"}})
    launched(write_tiny(tmp_path / "tiny.yaml", base=base), tmp_path / "runs", Silent(), only=["DANN"], seeds=[0])
    folder = tmp_path / "runs/dann/seed-0"
    events = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0}).Reload()
    scalars = {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}
    assert scalars["loss/ln 2"][12] == pytest.approx(0.693147)
    assert set(scalars["loss/domain"]) == set(scalars["loss/label"]) == {2, 4, 6, 8, 10, 12}
    assert scalars["schedule/lambda"][2] == pytest.approx(2 / (1 + np.exp(-10 / 12)) - 1)
    assert scalars["schedule/learning rate"][2] == pytest.approx(0.01 * (1 + 10 / 12) ** -0.75)
    last = read_record(folder).evaluations[-1]
    assert scalars["accuracy/target_test"][12] == pytest.approx(last["target_test"], rel=1e-5)
    assert scalars["discriminator/source"][12] == pytest.approx(last["discriminator_source"], rel=1e-5)
    assert {"accuracy/source_test", "accuracy/source_validation", "discriminator/target"} <= set(scalars)
    assert {tag.split("/")[1] for tag in events.Tags()["images"]} == {"source", "target"}
    plugins = {summary for path in folder.glob("events*") for summary in _plugins(path)}
    assert {"custom_scalars", "hparams"} <= plugins
    assert "tensor_path" in (folder / "projector_config.pbtxt").read_text()


def _plugins(path: Path) -> set[str]:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return {value.metadata.plugin_data.plugin_name for event in EventFileLoader(str(path)).Load()
            for value in event.summary.value}  # fmt: skip


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_both_precisions_train(precision: str, tmp_path: Path) -> None:
    base = merge(DIGITS, {"train": {"precision": precision}})
    launched(write_tiny(tmp_path / "tiny.yaml", base=base), tmp_path / "runs", Silent(), only=["DANN"], seeds=[0])
    record = read_record(tmp_path / "runs/dann/seed-0")
    assert record.environment["precision"] == precision
    assert all(value is not None and np.isfinite(value) for value in record.losses["domain"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_a_gpu_sees_the_batches_of_the_cpu() -> None:
    config = configured(**DIGITS)
    pair = load_pair(config.data)
    one, other = (build_trainer(config, pair, 0, torch.device(name)).stream[3] for name in ("cpu", "cuda"))
    assert all(torch.allclose(a, b.cpu(), atol=1e-6) for a, b in zip(one, other, strict=True))


def test_folder_of_runs_can_be_moved(tmp_path: Path, capsys: Any) -> None:
    file = write_tiny(tmp_path / "tiny.yaml")
    launched(file, tmp_path / "runs", Silent())
    shutil.move(tmp_path / "runs", tmp_path / "elsewhere")
    assert main(["table", str(tmp_path / "elsewhere")]) == 0
    assert "| DANN | " in capsys.readouterr().out


def test_runs_that_share_data_load_them_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Any] = []
    load = execute.load_pair
    monkeypatch.setattr(execute, "load_pair", lambda data, absent: loaded.append(data) or load(data, absent))
    file = write_tiny(tmp_path / "tiny.yaml")
    experiment = read_experiment(file)
    launch.launch(experiment, list(experiment.runs()), tmp_path / "runs", torch.device("cpu"), Silent(), file)
    assert len(loaded) == 1  # of two seeds of two variants
