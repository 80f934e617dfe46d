"""Label-free scores, against oracles in float64 NumPy that loop as the papers' sums do."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from oracles import shannon, softmax

from dann.evaluation.validators import (
    Sample,
    batch_nuclear_norm,
    deep_embedded_validation,
    density_weights,
    effective_rank,
    entropy,
    information_maximisation,
    mixval,
    rankme,
    score_model,
    soft_neighbourhood_density,
    weighted_risk,
)

OF_LOGITS = [entropy, information_maximisation, soft_neighbourhood_density, batch_nuclear_norm]
SHAPES = [(6, 4), (3, 7), (9, 2), (2, 2)]
ALL = {"entropy", "im", "snd", "bnm", "dev", "rankme"}


def logits_of(shape: tuple[int, int], seed: int = 0, scale: float = 2.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * scale


def oracle_entropy(logits: np.ndarray) -> float:
    return -sum(shannon(p) for p in softmax(logits)) / len(logits)


def oracle_information(logits: np.ndarray) -> float:
    """Σ over examples and classes of p(k | x) ln(p(k | x) / p(k)) / N, the mutual information as it is defined."""
    predictions = softmax(logits)
    n, total = len(logits), 0.0
    for k in range(logits.shape[1]):
        share = sum(p[k] for p in predictions) / n
        total += sum(p[k] * math.log(p[k] / share) for p in predictions) / n
    return total


def oracle_density(logits: np.ndarray) -> float:
    predictions, n, total = softmax(logits), len(logits), 0.0
    for i in range(n):
        kernel = []
        for j in range(n):
            if j != i:
                p, q = predictions[i], predictions[j]
                cosine = sum(p * q) / math.sqrt(sum(p * p) * sum(q * q))
                kernel.append(math.exp(cosine / 0.05))
        total += shannon(np.array([k / sum(kernel) for k in kernel]))
    return total / n


def singular_values(matrix: np.ndarray) -> np.ndarray:
    """Roots of the eigenvalues of the smaller Gram matrix."""
    smaller = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    return np.sqrt(np.linalg.eigvalsh(smaller).clip(0))


def oracle_nuclear_norm(logits: np.ndarray) -> float:
    return sum(singular_values(softmax(logits))) / math.sqrt(len(logits) * min(logits.shape))


ORACLES = [oracle_entropy, oracle_information, oracle_density, oracle_nuclear_norm]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("score", "oracle"), list(zip(OF_LOGITS, ORACLES, strict=True)))
def test_scores_of_logits_match_their_oracles(
    score: Callable[..., float], oracle: Callable[..., float], shape: tuple[int, int]
) -> None:
    logits = logits_of(shape)
    assert score(logits) == pytest.approx(oracle(logits), abs=1e-9)


@pytest.mark.parametrize("score", OF_LOGITS)
def test_scores_of_logits_do_not_see_order_nor_an_added_constant(score: Callable[..., float]) -> None:
    logits = logits_of((30, 5))
    random = np.random.default_rng(1)
    moved = logits + random.normal(size=(30, 1)) * 10
    assert score(random.permutation(moved)) == pytest.approx(score(logits), abs=1e-9)
    assert score(logits[:, ::-1]) == pytest.approx(score(logits), abs=1e-9)


@pytest.mark.parametrize("score", OF_LOGITS)
def test_a_certain_and_balanced_model_beats_a_uniform_one(score: Callable[..., float]) -> None:
    certain = 50.0 * np.eye(5)[np.arange(100) % 5]
    noisy = logits_of((100, 5), scale=0.5)
    if score is soft_neighbourhood_density:  # which wants dense neighbourhoods, and a uniform model has the densest
        assert score(certain) == pytest.approx(math.log(19), abs=1e-3)
    else:
        assert score(certain) > score(noisy) > score(np.zeros((100, 5)))


def test_a_collapsed_model_is_caught_by_some_scores_only() -> None:
    certain, collapsed = 50.0 * np.eye(5)[np.arange(100) % 5], 50.0 * np.eye(5)[np.zeros(100, int)]
    assert entropy(collapsed) == pytest.approx(entropy(certain), abs=1e-12)
    assert information_maximisation(certain) == pytest.approx(math.log(5))
    assert information_maximisation(collapsed) == pytest.approx(0, abs=1e-12)
    assert batch_nuclear_norm(certain) == pytest.approx(1)
    assert batch_nuclear_norm(collapsed) == pytest.approx(1 / math.sqrt(5))
    assert soft_neighbourhood_density(collapsed) == pytest.approx(math.log(99))


def test_the_nuclear_norm_does_not_see_how_many_examples_there_are() -> None:
    logits = logits_of((20, 4))
    assert batch_nuclear_norm(np.tile(logits, (3, 1))) == pytest.approx(batch_nuclear_norm(logits))


@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_ranks_match_their_oracles(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(0).normal(size=shape) + 2  # not centred
    p = singular_values(features) / sum(singular_values(features))
    assert effective_rank(features) == pytest.approx(math.exp(shannon(p)))
    assert rankme(features, epsilon=0.01) == pytest.approx(math.exp(shannon(p + 0.01)))
    assert rankme(features) == pytest.approx(math.exp(shannon(p + 1e-7)))
    assert rankme(features) == pytest.approx(rankme(1e-30 * features))


def test_ranks_of_matrices_that_are_known() -> None:
    assert effective_rank(np.eye(7)) == pytest.approx(7)
    assert effective_rank(np.eye(40, 9)[:, :3]) == pytest.approx(3)
    assert effective_rank(np.full((30, 4), 2.5, np.float32)) == pytest.approx(1)
    assert math.isnan(effective_rank(np.zeros((3, 4)))) and math.isnan(rankme(np.zeros((3, 4))))


def oracle_risk(weights: list[float], losses: list[float]) -> float:
    n = len(weights)
    weighted = [w * loss for w, loss in zip(weights, losses, strict=True)]
    mean_w, mean_wl = sum(weights) / n, sum(weighted) / n
    covariance = sum((weighted[i] - mean_wl) * (weights[i] - mean_w) for i in range(n)) / (n - 1)
    eta = -covariance / (sum((w - mean_w) ** 2 for w in weights) / (n - 1))
    return mean_wl + eta * mean_w - eta


def test_weighted_risk_matches_its_oracle_and_a_case_by_hand() -> None:
    random = np.random.default_rng(0)
    weights, losses = random.exponential(size=20), random.exponential(size=20)
    assert weighted_risk(weights, losses) == pytest.approx(oracle_risk(weights.tolist(), losses.tolist()))
    # mean(w) = 2, w l = (0, 2, 0, 4), mean(w l) = 3/2, w − 2 = (−1, 0, −1, 2);
    # Σ w l (w − 2) = 8, Σ (w − 2)² = 6, η = −4/3, risk = 3/2 − 8/3 + 4/3 = 1/6.
    assert weighted_risk(np.array([1.0, 2, 1, 4]), np.array([0.0, 1, 0, 1])) == pytest.approx(1 / 6)


def test_equal_weights_leave_the_plain_risk() -> None:
    losses = np.array([0.0, 1, 1, 0, 1])
    assert weighted_risk(np.ones(5), losses) == pytest.approx(0.6)
    assert weighted_risk(1 + 1e-12 * np.arange(5), losses) == pytest.approx(0.6)
    assert weighted_risk(np.array([1.0]), np.array([0.5])) == 0.5
    constant = np.full((40, 3), 0.1, np.float32)  # no classifier distinguishes the domains
    assert density_weights(constant[:30], constant[:10], constant[:5]) == pytest.approx(np.ones(5), abs=1e-3)
    assert deep_embedded_validation(constant[:30], constant[:10], constant[:5], losses) == pytest.approx(-0.6, abs=2e-3)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [math.inf, 1.0], [math.nan, 1.0], [1e200, 1.0]])
def test_weights_that_tell_nothing_tell_no_risk(weights: list[float]) -> None:
    assert math.isnan(weighted_risk(np.array(weights), np.ones(2)))


def test_density_weights_are_the_ratio_of_two_gaussians() -> None:
    """N(0, 1) and N(1, 1) have the ratio exp(f − 1/2), which is logistic in f; the domains' sizes drop out."""
    random = np.random.default_rng(0)
    train, target = random.normal(size=(4000, 1)), random.normal(1, size=(1000, 1))
    at = np.linspace(-1.5, 2, 8)[:, None]
    weights = density_weights(train, target, at)
    assert np.log(weights) == pytest.approx(at[:, 0] - 0.5, abs=0.15)


