"""Optimisers; each takes ``(parameters, *, options)``, and an experiment file names it and sets its options."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from dann.options import Factor, Positive, Rate

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


def adagrad(
    parameters: Parameters, *, lr: Factor = 0.01, eps: Positive = 1e-10, weight_decay: Factor = 0.0
) -> torch.optim.Optimizer:
    """Adagrad (Duchi et al. 2011), whose steps suit sparse inputs: rare ones keep a high rate.

    Args:
        lr: learning rate; 0.01 in PyTorch and in Keras 1.
        eps: ε, added to the root of the summed squares; Keras 1 has 1e-8. Both begin with a sum of 0, Keras 2.3 and
            later with 0.1 and a rate of 0.001.
        weight_decay: factor of the weights that is added to the gradient (L2 regularisation).
    """
    # Not fused: earlier releases of PyTorch have that kernel for CPUs alone.
    return torch.optim.Adagrad(parameters, lr=lr, eps=eps, weight_decay=weight_decay)


def adadelta(
    parameters: Parameters, *, lr: Factor = 1.0, rho: Rate = 0.95, eps: Positive = 1e-6, weight_decay: Factor = 0.0
) -> torch.optim.Optimizer:
    """Adadelta (Zeiler 2012, Algorithm 1), whose steps have the units of the weights.

    Args:
        lr: factor of the step; the paper has none, which is 1.
        rho: ρ, decay of the running means of the squared gradients and steps: 0.95 in the paper and Keras, 0.9 in
            PyTorch.
        eps: ε, added to both running means before the root, and so the size of the first steps: 1e-6 in the paper and
            PyTorch, 1e-8 in Keras 1.1.
        weight_decay: factor of the weights that is added to the gradient (L2 regularisation).
    """
    return torch.optim.Adadelta(parameters, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": sgd,
    "adam": adam,
    "adamw": adamw,
    "adagrad": adagrad,
    "adadelta": adadelta,
}
