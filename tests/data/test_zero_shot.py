"""Zero-shot classification: class vectors are read and scored against; unseen classes are left out of training."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from complaints import complaint
from oracles import softmax
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score
from tiny import Silent

import dann
from dann.config.experiment import read_experiment
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.own_arrays import from_arrays
from dann.data.zero_shot import read_vectors
from dann.errors import BadInput
from dann.evaluation.metrics import compute_metrics
from dann.networks.zero_shot_head import ZeroShotHead
from dann.reporting.experiment_tables import make_tables
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch
from dann.training.pair_loading import load_pair

CLASSES = tuple("abcdefgh")
CORNERS = np.array(list(itertools.product([1, -1], repeat=3)), np.float32)
VECTORS = "".join(f"{name},{x},{y},{z}\n" for name, (x, y, z) in zip(CLASSES, CORNERS.astype(int), strict=True))


def corners(shift: float) -> Any:
    """Eight classes at the corners of a cube, which three attributes identify."""
    random = np.random.default_rng(0)
    y = np.arange(480) % 8
    x = (3 * CORNERS[y] + random.normal(0, 0.3, (480, 3)) + shift).astype(np.float32)
    return lambda: from_arrays(f"corners{shift}", x, y, classes=CLASSES)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(DOMAINS, "corners", corners(0.0))
    monkeypatch.setitem(DOMAINS, "moved", corners(0.2))
    (tmp_path / "vectors.csv").write_text(VECTORS)
    base = {
        "data": {"source": {"name": "corners"}, "target": {"name": "moved"}, "batch_size": 32,
                 "class_vectors": str(tmp_path / "vectors.csv"), "unseen": ["h"]},
        "network": {"name": "mlp", "hidden": 16},
        "optimizer": {"name": "adamw", "lr": 0.01},
        "train": {"steps": 300, "evaluate_every": 300},
        "method": {"name": "source_only"},
    }  # fmt: skip
    experiment = {
        "title": "Corners", "seeds": [0], "base": base, "metrics": ["accuracy", "seen", "unseen", "harmonic"],
        "variants": {"source only": {}, "DANN": {"method": {"name": "dann"}}},
    }  # fmt: skip
    path = tmp_path / "corners.yaml"
    path.write_text(yaml.safe_dump(experiment))
    return path


def test_a_class_that_training_never_saw_is_predicted(file: Path, tmp_path: Path) -> None:
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), tmp_path / "runs", torch.device("cpu"), Silent(), file)
    records = list(read_records(experiment, tmp_path / "runs").values())
    for record in records:
        last = record.evaluations[-1]
        assert last["target_test_unseen"] > 0.7 and last["target_test_seen"] > 0.9
        assert record.data["class_counts"]["train"][7] == 0 and record.data["class_counts"]["target_test"][7] > 0
        assert sum(record.confusion["target_test"][7]) > 0
    reported = [table.columns[0].title for table in make_tables(experiment, records)]
    assert reported[:4] == [
        "target accuracy, %",
        "target mean recall of seen classes, %",
        "target mean recall of unseen classes, %",
        "target harmonic mean of both recalls, %",
    ]
    model = dann.load(tmp_path / "runs/source-only/seed-0", device="cpu")
    (tmp_path / "vectors.csv").unlink()
    again = dann.load(tmp_path / "runs/source-only/seed-0", device="cpu")
    x = 3 * torch.from_numpy(CORNERS)
    assert model.predict(x).argmax(1).tolist() == again.predict(x).argmax(1).tolist() == list(range(8))


def test_metrics_of_unseen_classes_need_some(file: Path, capsys: Any) -> None:
    experiment = yaml.safe_load(file.read_text())
    experiment["base"]["data"]["unseen"] = []
    file.write_text(yaml.safe_dump(experiment))
    assert "metrics: seen is of unseen classes, but DANN, seed 0 has no data.unseen" in complaint(
        capsys, "run", file, "--out", file.parent / "runs"
    )
    assert not (file.parent / "runs").exists()


def test_training_and_validation_lack_the_unseen_classes(file: Path) -> None:
    from dann.config.schema import resolve

    config = resolve(next(read_experiment(file).runs()).declared, "test")
    pair = load_pair(config.data)
    assert 7 not in pair.train.y and 7 not in pair.validation.y and 7 in pair.target_test.y
    assert pair.unseen == (7,) and pair.class_vectors.tolist() == CORNERS.tolist()


def test_semantic_head_against_numpy() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(5, 4, dtype=torch.float64)
    head = ZeroShotHead(7, vectors).double()
    x = torch.randn(6, 7, dtype=torch.float64)
    projected = x.numpy() @ head.projection.weight.detach().numpy().T + head.projection.bias.detach().numpy()
    expected = [[p @ v / np.linalg.norm(v) for v in vectors.numpy()] for p in projected]
    np.testing.assert_allclose(head(x).detach().numpy(), expected, rtol=1e-10)
    assert {name for name, _ in head.named_parameters()} == {"projection.weight", "projection.bias"}


def test_unseen_classes_are_candidates_in_evaluation_alone_where_the_seen_ones_are_reduced() -> None:
    torch.manual_seed(0)
    x, plain = torch.randn(6, 7), ZeroShotHead(7, torch.randn(5, 4))
    head = ZeroShotHead(7, plain.vectors, unseen=(1, 4), calibration=1.5)
    head.load_state_dict(plain.state_dict() | {"unseen": head.unseen})
    logits = plain(x).detach().numpy()
    trained = head(x).softmax(1).detach().numpy()
    assert (trained[:, [1, 4]] < 1e-30).all()
    np.testing.assert_allclose(trained[:, [0, 2, 3]], softmax(logits[:, [0, 2, 3]]), rtol=1e-5)
    reduced = head.eval()(x).detach().numpy() - logits
    np.testing.assert_allclose(reduced, np.tile([-1.5, 0, -1.5, -1.5, 0], (6, 1)), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unseen": ["i"]}, "data.unseen: there is no class 'i': choose among a, b, c, d, e, f, g, h"),
        ({"class_vectors": None}, "data.unseen: these classes need vectors"),
        ({"class_weights": "inverse"}, "cannot be balanced"),
        ({"class_vectors": "nowhere.csv"}, "nowhere.csv is not there"),
        ({"unseen": [], "calibration": 1.0}, "data.calibration: applies to unseen classes"),
        ({"unseen": list(CLASSES)}, "data.unseen: these are all classes"),
    ],
)
def test_invalid_options_are_refused(changes: dict[str, Any], message: str, file: Path, capsys: Any) -> None:
    experiment = yaml.safe_load(file.read_text())
    experiment["base"]["data"] |= changes
    experiment["metrics"] = ["accuracy"]
    file.write_text(yaml.safe_dump(experiment))
    assert message in complaint(capsys, "run", file, "--jobs", "1", "--out", file.parent / "runs")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1\nb,2\n", "no vector for the class 'c'"),
        ("a,1\nb,2\nc,3\nd,x\n", "line 4: write a class name and numbers"),
        ("a,1\nb,2\nc,3,4\nd,5\n", r"the vectors have \[1, 2\] numbers"),
        ("a,1\nb,2\nc,0\nd,5\n", "a vector is 0 or not finite"),
        ("a,1\nb,2\na,0\nd,5\n", "line 3: a has a vector already"),
    ],
)
def test_malformed_vectors_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "vectors.csv").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_vectors(tmp_path / "vectors.csv", CLASSES[:4])


def test_metrics_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    y, p = random.integers(0, 4, 200), softmax(random.normal(size=(200, 4))).astype(np.float32)
    found = compute_metrics(y, p)
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, p.argmax(1)))
    assert found["macro_f1"] == pytest.approx(f1_score(y, p.argmax(1), average="macro"))
    assert found["auc"] == pytest.approx(roc_auc_score(y, p.astype(np.float64), multi_class="ovr"), abs=1e-6)


def test_metrics_of_classes_that_are_not_there() -> None:
    y, p = np.array([0, 0, 2]), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.1, 0.7]], np.float32)
    found = compute_metrics(y, p, unseen=(2,))
    assert found["balanced_accuracy"] == 0.75 and found["seen"] == 0.5 and found["unseen"] == 1.0
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1) / 2) and found["harmonic"] == pytest.approx(2 / 3)
    assert compute_metrics(np.array([1, 1]), p[:2])["auc"] == 0.5
    among = compute_metrics(
        np.array([0, 1, 2]), np.array([[0.2, 0.3, 0.5], [0.8, 0.15, 0.05], [0.8, 0.15, 0.05]]), unseen=(1, 2)
    )
    assert (among["zero_shot"], among["unseen"], among["harmonic"]) == (0.5, 0.0, 0.0)
    assert np.isfinite(list(compute_metrics(y, np.full((3, 3), np.nan, np.float32)).values())).all()