def shifted(size: int, features: int, seed: int) -> tuple[np.ndarray, ...]:
    """Source, target and held-out features, and held-out and target 0-1 losses that depend on the first feature."""
    random = np.random.default_rng(seed)
    mean = np.eye(features)[0]
    train, held_out, target = (random.normal(size=(size, features)) + s * mean for s in (0, 0, 1))
    losses = [(random.random(size) < 1 / (1 + np.exp(1.5 - 1.5 * f[:, 0]))).astype(float) for f in (held_out, target)]
    return train, target, held_out, *losses


@pytest.mark.parametrize("features", [2, 8])
def test_under_covariate_shift_dev_is_nearer_to_the_target_risk_than_the_source_risk(features: int) -> None:
    dev_errors, source_errors = [], []
    for seed in range(8):
        train, target, held_out, losses, target_losses = shifted(500, features, seed)
        estimate = -deep_embedded_validation(train, target, held_out, losses)
        dev_errors.append(abs(estimate - target_losses.mean()))
        source_errors.append(abs(losses.mean() - target_losses.mean()))
    assert np.mean(source_errors) > 0.15
    assert np.mean(dev_errors) < 0.5 * np.mean(source_errors)


def test_dev_does_not_see_the_order_of_examples_nor_the_scale_of_features() -> None:
    random = np.random.default_rng(0)
    train, target, held_out, losses, _ = shifted(120, 300, 0)  # more features than examples, and than components
    before = deep_embedded_validation(train, target, held_out, losses)
    order, scale = random.permutation(120), random.uniform(0.1, 10, 300)
    after = deep_embedded_validation(random.permutation(train), random.permutation(target), held_out[order],
                                     losses[order])  # fmt: skip
    assert after == pytest.approx(before, abs=1e-4)
    scaled = deep_embedded_validation(scale * train + 3, scale * target + 3, scale * held_out + 3, losses)
    assert scaled == pytest.approx(before, abs=1e-4)


