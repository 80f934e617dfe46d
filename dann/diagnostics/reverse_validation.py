"""Reverse validation (Zhong et al. 2010), as in Ganin et al. 2016, section 5.1.2."""

from copy import deepcopy
from dataclasses import replace

import torch

from dann.config.schema import Config
from dann.data.domain import UNLABELLED, Split
from dann.data.loading.stream import REVERSE, Stream, derive
from dann.training.best_weights import BestWeights
from dann.training.evaluate import evaluate
from dann.training.outputs import compute_outputs
from dann.training.staged_optimizer import StagedOptimizer
from dann.training.trainer import Trainer


def reverse_validation(trainer: Trainer, config: Config, steps: int) -> float:
    """The accuracy on the source's validation split of a copy trained in reverse; no target label is read.

    The copy begins with the weights that are evaluated, as the paper's neural networks do. It is trained by the run's
    own method and optimiser with the domains exchanged: its source is the target's training examples with the classes
    that the run predicts for them, neither resampled nor weighted; its target is the source's training examples without
    labels. There are no rounds of self-training. Its schedules run from 0 to 1 over ``steps``; the paper trains to
    convergence. With ``train.keep_best`` it stops early as the paper's does: the share ``data.validation`` of the
    labelled target is held out, by whose accuracy the best weights are kept.
    """
    method = deepcopy(trainer.method)
    method.load_state_dict(trainer.evaluated.state_dict())
    of_source, of_target = trainer.stream.transforms
    labelled, held_out = _label_target(trainer), None
    if config.train.keep_best is not None:
        labelled, held_out = _hold_out(labelled, config.data.validation, trainer.seed)
    validation = labelled.spread(len(trainer.splits["source_validation"])) if held_out is None else held_out
    best = None
    if held_out is not None and config.train.keep_best is not None:
        best = BestWeights(method, min(config.train.keep_best, steps), held_out, of_target, trainer.dtype)
    back = replace(
        trainer,
        method=method,
        optimizers=StagedOptimizer(method, config.optimizer, config.finetune),
        stream=_exchange_domains(trainer, labelled),
        splits={"source_validation": validation},
        average=best,
        self_training=None,  # its labels are those of the run
        parallel=None,  # other processes do not measure
    )
    try:
        _train(back, steps)
    finally:
        back.stream.reader.close()
    accuracy = evaluate(back.evaluated, trainer.splits["source_validation"], of_source, trainer.dtype).score
    assert accuracy is not None  # the source is labelled
    return accuracy


def _hold_out(labelled: Split, share: float, seed: int) -> tuple[Split, Split]:
    """The examples to train on, and a random share of them, at least one, that is held out."""
    order = torch.randperm(len(labelled), generator=torch.Generator().manual_seed(derive(seed, REVERSE)))
    count = max(1, round(share * len(labelled)))
    return labelled.take(order[count:].sort().values), labelled.take(order[:count].sort().values)


def _exchange_domains(trainer: Trainer, labelled: Split) -> Stream:
    """The batches of the reverse training: the labelled target as source, the source without labels as target."""
    unlabelled = replace(trainer.stream.source, y=torch.full_like(trainer.stream.source.y, UNLABELLED))
    source, target = trainer.stream.transforms
    return Stream(
        labelled,
        unlabelled,
        (target, source),
        batch_size=trainer.stream.sizes[0],
        target_batch_size=trainer.stream.sizes[1],
        seed=derive(trainer.seed, REVERSE),
        view=None if trainer.stream.view is None else source,
        device=trainer.device,
    )


def _label_target(trainer: Trainer) -> Split:
    """The target's training examples, labelled with the predicted classes."""
    target = trainer.stream.target
    logits = compute_outputs(trainer.evaluated, target, trainer.stream.transforms[1], trainer.dtype)["logits"]
    return replace(target, y=logits.argmax(dim=1), domain=torch.zeros_like(target.domain))


def _train(back: Trainer, steps: int) -> None:
    back.train()
    back.refresh(-1.0, 0.0, False)
    for step in range(steps):
        back.step(step, step / steps)
        back.refresh(step / steps, (step + 1) / steps, False)
