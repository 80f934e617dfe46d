"""Schedules of λ and of the learning rate, as functions of progress in [0, 1]. Imports no torch.

Each schedule of the learning rate takes ``(progress, *, options)`` and returns a factor of the rate; an experiment file
names it and sets its options.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from dann.options import Factor, Rate

Schedule = Callable[[float], float]
Shares = Annotated[Sequence[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]


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
