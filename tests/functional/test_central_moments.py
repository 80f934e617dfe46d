"""The central moment discrepancy, against a float64 NumPy oracle that loops over the paper's sums."""

from functools import partial

import numpy as np
import pytest
import torch
from oracles import leaf

from dann.functional.central_moments import central_moment_discrepancy


def activations(n: int, m: int, d: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two samples of features in [0, 1] of different means and spreads."""
    random = np.random.default_rng(seed)
    return random.uniform(size=(n, d)), random.uniform(size=(m, d)) ** 3


def oracle(source: np.ndarray, target: np.ndarray, moments: int, span: float) -> float:
    """Zellinger et al. 2017, definition 2."""

    def expectation(x: np.ndarray, j: int) -> float:
        return sum(row[j] for row in x) / len(x)

    def central(x: np.ndarray, j: int, k: int) -> float:
        return sum((row[j] - expectation(x, j)) ** k for row in x) / len(x)

    features = range(source.shape[1])
    total = sum((expectation(source, j) - expectation(target, j)) ** 2 for j in features) ** 0.5 / span
    for k in range(2, moments + 1):
        squares = sum((central(source, j, k) - central(target, j, k)) ** 2 for j in features)
        total += squares**0.5 / span**k
    return total


@pytest.mark.parametrize("sizes", [(4, 4), (3, 7), (1, 2)])
@pytest.mark.parametrize("moments", [1, 2, 5])
@pytest.mark.parametrize("span", [1.0, 2.0, 0.7])
def test_the_discrepancy_matches_its_oracle(sizes: tuple[int, int], moments: int, span: float) -> None:
    source, target = activations(*sizes)
    x, y = torch.from_numpy(source), torch.from_numpy(target)
    result = central_moment_discrepancy(x, y, moments=moments, span=span)
    assert result.shape == ()
    assert result.item() == pytest.approx(oracle(source, target, moments, span), rel=1e-10)


def test_five_moments_of_a_span_of_one_are_the_default() -> None:
    source, target = activations(5, 6)
    result = central_moment_discrepancy(torch.from_numpy(source), torch.from_numpy(target))
    assert result.item() == pytest.approx(oracle(source, target, 5, 1.0), rel=1e-10)


def test_a_shift_moves_the_means_alone_and_a_mirror_image_the_odd_moments() -> None:
    source = torch.from_numpy(activations(6, 1)[0])
    shift = torch.tensor([0.3, -0.4, 0.0], dtype=torch.float64)
    assert central_moment_discrepancy(source, source + shift).item() == pytest.approx(0.5, rel=1e-12)
    even = central_moment_discrepancy(source - source.mean(0), source.mean(0) - source, moments=2)
    assert even.item() == pytest.approx(0, abs=1e-15)


def test_it_passes_gradcheck() -> None:
    inputs = tuple(leaf(x) for x in activations(4, 5))
    for moments in (1, 5):
        assert torch.autograd.gradcheck(partial(central_moment_discrepancy, moments=moments), inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_samples_have_distance_zero_and_a_gradient_of_zero(dtype: torch.dtype) -> None:
    """Every norm is of a vector of zeros there."""
    x = torch.from_numpy(activations(6, 1)[0]).to(dtype)
    source, target = x.clone().requires_grad_(), x.clone().requires_grad_()
    loss = central_moment_discrepancy(source, target)
    assert loss.item() == 0
    for gradient in torch.autograd.grad(loss, (source, target)):
        assert torch.equal(gradient, torch.zeros_like(gradient))


def test_a_single_example_and_constant_features_have_finite_gradients() -> None:
    source, target = torch.full((1, 3), 0.25, requires_grad=True), torch.full((4, 3), 0.25, requires_grad=True)
    loss = central_moment_discrepancy(source, target + torch.tensor([0.1, 0.0, 0.0]))
    assert loss.item() == pytest.approx(0.1, rel=1e-6)
    for gradient in torch.autograd.grad(loss, (source, target)):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(("moments", "span"), [(0, 1.0), (5, 0.0), (5, -1.0)])
def test_orders_and_spans_without_meaning_are_refused(moments: int, span: float) -> None:
    x = torch.ones(3, 2)
    with pytest.raises(ValueError, match=f"orders 1 to {moments} over a span of {span}"):
        central_moment_discrepancy(x, x, moments=moments, span=span)
