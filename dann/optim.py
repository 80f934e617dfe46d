"""Optimisers, and the schedules of λ and of the learning rate as functions of progress in [0, 1].

Each optimiser takes ``(parameters, *, options)``, each schedule of the learning rate ``(progress, *, options)`` and
returns a factor of the rate; an experiment file names it and sets its options.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from dann.options import Factor, Positive, Rate

Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]  # the latter: parameter groups as in torch.optim
Schedule = Callable[[float], float]
Shares = Annotated[Sequence[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]


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


def ramp(progress: float, gamma: float = 10.0) -> float:
    """A smooth rise of λ from 0 to nearly 1: 2 / (1 + exp(−γp)) − 1 (Ganin et al. 2016, section 5.2.2).

    A small λ keeps the noisy gradients of the untrained discriminator from the features. The discriminator itself
    always learns at full rate, because λ acts inside the gradient reversal.

    Args:
        progress: p, the share of training done, in [0, 1].
        gamma: γ, the steepness.
    """
    return 2.0 / (1.0 + math.exp(-gamma * progress)) - 1.0


def inverse(progress: float, *, gamma: Factor = 10.0, power: Factor = 0.75) -> float:
    """Inverse decay, 1 / (1 + γp)^power: 1 / (1 + 10p)^0.75 in Ganin et al. 2016, section 5.2.2.

    Args:
        progress: p, the share of training done, in [0, 1].
        gamma: γ, the paper's α. Where code has γ = 0.001 for each step, it is 0.001 times the number of steps here.
        power: the paper's β.
    """
    return float((1.0 + gamma * progress) ** -power)


def cosine(progress: float, *, end: Rate = 0.0) -> float:
    """Half a cosine from 1 to ``end``, without restarts (Loshchilov and Hutter 2017, equation 5).

    Args:
        progress: p, the share of training done, in [0, 1].
        end: the factor at the end of training.
    """
    return end + (1.0 - end) * (1.0 + math.cos(math.pi * progress)) / 2.0


def step(progress: float, *, at: Shares = (0.5, 0.75), factor: Rate = 0.1) -> float:
    """Steps: multiplied by ``factor`` at each share of training in ``at``.

    Args:
        progress: p, the share of training done, in [0, 1].
        at: shares of training.
        factor: of each step.
    """
    return float(factor ** sum(progress >= share for share in at))


def constant(progress: float) -> float:
    """No schedule: 1 at all times."""
    return 1.0


def warm(schedule: Schedule, warmup: float) -> Schedule:
    """``schedule`` times a linear rise from 0 to 1 over the first share ``warmup`` of training."""
    return lambda progress: schedule(progress) * (min(1.0, progress / warmup) if warmup else 1.0)


LAMBDA_SCHEDULES: dict[str, Schedule] = {"ramp": ramp, "constant": constant}
LEARNING_RATE_SCHEDULES: dict[str, Callable[..., float]] = {
    "constant": constant,
    "inverse": inverse,
    "cosine": cosine,
    "step": step,
}
