"""A classifier that knows classes by vectors, so that it can predict some that it was never shown."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NEVER = -100.0  # logit of a class that is no candidate; finite, for what else may read logits


def give_class_vectors(
    classifier: nn.Module, vectors: Tensor, unseen: Sequence[int] = (), calibration: float = 0.0
) -> nn.Module:
    """A classifier whose last layer scores its hidden features against class vectors, as ``ZeroShotHead`` does."""
    if isinstance(classifier, nn.Linear):
        return ZeroShotHead(classifier.in_features, vectors, unseen, calibration)
    name, last = [(name, part) for name, part in classifier.named_modules() if isinstance(part, nn.Linear)][-1]
    classifier.set_submodule(name, ZeroShotHead(last.in_features, vectors, unseen, calibration))
    return classifier


class ZeroShotHead(nn.Module):
    """Features scored against class vectors: logit k is (W f + b) · v_k / ‖v_k‖.

    As in DeViSE (Frome et al. 2013), with the cross-entropy in place of its ranking loss. The vectors stay as they are;
    W and b are learnt. In training unseen classes are no candidates, lest every example
    drive features away from their vectors. In evaluation all classes are, and the logits of the seen ones, which would
    nearly always win, are reduced by γ: calibrated stacking (Chao et al. 2016).

    Args:
        in_features: D.
        vectors: of the K classes, shape ``(K, E)``.
        unseen: classes without a labelled example in training.
        calibration: γ.

    Shapes: ``(N, D)`` to ``(N, K)``.
    """

    vectors: Tensor
    unseen: Tensor

    def __init__(self, in_features: int, vectors: Tensor, unseen: Sequence[int] = (), calibration: float = 0.0) -> None:
        super().__init__()
        self.projection = nn.Linear(in_features, vectors.shape[1])
        self.calibration = calibration
        self.register_buffer("vectors", vectors)
        self.register_buffer("unseen", torch.isin(torch.arange(len(vectors)), torch.tensor(unseen, dtype=torch.int64)))

    def forward(self, features: Tensor) -> Tensor:
        projected = self.projection(features)
        logits: Tensor = projected @ F.normalize(self.vectors).to(projected.dtype).T
        if self.training:
            return logits.masked_fill(self.unseen, NEVER)
        return logits.where(self.unseen, logits - self.calibration)
