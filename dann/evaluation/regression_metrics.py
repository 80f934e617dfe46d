"""Metrics of predicted numbers: root mean squared error, mean absolute error and R².

``dann.evaluation.metric_definitions`` has their names and definitions. Everything is computed in float64.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def compute_errors(labels: Floats, predictions: Floats) -> dict[str, float]:
    """RMSE and MAE, in the unit of the labels, by name.

    Args:
        labels: shape ``(N,)``.
        predictions: shape ``(N,)``, finite.
    """
    errors = predictions.astype(np.float64) - labels.astype(np.float64)
    return {"rmse": math.sqrt((errors**2).mean()), "mae": float(np.abs(errors).mean())}


def r_squared(labels: Floats, predictions: Floats) -> float:
    """The coefficient of determination, 1 − Σ (y − ŷ)² / Σ (y − mean y)²: 1 at best, 0 for the mean of these labels.

    Args:
        labels: shape ``(N,)``, of which two differ.
        predictions: shape ``(N,)``; the result is NaN or −∞ if one is not finite.
    """
    y, predicted = labels.astype(np.float64), predictions.astype(np.float64)
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())
