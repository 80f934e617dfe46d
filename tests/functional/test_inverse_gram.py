"""The distance of inverse Gram matrices, against NumPy; its gradient, also where eigenvalues are equal."""

import numpy as np
import pytest
import torch
from oracles import leaf, normal

from dann.functional.inverse_gram import inverse_gram_distance


def kept(gram: np.ndarray, threshold: float) -> int:
    """The index, counted from 0, of the last eigenvalue whose cumulative share is at most T."""
    values = np.sort(np.linalg.eigvalsh(gram))[::-1]
    shares = np.cumsum(values) / values.sum()
    limit = max(threshold, shares[1])
    return max(place for place, share in enumerate(shares) if share <= limit)


def oracle(source: np.ndarray, target: np.ndarray, angle: float, scale: float, threshold: float) -> float:
    """Nejjar et al. 2023: pseudo-inverses of the k largest eigenvalues, built term by term."""
    grams = []
    for features in (source, target):
        extended = np.concatenate([np.ones((len(features), 1)), features], axis=1)
        grams.append(extended.T @ extended)
    k = max(kept(gram, threshold) for gram in grams)
    inverses, spectra = [], []
    for gram in grams:
        values, vectors = np.linalg.eigh(gram)
        largest = np.argsort(values)[::-1][:k]
        inverses.append(sum(np.outer(vectors[:, i], vectors[:, i]) / values[i] for i in largest))
        spectra.append(values[largest])
    one, other = inverses
    cosines = [one[:, j] @ other[:, j] / (np.linalg.norm(one[:, j]) * np.linalg.norm(other[:, j]))
               for j in range(one.shape[1])]  # fmt: skip
    angles = np.mean([abs(1 - cosine) for cosine in cosines])
    return float(angle * angles + scale * np.linalg.norm(spectra[0] - spectra[1]) / k)


@pytest.mark.parametrize(("n", "m", "d"), [(9, 9, 4), (7, 12, 5), (6, 5, 8)])
@pytest.mark.parametrize("threshold", [0.3, 0.9, 0.999])
def test_it_matches_its_oracle(n: int, m: int, d: int, threshold: float) -> None:
    source, target = normal(n, d), 0.5 + 1.5 * normal(m, d, seed=1)
    found = inverse_gram_distance(
        torch.from_numpy(source), torch.from_numpy(target), angle=0.7, scale=0.2, threshold=threshold
    )
    assert found.item() == pytest.approx(oracle(source, target, 0.7, 0.2, threshold), rel=1e-8)


def test_equal_samples_in_another_order_have_none() -> None:
    features = torch.from_numpy(normal(8, 3))
    assert inverse_gram_distance(features, features.flip(0)).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("shapes", [((6, 4), (7, 4)), ((3, 5), (4, 5)), ((3, 5), (9, 5))])  # also of fewer rows
@pytest.mark.parametrize("threshold", [0.3, 0.95])
def test_it_passes_gradcheck(threshold: float, shapes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    inputs = leaf(normal(*shapes[0])), leaf(1.3 * normal(*shapes[1], seed=1))

    def distance(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return inverse_gram_distance(source, target, angle=1.0, scale=0.1, threshold=threshold)

    assert torch.autograd.gradcheck(distance, inputs)


def test_few_examples_of_many_like_features_are_no_failure_of_the_decomposition() -> None:
    generator = torch.Generator().manual_seed(0)
    sides = [(0.05 + 0.01 * torch.rand(4, 600, generator=generator)).requires_grad_() for _ in range(2)]
    inverse_gram_distance(*sides).backward()
    assert all(side.grad is not None and side.grad.isfinite().all() for side in sides)


def test_dead_features_leave_the_gradient_finite_and_no_number_is_hidden() -> None:
    source, target = (leaf(normal(6, 5, seed=seed) * np.array([1.0, 1.0, 0.0, 0.0, 0.0])) for seed in (0, 1))
    inverse_gram_distance(source, target).backward()
    assert source.grad is not None and source.grad.isfinite().all() and source.grad.any()
    broken = torch.full((6, 5), torch.nan, dtype=torch.float64)
    assert inverse_gram_distance(broken, target).isnan()
