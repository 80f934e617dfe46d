"""Losses of predicted numbers, against loops in NumPy."""

from functools import partial

import numpy as np
import pytest
import torch
from oracles import leaf, normal

from dann.functional.regression import huber_loss, squared_error


def oracle_huber(error: float, threshold: float) -> float:
    """Huber 1964."""
    return error**2 / 2 if abs(error) <= threshold else threshold * (abs(error) - threshold / 2)


@pytest.mark.parametrize("weighted", [False, True])
def test_squared_error_matches_its_oracle(weighted: bool) -> None:
    predictions, values, weight = normal(6, 1), normal(6, seed=1), np.abs(normal(6, seed=2))
    w = weight if weighted else np.ones(6)
    expected = sum(wi * (p - y) ** 2 for wi, (p,), y in zip(w, predictions, values, strict=True)) / sum(w)
    tensors = torch.from_numpy(predictions), torch.from_numpy(values)
    found = squared_error(*tensors, torch.from_numpy(weight) if weighted else None)
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("threshold", [0.2, 1.0, 50.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_huber_loss_matches_its_oracle(threshold: float, weighted: bool) -> None:
    predictions, values, weight = 2 * normal(6, 1), normal(6, seed=1), np.abs(normal(6, seed=2))
    w = weight if weighted else np.ones(6)
    losses = [oracle_huber(p - y, threshold) for (p,), y in zip(predictions, values, strict=True)]
    tensors = torch.from_numpy(predictions), torch.from_numpy(values)
    found = huber_loss(*tensors, torch.from_numpy(weight) if weighted else None, threshold=threshold)
    assert found.item() == pytest.approx(sum(w * np.array(losses)) / sum(w), rel=1e-12)


def test_small_errors_cost_half_of_the_squared_error() -> None:
    predictions, values = torch.from_numpy(normal(5, 1)), torch.from_numpy(normal(5, seed=1))
    halved = squared_error(predictions, values) / 2
    assert huber_loss(predictions, values, threshold=100.0).item() == pytest.approx(halved.item(), rel=1e-12)


@pytest.mark.parametrize("loss", [squared_error, partial(huber_loss, threshold=0.5)])
def test_losses_of_numbers_pass_gradcheck(loss: partial[torch.Tensor]) -> None:
    values = torch.from_numpy(normal(4, seed=1))
    assert torch.autograd.gradcheck(lambda predictions: loss(predictions, values), (leaf(normal(4, 1)),))
