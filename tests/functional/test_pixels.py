"""Differences between images."""

import numpy as np
import pytest
import torch
from oracles import leaf, normal

from dann.functional.pixels import pairwise_squared_error


def test_pairwise_squared_error_against_numpy() -> None:
    x, other = normal(5, 2, 3, 4), normal(5, 2, 3, 4, seed=1)
    expected = 0.0
    for one, two in zip(x.reshape(5, -1), other.reshape(5, -1), strict=True):
        d, k = one - two, 24
        expected += (d @ d) / k - (d @ np.ones(k)) ** 2 / k**2
    assert pairwise_squared_error(leaf(x), leaf(other)).item() == pytest.approx(expected / 5, rel=1e-12)


def test_it_is_a_mean_over_pairs_of_pixels() -> None:
    """Equation (5) in words: half the mean of the squared differences of the differences of all pairs of values."""
    x, other = normal(1, 6), normal(1, 6, seed=1)
    d = (x - other)[0]
    pairs = [(d[i] - d[j]) ** 2 for i in range(6) for j in range(6)]
    assert pairwise_squared_error(leaf(x), leaf(other)).item() == pytest.approx(np.mean(pairs) / 2, rel=1e-12)


def test_a_brighter_image_is_no_other_image() -> None:
    x = leaf(normal(3, 2, 4))
    assert pairwise_squared_error(x, x.detach() + 0.7).item() == pytest.approx(0.0, abs=1e-15)
    assert torch.autograd.gradcheck(pairwise_squared_error, (x, leaf(normal(3, 2, 4, seed=1))))
