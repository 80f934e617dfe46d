"""Nearest neighbours in feature space."""

import torch
from torch import Tensor

from dann.functional.precision import at_least_float32, matmul

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


def nearest_others(rows: Tensor, directions: Tensor, k: int) -> Tensor:
    """The places of the k other examples with the largest cosine similarity to each example, shape ``(N, k)``.

    Yang et al. 2021 (NRC), section 3. Where there are fewer than k others, these are all of them.

    Args:
        rows: the places of N examples among the M, shape ``(N,)``.
        directions: features of M examples, scaled to unit length, shape ``(M, D)``; M is at least 2.
        k: at least 1.
    """
    k, size = min(k, len(directions) - 1), max(1, CHUNK // len(directions))
    nearest = []
    for part in torch.split(rows, size):
        similarity = matmul(directions[part], directions.T)
        similarity.scatter_(1, part[:, None], -torch.inf)  # an example is not its own neighbour
        nearest.append(similarity.topk(k, dim=1).indices)
    return torch.cat(nearest)


def reciprocal_affinity(rows: Tensor, expanded: Tensor, other: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """The affinity A of each example and each of its neighbours, shape ``(N, K)``: 1 if they are reciprocal.

    Yang et al. 2021 (NRC), section 3: neighbours are reciprocal if the example is one of the M nearest of its
    neighbour; the affinity of others is r.

    Args:
        rows: the places of N examples, shape ``(N,)``.
        expanded: the places of the M nearest of each of their K neighbours, shape ``(N, K, M)``.
        other: r, from 0 to 1.
        dtype: of the result.
    """
    return (expanded == rows[:, None, None]).any(2).to(dtype).clamp_min(other)


def neighbour_agreement(probabilities: Tensor, neighbours: Tensor, affinity: Tensor) -> Tensor:
    """The mean over examples of Σ_k A_k S_kᵀ p: how far predictions are those of neighbours, and certain.

    Yang et al. 2021 (NRC), section 3: minus the loss L_N, and with other neighbours and affinities minus the losses of
    expanded neighbours L_E and of self-regularisation L_self.

    Args:
        probabilities: p, of N examples, shape ``(N, C)``.
        neighbours: S, the class probabilities of each example's K neighbours, shape ``(N, K, C)``.
        affinity: A, shape ``(N, K)``.
    """
    agreement = (at_least_float32(neighbours) * at_least_float32(probabilities)[:, None]).sum(2)
    return (at_least_float32(affinity) * agreement).sum(1).mean()
