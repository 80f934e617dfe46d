"""Norms, class priors and centroids against loops in NumPy; and what every loss owes its callers."""

import inspect
import itertools
import math
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from oracles import leaf, numerical_gradient, softmax
from torch import Tensor

import dann.functional
from dann.functional.centroids import centroids, nearest_centroid
from dann.functional.norms import hard_feature_norm, spectral_penalty, stepwise_feature_norm
from dann.functional.priors import bbse, confusion, mlls


def public_functions() -> dict[str, Any]:
    modules = [import_module(f"dann.functional.{module.name}") for module in iter_modules(dann.functional.__path__)]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) in (module.__name__, "typing")
    }


L = SimpleNamespace(**public_functions())
# A helper, the two of Co-Tuning, which fit a regression on the CPU, and a type that typing makes by a function.
NOT_MAPPED = {"matmul", "direct_relation", "reverse_relation", "NamedTuple"}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def norm(x: np.ndarray) -> float:
    return math.sqrt(sum(value**2 for value in x))


def oracle_hard_feature_norm(source: np.ndarray, target: np.ndarray, radius: float) -> float:
    """Xu et al. 2019, equation (4): the squared gap of each domain's mean norm to R."""
    gaps = [sum(norm(f) for f in domain) / len(domain) - radius for domain in (source, target)]
    return gaps[0] ** 2 + gaps[1] ** 2


@pytest.mark.parametrize(("n", "m", "d"), [(4, 4, 3), (3, 7, 5)])
@pytest.mark.parametrize("radius", [0.0, 2.0, 25.0])
def test_hard_feature_norm_matches_its_oracle(n: int, m: int, d: int, radius: float) -> None:
    source, target = normal(n, d), 3 * normal(m, d, seed=1)
    loss = hard_feature_norm(torch.from_numpy(source), torch.from_numpy(target), radius)
    assert loss.item() == pytest.approx(oracle_hard_feature_norm(source, target, radius), rel=1e-10)


def test_hard_feature_norm_is_zero_at_the_radius_which_is_25() -> None:
    source = torch.tensor([[15.0, 20.0], [0.0, 25.0]], dtype=torch.float64)
    target = torch.tensor([[0.0, 20.0], [30.0, 0.0]], dtype=torch.float64)  # only the mean of the norms matters
    assert hard_feature_norm(source, target).item() == pytest.approx(0, abs=1e-20)
    assert hard_feature_norm(source, target + 0, 24.0).item() == pytest.approx(2, rel=1e-12)


def test_hard_feature_norm_passes_gradcheck() -> None:
    inputs = leaf(normal(4, 3)), leaf(normal(5, 3, seed=1))
    assert torch.autograd.gradcheck(partial(hard_feature_norm, radius=3.0), inputs)


