"""Precision and calibration against loops written from their definitions."""

import warnings

import numpy as np
import pytest

from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.metrics import calibration_error, compute_metrics, reliability

M = 15  # bins


def predictions(count: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels ``(N,)`` and probabilities ``(N, K)`` that are more certain than right."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(count, classes)) * 2
    labels = np.array([random.choice(classes, p=np.exp(row / 2) / np.exp(row / 2).sum()) for row in logits])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, p.astype(np.float32)


def bins_of(correct: np.ndarray, confidence: np.ndarray) -> list[tuple[float, float, float]]:
    """Share, accuracy and mean confidence of the bins that are not empty.

    Guo et al. 2017, section 2: B_m has those of confidence in ((m − 1)/M, m/M]. 0, which no interval has, is B₁'s.
    """
    found = []
    for m in range(1, M + 1):
        members = [i for i, p in enumerate(confidence) if (m - 1) / M < p <= m / M or (m == 1 and p == 0)]
        if members:
            accuracy = sum(bool(correct[i]) for i in members) / len(members)
            found.append((len(members) / len(confidence), accuracy, sum(confidence[members]) / len(members)))
    return found


@pytest.mark.parametrize(("count", "classes"), [(1, 2), (7, 3), (400, 2), (1000, 10)])
def test_calibration_is_that_of_guo_et_al(count: int, classes: int) -> None:
    labels, p = predictions(count, classes)
    correct, confidence = p.argmax(axis=1) == labels, p.max(axis=1)
    bins = bins_of(correct, confidence.astype(np.float64))
    points = reliability(correct, confidence)
    assert set(points) == {"share", "accuracy", "confidence"}
    np.testing.assert_allclose(np.array(list(points.values())).T, np.array(bins), rtol=1e-5, atol=1e-7)
    expected = sum(share * abs(accuracy - mean) for share, accuracy, mean in bins)
    assert calibration_error(correct, confidence) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert compute_metrics(labels, p)["calibration_error"] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_one_bin_holds_all() -> None:
    correct = np.array([True, False, True, True])
    points = reliability(correct, np.full(4, 0.9, np.float32))
    assert points == {"share": [1.0], "accuracy": [0.75], "confidence": [pytest.approx(0.9)]}
    assert calibration_error(correct, np.full(4, 0.9, np.float32)) == pytest.approx(0.15)
    assert calibration_error(np.array([True, True]), np.ones(2, np.float32)) == 0.0
    assert calibration_error(np.array([False, False]), np.ones(2, np.float32)) == 1.0


def test_confidences_at_the_edges_are_in_the_bin_below() -> None:
    edges = np.arange(M + 1) / M
    correct = np.arange(M + 1) % 3 == 0
    points = reliability(correct, edges)
    assert points["share"] == pytest.approx([2 / 16] + [1 / 16] * 14)  # 0 and 1/15 are both of the first
    np.testing.assert_allclose(np.array(list(points.values())).T, np.array(bins_of(correct, edges)), atol=1e-12)
    assert sum(reliability(correct, edges.astype(np.float32))["share"]) == pytest.approx(1)


def test_the_calibration_of_what_is_not_a_number_is_finite() -> None:
    confidence = np.array([np.nan, 0.8, np.nan, 1.0 + 1e-7], np.float32)
    correct = np.array([False, True, True, True])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points = reliability(correct, confidence)
    assert points["share"] == [0.5, 0.25, 0.25] and points["accuracy"] == [0.5, 1.0, 1.0]
    assert points["confidence"] == pytest.approx([0.0, 0.8, 1.0])
    labels, nothing = np.array([0, 1]), np.full((2, 3), np.nan, np.float32)
    assert compute_metrics(labels, nothing)["calibration_error"] == 0.5  # class 0 at confidence 0, right for one of two


@pytest.mark.parametrize("classes", [2, 5])
def test_macro_precision_is_the_mean_over_the_classes_there_are(classes: int) -> None:
    labels, p = predictions(60, classes)
    labels = np.where(labels == classes - 1, 0, labels)  # the last has no example
    predicted = p.argmax(axis=1)
    each = []
    for k in sorted(set(labels.tolist())):
        said = [i for i in range(len(labels)) if predicted[i] == k]
        each.append(sum(labels[i] == k for i in said) / len(said) if said else 0.0)
    assert compute_metrics(labels, p)["macro_precision"] == pytest.approx(sum(each) / len(each))


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    labels, p = np.array([0, 0, 1, 1]), np.tile(np.array([0.7, 0.3], np.float32), (4, 1))
    assert compute_metrics(labels, p)["macro_precision"] == 0.25  # ½ of class 0, none of class 1


def test_every_metric_is_defined_and_computed() -> None:
    labels, probabilities = predictions(40, 3)
    of_classes = {name: metric for name, metric in METRICS.items() if not metric.of_numbers}
    assert {*compute_metrics(labels, probabilities, [2]), "accuracy"} == set(of_classes)
    seen = {name for name, metric in of_classes.items() if not metric.for_unseen_classes}
    assert {*compute_metrics(labels, probabilities), "accuracy"} == seen
    for name, metric in METRICS.items():
        assert metric.name == name and metric.sentence.endswith(".") and "\n" not in metric.sentence
        assert metric.reads == ("target_test" if name in ("accuracy", "r2") else f"target_test_{name}")
