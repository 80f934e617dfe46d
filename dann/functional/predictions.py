"""Losses of class predictions: supervised, unsupervised, and between two classifiers."""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.functional.precision import at_least_float32
from dann.functional.singular_values import singular_values


def label_loss(logits: Tensor, labels: Tensor, weight: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy with the class labels, in nats, computed in float32 or better.

    Args:
        logits: shape ``(N, K)``.
        labels: class indices, shape ``(N,)``.
        weight: weight w of each example, shape ``(N,)``; the loss is then the weighted mean, Σ wᵢ lᵢ / Σ wᵢ.
        smoothing: label smoothing s; the target probability is 1 − s + s/K for the label and s/K for every other
            class.
    """
    if weight is None:
        return F.cross_entropy(at_least_float32(logits), labels, label_smoothing=smoothing)
    losses, weight = (
        F.cross_entropy(at_least_float32(logits), labels, reduction="none", label_smoothing=smoothing),
        at_least_float32(weight),
    )
    return (weight * losses).sum() / weight.sum()


def entropy(logits: Tensor) -> Tensor:
    """Mean Shannon entropy of the predictions, in nats.

    Grandvalet and Bengio 2005.

    Args:
        logits: shape ``(N, K)``.
    """
    return _entropies(at_least_float32(logits).log_softmax(1)).mean()


def marginal_entropy(logits: Tensor) -> Tensor:
    """Shannon entropy of the mean prediction, in nats: the diversity term of information maximisation.

    Args:
        logits: shape ``(N, K)``.
    """
    # log of the mean, by logsumexp: a class that no example predicts has a mean of 0, whose logarithm would give NaN.
    return _entropies(at_least_float32(logits).log_softmax(1).logsumexp(0) - math.log(len(logits)))


def _entropies(log_probabilities: Tensor) -> Tensor:
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def class_confusion(logits: Tensor, temperature: float = 2.5) -> Tensor:
    """The minimum class confusion loss, in [0, 1 − 1/K]: large if examples have two or more probable classes.

    Jin et al. 2020 (MCC), equations (1) to (7): C = Yᵀ W Y, where Y is the softmax of logits / T and W is diagonal with
    wᵢ ∝ 1 + exp(−H(yᵢ)), held fixed. Each row of C is normalised to sum to 1. The loss is the sum of the off-diagonal
    entries, divided by K.

    Args:
        logits: shape ``(N, K)``.
        temperature: T.
    """
    log_probabilities = (at_least_float32(logits) / temperature).log_softmax(1)
    log_weights = torch.log1p(torch.exp(-_entropies(log_probabilities))).detach()
    # Row j of the normalised C is Σᵢ aᵢⱼ yᵢ with aᵢⱼ = wᵢ yᵢⱼ / Σ wᵢ yᵢⱼ, which is a softmax over the examples: no
    # division by 0 for a class that no example predicts.
    shares = (log_weights[:, None] + log_probabilities).softmax(0)
    diagonal = (shares * log_probabilities.exp()).sum()
    return 1.0 - diagonal / logits.shape[1]


def nuclear_norm(logits: Tensor, divisor: Literal["examples", "singular_values"] = "examples") -> Tensor:
    """The nuclear norm of the prediction matrix, divided by N: high for certain and diverse predictions.

    Cui et al. 2020 (BNM), equation (9). The code of its authors divides by min(N, K) instead: it takes the mean of the
    singular values.

    Args:
        logits: shape ``(N, K)``.
        divisor: ``examples`` is N, ``singular_values`` their number, min(N, K).
    """
    values: Tensor = singular_values(at_least_float32(logits).softmax(1))
    return values.sum() / (len(logits) if divisor == "examples" else min(logits.shape))


def classifier_discrepancy(logits: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference between the probabilities of two classifiers, over examples and classes.

    Saito et al. 2018 (MCD).

    Args:
        logits: of one classifier, shape ``(N, K)``.
        other: logits of the other, shape ``(N, K)``.
    """
    return (at_least_float32(logits).softmax(1) - at_least_float32(other).softmax(1)).abs().mean()


def margin_disparity_loss(
    source_logits: Tensor,
    source_adversary: Tensor,
    target_logits: Tensor,
    target_adversary: Tensor,
    margin: float = 4.0,
) -> Tensor:
    """The loss of MDD's adversarial classifier, which is to agree with the classifier on source but not on target.

    Zhang et al. 2019 (MDD), equation (30): γ times the mean of −log σ_y(adversary) over the source plus the mean of
    −log(1 − σ_y(adversary)) over the target, where y is the class that the classifier predicts.

    Args:
        source_logits: classifier on source, shape ``(N, K)``; no gradient flows through them.
        source_adversary: adversarial classifier on source, shape ``(N, K)``.
        target_logits: classifier on target, shape ``(M, K)``; no gradient flows through them.
        target_adversary: adversarial classifier on target, shape ``(M, K)``.
        margin: γ.
    """
    agreement = F.cross_entropy(at_least_float32(source_adversary), source_logits.argmax(1))
    return margin * agreement + _disagreement(at_least_float32(target_adversary), target_logits.argmax(1))


def _disagreement(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean of −log(1 − p_y); computed from the logits of the other classes, so that it is finite at p_y = 1."""
    labelled = labels[:, None] == torch.arange(logits.shape[1], device=logits.device)
    others = logits.masked_fill(labelled, -torch.inf)
    return (logits.logsumexp(1) - others.logsumexp(1)).mean()


def kl_divergence(logits: Tensor, other: Tensor) -> Tensor:
    """Mean over the examples of KL(softmax(logits) ‖ softmax(other)), in nats; gradients flow through both.

    Args:
        logits: of the first distribution, shape ``(N, K)``.
        other: logits of the second, shape ``(N, K)``.
    """
    log_p, log_q = at_least_float32(logits).log_softmax(1), at_least_float32(other).log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


def pseudo_label_loss(logits: Tensor, labeller: Tensor, threshold: float = 0.95) -> Tensor:
    """Cross-entropy with pseudo-labels; examples below the confidence threshold contribute 0 to the mean.

    Sohn et al. 2020 (FixMatch), equation (4).

    Args:
        logits: shape ``(N, K)``.
        labeller: logits whose most probable class is the pseudo-label, shape ``(N, K)``; no gradient flows through
            them. May be ``logits`` itself.
        threshold: minimum probability of the pseudo-label.
    """
    confidence, labels = at_least_float32(labeller).detach().softmax(1).max(1)
    losses = F.cross_entropy(at_least_float32(logits), labels, reduction="none")
    return torch.where(confidence >= threshold, losses, 0.0).mean()
