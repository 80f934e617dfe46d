"""Incremental self-training: target examples join the labelled side, round by round, with their predicted labels.

As iDANN (Gallego, Calvo-Zaragoza and Fisher 2020), on top of any method that reads labelled examples throughout. A
label is kept once it is given, and the method takes the example as one of the source from then on.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from dann.config.sections import SelfTrainingSection
from dann.data.domain import UNLABELLED
from dann.data.loading.stream import Stream
from dann.functional.neighbours import neighbours_agree
from dann.methods.method import Method, Stage
from dann.training.outputs import compute_outputs

ROUND, TARGET = "round", "target"  # the names of each round's stage, and of training without the source


class SelfTraining:
    """The state of incremental self-training.

    Args:
        options: of the configuration.
        examples: N, the number of the target's training examples.
        domain: the index of these examples' domain on the labelled side.

    Attributes:
        labels: the label that each of them has been given, shape ``(N,)``; −1 for those that have none yet.
        rounds: the number of the round that gave it, from 0 on, shape ``(N,)``; −1 likewise.
        ended: whether a round has found too few reliable examples, after which there are no more rounds.
        alone: whether the source has left the labelled side.
    """

    def __init__(self, options: SelfTrainingSection, examples: int, domain: int) -> None:
        self.options, self.domain = options, domain
        self.labels, self.rounds = torch.full((2, examples), UNLABELLED)
        self.ended = self.alone = False

    @property
    def stages(self) -> tuple[Stage, ...]:
        """A stage for each round, and one from where the source leaves."""
        stages = [Stage(ROUND, start) for start in _starts(self.options)]
        if self.options.source_until is not None:
            stages.append(Stage(TARGET, self.options.source_until))
        return tuple(sorted(stages, key=lambda stage: stage.start))

    def advance(self, before: float, progress: float, method: Method, stream: Stream, dtype: torch.dtype) -> None:
        """Do what is due after a step: begin a round, let the source leave.

        Args:
            before: progress before the step.
            progress: after it.
        """
        number, leaves = self._round_due(before, progress), self.options.source_until
        if number is not None and not self.ended:
            self._give_labels(number, method, stream, dtype)
        elif not self._source_leaves(before, progress):
            return
        if leaves is not None and progress >= leaves:
            self.alone = len(self.labels[self.labels != UNLABELLED].unique()) == method.network.num_classes
        stream.move(self.labels, self.domain, self.alone)

    def is_due(self, before: float, progress: float) -> bool:
        """Whether ``advance`` may change anything after a step."""
        return self._round_due(before, progress) is not None or self._source_leaves(before, progress)

    def _source_leaves(self, before: float, progress: float) -> bool:
        leaves = self.options.source_until
        return leaves is not None and before < leaves <= progress

    def _round_due(self, before: float, progress: float) -> int | None:
        """The number of the round that begins with a step, from 0 on; None if none does."""
        due = [number for number, start in enumerate(_starts(self.options)) if before < start <= progress]
        return due[-1] if due else None

    def _give_labels(self, number: int, method: Method, stream: Stream, dtype: torch.dtype) -> None:
        """Give labels to the most reliable examples that have none."""
        free = (self.labels == UNLABELLED).nonzero().flatten()
        target = compute_outputs(method, stream.target.take(free), stream.transforms[1], dtype)
        margins, predicted = confidence_margins(target["logits"])
        reliable = margins >= _margin(self.options.threshold)
        if self.options.select == "neighbours":
            labelled = _labelled_features(method, stream, dtype)
            k = min(self.options.neighbours, len(labelled))
            reliable &= neighbours_agree(target["features"], predicted, labelled, stream.labelled.y, k)
        order = margins.argsort(descending=True, stable=True)
        chosen = order[reliable[order]][: self._missing(number)]
        self.labels[free[chosen]], self.rounds[free[chosen]] = predicted[chosen], number
        self.ended = int((self.labels != UNLABELLED).sum()) < self.options.stop * self._due(number)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {"labels": self.labels, "rounds": self.rounds, "ended": torch.tensor([self.ended, self.alone])}

    def restore(self, state: Mapping[str, Tensor], stream: Stream) -> None:
        """Go on from the state of a checkpoint."""
        self.labels.copy_(state["labels"])
        self.rounds.copy_(state["rounds"])
        self.ended, self.alone = state["ended"].tolist()
        stream.move(self.labels, self.domain, self.alone)

    def measure(self, truth: Tensor) -> dict[str, float]:
        """The share of examples that have been given a label, and as an oracle the share of these that is right.

        The latter, the purity, is that of all and of each round that moved any, counted from 1.

        Args:
            truth: the labels of the target's training examples, shape ``(N,)``; −1 where there is none.
        """
        moved = self.labels != UNLABELLED
        measured = {"self_training_share": float(moved.float().mean())}
        known, right = moved & (truth != UNLABELLED), self.labels == truth
        if known.any():
            measured["self_training_purity_oracle"] = float(right[known].float().mean())
        for number in self.rounds[known].unique().tolist():
            own = known & (self.rounds == number)
            measured[f"self_training_purity_{number + 1}_oracle"] = float(right[own].float().mean())
        return measured

    def _due(self, number: int) -> int:
        """How many examples should have a label after a round; at least one stays on the unlabelled side."""
        first, last, rounds = self.options.first, self.options.last, self.options.rounds
        share = last if rounds == 1 else first + (last - first) * number / (rounds - 1)
        return min(round(share * len(self.labels)), len(self.labels) - 1)

    def _missing(self, number: int) -> int:
        """How many examples a round moves at most."""
        return max(0, self._due(number) - int((self.labels != UNLABELLED).sum()))


def _labelled_features(method: Method, stream: Stream, dtype: torch.dtype) -> Tensor:
    """The features of the labelled examples, shape ``(N, D)``: each with the transform of its own domain."""
    rows = torch.arange(len(stream.labelled))
    parts = [
        compute_outputs(method, stream.labelled.take(side), transform, dtype)["features"]
        for side, transform in zip((rows[: stream.own], rows[stream.own :]), stream.transforms, strict=True)
        if len(side)
    ]
    return torch.cat(parts)


def confidence_margins(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithm of the odds of the predicted class, shape ``(N,)``, and that class.

    Its order is that of the probability, of which single precision makes 1 for many examples.

    Args:
        logits: shape ``(N, K)``.
    """
    predicted = logits.argmax(1)
    others = logits.double().scatter(1, predicted[:, None], -torch.inf)
    return logits.double().gather(1, predicted[:, None]).squeeze(1) - others.logsumexp(1), predicted


def _margin(probability: float) -> float:
    """The logarithm of the odds of a probability below 1."""
    return math.log(probability / (1 - probability)) if probability > 0 else -math.inf


def _starts(options: SelfTrainingSection) -> list[float]:
    """The share of training after which each round begins."""
    return [options.start + (1 - options.start) * number / options.rounds for number in range(options.rounds)]
