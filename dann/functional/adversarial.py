"""Gradient reversal, losses of a domain discriminator, and the discriminator inputs and weights of CDAN."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.functional.precision import at_least_float32, matmul


class _ReverseGradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: float | Tensor) -> Tensor:
        return x.view_as(x)  # a view, because autograd attaches the backward pass to a new output, not to x itself

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float | Tensor], output: Tensor) -> None:
        ctx.number, weight = None, inputs[1]
        if isinstance(weight, Tensor):
            ctx.save_for_backward(weight)  # vmap maps over saved tensors only, and replicas may differ in λ
        else:
            ctx.number = weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        weight = ctx.saved_tensors[0] if ctx.number is None else ctx.number
        return -weight * gradient, None


def reverse_gradient(x: Tensor, weight: float | Tensor = 1.0) -> Tensor:
    """The identity whose backward pass multiplies the gradient by −λ.

    R(x) = x, dR/dx = −λI, as Ganin and Lempitsky 2015 (ICML), equations (7) and (8), define it. The later text, Ganin
    et al. 2016 (JMLR), equations (16) and (17), has dR/dx = −I and puts λ before the domain loss: the features get the
    same gradient, but the discriminator's is multiplied by λ too, as in equation (15), so that it learns nothing at
    λ = 0. Its experiments train the discriminator with λ = 1 all the same (section 5.2.2), as this function does.

    Args:
        x: any shape.
        weight: λ, a number or a tensor that broadcasts against ``x``; it receives no gradient.
    """
    result: Tensor = _ReverseGradient.apply(x, weight)
    return result


def domain_loss(
    source_logits: Tensor,
    target_logits: Tensor,
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of the domain labels in nats; each domain contributes one half.

    Ganin et al. 2016, equation (9), with d = 0 for source and d = 1 for target, has the sum of the two domains' means,
    and so has its authors' code of the shallow network; this is their mean, half of it, so that a discriminator at
    chance has a loss of ln 2 = 0.693. The ``loss_weight`` of ``dann`` that equals the equation is 2. Libraries differ
    in this too. For N = M the loss is the mean over all examples. For N ≠ M it is the mean of the two domain means; in
    a mean over all examples the discriminator could lower its loss by always predicting the larger domain.

    Args:
        source_logits: logits of "this is a target example" for the source examples, shape ``(N,)``.
        target_logits: the same for the target examples, shape ``(M,)``.
        source_weight: weight w of each source example, shape ``(N,)``; 1 by default. The source mean is Σ wᵢ lᵢ / N:
            the weights are not normalised.
        target_weight: weight of each target example, shape ``(M,)``; 1 by default.
    """
    logits = at_least_float32(torch.cat([source_logits, target_logits]))
    n, m = len(source_logits), len(target_logits)
    labels = torch.cat([logits.new_zeros(n), logits.new_ones(m)])
    if source_weight is None and target_weight is None and n == m:
        return F.binary_cross_entropy_with_logits(logits, labels)
    source_weight = logits.new_ones(n) if source_weight is None else source_weight
    target_weight = logits.new_ones(m) if target_weight is None else target_weight
    losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    half = (n + m) / 2
    weights = torch.cat([at_least_float32(source_weight) * (half / n), at_least_float32(target_weight) * (half / m)])
    return (weights * losses).mean()


def domain_adversarial_loss(
    discriminator: Callable[[Tensor], Tensor],
    source: Tensor,
    target: Tensor,
    weight: float | Tensor,
    source_weight: Tensor | None = None,
    target_weight: Tensor | None = None,
) -> Tensor:
    """The domain loss behind a gradient reversal: the discriminator descends it, the features ascend λ times it.

    Ganin et al. 2016, equations (13) to (15), with λ inside the reversal (``reverse_gradient``) and half of the sum of
    the two domains' means (``domain_loss``). Both domains pass through the discriminator as one batch.

    Args:
        discriminator: maps ``(N + M, D)`` to logits of "this is a target example", shape ``(N + M,)``.
        source: source features, shape ``(N, D)``.
        target: target features, shape ``(M, D)``.
        weight: λ.
        source_weight: as in ``domain_loss``.
        target_weight: as in ``domain_loss``.
    """
    logits = discriminator(reverse_gradient(torch.cat([source, target]), weight))
    return domain_loss(logits[: len(source)], logits[len(source) :], source_weight, target_weight)


def confusion_loss(logits: Tensor) -> Tensor:
    """Mean cross-entropy between a discriminator's output and the uniform domain label, in nats.

    Tzeng et al. 2015; also equation (8) of Tzeng et al. 2017 (ADDA), which sums the means of the two domains:
    −½ log σ(z) − ½ log σ(−z). The minimum is ln 2, at z = 0.

    Args:
        logits: the discriminator's logits for the examples of both domains, shape ``(N,)``.
    """
    logits = at_least_float32(logits)
    return -(F.logsigmoid(logits) + F.logsigmoid(-logits)).mean() / 2


def multilinear_map(features: Tensor, probabilities: Tensor) -> Tensor:
    """The outer product of each example's features and class probabilities, flattened to ``(N, K·D)``.

    Long et al. 2018 (CDAN). Ordered by class: entry k·D + d is p_k f_d.

    Args:
        features: shape ``(N, D)``.
        probabilities: shape ``(N, K)``.
    """
    return (at_least_float32(probabilities)[:, :, None] * at_least_float32(features)[:, None, :]).flatten(1)


def randomized_map(features: Tensor, probabilities: Tensor, feature_matrix: Tensor, class_matrix: Tensor) -> Tensor:
    """A random projection of the multilinear map, shape ``(N, d)``.

    Long et al. 2018 (CDAN): (f R_f) ⊙ (p R_g) / √d. If the entries of both matrices are independent standard normal,
    inner products equal those of the multilinear map in expectation.

    Args:
        features: shape ``(N, D)``.
        probabilities: shape ``(N, K)``.
        feature_matrix: R_f, shape ``(D, d)``.
        class_matrix: R_g, shape ``(K, d)``.
    """
    projected_features = matmul(at_least_float32(features), at_least_float32(feature_matrix))
    projected_classes = matmul(at_least_float32(probabilities), at_least_float32(class_matrix))
    return projected_features * projected_classes / math.sqrt(feature_matrix.shape[1])


def entropy_weight(logits: Tensor) -> Tensor:
    """The weight 1 + exp(−H) of each example, shape ``(N,)``, where H is the entropy of its prediction in nats.

    Long et al. 2018 (CDAN). The weight is 2 for a certain prediction and 1 + 1/K for a uniform one. It is
    differentiable: detach it to hold the weights fixed.

    Args:
        logits: shape ``(N, K)``.
    """
    log_probabilities = at_least_float32(logits).log_softmax(1)
    negative_entropies = (log_probabilities.exp() * log_probabilities).sum(1)
    return negative_entropies.exp() + 1