@pytest.mark.parametrize("shape", [(4, 3), (7, 2)])
@pytest.mark.parametrize("step", [1.0, 0.3])
def test_stepwise_feature_norm_is_the_squared_step_and_pushes_outward(shape: tuple[int, int], step: float) -> None:
    features = normal(*shape)
    norms = [norm(f) for f in features]

    def oracle(f: np.ndarray) -> float:
        """Xu et al. 2019, equation (6): the step starts from the norm under the last parameters, a constant."""
        return sum((start + step - norm(row)) ** 2 for start, row in zip(norms, f, strict=True)) / len(f)

    f = leaf(features)
    loss = stepwise_feature_norm(f, step)
    loss.backward()
    assert loss.item() == pytest.approx(step**2, rel=1e-12)
    assert loss.item() == pytest.approx(oracle(features), rel=1e-10)
    closed = [
        [-2 * step * value / length / len(features) for value in row]
        for row, length in zip(features, norms, strict=True)
    ]
    np.testing.assert_allclose(f.grad.numpy(), closed, rtol=1e-10)
    np.testing.assert_allclose(f.grad.numpy(), numerical_gradient(oracle, features), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_stepwise_feature_norm_is_finite_at_zero(dtype: torch.dtype) -> None:
    features = torch.tensor([[0.0, 0.0], [3.0, 4.0]], dtype=dtype, requires_grad=True)
    loss = stepwise_feature_norm(features)
    loss.backward()
    assert loss.item() == pytest.approx(1, rel=1e-6)
    assert torch.isfinite(features.grad).all()
    torch.testing.assert_close(features.grad[1], torch.tensor([-0.6, -0.8], dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hard_feature_norm_is_finite_at_zero(dtype: torch.dtype) -> None:
    features = torch.zeros(3, 2, dtype=dtype, requires_grad=True)
    loss = hard_feature_norm(features, features)
    loss.backward()
    assert loss.item() == pytest.approx(2 * 25**2, rel=1e-6)
    assert torch.isfinite(features.grad).all()


def oracle_spectral_penalty(features: np.ndarray, k: int) -> float:
    """Chen et al. 2019, equation (8): the squared singular values are the eigenvalues of the Gram matrix FᵀF."""
    n, d = features.shape
    gram = [[sum(features[i, a] * features[i, b] for i in range(n)) for b in range(d)] for a in range(d)]
    return sum(sorted(np.linalg.eigvalsh(gram))[-k:])


@pytest.mark.parametrize("shape", [(6, 4), (3, 5), (4, 4)])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_spectral_penalty_matches_its_oracle(shape: tuple[int, int], k: int) -> None:
    features = normal(*shape)
    result = spectral_penalty(torch.from_numpy(features), k)
    assert result.item() == pytest.approx(oracle_spectral_penalty(features, k), rel=1e-10)


@pytest.mark.parametrize("shape", [(6, 4), (3, 5)])
def test_spectral_penalty_of_all_values_is_the_squared_frobenius_norm(shape: tuple[int, int]) -> None:
    features = torch.from_numpy(normal(*shape))
    torch.testing.assert_close(spectral_penalty(features, min(shape)), features.square().sum(), rtol=1e-12, atol=0)
    assert spectral_penalty(features) == spectral_penalty(features, 1) < spectral_penalty(features, 2)


def test_spectral_penalty_passes_gradcheck_and_is_finite_at_equal_singular_values() -> None:
    assert torch.autograd.gradcheck(partial(spectral_penalty, k=2), leaf(normal(5, 3)))
    for features in (torch.eye(4, requires_grad=True), torch.zeros(4, 3, requires_grad=True)):
        (gradient,) = torch.autograd.grad(spectral_penalty(features, 2), features)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(("count", "classes"), [(20, 3), (33, 5)])
def test_confusion_matches_its_oracle(count: int, classes: int) -> None:
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, classes, count), random.integers(0, classes - 1, count)
    expected = np.zeros((classes, classes))
    for label, guess in zip(labels, predicted, strict=True):
        expected[guess, label] += 1 / count  # Lipton et al. 2018, section 3: Ĉ_ij = p(ŷ = i, y = j)
    result = confusion(torch.from_numpy(labels), torch.from_numpy(predicted), classes)
    assert result.shape == (classes, classes)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)
    assert result.sum().item() == pytest.approx(1, rel=1e-6)


def population(classes: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A classifier's p(ŷ | y) far from singular, a source prior and the weights of a shifted target prior."""
    random = np.random.default_rng(seed)
    conditional = random.uniform(size=(classes, classes)) + 3 * np.eye(classes)
    conditional /= conditional.sum(axis=0)
    source, target = random.dirichlet(np.full(classes, 5.0)), random.dirichlet(np.full(classes, 5.0))
    return conditional, source, target / source


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_bbse_recovers_the_weights_of_the_population(classes: int, seed: int) -> None:
    conditional, source, weights = population(classes, seed)
    c, mu = np.empty((classes, classes)), np.zeros(classes)
    for i in range(classes):
        for j in range(classes):
            c[i, j] = conditional[i, j] * source[j]
            mu[i] += conditional[i, j] * source[j] * weights[j]
    np.testing.assert_allclose(bbse(torch.from_numpy(c), torch.from_numpy(mu)).numpy(), weights, rtol=1e-10)
    shares = torch.from_numpy(c.sum(axis=1))  # no shift
    np.testing.assert_allclose(bbse(torch.from_numpy(c), shares).numpy(), 1, rtol=1e-10)


def test_bbse_clips_at_zero() -> None:
    c = torch.tensor([[0.4, 0.1], [0.1, 0.4]], dtype=torch.float64)
    mu = torch.tensor([0.05, 0.95], dtype=torch.float64)  # C⁻¹µ = (−0.5, 2.5): no prior has so few predicted
    torch.testing.assert_close(bbse(c, mu), torch.tensor([0.0, 2.5], dtype=torch.float64), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bbse_survives_a_singular_confusion(dtype: torch.dtype) -> None:
    # Classes 1 and 2 are told apart by a coin, so only the sum of their weights can be known.
    c = torch.tensor([[0.4, 0.0, 0.0], [0.05, 0.125, 0.125], [0.05, 0.125, 0.125]], dtype=dtype)
    weights = bbse(c, torch.tensor([0.2, 0.4, 0.4], dtype=dtype))
    assert (weights >= 0).all()
    expected = torch.tensor([0.5, 1.5, 1.5], dtype=dtype)  # of the least norm
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-4)
    never = torch.zeros(3, 3, dtype=dtype)
    never[0, 0], never[1, 1] = 0.5, 0.5  # a class that is neither present nor predicted
    weights = bbse(never, torch.tensor([0.25, 0.75, 0.0], dtype=dtype))
    torch.testing.assert_close(weights, torch.tensor([0.5, 1.5, 0.0], dtype=dtype), rtol=1e-4, atol=1e-4)


def oracle_mlls(probabilities: np.ndarray, prior: np.ndarray, iterations: int) -> np.ndarray:
    """Saerens et al. 2002, equation (2.9)."""
    n, classes = probabilities.shape
    q = [float(p) for p in prior]
    for _ in range(iterations):
        total = [0.0] * classes
        for row in probabilities:
            scaled = [q[k] / prior[k] * row[k] for k in range(classes)]
            for k in range(classes):
                total[k] += scaled[k] / sum(scaled)
        q = [t / n for t in total]
    return np.array([q[k] / prior[k] for k in range(classes)])


@pytest.mark.parametrize(("count", "classes"), [(20, 3), (15, 5)])
@pytest.mark.parametrize("iterations", [1, 2, 40])
def test_mlls_matches_its_oracle(count: int, classes: int, iterations: int) -> None:
    probabilities = softmax(2 * normal(count, classes))
    prior = np.random.default_rng(1).dirichlet(np.full(classes, 4.0))
    expected = oracle_mlls(probabilities, prior, iterations)
    result = mlls(torch.from_numpy(probabilities), torch.from_numpy(prior), iterations=iterations)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-10)
    assert (torch.from_numpy(prior) * result).sum().item() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_mlls_recovers_a_known_shift(seed: int) -> None:
    """Posteriors under p of a mixture of three normal densities drawn under q; a share's error is near 0.01."""
    random = np.random.default_rng(seed)
    p, q, means = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5]), np.array([-2.0, 0.0, 2.0])
    x = random.normal(means[random.choice(3, size=4000, p=q)])
    posterior = p * np.exp(-((x[:, None] - means) ** 2) / 2)
    posterior /= posterior.sum(axis=1, keepdims=True)
    weights = mlls(torch.from_numpy(posterior), torch.from_numpy(p))
    np.testing.assert_allclose(p * weights.numpy(), q, atol=0.04)
    assert np.abs(posterior.mean(axis=0) - q).max() > 0.06  # counting the posteriors would not do


