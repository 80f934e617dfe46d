"""Detection of values that are not finite: the step, the loss term or the gradients, and the replica."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

NUMERICAL = (  # exceptions caused by values, not by code
    torch.linalg.LinAlgError,  # type: ignore[attr-defined]
    np.linalg.LinAlgError,
    FloatingPointError,
)
GRADIENT = "gradient"  # the name of the gradients beside those of the loss terms


@dataclass(frozen=True)
class Failure:
    """A failure of a run: the first values that are not finite.

    Args:
        step: the number of steps done when it was found, the failing one included.
        cause: what was wrong, such as "loss_label nan".
        rate: the learning rate of that step.
        terms: the loss terms of that step, if they are known.
    """

    step: int
    cause: str
    rate: float
    terms: dict[str, float]

    def __str__(self) -> str:
        return f"step {self.step}: {self.cause}, learning rate {self.rate:g}"


@dataclass(frozen=True)
class _Noted:
    """The values of one step, ``(T + 1, R)``: of T loss terms and the gradients, for R replicas."""

    step: int
    names: list[str]
    rates: list[float]
    values: Tensor

    def failure(self, replica: int) -> Failure | None:
        """The first value that is not finite in this replica, or None."""
        values = dict(zip(self.names, self.values[:, replica].tolist(), strict=True))
        broken = next((name for name, value in values.items() if not math.isfinite(value)), None)
        if broken is None:
            return None
        cause = f"{GRADIENT} not finite" if broken == GRADIENT else f"loss_{broken} {values[broken]}"
        terms = {name: value for name, value in values.items() if name != GRADIENT}
        return Failure(self.step, cause, self.rates[replica], terms)


class FiniteCheck:
    """Keeps the loss terms and gradients of each step on the device until they are read, a wait for the device."""

    def __init__(self) -> None:
        self.unread: list[_Noted] = []
        self.failed: set[int] = set()  # replicas

    def note(self, step: int, terms: dict[str, Tensor], gradients: Tensor, rates: list[float]) -> None:
        """Keep the values of a step.

        Args:
            step: the number of steps done, this one included.
            terms: loss terms, shape ``(R,)`` each.
            gradients: for each replica a number that is finite if its gradients are, shape ``(R,)``.
        """
        values = torch.stack([*terms.values(), gradients])
        self.unread.append(_Noted(step, [*terms, GRADIENT], rates, values))

    def read(self) -> dict[int, Failure]:
        """The replicas that failed since the last reading, each with its first failure."""
        unread, self.unread = self.unread, []
        found: dict[int, Failure] = {}
        if not unread or torch.cat([each.values for each in unread]).isfinite().all():
            return found
        for noted in unread:
            for replica in range(noted.values.shape[1]):
                if replica not in self.failed and (failure := noted.failure(replica)) is not None:
                    self.failed.add(replica)
                    found[replica] = failure
        return found


def check_gradients(parameters: list[Tensor]) -> Tensor:
    """Zero, shape ``(1,)``, or −inf if a value of the gradients is not finite."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    found, one = torch.zeros(1, device=parameters[0].device), torch.ones(1, device=parameters[0].device)
    if gradients:
        # The kernel of GradScaler: one call for all, where a sum of each takes several per cent of a small network's
        # step. It multiplies the gradients by one, which changes no bit.
        torch._amp_foreach_non_finite_check_and_unscale_(gradients, found, one)
    return (one - found).log()


def sum_gradients(parameters: list[Tensor], replicas: int) -> Tensor:
    """The sum of all values of each replica's gradients, shape ``(R,)``, not finite if one of them is not.

    Args:
        replicas: R; the parameters are stacked along their first axis.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return torch.zeros(replicas, device=parameters[0].device)
    return torch.stack([each.reshape(replicas, -1).sum(1) for each in gradients]).sum(0)
