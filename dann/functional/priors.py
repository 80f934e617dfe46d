"""Label shift: the ratio of the target's class shares to the source's, estimated from predictions."""

import torch
from torch import Tensor

from dann.functional.precision import at_least_float32, matmul


def confusion(labels: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """The joint shares of predictions and labels, shape ``(K, K)``; all of them sum to 1.

    Entry (i, j) is the share of the examples that are predicted i and labelled j.

    Args:
        labels: class indices, shape ``(N,)``.
        predicted: class indices, shape ``(N,)``.
        num_classes: K.
    """
    classes = torch.arange(num_classes, device=labels.device)
    rows, columns = (predicted[:, None] == classes).float(), (labels[:, None] == classes).float()
    return matmul(rows.T, columns) / len(labels)


def bbse(confusion: Tensor, predicted_shares: Tensor) -> Tensor:
    """Black-box shift estimation of the ratios q(y) / p(y) of target to source class shares, shape ``(K,)``.

    Lipton et al. 2018, equation (1) and proposition 2: w = C⁻¹ μ, the shortest least-squares solution where C is
    singular; what is negative becomes 0.

    Args:
        confusion: C, shape ``(K, K)``, of held-out source examples, as ``confusion`` gives it.
        predicted_shares: μ, shape ``(K,)``, the shares of the classes among the target's predictions.
    """
    dtype = torch.promote_types(at_least_float32(confusion).dtype, predicted_shares.dtype)
    with torch.autocast(confusion.device.type, enabled=False):
        weights: Tensor = torch.linalg.pinv(confusion.to(dtype)) @ predicted_shares.to(dtype)
    return weights.clamp_min(0)


def mlls(probabilities: Tensor, source_prior: Tensor, iterations: int = 200) -> Tensor:
    """The maximum-likelihood ratios q(y) / p(y) of target to source class shares, shape ``(K,)``.

    Saerens et al. 2002: expectation maximisation that starts at q = p, each step
    q_k ← mean over n of (q_k / p_k) P_nk / Σ_j (q_j / p_j) P_nj.

    Args:
        probabilities: P, predictions for target examples, calibrated on source, shape ``(N, K)``.
        source_prior: p, the source's class shares, shape ``(K,)``, all above 0.
        iterations: steps of expectation maximisation.
    """
    probabilities, prior = at_least_float32(probabilities), at_least_float32(source_prior)
    weights = torch.ones_like(prior)
    for _ in range(iterations):
        posterior = weights * probabilities
        weights = (posterior / posterior.sum(1, keepdim=True)).mean(0) / prior
    return weights
