"""Optimisers; each takes ``(parameters, *, options)``, and an experiment file names it and sets its options."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from dann.options import Factor, Rate

Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]  # the latter: parameter groups as in torch.optim


def sgd(
    parameters: Parameters,
    *,
    lr: Factor = 0.01,
    momentum: Rate = 0.9,
    weight_decay: Factor = 0.0,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent; the optimiser of Ganin et al. 2016, section 5.2.2, whose values are the defaults.

    Args:
        lr: learning rate.
        momentum: factor of the previous update that is added to the next one.
        weight_decay: factor of the weights that is added to the gradient (L2 regularisation).
        nesterov: use Nesterov's momentum.
    """
    optimizer = torch.optim.SGD(
        parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True
    )
    for parameter in (each for group in optimizer.param_groups for each in group["params"]) if momentum else []:
        # Created here, because the fused optimiser fails if only some parameters of a group have a buffer yet, as
        # happens with methods whose phases step different parameters.
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def adam(
    parameters: Parameters,
    *,
    lr: Factor = 1e-3,
    beta1: Rate = 0.9,
    beta2: Rate = 0.999,
    weight_decay: Factor = 0.0,
) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015).

    Args:
        lr: learning rate.
        beta1: β₁, decay of the running mean of the gradient; adversarial training often takes 0.5.
        beta2: β₂, decay of the running mean of its square.
        weight_decay: factor of the weights that is added to the gradient (L2 regularisation).
    """
    return torch.optim.Adam(parameters, lr=lr, betas=(beta1, beta2), weight_decay=weight_decay, fused=True)


def adamw(
    parameters: Parameters,
    *,
    lr: Factor = 1e-3,
    beta1: Rate = 0.9,
    beta2: Rate = 0.999,
    weight_decay: Factor = 0.0,
) -> torch.optim.Optimizer:
    """AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    Args:
        lr: learning rate.
        beta1: β₁, decay of the running mean of the gradient.
        beta2: β₂, decay of the running mean of its square.
        weight_decay: factor of the weights that is subtracted from them at each step, times the learning rate.
    """
    return torch.optim.AdamW(parameters, lr=lr, betas=(beta1, beta2), weight_decay=weight_decay, fused=True)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"sgd": sgd, "adam": adam, "adamw": adamw}
