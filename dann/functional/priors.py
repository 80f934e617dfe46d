"""Label shift: estimates of the ratio of target to source class shares, from predictions."""

import torch
from torch import Tensor

from dann.functional.precision import at_least_float32, matmul


def confusion(labels: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """The confusion matrix as joint shares, shape ``(K, K)``; its entries sum to 1.

    Entry (i, j) is the share of examples with prediction i and label j.

    Args:
        labels: class indices, shape ``(N,)``.
        predicted: predicted class indices, shape ``(N,)``.
        num_classes: K.
    """
    classes = torch.arange(num_classes, device=labels.device)
    rows, columns = (predicted[:, None] == classes).float(), (labels[:, None] == classes).float()
    return matmul(rows.T, columns) / len(labels)


def bbse(confusion: Tensor, predicted_shares: Tensor) -> Tensor:
    """Black-box shift estimate of the ratios q(y) / p(y) of target to source class shares, shape ``(K,)``.

    Lipton et al. 2018, equation (1) and proposition 2: w = C⁻¹ μ; if C is singular, the least-squares solution of
    minimum norm. Negative ratios are set to 0.

    Args:
        confusion: C, the result of ``confusion`` on held-out source examples, shape ``(K, K)``.
        predicted_shares: μ, the share of each class among the predictions on target, shape ``(K,)``.
    """
    dtype = torch.promote_types(at_least_float32(confusion).dtype, predicted_shares.dtype)
    with torch.autocast(confusion.device.type, enabled=False):
        weights: Tensor = torch.linalg.pinv(confusion.to(dtype)) @ predicted_shares.to(dtype)
    return weights.clamp_min(0)


def mlls(probabilities: Tensor, source_prior: Tensor, iterations: int = 200) -> Tensor:
    """Maximum-likelihood estimate of the ratios q(y) / p(y) of target to source class shares, shape ``(K,)``.

    Saerens et al. 2002: expectation maximisation from q = p with the step
    q_k ← mean over n of (q_k / p_k) P_nk / Σ_j (q_j / p_j) P_nj.

    Args:
        probabilities: P, predictions on target, calibrated on source, shape ``(N, K)``.
        source_prior: p, class shares of the source, all above 0, shape ``(K,)``.
        iterations: number of steps of expectation maximisation.
    """
    probabilities, prior = at_least_float32(probabilities), at_least_float32(source_prior)
    weights = torch.ones_like(prior)
    for _ in range(iterations):
        posterior = weights * probabilities
        weights = (posterior / posterior.sum(1, keepdim=True)).mean(0) / prior
    return weights
