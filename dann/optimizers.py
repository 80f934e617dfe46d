"""Optimisers by the name an experiment file gives them: each takes ``(parameters, *, options)``."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

Parameters = Iterable[nn.Parameter] | Iterable[dict[str, Any]]  # the latter groups, as torch has them


def sgd(
    parameters: Parameters,
    *,
    lr: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent; the paper's choice with its defaults here (Ganin et al. 2016, section 5.2.2)."""
    optimizer = torch.optim.SGD(
        parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True
    )
    for parameter in (each for group in optimizer.param_groups for each in group["params"]) if momentum else []:
        # Made at the first step, the fused optimiser would fail where a phase steps some of them for the first time.
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def adam(parameters: Parameters, *, lr: float = 1e-3, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015), with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, fused=True)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"sgd": sgd, "adam": adam}
