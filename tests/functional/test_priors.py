"""Estimates of label shift, against loops in NumPy and known shifts."""

import numpy as np
import pytest
import torch
from oracles import normal, softmax

from dann.functional.priors import bbse, confusion, mlls


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
    # Classes 1 and 2 are distinguished at random, so only the sum of their weights is determined.
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
