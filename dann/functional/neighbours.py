"""Nearest neighbours in feature space."""

import torch
from torch import Tensor

CHUNK = 2**24  # distances at once


def neighbours_agree(features: Tensor, labels: Tensor, known: Tensor, known_labels: Tensor, k: int) -> Tensor:
    """Whether the k nearest of the known examples all have the label of an example, by Euclidean distance.

    Args:
        features: of N examples, shape ``(N, D)``.
        labels: their labels, shape ``(N,)``.
        known: features of M labelled examples, shape ``(M, D)``.
        known_labels: their labels, shape ``(M,)``.
        k: at most M.

    Returns:
        a mask, shape ``(N,)``.
    """
    lengths = known.square().sum(1)
    agree = []
    size = max(1, CHUNK // len(known))
    for part, own in zip(torch.split(features, size), torch.split(labels, size), strict=True):
        # The square of a distance but for the example's own length, which is the same for all of its neighbours.
        nearest = (lengths - 2 * part @ known.T).topk(k, dim=1, largest=False, sorted=False).indices
        agree.append((known_labels[nearest] == own[:, None]).all(1))
    return torch.cat(agree)
