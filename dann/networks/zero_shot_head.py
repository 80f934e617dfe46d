"""Zero-shot classification: features scored against class vectors, so that unseen classes can be predicted."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NEVER = -100.0  # logit of an excluded class; finite, so that other losses on the logits stay finite


def give_class_vectors(
    classifier: nn.Module, vectors: Tensor, unseen: Sequence[int] = (), calibration: float = 0.0
) -> nn.Module:
    """Replace the last linear layer of a classifier, and what follows it, by a ``ZeroShotHead``.

    Args:
        vectors: as in ``ZeroShotHead``.
        unseen: as in ``ZeroShotHead``.
        calibration: as in ``ZeroShotHead``.
    """
    if isinstance(classifier, nn.Linear):
        return ZeroShotHead(classifier.in_features, vectors, unseen, calibration)
    name, last = [(name, part) for name, part in classifier.named_modules() if isinstance(part, nn.Linear)][-1]
    classifier.set_submodule(name, ZeroShotHead(last.in_features, vectors, unseen, calibration))
    if isinstance(classifier, nn.Sequential):  # BatchNorm on the logits would undo the calibration
        del classifier[[child for child, _ in classifier.named_children()].index(name.split(".")[0]) + 1 :]
    return classifier


class ZeroShotHead(nn.Module):
    """Features scored against class vectors: logit k is (W f + b) · v_k / ‖v_k‖.

    As in DeViSE (Frome et al. 2013), with cross-entropy in place of its ranking loss. The vectors are fixed; W and b
    are learnt. In training, unseen classes are excluded; otherwise every example would push the features away from
    their vectors. In evaluation all classes are candidates, and γ is subtracted from the logits of the seen classes,
    which would otherwise dominate: calibrated stacking (Chao et al. 2016).

    Args:
        in_features: D, width of the features.
        vectors: one vector v for each of the K classes, shape ``(K, E)``.
        unseen: indices of the classes without a labelled example in training.
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
