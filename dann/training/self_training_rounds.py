"""Incremental self-training: target examples join the labelled side, round by round, with their predicted labels.

As iDANN (Gallego, Calvo-Zaragoza and Fisher 2020), on top of any method. A label is kept once it is given, and the
method takes the example as one of the source from then on.
"""

import torch
from torch import Tensor

from dann.config.sections import SelfTrainingSection
from dann.data.domain import UNLABELLED
from dann.data.loading.stream import Stream
from dann.functional.neighbours import neighbours_agree
from dann.methods.method import Method, Stage
from dann.training.outputs import compute_outputs

ROUND = "round"  # the name of each round's stage


class SelfTraining:
    """The state of incremental self-training.

    Args:
        options: of the configuration.
        examples: N, the number of the target's training examples.
        domain: the index of these examples' domain on the labelled side.

    Attributes:
        labels: the label that each of them has been given, shape ``(N,)``; −1 for those that have none yet.
    """

    def __init__(self, options: SelfTrainingSection, examples: int, domain: int) -> None:
        self.options, self.domain = options, domain
        self.labels = torch.full((examples,), UNLABELLED)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """A stage for each round."""
        return tuple(Stage(ROUND, start) for start in _starts(self.options))

    def round_due(self, before: float, progress: float) -> int | None:
        """The number of the round that begins with a step, from 0 on; None if none does."""
        due = [number for number, start in enumerate(_starts(self.options)) if before < start <= progress]
        return due[-1] if due else None

    def move(self, number: int, method: Method, stream: Stream, dtype: torch.dtype) -> None:
        """Give labels to the most reliable examples that have none, and pass them to the stream.

        Args:
            number: of the round.
        """
        free = (self.labels == UNLABELLED).nonzero().flatten()
        target = compute_outputs(method, stream.target.take(free), stream.transforms[1], dtype)
        confidence, predicted = target["logits"].softmax(1).max(1)
        if self.options.select == "neighbours":
            source = compute_outputs(method, stream.labelled, stream.transforms[0], dtype)["features"]
            k = min(self.options.neighbours, len(source))
            agree = neighbours_agree(target["features"], predicted, source, stream.labelled.y, k)
            confidence = confidence.where(agree, -1.0)
        order = confidence.argsort(descending=True, stable=True)[: self._missing(number)]
        chosen = order[confidence[order] >= self.options.threshold]
        self.labels[free[chosen]] = predicted[chosen]
        stream.move(self.labels, self.domain)

    def restore(self, labels: Tensor, stream: Stream) -> None:
        """Go on with the labels of a checkpoint."""
        self.labels.copy_(labels)
        stream.move(self.labels, self.domain)

    def measure(self, truth: Tensor) -> dict[str, float]:
        """The share of examples that have been given a label, and as an oracle the share of these that is right.

        Args:
            truth: the labels of the target's training examples, shape ``(N,)``; −1 where there is none.
        """
        moved = self.labels != UNLABELLED
        known = moved & (truth != UNLABELLED)
        right = (self.labels == truth)[known].float().mean()
        purity = {"self_training_purity_oracle": float(right)} if known.any() else {}
        return {"self_training_share": float(moved.float().mean()), **purity}

    def _missing(self, number: int) -> int:
        """How many examples the round moves; at least one stays on the unlabelled side."""
        first, last, rounds = self.options.first, self.options.last, self.options.rounds
        share = last if rounds == 1 else first + (last - first) * number / (rounds - 1)
        wanted = min(round(share * len(self.labels)), len(self.labels) - 1)
        return max(0, wanted - int((self.labels != UNLABELLED).sum()))


def _starts(options: SelfTrainingSection) -> list[float]:
    """The share of training after which each round begins."""
    return [options.start + (1 - options.start) * number / options.rounds for number in range(options.rounds)]
