"""The one training loop."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.methods.method import Method
from dann.training.device import autocast

Log = Callable[[int, list[float], list[dict[str, float]]], None]
Evaluate = Callable[[int], None]


class Learner(Protocol):
    """What the loop trains: one run (``Trainer``) or R replicas at once (``Stack``)."""

    def train(self) -> None:
        """Go into training mode."""

    def step(self, step: int, progress: float) -> dict[str, Tensor]:
        """Make one step, a function of the state and ``step`` alone; returns detached loss terms, ``(R,)`` each."""

    def refresh(self, before: float, progress: float, evaluating: bool) -> None:
        """Let methods take in what whole splits tell after a step, where it is due: see ``Method.due``."""

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

    What is random within a step (dropout, augmentation) is a function of seed and step alone: a resumed run draws
    what an unbroken one does, and evaluating more often changes nothing.

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


def update(
    method: Method,
    batch: Batch,
    progress: float,
    phase: str,
    optimizer: torch.optim.Optimizer,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """One forward, backward and step of the phase's parameters; returns the detached loss terms."""
    with autocast(batch.source_x.device, dtype):
        terms: dict[str, Tensor] = method(batch, progress, phase)
    optimizer.zero_grad(set_to_none=True)
    loss = torch.stack(list(terms.values())).sum()
    if loss.requires_grad:  # not where all that a phase steps is frozen
        loss.backward()  # type: ignore[no-untyped-call]
    if (stepped := method.phase_parameters(phase)) is not None:
        kept = {id(parameter) for parameter in stepped}
        for parameter in method.parameters():
            if id(parameter) not in kept:
                parameter.grad = None  # optimisers leave a parameter without a gradient as it is
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}
