"""Class shares of an unlabelled target: estimates, their intervals, and the sample that has given shares."""

import numpy as np
import pytest

from dann.evaluation.class_shares import (
    ESTIMATORS,
    Interval,
    Predictions,
    ShareEstimate,
    _find_interval,
    draw_shares,
    estimate_shares,
    find_shifted,
    fit_temperature,
    predict_across,
)


def logits_of(labels: np.ndarray, classes: int, right: float) -> np.ndarray:
    """Calibrated logits of a classifier that is right with a probability, its errors spread evenly."""
    random = np.random.default_rng(1)
    wrong = random.random(len(labels)) > right
    answers = np.where(wrong, (labels + random.integers(1, classes, len(labels))) % classes, labels)
    probabilities = np.full((len(labels), classes), (1 - right) / (classes - 1))
    probabilities[np.arange(len(labels)), answers] = right
    return np.log(probabilities)


def blobs(count: int, shares: list[float], seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of three classes in given shares, moved by ``shift`` in every direction."""
    random = np.random.default_rng(seed)
    y = np.repeat(np.arange(3), [round(count * share) for share in shares])
    x = random.normal(size=(len(y), 5)) + 3 * np.eye(5)[y] + shift
    return x.astype(np.float32), y


def test_estimates_find_the_shares_of_the_target() -> None:
    source = np.repeat([0, 1, 2], 200)
    target = np.repeat([0, 1, 2], [420, 120, 60])
    predictions = Predictions(logits_of(source, 3, 0.85), source, logits_of(target, 3, 0.85))
    estimates = estimate_shares(predictions)
    assert tuple(estimates) == ESTIMATORS
    for estimate in estimates.values():
        shares = estimate.shares
        assert shares.values.sum() == pytest.approx(1)
        assert shares.values == pytest.approx([0.7, 0.2, 0.1], abs=0.06)
        assert ((shares.low < [0.7, 0.2, 0.1]) & (shares.high > [0.7, 0.2, 0.1])).all()
        assert estimate.differences.values == pytest.approx(shares.values - 1 / 3)
    assert find_shifted(estimates) == [0, 1, 2]


def test_bbse_is_the_solution_of_its_equation() -> None:
    """C w = μ (Lipton et al. 2018, equation 1), in float64 on the counts."""
    source, target = np.repeat([0, 1], [60, 40]), np.repeat([0, 1], [20, 80])
    predictions = Predictions(logits_of(source, 2, 0.8), source, logits_of(target, 2, 0.8))
    answers, predicted = predictions.source.argmax(1), predictions.target.argmax(1)
    joint = np.array([[np.mean((answers == i) & (source == j)) for j in (0, 1)] for i in (0, 1)])
    shares = np.linalg.solve(joint, [np.mean(predicted == k) for k in (0, 1)]) * [0.6, 0.4]
    found = estimate_shares(predictions)["BBSE"].shares.values
    assert found == pytest.approx(np.clip(shares, 0, None) / np.clip(shares, 0, None).sum(), abs=1e-6)


@pytest.mark.slow
def test_equal_shares_are_no_shift() -> None:
    found = 0
    for seed in range(4):
        (x, y), (t, _) = blobs(300, [0.4, 0.3, 0.3], 2 * seed), blobs(300, [0.4, 0.3, 0.3], 2 * seed + 1)
        found += bool(find_shifted(estimate_shares(predict_across(x, y, t))))
    assert found == 0


def test_a_shift_needs_both_estimates_in_one_direction() -> None:
    def estimate(low: float, high: float) -> ShareEstimate:
        bounds = Interval(np.array([(low + high) / 2]), np.array([low]), np.array([high]))
        return ShareEstimate(bounds, bounds)

    assert find_shifted({"BBSE": estimate(0.1, 0.2), "MLLS": estimate(0.1, 0.3)}) == [0]
    assert find_shifted({"BBSE": estimate(0.1, 0.2), "MLLS": estimate(-0.1, 0.3)}) == []
    assert find_shifted({"BBSE": estimate(0.1, 0.2), "MLLS": estimate(-0.3, -0.1)}) == []


def test_an_interval_holds_for_all_classes_together() -> None:
    random = np.random.default_rng(0)
    drawn = random.normal([0.2, 0.8], [0.01, 0.05], (400, 2))
    found = _find_interval(np.array([0.2, 0.8]), drawn, 1e-6)
    inside = ((drawn >= found.low) & (drawn <= found.high)).all(axis=1)
    assert inside.mean() == pytest.approx(0.95, abs=0.005)
    assert ((drawn >= found.low) & (drawn <= found.high)).mean(axis=0).min() > 0.955  # wider than one class needs


def test_a_share_that_is_always_0_has_an_interval() -> None:
    found = _find_interval(np.zeros(1), np.zeros((50, 1)), 0.005)
    assert found.low == found.high == 0.0  # all draws agree
    found = _find_interval(np.zeros(2), np.stack([np.zeros(50), np.linspace(-1, 1, 50)], axis=1), 0.005)
    assert found.high[0] > 0


def test_temperature_is_the_most_likely_one() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(500, 4))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([random.choice(4, p=row) for row in p])

    def loss(t: float) -> float:
        scaled = 3 * logits / t
        return float(np.mean(np.log(np.exp(scaled).sum(1)) - scaled[np.arange(500), labels]))

    found = fit_temperature(3 * logits, labels)
    grid = np.exp(np.linspace(-1, 2.5, 700))
    assert found == pytest.approx(grid[np.argmin([loss(t) for t in grid])], rel=0.02)
    assert found == pytest.approx(3, rel=0.25)


def test_predictions_are_of_examples_that_were_not_trained_on() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 50)).astype(np.float32), np.arange(60) % 2  # labels of no meaning
    assert predict_across(x, y, x).accuracy < 0.75


def test_a_feature_constant_in_the_source_does_no_harm() -> None:
    (x, y), (t, target) = blobs(300, [0.4, 0.3, 0.3], 0), blobs(300, [0.4, 0.3, 0.3], 1)
    x, t = np.c_[x, np.zeros(300, np.float32)], np.c_[t, np.linspace(0, 1e3, 300, dtype=np.float32)]
    assert (predict_across(x, y, t).target.argmax(1) == target).mean() > 0.9


def test_a_drawn_sample_has_the_shares_and_no_example_twice() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    kept = draw_shares(labels, np.array([0.2, 0.8, 0.0]))
    counts = np.bincount(labels[kept], minlength=3)
    assert len(set(kept.tolist())) == len(kept) and counts.tolist() == [12, 50, 0]
