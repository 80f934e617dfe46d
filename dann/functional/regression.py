"""Losses of predicted numbers."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.functional.precision import at_least_float32


def squared_error(predictions: Tensor, values: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared error, computed in float32 or better.

    Args:
        predictions: shape ``(N, 1)``.
        values: shape ``(N,)``.
        weight: weight w of each example, shape ``(N,)``; the loss is then the weighted mean, Σ wᵢ lᵢ / Σ wᵢ.
    """
    return _mean((at_least_float32(predictions).squeeze(1) - values).square(), weight)


def huber_loss(predictions: Tensor, values: Tensor, weight: Tensor | None = None, *, threshold: float = 1.0) -> Tensor:
    """The mean of Huber's loss of the errors e: e² / 2 up to the threshold δ, δ (|e| − δ / 2) beyond it.

    Huber 1964, "Robust Estimation of a Location Parameter". For small errors it is half of ``squared_error``; large
    ones, as of outliers, have a gradient of at most δ.

    Args:
        predictions: shape ``(N, 1)``.
        values: shape ``(N,)``.
        weight: as in ``squared_error``.
        threshold: δ, above 0.
    """
    predicted = at_least_float32(predictions).squeeze(1)
    losses = F.huber_loss(predicted, values.to(predicted.dtype), reduction="none", delta=threshold)
    return _mean(losses, weight)


def _mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return torch.mean(losses)
    weight = at_least_float32(weight)
    return (weight * losses).sum() / weight.sum()