def test_mlls_returns_ones_without_shift() -> None:
    probabilities = torch.from_numpy(softmax(2 * normal(30, 4)))
    weights = mlls(probabilities, probabilities.mean(0))  # the fixed point: the mean posterior is the prior
    torch.testing.assert_close(weights, torch.ones(4, dtype=torch.float64), rtol=1e-10, atol=0)


def test_mlls_stays_finite_at_certain_posteriors() -> None:
    certain = torch.eye(3)[torch.tensor([0, 0, 0, 1])]
    weights = mlls(certain, torch.full((3,), 1 / 3))
    torch.testing.assert_close(weights, torch.tensor([2.25, 0.75, 0.0]))


def extended(feature: np.ndarray) -> list[float]:
    """Liang et al. 2020's code: a feature with a 1 appended, at unit length."""
    longer = [*feature, 1.0]
    return [value / norm(np.array(longer)) for value in longer]


def oracle_centroids(features: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Liang et al. 2020, equation (4): c_k = Σ p_k f̂ / Σ p_k."""
    (n, d), classes = features.shape, probabilities.shape[1]
    result = np.empty((classes, d + 1))
    for k in range(classes):
        for j in range(d + 1):
            total = sum(probabilities[i, k] * extended(features[i])[j] for i in range(n))
            result[k, j] = total / sum(probabilities[i, k] for i in range(n))
    return result


@pytest.mark.parametrize(("n", "d", "classes"), [(6, 3, 4), (9, 5, 2)])
def test_centroids_and_the_nearest_match_their_oracles(n: int, d: int, classes: int) -> None:
    features, probabilities = normal(n, d), softmax(2 * normal(n, classes, seed=1))
    c = centroids(torch.from_numpy(features), torch.from_numpy(probabilities))
    expected = oracle_centroids(features, probabilities)
    np.testing.assert_allclose(c.numpy(), expected, rtol=1e-10)
    nearest = []
    for feature in features:
        cosines = [sum(a * b for a, b in zip(extended(feature), row, strict=True)) / norm(row) for row in expected]
        nearest.append(max(range(classes), key=cosines.__getitem__))
    assert len(set(nearest)) > 1
    assert nearest_centroid(torch.from_numpy(features), c).tolist() == nearest


def test_centroids_of_one_hot_probabilities_are_the_class_means() -> None:
    features = normal(6, 3)
    c = centroids(torch.from_numpy(features), torch.eye(2, dtype=torch.float64)[torch.tensor([0, 1, 0, 0, 1, 0])])
    for k, members in enumerate(([0, 2, 3, 5], [1, 4])):
        np.testing.assert_allclose(c[k].numpy(), np.mean([extended(features[i]) for i in members], axis=0), rtol=1e-12)


def test_a_class_without_examples_is_nobodys_nearest() -> None:
    features = torch.tensor([[5.0, 0.0], [4.0, 3.0]], dtype=torch.float64)
    c = centroids(features, torch.eye(3, dtype=torch.float64)[torch.tensor([0, 2])])
    assert torch.isfinite(c).all()
    assert nearest_centroid(torch.cat([features, -features]), c).tolist() == [0, 2, 2, 0]  # at any angle whatever


def test_scale_of_probabilities_and_of_centroids_does_not_matter_and_that_of_features_does() -> None:
    features, probabilities = torch.from_numpy(normal(7, 3)), torch.from_numpy(softmax(normal(7, 4, seed=1)))
    c = centroids(features, probabilities)
    scales = torch.tensor([0.01, 1.0, 5.0, 100.0], dtype=torch.float64)
    torch.testing.assert_close(centroids(features, probabilities * scales), c, rtol=1e-12, atol=0)
    assert torch.equal(nearest_centroid(features, c * scales[:, None]), nearest_centroid(features, c))
    small, large = centroids(1e-6 * features, probabilities), centroids(1e6 * features, probabilities)
    torch.testing.assert_close(small[:, 3], torch.ones(4, dtype=torch.float64))  # the appended 1 is all there is
    assert (large[:, 3].abs() < 1e-5).all()  # and nothing of it is left
    assert torch.isfinite(centroids(0 * features, probabilities)).all()


K, D = 4, 3
DISCRIMINATOR = partial(torch.select, dim=1, index=0)  # exact in every dtype
LABELS = torch.tensor([0, 3, 1, 2, 3])
FEATURES = [(5, D), (6, D)]
LOGITS = [(5, K), (5, K)]


def layered(loss: Callable[..., Tensor], estimator: str, bandwidth: Any) -> Callable[..., Tensor]:
    kernels = [L.Kernels(bandwidth=bandwidth)] * 2
    return lambda a, b, c, d: loss([a, b], [c, d], estimator=estimator, kernels=kernels)


LOSSES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "domain": (L.domain_loss, [(5,), (6,)]),
    "domain, weighted": (lambda a, b, c, d: L.domain_loss(a, b, c.abs(), d.abs()), [(5,), (6,), (5,), (6,)]),
    "adversarial": (lambda a, b: L.domain_adversarial_loss(DISCRIMINATOR, a, b, 0.5), FEATURES),
    "adversarial, weighted": (
        lambda a, b, c, d: L.domain_adversarial_loss(DISCRIMINATOR, a, b, 0.5, c.abs(), d.abs()),
        [*FEATURES, (5,), (6,)],
    ),
    "confusion": (L.confusion_loss, [(5,)]),
    "mean distance": (L.mean_distance, FEATURES),
    "coral": (L.coral, FEATURES),
    **{
        f"{name}, {estimator}, {bandwidth}": (
            wrap(loss, estimator=estimator, bandwidth=bandwidth),
            shapes,
        )
        for estimator, bandwidth in itertools.product(get_args(L.Estimator), ["median", "mean", 1.68])
        for name, wrap, loss, shapes in (
            ("mmd", partial, L.mk_mmd, FEATURES),
            ("joint mmd", layered, L.jmmd, [(5, D), (5, K), (6, D), (6, K)]),
        )
    },
    "label": (lambda z: L.label_loss(z, LABELS), LOGITS[:1]),
    "label, weighted": (lambda z, w: L.label_loss(z, LABELS, w.abs()), [(5, K), (5,)]),
    "label, smoothed": (lambda z: L.label_loss(z, LABELS, smoothing=0.1), LOGITS[:1]),
    "entropy": (L.entropy, LOGITS[:1]),
    "marginal entropy": (L.marginal_entropy, LOGITS[:1]),
    "class confusion": (L.class_confusion, LOGITS[:1]),
    "nuclear norm": (L.nuclear_norm, LOGITS[:1]),
    "discrepancy": (L.classifier_discrepancy, LOGITS),
    "margin disparity": (L.margin_disparity, [(5, K), (5, K), (6, K), (6, K)]),
    "divergence": (L.kl_divergence, LOGITS),
    "pseudo-label": (lambda a, b: L.pseudo_label_loss(a, b, 0.5), LOGITS),
    "hard norm": (L.hard_feature_norm, FEATURES),
    "stepwise norm": (L.stepwise_feature_norm, FEATURES[:1]),
    "spectral": (L.spectral_penalty, FEATURES[:1]),
    "spectral, two": (partial(L.spectral_penalty, k=2), FEATURES[:1]),
    "shrinkage": (L.spectral_shrinkage, FEATURES[:1]),
    "shrinkage, two": (partial(L.spectral_shrinkage, k=2), FEATURES[:1]),
    "maps": (lambda a, b, w: L.map_distance(a, b, w.abs()), [(5, D, 2, 3), (5, D, 2, 3), (D,)]),
}

MAPS: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "at_least_float32": (L.at_least_float32, [(5, D)]),
    "reversal": (lambda x: L.reverse_gradient(x, 0.5), [(5, D)]),
    "multilinear": (L.multilinear_map, [(5, D), (5, K)]),
    "randomized": (L.randomized_map, [(5, D), (5, K), (D, 7), (K, 7)]),
    "entropy weight": (L.entropy_weight, LOGITS[:1]),
    "confusion matrix": (lambda z: L.confusion(LABELS, z.argmax(-1), K), LOGITS[:1]),
    "bbse": (lambda c, mu: L.bbse(c.softmax(0) / K, mu.softmax(0)), [(K, K), (K,)]),
    "mlls": (lambda z, p: L.mlls(z.softmax(-1), p.softmax(0)), [(5, K), (K,)]),
    "centroids": (lambda f, z: L.centroids(f, z.softmax(-1)), [(5, D), (5, K)]),
    "nearest centroid": (L.nearest_centroid, [(5, D), (K, D + 1)]),
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_precise_raises_what_is_less_than_single(given: torch.dtype, expected: torch.dtype) -> None:
    x = torch.tensor([1.5, -2.0], dtype=given)
    assert L.at_least_float32(x).dtype == expected
    assert L.at_least_float32(x).tolist() == [1.5, -2.0]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_half_precision_are_computed_in_single(name: str) -> None:
    loss, shapes = LOSSES[name]
    halves = [torch.from_numpy(2 * normal(*shape, seed=seed)).bfloat16() for seed, shape in enumerate(shapes)]
    inputs = [x.requires_grad_() for x in halves]
    result = loss(*inputs)
    assert result.shape == ()
    assert result.dtype == torch.float32
    assert torch.isfinite(result)
    torch.testing.assert_close(result, loss(*(x.detach().float() for x in halves)), rtol=1e-5, atol=1e-6)
    for gradient in torch.autograd.grad(result, inputs, allow_unused=True):
        assert gradient is None or torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES | MAPS)
def test_functions_under_autocast_are_computed_in_single(name: str) -> None:
    function, shapes = (LOSSES | MAPS)[name]
    inputs = [torch.from_numpy(2 * normal(*shape, seed=seed)).float() for seed, shape in enumerate(shapes)]
    with torch.autocast("cpu", torch.bfloat16):
        result = function(*inputs)
    torch.testing.assert_close(result, function(*inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_replicas_under_vmap_are_those_of_each(name: str) -> None:
    loss, shapes = LOSSES[name]
    inputs = tuple(torch.from_numpy(2 * normal(3, *shape, seed=seed)) for seed, shape in enumerate(shapes))
    step = torch.func.grad_and_value(loss, argnums=tuple(range(len(inputs))))
    gradients, values = torch.func.vmap(step)(*inputs)
    for replica in range(3):
        alone = [x[replica].clone().requires_grad_() for x in inputs]
        value = loss(*alone)
        torch.testing.assert_close(values[replica], value.detach(), rtol=0, atol=1e-12)
        expected = torch.autograd.grad(value, alone, allow_unused=True, materialize_grads=True)
        for stacked, own in zip(gradients, expected, strict=True):
            torch.testing.assert_close(stacked[replica], own, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_maps_of_replicas_under_vmap_are_those_of_each(name: str) -> None:
    function, shapes = MAPS[name]
    inputs = [torch.from_numpy(2 * normal(3, *shape, seed=seed)) for seed, shape in enumerate(shapes)]
    together = torch.func.vmap(function)(*inputs)
    for replica in range(3):
        torch.testing.assert_close(together[replica], function(*(x[replica] for x in inputs)), rtol=1e-10, atol=1e-12)


def test_every_function_is_held_to_vmap() -> None:
    used = set(re.findall(r"\bL\.(\w+)", Path(__file__).read_text()))
    functions = {name for name, value in vars(L).items() if inspect.isfunction(value)} - NOT_MAPPED
    assert functions <= used
