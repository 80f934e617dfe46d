"""The one training loop."""

from collections.abc import Callable

import torch
from torch import Tensor

from dann.data import Batch, Stream, derive
from dann.data.stream import STEP
from dann.device import autocast, reseed
from dann.methods import Method
from dann.schedules import Schedule

Log = Callable[[int, float, dict[str, float]], None]
Evaluate = Callable[[int], None]


def train(
    method: Method,
    stream: Stream,
    optimizer: torch.optim.Optimizer,
    schedule: Schedule,
    *,
    steps: int,
    seed: int,
    start: int = 0,
    dtype: torch.dtype = torch.float32,
    log_every: int,
    log: Log,
    evaluate_every: int,
    evaluate: Evaluate,
) -> None:
    """Train ``method`` in place from step ``start`` to ``steps``.

    What is random within a step (dropout, augmentation) is a function of seed and step alone: a resumed run draws
    what an unbroken one does, and evaluating more often changes nothing.

    Args:
        schedule: maps progress to the factor on each parameter group's first learning rate.
        dtype: of autocast; float32 for none.
        log: called with the number of steps done, the last learning rate (of the first group) and loss terms, every
            ``log_every`` steps. Losses stay on the device until then.
        evaluate: called with the number of steps done, every ``evaluate_every`` steps and after the last.
    """
    method.train()
    for step in range(start, steps):
        progress = step / steps
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * schedule(progress)
        batch = stream[step]
        reseed(batch.source_x.device, derive(seed, STEP, step))
        terms: dict[str, Tensor] = {}
        for phase in method.phases:
            terms.update(update(method, batch, progress, phase, optimizer, dtype))
        done = step + 1
        if done % log_every == 0 or done == steps:
            names, values = list(terms), torch.stack(list(terms.values())).tolist()
            log(done, optimizer.param_groups[0]["lr"], dict(zip(names, values, strict=True)))
        if done % evaluate_every == 0 or done == steps:
            evaluate(done)
            method.train()


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
    torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    stepped = {id(parameter) for parameter in method.phase_parameters(phase)}
    for parameter in method.parameters():
        if id(parameter) not in stepped:
            parameter.grad = None  # optimisers leave a parameter without a gradient as it is
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}
