"""The one training loop."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from dann.training.finite import NUMERICAL, Failure, FiniteCheck

READ_EVERY = 500  # steps after which losses and gradients are at the latest checked to be finite

Log = Callable[[int, list[float], list[dict[str, float]]], None]
Evaluate = Callable[[int], bool]
Fail = Callable[[int, Failure], bool]
IsDue = Callable[[], bool]
Halt = Callable[[int], None]


class Learner(Protocol):
    """One run (``Trainer``) or R replicas that train as one (``Stack``)."""

    def train(self) -> None:
        """Go into training mode."""

    def step(self, step: int, progress: float) -> dict[str, Tensor]:
        """Make one step, a function of the state and ``step`` alone; returns detached loss terms, ``(R,)`` each."""

    def check_gradients(self) -> Tensor:
        """For each replica a number that is finite if the gradients of the last step are, shape ``(R,)``."""

    def refresh(self, before: float, progress: float, evaluating: bool) -> None:
        """Let methods pass over whole splits after a step, where that is due: see ``Method.due``."""

    def rates(self) -> list[float]:
        """The learning rate of each replica's last step (of its first group)."""


def train(
    learner: Learner,
    *,
    steps: int,
    start: int = 0,
    log_every: int,
    log: Log,
    evaluate_every: int,
    evaluate: Evaluate,
    fail: Fail,
    is_halt_due: IsDue = lambda: False,
    halt: Halt = lambda done: None,
) -> None:
    """Train ``learner`` in place from step ``start`` to ``steps``, or until all of its replicas have failed.

    Whatever is random within a step (dropout, augmentation) is a function of seed and step alone: a resumed run draws
    the same numbers as an unbroken one, and evaluating more often changes nothing.

    Args:
        log: called with the number of steps done, and the last learning rate and loss terms of each replica, every
            ``log_every`` steps. Losses stay on the device until then.
        evaluate: called with the number of steps done, every ``evaluate_every`` steps and after the last; returns
            whether replicas are left that have not failed.
        fail: called, before the next ``log``, ``evaluate`` or ``halt``, with a replica whose losses or gradients are
            not finite and its first failure; returns whether others are left. A replica that failed trains on within
            its stack, which does not affect the others.
        is_halt_due: whether to call ``halt`` with the number of steps done, after all else of this step; it may end
            the training by an exception.
    """
    check = FiniteCheck()
    learner.train()
    if start == 0:
        learner.refresh(-1.0, 0.0, False)
    for step in range(start, steps):
        done = step + 1
        evaluating = done % evaluate_every == 0 or done == steps
        logging = done % log_every == 0 or done == steps
        try:
            terms = learner.step(step, step / steps)
            check.note(done, terms, learner.check_gradients(), learner.rates())
            learner.refresh(step / steps, done / steps, evaluating)
        except Exception as error:
            if _explains(error, check, fail, done, learner.rates()):
                return
            raise
        halting = is_halt_due()
        if (logging or evaluating or halting or done % READ_EVERY == 0) and not _report(check, fail):
            return
        if logging:
            values = torch.stack(list(terms.values()), dim=1).tolist()
            log(done, learner.rates(), [dict(zip(terms, row, strict=True)) for row in values])
        if evaluating:
            if not evaluate(done):
                return
            learner.train()
        if halting:
            halt(done)


def _report(check: FiniteCheck, fail: Fail) -> bool:
    """Report the replicas that failed since the last time; returns whether others are left."""
    left = [fail(replica, failure) for replica, failure in check.read().items()]
    return all(left)


def _explains(error: Exception, check: FiniteCheck, fail: Fail, done: int, rates: list[float]) -> bool:
    """Whether numbers that are not finite are behind an exception, and nothing is left to train."""
    if not _report(check, fail):
        return True
    if isinstance(error, NUMERICAL) and len(rates) == 1:
        return not fail(0, Failure(done, str(error).splitlines()[0], rates[0], {}))
    return False
