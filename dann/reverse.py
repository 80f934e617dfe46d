"""Reverse validation (Zhong et al. 2010), as in Ganin et al. 2016, section 5.1.3."""

from copy import deepcopy
from dataclasses import replace

import torch

from dann.build import Setup, fresh_optimizer
from dann.config import Config
from dann.data import Split, Stream, derive
from dann.data.domain import UNLABELLED
from dann.data.stream import REVERSE
from dann.evaluate import evaluate, outputs


def reverse_validation(setup: Setup, config: Config, steps: int) -> float:
    """The accuracy on the held-out source of a copy that was trained in reverse; no target label is read.

    The copy begins with the weights learned so far, as the paper's neural networks do. It is trained by the run's own
    method and optimiser with the domains exchanged: the labelled side is the target's training examples with the
    classes that the run predicts for them, neither resampled nor weighted, the other the source's without labels. Its
    schedules run from 0 to 1 over ``steps``; the paper trains to convergence.
    """
    method = deepcopy(setup.method)
    optimizer = fresh_optimizer(config, method)
    labelled = _self_labelled(setup)
    unlabelled = replace(setup.stream.source, y=torch.full_like(setup.stream.source.y, UNLABELLED))
    source, target = setup.stream.transforms
    stream = Stream(
        labelled,
        unlabelled,
        (target, source),
        batch_size=setup.stream.sizes[0],
        target_batch_size=setup.stream.sizes[1],
        seed=derive(setup.seed, REVERSE),
        view=None if setup.stream.view is None else source,
        device=setup.device,
    )
    held_out = {"source_validation": labelled.spread(len(setup.splits["source_validation"]))}
    back = replace(setup, method=method, optimizer=optimizer, stream=stream, splits=held_out)
    try:
        _train(back, steps)
    finally:
        stream.reader.close()
    return evaluate(method, setup.splits["source_validation"], source, setup.dtype).accuracy


def _self_labelled(setup: Setup) -> Split:
    """The target's training examples with the classes that are predicted for them."""
    target = setup.stream.target
    logits = outputs(setup.method, target, setup.stream.transforms[1], setup.dtype)["logits"]
    return replace(target, y=logits.argmax(dim=1), domain=torch.zeros_like(target.domain))


def _train(back: Setup, steps: int) -> None:
    back.train()
    back.refresh(-1.0, 0.0, False)
    for step in range(steps):
        back.step(step, step / steps)
        back.refresh(step / steps, (step + 1) / steps, False)
