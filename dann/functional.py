"""Pure tensor functions: the gradient reversal and the losses of the methods.

Shapes: N examples of each domain, D features, K classes. The domain label is 0 for source and 1 for target.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


class _ReverseGradient(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: float | Tensor) -> Tensor:
        return x.view_as(x)  # a view, not x itself: autograd needs a new output to hang the reversal on

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float | Tensor], output: Tensor) -> None:
        ctx.number, weight = None, inputs[1]
        if isinstance(weight, Tensor):
            ctx.save_for_backward(weight)  # the only way in which vmap's rule sees that it differs between replicas
        else:
            ctx.number = weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        weight = ctx.saved_tensors[0] if ctx.number is None else ctx.number
        return -weight * gradient, None


def reverse_gradient(x: Tensor, weight: float | Tensor = 1.0) -> Tensor:
    """The identity whose backward pass multiplies the gradient by −λ.

    Ganin et al. 2016, section 4.2, equations (16) and (17): R(x) = x, dR/dx = −λI.

    Args:
        x: any shape.
        weight: λ, a number or a tensor that broadcasts against ``x``; it receives no gradient itself.
    """
    result: Tensor = _ReverseGradient.apply(x, weight)
    return result


def label_loss(logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean cross-entropy of the class labels, in nats; in float32 or better, whatever autocast makes of logits.

    Args:
        logits: shape ``(N, K)``.
        labels: class indices, shape ``(N,)``.
        weight: of each example, shape ``(N,)``; the loss is the weighted mean, Σ wᵢ lᵢ / Σ wᵢ.
    """
    if weight is None:
        return F.cross_entropy(_precise(logits), labels)
    losses = F.cross_entropy(_precise(logits), labels, reduction="none")
    return (weight * losses).sum() / weight.sum()


def domain_loss(source_logits: Tensor, target_logits: Tensor) -> Tensor:
    """The mean binary cross-entropy of the domain labels over the examples of both domains, in nats.

    Ganin et al. 2016, equation (9) with d = 0 for source and d = 1 for target: a discriminator at chance costs
    ln 2 = 0.693. Some libraries add the two domains' means instead, which doubles the loss and so the trade-off.

    Args:
        source_logits: shape ``(N,)``, the logit of "this is a target example" for each source example.
        target_logits: shape ``(M,)``, the same for the target examples.
    """
    logits = _precise(torch.cat([source_logits, target_logits]))
    labels = torch.cat([logits.new_zeros(len(source_logits)), logits.new_ones(len(target_logits))])
    return F.binary_cross_entropy_with_logits(logits, labels)


def _precise(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
