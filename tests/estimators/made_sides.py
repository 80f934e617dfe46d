"""Two small domains as arrays, and an estimator that learns them in a moment."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dann.estimators.adaptation_classifier import AdaptationClassifier

Array = NDArray[Any]
SMALL: dict[str, Any] = {
    "network": {"name": "mlp", "hidden": 8},
    "optimizer": {"name": "adam", "lr": 0.05},
    "steps": 6,
    "batch_size": 16,
    "random_state": 3,
    "device": "cpu",
}


def make_sides() -> tuple[Array, Array, Array]:
    """Forty source examples of two classes in the plane, their labels, and thirty target examples moved aside."""
    random = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = random.normal(size=(40, 2)) + 3 * y[:, None]
    x_target = random.normal(size=(30, 2)) + 3 * (np.arange(30) % 2)[:, None] + 1
    return x.astype(np.float32), y, x_target.astype(np.float32)


def make_joined() -> tuple[Array, Array, Array]:
    """The same as skada has it: all examples, labels of which the target's are −1, and domains 1 and −2."""
    x, y, x_target = make_sides()
    masked = np.full(len(x_target), -1)
    return np.concatenate([x, x_target]), np.concatenate([y, masked]), np.repeat([1, -2], [len(x), len(x_target)])


def small(method: Any = "dann", **more: Any) -> AdaptationClassifier:
    return AdaptationClassifier(method, **SMALL | more)