def seen(size: int = 40, features: int = 6, classes: int = 3, seed: int = 0) -> Sample:
    random = np.random.default_rng(seed)
    draws = random.normal(size=(size, features)), random.normal(size=(size, classes))
    return Sample(draws[0].astype(np.float32), draws[1].astype(np.float32))


def test_scores_are_those_of_the_functions() -> None:
    train, validation, target = seen(seed=0), seen(seed=1), seen(seed=2)
    labels = np.arange(40) % 3
    found = score_model(train, validation, labels, target)
    assert set(found) == ALL and all(type(score) is float for score in found.values())
    assert found["entropy"] == entropy(target.logits) and found["im"] == information_maximisation(target.logits)
    assert found["snd"] == soft_neighbourhood_density(target.logits)
    assert found["bnm"] == batch_nuclear_norm(target.logits) and found["rankme"] == rankme(target.features)
    wrong = np.array([float(np.argmax(z) != y) for z, y in zip(validation.logits, labels, strict=True)])
    assert found["dev"] == deep_embedded_validation(train.features, target.features, validation.features, wrong)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_left_out(value: float) -> None:
    good, labels = seen(), np.zeros(40, np.int64)
    features, logits = seen(), seen()
    features.features[3, 2] = logits.logits[3, 2] = value
    assert set(score_model(good, good, labels, features)) == ALL - {"dev", "rankme"}
    assert set(score_model(good, good, labels, logits)) == {"dev", "rankme"}
    assert set(score_model(features, good, labels, good)) == ALL - {"dev"}
    assert set(score_model(good, logits, labels, good)) == ALL - {"dev"}
    everything = Sample(np.full_like(good.features, value), np.full_like(good.logits, value))
    assert score_model(everything, everything, labels, everything) == {}


