"""Classes as weighted means of features, and the class of the nearest one."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.functional.precision import at_least_float32, matmul


def centroids(features: Tensor, probabilities: Tensor) -> Tensor:
    """The mean feature of each class, shape ``(K, D + 1)``, every example weighted by its probability of the class.

    Liang et al. 2020 (SHOT), on the features with a 1 appended and scaled to unit length. The centroid of a class
    without any probability is 0.

    Args:
        features: shape ``(N, D)``.
        probabilities: or labels as one-hot rows, shape ``(N, K)``.
    """
    probabilities = at_least_float32(probabilities)
    mass = probabilities.sum(0).clamp_min(torch.finfo(probabilities.dtype).tiny)
    return matmul((probabilities / mass).T, _directions(features).to(probabilities.dtype))


def nearest_centroid(features: Tensor, centroids: Tensor) -> Tensor:
    """The class whose centroid has the largest cosine similarity to each example, shape ``(N,)``.

    Liang et al. 2020 (SHOT). A centroid of 0 is nobody's nearest.

    Args:
        features: shape ``(N, D)``.
        centroids: as ``centroids`` gives them, shape ``(K, D + 1)``.
    """
    similarity = matmul(_directions(features).to(centroids.dtype), F.normalize(centroids, dim=1).T)
    return similarity.masked_fill((centroids == 0).all(1), -torch.inf).argmax(1)


def _directions(features: Tensor) -> Tensor:
    """The features with a 1 appended, at unit length."""
    return F.normalize(F.pad(at_least_float32(features), (0, 1), value=1.0), dim=1)
