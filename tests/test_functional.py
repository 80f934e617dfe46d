"""Oracles in float64 NumPy, written from the papers' equations."""

import math

import numpy as np
import pytest
import torch

from dann.functional import domain_loss, label_loss, reverse_gradient
from dann.networks import GradientReversal


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 2.5])
def test_reversal_is_identity_forward_and_minus_lambda_backward(weight: float) -> None:
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(4, 3, dtype=torch.float64)
    for reverse in (lambda value: reverse_gradient(value, weight), GradientReversal(weight)):
        y = reverse(x)
        assert torch.equal(y, x)
        (gradient,) = torch.autograd.grad(y, x, upstream)
        assert torch.equal(gradient, -weight * upstream)


def test_reversal_of_a_reversal_scales_by_the_product() -> None:
    x = torch.randn(5, dtype=torch.float64, requires_grad=True)
    y = reverse_gradient(reverse_gradient(x, 0.5), 3.0)
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    torch.testing.assert_close(gradient, 1.5 * 2 * x)


def test_reversal_differentiates_twice() -> None:
    x = torch.randn(5, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(reverse_gradient(x, 0.7).pow(3).sum(), x, create_graph=True)
    torch.testing.assert_close(first, -0.7 * 3 * x.square())
    (second,) = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close(second, -0.7 * -0.7 * 6 * x)  # the inner reversal acts once more on its own gradient


def test_reversal_under_vmap_takes_a_weight_per_replica() -> None:
    x = torch.randn(3, 4, dtype=torch.float64)
    weights = torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64)

    def loss(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return reverse_gradient(x, weight).square().sum()

    gradients = torch.func.vmap(torch.func.grad(loss))(x, weights)
    torch.testing.assert_close(gradients, -weights[:, None] * 2 * x)


def test_label_loss_matches_its_oracle() -> None:
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(6, 4)) * 3, random.integers(0, 4, 6)
    expected = np.mean([np.log(np.exp(row).sum()) - row[y] for row, y in zip(logits, labels, strict=True)])
    loss = label_loss(torch.from_numpy(logits), torch.from_numpy(labels))
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    assert label_loss(torch.from_numpy(logits).bfloat16(), torch.from_numpy(labels)).dtype == torch.float32


def test_losses_pass_gradcheck_and_the_reversal_fails_it_by_minus_lambda() -> None:
    logits = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: label_loss(x, torch.arange(6) % 4), logits)
    assert torch.autograd.gradcheck(lambda x: reverse_gradient(x, -1.0), logits)  # λ = −1 is the identity both ways
    assert not torch.autograd.gradcheck(lambda x: reverse_gradient(x, 1.0), logits, raise_exception=False)


def oracle_domain_loss(source_logits: np.ndarray, target_logits: np.ndarray) -> float:
    """Ganin et al. 2016, equation (9): −d log σ(z) − (1 − d) log(1 − σ(z)), averaged over all examples."""
    z = np.concatenate([source_logits, target_logits])
    d = np.concatenate([np.zeros(len(source_logits)), np.ones(len(target_logits))])
    probability = 1 / (1 + np.exp(-z))
    return float(np.mean(-d * np.log(probability) - (1 - d) * np.log(1 - probability)))


@pytest.mark.parametrize("sizes", [(4, 4), (3, 7), (1, 1)])
def test_domain_loss_matches_its_oracle(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    source, target = random.normal(size=sizes[0]), random.normal(size=sizes[1])
    loss = domain_loss(torch.from_numpy(source), torch.from_numpy(target))
    assert loss.item() == pytest.approx(oracle_domain_loss(source, target), rel=1e-12)


def test_domain_loss_passes_gradcheck() -> None:
    logits = [torch.randn(4, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(domain_loss, logits)


def test_domain_loss_at_chance_is_ln_2_and_labels_source_zero() -> None:
    blind = torch.zeros(6, dtype=torch.float64)
    assert domain_loss(blind, blind).item() == pytest.approx(math.log(2), rel=1e-15)
    sure = torch.full((6,), 40.0, dtype=torch.float64)
    assert domain_loss(-sure, sure).item() < 1e-15
    assert domain_loss(sure, -sure).item() == pytest.approx(40.0)


def test_domain_loss_stays_finite_where_a_sigmoid_saturates() -> None:
    logits = torch.tensor([500.0, -500.0], requires_grad=True)
    loss = domain_loss(logits, -logits)
    loss.backward()
    assert loss.item() == pytest.approx(250.0)
    assert torch.isfinite(logits.grad).all()
