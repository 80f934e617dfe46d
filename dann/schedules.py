"""λ and learning-rate schedules: pure functions of progress, the share of training done, in [0, 1]."""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def ramp(progress: float, gamma: float = 10.0) -> float:
    """λ rises smoothly from 0 to (nearly) 1: 2 / (1 + exp(−γp)) − 1 (Ganin et al. 2016, section 5.2.2).

    The discriminator's first, noisy gradients are held back from the features; the discriminator itself always
    learns at full rate, because λ acts inside the gradient reversal.
    """
    return 2.0 / (1.0 + math.exp(-gamma * progress)) - 1.0


def inverse(progress: float, alpha: float = 10.0, beta: float = 0.75) -> float:
    """The learning rate falls as 1 / (1 + αp)^β times its first value (Ganin et al. 2016, section 5.2.2)."""
    return float((1.0 + alpha * progress) ** -beta)


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


LAMBDA_SCHEDULES: dict[str, Schedule] = {"ramp": ramp, "constant": constant}
LEARNING_RATE_SCHEDULES: dict[str, Schedule] = {"inverse": inverse, "constant": constant}
