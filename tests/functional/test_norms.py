"""Penalties on norms and singular values, against loops in NumPy."""

from functools import partial

import numpy as np
import pytest
import torch
from oracles import leaf, norm, normal, numerical_gradient

from dann.functional.norms import (
    hard_feature_norm,
    map_distance,
    spectral_penalty,
    spectral_shrinkage,
    stepwise_feature_norm,
)


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


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
def test_spectral_shrinkage_against_numpy(k: int, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    expected = np.sort(np.linalg.eigvalsh(x @ x.T if shape[0] < shape[1] else x.T @ x))[:k].sum()
    assert spectral_shrinkage(torch.from_numpy(x), k).item() == pytest.approx(expected, rel=1e-9)
    tensor = leaf(x)
    spectral_shrinkage(tensor, k).backward()
    numbers = numerical_gradient(lambda x: np.sort(np.linalg.svd(x)[1])[:k].__pow__(2).sum(), x)
    np.testing.assert_allclose(tensor.grad.numpy(), numbers, rtol=1e-6, atol=1e-7)


def test_map_distance_against_numpy() -> None:
    random = np.random.default_rng(0)
    maps, start, attention = random.normal(size=(4, 3, 2, 5)), random.normal(size=(4, 3, 2, 5)), random.random(3)
    expected = sum(attention[c] * ((maps[i, c] - start[i, c]) ** 2).sum() / 4 for i in range(4) for c in range(3))
    given = leaf(maps), torch.from_numpy(start), torch.from_numpy(attention)
    assert map_distance(*given).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(map_distance, given)
