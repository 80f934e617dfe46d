"""Marginalised stacked denoising autoencoders against the paper's formulas and against real corruption."""

import numpy as np
import pytest
import torch

from dann.data.preprocessing.msda import RIDGE, fit_msda, msda_features
from dann.errors import BadInput


def counts(examples: int, features: int, seed: int = 0) -> np.ndarray:
    """Sparse counts, as of words; the last feature never occurs."""
    drawn = np.random.RandomState(seed).poisson(0.8, (examples, features)).astype(np.float64)
    drawn[:, -1] = 0
    return drawn


def naive_mapping(x: np.ndarray, corruption: float) -> np.ndarray:
    """One layer's W from E[P] and E[Q], entry by entry."""
    size = x.shape[1]
    survives = [1 - corruption] * size + [1.0]
    p, q = np.zeros((size, size + 1)), np.zeros((size + 1, size + 1))
    for example in x:
        extended = [*example, 1.0]
        for i in range(size + 1):
            for j in range(size + 1):
                both = survives[i] if i == j else survives[i] * survives[j]
                q[i, j] += extended[i] * extended[j] * both
                if i < size:
                    p[i, j] += extended[i] * extended[j] * survives[j]
    for i in range(size):
        q[i, i] += RIDGE
    return np.linalg.solve(q, p.T).T


def restoring(x: np.ndarray, corruption: float, copies: int) -> np.ndarray:
    """The least-squares W that restores ``x`` from copies of it that are really corrupted."""
    random = np.random.RandomState(1)
    kept = random.rand(copies, *x.shape) >= corruption
    corrupted = np.concatenate([x * kept, np.ones((copies, len(x), 1))], axis=2).reshape(-1, x.shape[1] + 1)
    return np.linalg.lstsq(corrupted, np.tile(x, (copies, 1)), rcond=None)[0].T


def test_mappings_are_the_papers_formulas() -> None:
    x = counts(9, 5)
    hidden = x
    for mapping in fit_msda(torch.from_numpy(x), layers=3, corruption=0.4):
        expected = naive_mapping(hidden, 0.4)
        np.testing.assert_allclose(mapping.numpy(), expected, atol=1e-9)
        hidden = np.tanh(np.c_[hidden, np.ones(9)] @ expected.T)


def test_mapping_is_the_limit_of_many_corrupted_copies() -> None:
    x = counts(8, 5, seed=2)[:, :4]
    [mapping] = fit_msda(torch.from_numpy(x), layers=1, corruption=0.5)
    errors = [np.abs(restoring(x, 0.5, copies) - mapping.numpy()).max() for copies in (100, 100_000)]
    assert errors[1] < 0.01 and errors[1] < errors[0] / 5


def test_bias_is_never_corrupted() -> None:
    x = torch.full((6, 2), 3.0)  # constant features are restored by the bias alone
    [mapping] = fit_msda(x, layers=1, corruption=0.5)
    torch.testing.assert_close(mapping[:, -1], torch.tensor([3.0, 3.0], dtype=torch.float64), atol=1e-5, rtol=0)
    assert mapping[:, :-1].abs().max() < 1e-5


def test_without_corruption_the_input_is_restored() -> None:
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).double()
    [mapping] = fit_msda(x, layers=1, corruption=0.0)
    torch.testing.assert_close(torch.cat([x, x.new_ones(50, 1)], dim=1) @ mapping.T, x, atol=1e-5, rtol=0)


def test_features_are_input_and_all_layers() -> None:
    x = torch.from_numpy(counts(30, 7)).float()
    mappings = fit_msda(x, layers=5, corruption=0.5)
    features = msda_features(x, mappings)
    assert features.shape == (30, 7 * 6) and features.dtype == torch.float32
    assert torch.equal(features[:, :7], x) and features[:, 7:].abs().max() <= 1
    hidden = x.double()
    for layer, mapping in enumerate(mappings, 1):
        hidden = torch.tanh(hidden @ mapping[:, :-1].T + mapping[:, -1])
        torch.testing.assert_close(features[:, layer * 7 : layer * 7 + 7].double(), hidden, atol=1e-5, rtol=0)
    assert features[:, 13::7].abs().max() < 1e-6  # what never occurs is predicted never to occur


def test_each_example_is_mapped_alone() -> None:
    x = torch.from_numpy(counts(20, 6))
    mappings = fit_msda(x[:12], layers=2, corruption=0.3)
    together = msda_features(x, mappings)
    torch.testing.assert_close(torch.cat([msda_features(part, mappings) for part in x.split(7)]), together)


def test_more_features_than_examples() -> None:
    x = torch.from_numpy(counts(4, 30))
    for mapping in fit_msda(x, layers=2, corruption=0.5):
        assert mapping.isfinite().all()


def test_wrong_input_is_refused() -> None:
    x = torch.ones(3, 2)
    for layers, corruption in ((0, 0.5), (1, 1.0), (1, -0.1), (1, float("nan"))):
        with pytest.raises(ValueError, match="layers"):
            fit_msda(x, layers=layers, corruption=corruption)
    with pytest.raises(ValueError, match="examples"):
        fit_msda(torch.ones(0, 2), layers=1, corruption=0.5)
    x[1, 1] = float("nan")
    with pytest.raises(BadInput, match="missing or infinite values"):
        fit_msda(x, layers=1, corruption=0.5)
    with pytest.raises(BadInput, match="singular"):
        fit_msda(torch.full((3, 2), 1e8), layers=1, corruption=0.0)
