"""Metrics and label-free scores of predicted numbers, against loops written from their definitions."""

import math

import numpy as np
import pytest

from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.regression_metrics import compute_errors, r_squared
from dann.evaluation.regression_validators import correlation_distance, mean_discrepancy, score_regression
from dann.evaluation.rules import RULES, refuse_rule, rule_for
from dann.evaluation.validators import Sample, deep_embedded_validation


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_errors_and_r2_are_their_definitions() -> None:
    y, predicted = normal(9), normal(9, seed=1)
    errors = compute_errors(y.astype(np.float32), predicted.astype(np.float32))
    assert errors["rmse"] == pytest.approx(math.sqrt(sum((p - t) ** 2 for p, t in zip(predicted, y, strict=True)) / 9))
    assert errors["mae"] == pytest.approx(sum(abs(p - t) for p, t in zip(predicted, y, strict=True)) / 9)
    mean = sum(y) / 9
    expected = 1 - sum((p - t) ** 2 for p, t in zip(predicted, y, strict=True)) / sum((t - mean) ** 2 for t in y)
    assert r_squared(y, predicted) == pytest.approx(expected, rel=1e-12)
    assert (r_squared(y, y), r_squared(y, np.full(9, mean))) == (1.0, pytest.approx(0.0, abs=1e-12))


def oracle_mmd(source: np.ndarray, target: np.ndarray) -> float:
    """Gretton et al. 2012, equation (5), with the median squared distance of the pairs i < j as bandwidth."""
    both = [*source, *target]
    squares = [float(((a - b) ** 2).sum()) for i, a in enumerate(both) for b in both[i + 1 :]]
    width = float(np.median(squares))

    def mean(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.mean([math.exp(-((a - b) ** 2).sum() / width) for a in one for b in other]))

    return mean(source, source) + mean(target, target) - 2 * mean(source, target)


def oracle_coral(source: np.ndarray, target: np.ndarray) -> float:
    """Sun and Saenko 2016, equation (1), of features divided by their deviation over both samples."""
    spread = np.concatenate([source, target]).std(axis=0)
    gap = np.cov((source / spread).T) - np.cov((target / spread).T)
    return float((gap**2).sum() / (4 * source.shape[1] ** 2))


def test_distances_of_features_are_their_formulas_and_ignore_their_scale() -> None:
    source, target = normal(8, 3), 1.5 * normal(6, 3, seed=1) + 0.3
    assert mean_discrepancy(source, target) == pytest.approx(-oracle_mmd(source, target), rel=1e-9)
    assert correlation_distance(source, target) == pytest.approx(-oracle_coral(source, target), rel=1e-9)
    for score in (mean_discrepancy, correlation_distance):
        assert score(1e-3 * source, 1e-3 * target) == pytest.approx(score(source, target), rel=1e-6)
        assert score(source, source) == pytest.approx(0, abs=1e-12) and score(source, target) < 0
        assert math.isnan(score(source, np.full((4, 3), np.nan)))
    assert correlation_distance(np.ones((4, 2)), np.ones((5, 2))) == 0.0  # constant features have no distance


def test_a_model_of_numbers_has_four_scores() -> None:
    def sample(count: int, seed: int) -> Sample:
        features = normal(count, 4, seed=seed).astype(np.float32)
        return Sample(features, features[:, :1])

    train, validation, target = sample(30, 1), sample(12, 2), sample(25, 3)
    y = normal(12, seed=4).astype(np.float32)
    scores = score_regression(train, validation, y, target)
    assert set(scores) == {"dev", "rankme", "mmd", "coral"}
    errors = (validation.logits[:, 0].astype(np.float64) - y) ** 2
    assert scores["dev"] == deep_embedded_validation(train.features, target.features, validation.features, errors)


def test_rules_say_what_they_are_for() -> None:
    of_numbers = {name for name, rule in RULES.items() if rule.of_numbers}
    assert of_numbers == {"last", "source_val", "dev", "rankme", "mmd", "coral", "oracle"}
    assert {name for name, rule in RULES.items() if not rule.of_classes} == {"mmd", "coral"}
    with pytest.raises(
        BadInput, match=r"^x: vote is of predicted classes, but data\.task is regression: choose among last"
    ):
        refuse_rule(RULES["vote"], True, "x:")
    with pytest.raises(BadInput, match=r"^x: mmd is of predicted numbers, but data\.task is classification"):
        refuse_rule(RULES["mmd"], False, "x:")
    assert rule_for("source_val", "rmse").criterion == "the lowest squared error on the source's validation split"
    assert rule_for("oracle", "rmse").reads == ("target_test_rmse",) and not rule_for("oracle", "rmse").higher_is_better
    assert METRICS["r2"].reads == "target_test" and METRICS["r2"].heading == "R²"
