"""Evaluation: the scores of a method on whole splits."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks
from dann.data.number_labels import LabelScale
from dann.evaluation.regression_metrics import r_squared
from dann.methods.method import Method
from dann.training.outputs import ToInputs, inference
from dann.training.trainer import Trainer


@dataclass(frozen=True)
class Scores:
    """The predictions for one split and, where it is labelled, their score.

    Args:
        score: share of examples whose largest logit is that of their label or, for numbers, R²; None without labels.
        confusion: counts, shape ``(K, K)``, a row per true class and a column per predicted class; None without labels
            and for numbers.
        labels: shape ``(N,)``; −1 or NaN throughout where the split has none.
        predictions: the probabilities of the classes, shape ``(N, K)``, or numbers in the unit of the labels,
            ``(N, 1)``; on the CPU.
        as_target: the discriminator's probability of "this is a target example", shape ``(N,)``, on the CPU; None for
            a method without a discriminator.
    """

    score: float | None
    confusion: Tensor | None
    labels: Tensor
    predictions: Tensor
    as_target: Tensor | None

    @property
    def of_numbers(self) -> bool:
        """Whether numbers are predicted, not classes."""
        return self.labels.is_floating_point()


def evaluate_splits(trainer: Trainer) -> dict[str, Scores]:
    """The scores on every evaluated split of a run, as it is now."""
    return {
        name: evaluate(trainer.evaluated, split, trainer.transform(name), trainer.dtype, trainer.stream.scale)
        for name, split in trainer.splits.items()
    }


def find_broken(trainer: Trainer, scores: Mapping[str, Scores]) -> str | None:
    """The weights or the predictions that are not finite, if there are any."""
    for name, value in trainer.method.state_dict().items():
        if not value.isfinite().all():
            return f"{name} not finite"
    splits = (split for split, scored in scores.items() if not scored.predictions.isfinite().all())
    return next((f"predictions on {split} not finite" for split in splits), None)


def evaluate(
    method: Method,
    split: Split,
    transform: ToInputs,
    dtype: torch.dtype = torch.float32,
    scale: LabelScale | None = None,
) -> Scores:
    """The scores of ``method`` on a split whose examples all have labels, or of which none has.

    Args:
        scale: by which numbers were standardised; None for classes.
    """
    logits_of_chunks, as_target = [], []
    device = next(method.parameters()).device
    with inference(method, device, dtype):
        for x in read_chunks(split):
            outputs = method.outputs(transform(x.to(device)))
            logits_of_chunks.append(outputs["logits"].float())
            if method.adversarial:
                as_target.append(method.domain_logits(outputs).float().sigmoid())
        logits = torch.cat(logits_of_chunks).cpu()
        sides = torch.cat(as_target).cpu() if as_target else None
    if scale is not None:
        predicted = scale.restore(logits)
        score = r_squared(split.y.numpy(), predicted.squeeze(1).numpy()) if len(split.labelled) else None
        return Scores(score, None, split.y, predicted, sides)
    confusion = _confusion(split.y, logits) if len(split.labelled) else None
    accuracy = None if confusion is None else int(confusion.diagonal().sum()) / len(split)
    return Scores(accuracy, confusion, split.y, logits.softmax(1), sides)


def _confusion(labels: Tensor, logits: Tensor) -> Tensor:
    classes = logits.shape[1]
    pairs = labels * classes + logits.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def reported_scores(scores: Mapping[str, Scores]) -> dict[str, Scores]:
    """The scores on the labelled test splits; of a source without one, on its validation split."""
    labelled = {split: each for split, each in scores.items() if each.score is not None}
    return {split: each for split, each in labelled.items() if split.endswith("_test") or "source_test" not in scores}
