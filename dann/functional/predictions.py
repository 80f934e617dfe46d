"""Losses of class predictions: with labels, without, and between two classifiers."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.functional.precision import at_least_float32


def label_loss(logits: Tensor, labels: Tensor, weight: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """The mean cross-entropy of the class labels, in nats; in float32 or better, whatever autocast makes of logits.

    Args:
        logits: shape ``(N, K)``.
        labels: class indices, shape ``(N,)``.
        weight: of each example, shape ``(N,)``; the loss is the weighted mean, Σ wᵢ lᵢ / Σ wᵢ.
        smoothing: s; the label counts 1 − s + s/K and every other class s/K.
    """
    if weight is None:
        return F.cross_entropy(at_least_float32(logits), labels, label_smoothing=smoothing)
    losses, weight = (
        F.cross_entropy(at_least_float32(logits), labels, reduction="none", label_smoothing=smoothing),
        at_least_float32(weight),
    )
    return (weight * losses).sum() / weight.sum()


def entropy(logits: Tensor) -> Tensor:
    """The mean Shannon entropy of the predictions, in nats.

    Grandvalet and Bengio 2005.

    Args:
        logits: shape ``(N, K)``.
    """
    return _entropies(at_least_float32(logits).log_softmax(1)).mean()


def marginal_entropy(logits: Tensor) -> Tensor:
    """The Shannon entropy of the mean prediction, in nats: the diversity term of information maximisation.

    Args:
        logits: shape ``(N, K)``.
    """
    # The mean's logarithm from logarithms: log 0 of a class that nobody predicts would make NaN.
    return _entropies(at_least_float32(logits).log_softmax(1).logsumexp(0) - math.log(len(logits)))


def _entropies(log_probabilities: Tensor) -> Tensor:
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def class_confusion(logits: Tensor, temperature: float = 2.5) -> Tensor:
    """The minimum class confusion loss: how often two classes are predicted together, between 0 and 1 − 1/K.

    Jin et al. 2020 (MCC), equations (1) to (7): C = Yᵀ W Y with Y the softmax of logits / T and W diagonal with
    wᵢ ∝ 1 + exp(−H(yᵢ)), held fixed; the rows of C are normalised to sum to 1; the loss is the sum of what is off the
    diagonal, over K.

    Args:
        logits: shape ``(N, K)``.
        temperature: T.
    """
    log_probabilities = (at_least_float32(logits) / temperature).log_softmax(1)
    log_weights = torch.log1p(torch.exp(-_entropies(log_probabilities))).detach()
    # Row j of the normalised C is Σᵢ aᵢⱼ yᵢ with aᵢⱼ = wᵢ yᵢⱼ / Σ wᵢ yᵢⱼ: a softmax over the examples, so that a class
    # that nobody predicts divides nothing by 0.
    shares = (log_weights[:, None] + log_probabilities).softmax(0)
    diagonal = (shares * log_probabilities.exp()).sum()
    return 1.0 - diagonal / logits.shape[1]


def nuclear_norm(logits: Tensor) -> Tensor:
    """Minus the nuclear norm of the predictions over N: low where they are certain and diverse.

    Cui et al. 2020 (BNM).

    Args:
        logits: shape ``(N, K)``.
    """
    norm: Tensor = torch.linalg.svdvals(at_least_float32(logits).softmax(1)).sum()
    return -norm / len(logits)


def classifier_discrepancy(logits: Tensor, other: Tensor) -> Tensor:
    """The mean absolute difference of two classifiers' probabilities, over examples and classes.

    Saito et al. 2018 (MCD).

    Args:
        logits: shape ``(N, K)``.
        other: of the other classifier, shape ``(N, K)``.
    """
    return (at_least_float32(logits).softmax(1) - at_least_float32(other).softmax(1)).abs().mean()


def margin_disparity(
    source_logits: Tensor,
    source_adversary: Tensor,
    target_logits: Tensor,
    target_adversary: Tensor,
    margin: float = 4.0,
) -> Tensor:
    """What the adversarial classifier of MDD descends: to agree with the classifier on source and not on target.

    Zhang et al. 2019 (MDD), equation (30): γ times the mean of −log σ_y(adversary) over the source plus the mean of
    −log(1 − σ_y(adversary)) over the target, y the class that the classifier predicts.

    Args:
        source_logits: of the classifier, shape ``(N, K)``; no gradient flows through them.
        source_adversary: of the adversarial classifier, shape ``(N, K)``.
        target_logits: as on source, shape ``(M, K)``.
        target_adversary: as on source, shape ``(M, K)``.
        margin: γ.
    """
    agreement = F.cross_entropy(at_least_float32(source_adversary), source_logits.argmax(1))
    return margin * agreement + _disagreement(at_least_float32(target_adversary), target_logits.argmax(1))


def _disagreement(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean of −log(1 − p_y), from the logits of the other classes, so that it is finite where p_y rounds to 1."""
    labelled = labels[:, None] == torch.arange(logits.shape[1], device=logits.device)
    others = logits.masked_fill(labelled, -torch.inf)
    return (logits.logsumexp(1) - others.logsumexp(1)).mean()


def kl_divergence(logits: Tensor, other: Tensor) -> Tensor:
    """The mean over the examples of KL(softmax(logits) ‖ softmax(other)), in nats; gradients flow through both.

    Args:
        logits: shape ``(N, K)``.
        other: shape ``(N, K)``.
    """
    log_p, log_q = at_least_float32(logits).log_softmax(1), at_least_float32(other).log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


def pseudo_label_loss(logits: Tensor, labeller: Tensor, threshold: float = 0.95) -> Tensor:
    """The cross-entropy with the labeller's predictions where it is certain, 0 elsewhere; the mean over all examples.

    Sohn et al. 2020 (FixMatch), equation (4).

    Args:
        logits: shape ``(N, K)``.
        labeller: the logits that give the labels, shape ``(N, K)``; no gradient flows through them. May be ``logits``.
        threshold: the least probability of the label that counts.
    """
    confidence, labels = at_least_float32(labeller).detach().softmax(1).max(1)
    losses = F.cross_entropy(at_least_float32(logits), labels, reduction="none")
    return torch.where(confidence >= threshold, losses, 0.0).mean()
