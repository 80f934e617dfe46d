import numpy as np
import pytest
import torch

from dann.optim.optimizers import OPTIMIZERS

RATE, DECAY, STEPS = 0.05, 0.3, 5
GRADIENTS = np.random.default_rng(0).normal(size=(STEPS, 4))
START = np.array([1.0, -2.0, 0.5, 3.0])


def adam_oracle(decoupled: bool) -> np.ndarray:
    """Kingma and Ba 2015, Algorithm 1; Loshchilov and Hutter 2019, Algorithm 2, with η = 1 and α·λ as the decay."""
    w, m, v = START.copy(), np.zeros(4), np.zeros(4)
    for t, gradient in enumerate(GRADIENTS, 1):
        g = gradient if decoupled else gradient + DECAY * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        shrunk = w - RATE * DECAY * w if decoupled else w
        w = shrunk - RATE * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


def sgd_oracle() -> np.ndarray:
    """Sutskever et al. 2013 as PyTorch has it: v ← μ v + g, w ← w − ε v, weight decay added to g."""
    w, v = START.copy(), np.zeros(4)
    for gradient in GRADIENTS:
        v = 0.9 * v + gradient + DECAY * w
        w = w - RATE * v
    return w


def adagrad_oracle() -> np.ndarray:
    """Duchi et al. 2011, the diagonal update of section 1: w ← w − η g / (Σ g²)^½, weight decay added to g."""
    w, squares = START.copy(), np.zeros(4)
    for gradient in GRADIENTS:
        g = gradient + DECAY * w
        squares = squares + g**2
        w = w - RATE * g / (np.sqrt(squares) + 1e-10)
    return w


def adadelta_oracle() -> np.ndarray:
    """Zeiler 2012, Algorithm 1, with ρ = 0.95 and ε = 1e-6, its step times the rate, weight decay added to g."""
    w, squares, steps = START.copy(), np.zeros(4), np.zeros(4)
    for gradient in GRADIENTS:
        g = gradient + DECAY * w
        squares = 0.95 * squares + 0.05 * g**2
        step = -np.sqrt(steps + 1e-6) / np.sqrt(squares + 1e-6) * g
        steps = 0.95 * steps + 0.05 * step**2
        w = w + RATE * step
    return w


ORACLES = {
    "sgd": sgd_oracle(),
    "adam": adam_oracle(decoupled=False),
    "adamw": adam_oracle(decoupled=True),
    "adagrad": adagrad_oracle(),
    "adadelta": adadelta_oracle(),
}


@pytest.mark.parametrize(("name", "expected"), ORACLES.items())
def test_optimisers_are_the_papers(name: str, expected: np.ndarray) -> None:
    w = torch.nn.Parameter(torch.from_numpy(START.copy()))
    optimizer = OPTIMIZERS[name]([w], lr=RATE, weight_decay=DECAY)
    for gradient in GRADIENTS:
        w.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-12)


def test_every_optimiser_has_an_oracle() -> None:
    assert set(OPTIMIZERS) == set(ORACLES)
