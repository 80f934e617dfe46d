"""Scores without training, against computations from the formulas of their papers in float64."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal, special_ortho_group
from sklearn.covariance import ledoit_wolf

from dann.evaluation.proxy_distance import linear_answers, linear_distance, network_answers, proxy_distances
from dann.evaluation.transferability import Features, Labels, h_scores, leep, logme

SHAPES = [(60, 5, 3), (40, 12, 2), (30, 50, 3)]  # N, D, K; the last has more features than examples


def drawn(count: int, width: int, classes: int, signal: float = 1.0, seed: int = 0) -> tuple[Features, Labels]:
    """Features with the class in their mean, not centred, of unequal scales."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = signal * random.normal(size=(classes, width))
    features = (centres[labels] + random.normal(size=(count, width))) * random.uniform(0.3, 3, width) + 0.5
    return features.astype(np.float32), labels


def evidence(features: NDArray[np.float64], y: NDArray[np.float64], alpha: float, beta: float) -> float:
    """Log density of y = F w + noise: a Gaussian of covariance I/β + F Fᵀ/α."""
    covariance = np.eye(len(y)) / beta + features @ features.T / alpha
    return float(multivariate_normal(np.zeros(len(y)), covariance).logpdf(y))


def iterate(features: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """The fixed point (α, β) of the iteration of You et al. 2021."""
    alpha = beta = 1.0
    gram, width = features.T @ features, features.shape[1]
    for _ in range(1000):
        inverse = np.linalg.inv(alpha * np.eye(width) + beta * gram)
        m = beta * inverse @ features.T @ y
        gamma = beta * np.trace(gram @ inverse)
        alpha, beta = gamma / (m @ m), (len(y) - gamma) / ((features @ m - y) ** 2).sum()
    return alpha, beta


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("signal", [0.2, 1.0])
def test_logme_is_the_evidence_at_the_fixed_point_of_the_paper(shape: tuple[int, int, int], signal: float) -> None:
    features, labels = drawn(*shape, signal=signal)
    x, evidences = features.astype(np.float64), []
    for k in range(shape[2]):
        y = (labels == k).astype(np.float64)
        evidences.append(evidence(x, y, *iterate(x, y)) / len(y))
    assert logme(features, labels) == pytest.approx(np.mean(evidences), abs=1e-6)


def test_logme_maximises_the_evidence() -> None:
    features, labels = drawn(40, 6, 2)
    x, y = features.astype(np.float64), (labels == 0).astype(np.float64)
    best = logme(features, np.where(labels == 0, 0, 1))
    random = np.random.default_rng(1)
    for alpha, beta in 10.0 ** random.uniform(-3, 3, (200, 2)):
        others = [evidence(x, each, alpha, beta) for each in (y, 1 - y)]
        assert np.mean(others) / len(y) <= best + 1e-9


def test_logme_ignores_rotations_and_the_scale_of_all_features() -> None:
    features, labels = drawn(50, 8, 3)
    turned = 7.0 * features @ special_ortho_group(8, seed=0).rvs().astype(np.float32)
    assert logme(turned, labels) == pytest.approx(logme(features, labels), abs=1e-5)


def test_logme_is_larger_for_features_with_more_of_the_class() -> None:
    values = [logme(*drawn(90, 10, 3, signal)) for signal in (0.0, 0.3, 1.0, 3.0)]
    assert values == sorted(values)


@pytest.mark.parametrize(
    "features",
    [np.zeros((12, 4)), np.ones((12, 4)), np.eye(3)[np.arange(12) % 3], np.repeat(np.eye(12), 2, axis=1) * 1e20],
    ids=["zeros", "constant", "the labels themselves", "large and repeated"],
)
def test_scores_of_degenerate_features_are_finite(features: NDArray[np.float64]) -> None:
    labels = np.arange(12) % 3
    scores = h_scores(features.astype(np.float32), labels)
    assert np.isfinite([logme(features.astype(np.float32), labels), scores.shrunk]).all()
    assert 0 <= scores.shrunk <= 2 + 1e-9


def test_leep_is_the_mean_log_likelihood_of_its_classifier() -> None:
    random = np.random.default_rng(0)
    theta, labels = random.dirichlet(np.ones(5), 30), np.arange(30) % 3
    total = 0.0
    for i in range(30):
        likelihood = 0.0
        for z in range(5):
            joint = sum(theta[j, z] for j in range(30) if labels[j] == labels[i]) / 30
            likelihood += joint / (sum(theta[:, z]) / 30) * theta[i, z]
        total += np.log(likelihood)
    assert leep(theta.astype(np.float32), labels) == pytest.approx(total / 30, abs=1e-6)


def test_leep_is_0_for_classes_that_determine_the_label_and_else_negative() -> None:
    labels = np.arange(24) % 3
    certain = np.eye(6, dtype=np.float32)[labels + 3 * (np.arange(24) % 2)]  # two classes of pretraining for each
    assert leep(certain, labels) == 0
    useless = np.full((24, 4), 0.25, np.float32)
    assert leep(useless, labels) == pytest.approx(-np.log(3))  # the entropy of the labels
    for seed in range(20):
        assert leep(np.random.default_rng(seed).dirichlet(np.ones(4), 24).astype(np.float32), labels) < 0
    never = np.concatenate([useless, np.zeros((24, 1), np.float32)], axis=1)
    assert leep(never, labels) == pytest.approx(-np.log(3))


def covariances(features: Features, labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """cov(f) and cov(E[f | y]) with 1/N."""
    x = features.astype(np.float64)
    means = np.stack([x[labels == k].mean(axis=0) for k in labels])
    return np.cov(x, rowvar=False, bias=True), np.cov(means, rowvar=False, bias=True)


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_the_h_score_is_the_trace_of_its_definition(shape: tuple[int, int, int]) -> None:
    features, labels = drawn(*shape)
    whole, between = covariances(features, labels)
    assert h_scores(features, labels).plain == pytest.approx(np.trace(np.linalg.inv(whole) @ between), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shrunk_h_score_uses_the_covariance_of_ledoit_and_wolf(shape: tuple[int, int, int]) -> None:
    features, labels = drawn(*shape)
    shrunk, delta = ledoit_wolf(features.astype(np.float64))
    _, between = covariances(features, labels)
    expected = (1 - delta) * np.trace(np.linalg.inv(shrunk) @ between)
    assert h_scores(features, labels).shrunk == pytest.approx(expected, rel=1e-6)


def test_the_h_score_ignores_invertible_linear_maps_and_shifts() -> None:
    features, labels = drawn(60, 5, 3)
    plain = h_scores(features, labels).plain
    for seed in range(5):
        random = np.random.default_rng(seed)
        mapped = features @ random.normal(size=(5, 5)).astype(np.float32) + random.normal(size=5).astype(np.float32)
        assert h_scores(mapped, labels).plain == pytest.approx(plain, rel=1e-3)


def test_the_h_score_lies_between_0_and_the_classes_less_1() -> None:
    for signal, seed in ((0.0, 0), (1.0, 1), (30.0, 2)):
        plain = h_scores(*drawn(60, 5, 3, signal, seed)).plain
        assert plain is not None and 0 <= plain <= 2
    assert h_scores(*drawn(60, 5, 3, 300.0)).plain == pytest.approx(2, abs=1e-2)


def test_more_features_than_examples_have_no_plain_h_score() -> None:
    features, labels = drawn(30, 50, 3)
    scores = h_scores(features, labels)
    assert scores.plain is None and 0 < scores.shrunk < 2
    shuffled = np.random.default_rng(0).permutation(labels)
    assert h_scores(features, shuffled).shrunk < scores.shrunk


@pytest.mark.parametrize("shape", SHAPES)
def test_the_linear_distance_is_the_machine_of_both(shape: tuple[int, int, int]) -> None:
    (source, _), (target, _) = drawn(*shape, seed=2), drawn(50, shape[1], 2, seed=1)
    distances = proxy_distances(source, target)
    assert linear_distance(source, target) == distances["svm"]
    linear, network = linear_answers(source, target), network_answers(source, target)
    assert (linear.distance, network.distance) == (distances["svm"], distances["mlp"])
    places = linear.places
    assert (places == network.places).all() and (np.diff(places) > 0).all() and len(places) == len(linear.wrong)
    assert abs(2 * (places < len(source)).sum() - len(source)) <= 1  # half of either domain
