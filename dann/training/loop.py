"""The one training loop."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Log = Callable[[int, list[float], list[dict[str, float]]], None]
Evaluate = Callable[[int], None]


class Learner(Protocol):
    """One run (``Trainer``) or R replicas that train as one (``Stack``)."""

    def train(self) -> None:
        """Go into training mode."""

    def step(self, step: int, progress: float) -> dict[str, Tensor]:
        """Make one step, a function of the state and ``step`` alone; returns detached loss terms, ``(R,)`` each."""

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
) -> None:
    """Train ``learner`` in place from step ``start`` to ``steps``.

    Whatever is random within a step (dropout, augmentation) is a function of seed and step alone: a resumed run draws
    the same numbers as an unbroken one, and evaluating more often changes nothing.

    Args:
        log: called with the number of steps done, and the last learning rate and loss terms of each replica, every
            ``log_every`` steps. Losses stay on the device until then.
        evaluate: called with the number of steps done, every ``evaluate_every`` steps and after the last.
    """
    learner.train()
    if start == 0:
        learner.refresh(-1.0, 0.0, False)
    for step in range(start, steps):
        terms = learner.step(step, step / steps)
        done = step + 1
        evaluating = done % evaluate_every == 0 or done == steps
        learner.refresh(step / steps, done / steps, evaluating)
        if done % log_every == 0 or done == steps:
            values = torch.stack(list(terms.values()), dim=1).tolist()
            log(done, learner.rates(), [dict(zip(terms, row, strict=True)) for row in values])
        if evaluating:
            evaluate(done)
            learner.train()
