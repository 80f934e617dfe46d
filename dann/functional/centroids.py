"""Class centroids of features, and classification by the nearest centroid."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.functional.precision import at_least_float32, matmul


def centroids(features: Tensor, probabilities: Tensor) -> Tensor:
    """The centroid of each class, shape ``(K, D + 1)``: the mean feature, weighted by the class probabilities.

    Liang et al. 2020 (SHOT). A 1 is appended to each example's features, and the result is scaled to unit length. The
    centroid of a class whose probabilities are all 0 is 0.

    Args:
        features: shape ``(N, D)``.
        probabilities: class probabilities, or one-hot labels, shape ``(N, K)``.
    """
    probabilities = at_least_float32(probabilities)
    mass = probabilities.sum(0).clamp_min(torch.finfo(probabilities.dtype).tiny)
    return matmul((probabilities / mass).T, _directions(features).to(probabilities.dtype))


def nearest_centroid(features: Tensor, centroids: Tensor) -> Tensor:
    """The class whose centroid has the largest cosine similarity to each example, shape ``(N,)``.

    Liang et al. 2020 (SHOT). A class whose centroid is 0 is never chosen.

    Args:
        features: shape ``(N, D)``.
        centroids: the result of ``centroids``, shape ``(K, D + 1)``.
    """
    similarity = matmul(_directions(features).to(centroids.dtype), F.normalize(centroids, dim=1).T)
    return similarity.masked_fill((centroids == 0).all(1), -torch.inf).argmax(1)


def _directions(features: Tensor) -> Tensor:
    """The features with a 1 appended, scaled to unit length."""
    return F.normalize(F.pad(at_least_float32(features), (0, 1), value=1.0), dim=1)