@pytest.mark.parametrize("size", [1, 2, 3, 120])
@pytest.mark.parametrize("width", [1, 2, 200])
@pytest.mark.parametrize("kind", ["drawn", "constant", "zero", "huge", "far apart", "one outlier", "equal examples"])
def test_degenerate_samples_neither_raise_nor_warn(size: int, width: int, kind: str) -> None:
    def sample(seed: int) -> Sample:
        drawn = seen(size, width, 2, seed)
        change = {"drawn": drawn.features, "constant": 0 * drawn.features + np.float32(0.1),
                  "zero": 0 * drawn.features, "huge": drawn.features * np.float32(1e37),
                  "far apart": drawn.features + np.float32(1e4 * (seed == 2)),
                  "one outlier": drawn.features * np.float32(1e30) ** (np.arange(size) == 0)[:, None],
                  "equal examples": np.repeat(drawn.features[:1], size, axis=0)}  # fmt: skip
        logits = drawn.logits * np.float32(1e37) if kind == "huge" else drawn.logits
        return Sample(change[kind].astype(np.float32), logits)

    found = score_model(sample(0), sample(1), np.zeros(size, np.int64), sample(2))
    assert all(math.isfinite(score) for score in found.values())
    assert {"entropy", "im", "bnm"} <= set(found) and ("snd" in found) == (size > 1)
    assert ("rankme" in found) == (kind != "zero")


def test_one_predicted_class_and_no_example_are_no_error() -> None:
    one = Sample(seen().features, np.tile(np.float32([9, 0, 0]), (40, 1)))
    assert set(score_model(one, one, np.zeros(40, np.int64), one)) == ALL
    none = Sample(np.zeros((0, 6), np.float32), np.zeros((0, 3), np.float32))
    assert score_model(none, none, np.zeros(0, np.int64), none) == {}


def sign_logits(x: np.ndarray) -> np.ndarray:
    """Class 1 where the mean of an input is positive."""
    mean = x.reshape(len(x), -1).mean(axis=1)
    return np.stack([-mean, mean], axis=1)


@pytest.mark.parametrize("share", [0.55, 0.9])
def test_mixval_mixes_each_example_with_one_alike_and_one_of_another_class(share: float) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 2, 3)).astype(np.float32)
    mixes = []

    def predict(mixed: np.ndarray) -> np.ndarray:
        mixes.append(mixed)
        return sign_logits(mixed)

    score = mixval(predict, x, sign_logits(x), np.random.default_rng(1), share)
    (mixed,) = mixes
    assert mixed.dtype == np.float32 and mixed.shape == (80, 2, 3)
    labels, alike, otherwise = sign_logits(x).argmax(1), [], []
    for i, mix in enumerate(mixed):  # the partner is what is left of the mix
        first = i % 40
        partner = (mix - share * x[first]) / (1 - share)
        gaps = np.abs(x - partner).max(axis=(1, 2))
        second = int(gaps.argmin())
        assert gaps[second] < 1e-4 and second != first and (labels[first] == labels[second]) == (i < 40)
        kind = alike if i < 40 else otherwise
        kind.append(float(share * x[first].mean() + (1 - share) * x[second].mean() > 0) == labels[first])
    assert score == pytest.approx((np.mean(alike) + np.mean(otherwise)) / 2)
    assert np.mean(alike) == 1 and 0.3 < np.mean(otherwise) < 1


def test_mixval_prefers_a_boundary_between_the_clusters() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate([random.normal(-1, 0.05, (60, 2)), random.normal(1, 0.05, (60, 2))])
    x[:, 1] = random.normal(size=120)

    def along(axis: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda inputs: np.stack([-inputs[:, axis], inputs[:, axis]], axis=1)

    through, between = (mixval(along(a), x, along(a)(x), np.random.default_rng(0)) for a in (1, 0))
    assert between > 0.85 and between > through + 0.1


def test_mixval_of_one_kind_of_pairs_only_and_of_none() -> None:
    x, rng = np.arange(1.0, 5.0)[:, None], np.random.default_rng(0)
    assert mixval(sign_logits, x, sign_logits(x), rng) == 1  # one class: no pairs of different ones
    apart = np.array([[-3.0], [1.0]])  # two classes of one example: 0.55 (−3) + 0.45 and 0.55 + 0.45 (−3) are below 0
    assert mixval(sign_logits, apart, sign_logits(apart), rng) == 0.5
    assert math.isnan(mixval(sign_logits, apart[:1], sign_logits(apart[:1]), rng))
    assert math.isnan(mixval(sign_logits, apart, np.full((2, 2), math.nan), rng))
    assert math.isnan(mixval(lambda mixed: np.full((len(mixed), 2), math.inf), apart, sign_logits(apart), rng))
