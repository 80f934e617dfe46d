"""A classifier that knows classes by vectors, so that it can predict some that it was never shown."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALE = 10.0  # of the cosines to begin with: their range alone would leave every prediction near uniform


def told_by(classifier: nn.Module, vectors: Tensor) -> nn.Module:
    """A classifier whose last layer scores its hidden features against class vectors, shape ``(K, E)``."""
    if isinstance(classifier, nn.Linear):
        return SemanticHead(classifier.in_features, vectors)
    name, last = [(name, part) for name, part in classifier.named_modules() if isinstance(part, nn.Linear)][-1]
    classifier.set_submodule(name, SemanticHead(last.in_features, vectors))
    return classifier


class SemanticHead(nn.Module):
    """Features scored against class vectors: logit k is s · cos(W f + b, v_k).

    As in DeViSE (Frome et al. 2013), with the cross-entropy of scaled cosines in place of its ranking loss. The vectors
    stay as they are; W, b and the scale s are learnt.

    Args:
        in_features: D.
        vectors: of the K classes, shape ``(K, E)``.

    Shapes: ``(N, D)`` to ``(N, K)``.
    """

    vectors: Tensor

    def __init__(self, in_features: int, vectors: Tensor) -> None:
        super().__init__()
        self.projection = nn.Linear(in_features, vectors.shape[1])
        self.scale = nn.Parameter(torch.tensor(SCALE))
        self.register_buffer("vectors", vectors)

    def forward(self, features: Tensor) -> Tensor:
        projected = F.normalize(self.projection(features))
        return self.scale * projected @ F.normalize(self.vectors).to(projected.dtype).T
