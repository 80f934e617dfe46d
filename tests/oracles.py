"""NumPy functions that the float64 oracles of several tests share."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def numerical_gradient(function: Callable[[np.ndarray], float], x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences, one entry at a time; good to about 1e-9 where the function is of order one."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        gradient[index] = (function(above) - function(below)) / (2 * step)
    return gradient


def softmax(logits: np.ndarray) -> np.ndarray:
    """The softmax of each row."""
    rows = []
    for z in logits:
        exponentials = [math.exp(z_k - max(z)) for z_k in z]
        rows.append([e / sum(exponentials) for e in exponentials])
    return np.array(rows)


def leaf(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x).clone().requires_grad_()


def shannon(probabilities: np.ndarray) -> float:
    return -sum(p * math.log(p) for p in probabilities if p > 0)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal numbers of a fixed seed."""
    return np.random.default_rng(seed).normal(size=shape)


def norm(x: np.ndarray) -> float:
    """The Euclidean norm of a vector."""
    return math.sqrt(sum(value**2 for value in x))
