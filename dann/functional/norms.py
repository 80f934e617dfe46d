"""Penalties on the norms and singular values of features."""

import torch
from torch import Tensor

from dann.functional.precision import at_least_float32


def hard_feature_norm(source: Tensor, target: Tensor, radius: float = 25.0) -> Tensor:
    """The squared distance of each domain's mean feature norm from a radius, summed over the two domains.

    Xu et al. 2019 (AFN), equation (7), the hard variant.

    Args:
        source: shape ``(N, D)``.
        target: shape ``(M, D)``.
        radius: R, the norm that both domains are to have.
    """
    return (_norms(source).mean() - radius).square() + (_norms(target).mean() - radius).square()


def stepwise_feature_norm(features: Tensor, step: float = 1.0) -> Tensor:
    """The mean squared distance of each feature norm from itself plus a step: its gradient raises the norms.

    Xu et al. 2019 (AFN), equation (9), the stepwise variant: (‖f‖ + Δr − ‖f‖)² with the first norm held fixed, so that
    the value is always Δr².

    Args:
        features: shape ``(N, D)``.
        step: Δr.
    """
    norms = _norms(features)
    return (norms.detach() + step - norms).square().mean()


def spectral_penalty(features: Tensor, k: int = 1) -> Tensor:
    """The sum of the k largest squared singular values of the features of one domain.

    Chen et al. 2019 (BSP), who add it up over the two domains.

    Args:
        features: shape ``(N, D)``.
        k: how many singular values, the largest first.
    """
    largest: Tensor = torch.linalg.svdvals(at_least_float32(features))[:k]
    return largest.square().sum()


def spectral_shrinkage(features: Tensor, k: int = 1) -> Tensor:
    """The sum of the k smallest squared singular values of a batch's features.

    Chen et al. 2019 (BSS, "Catastrophic forgetting meets negative transfer").

    Args:
        features: shape ``(N, D)``.
        k: how many singular values, the smallest first.
    """
    smallest: Tensor = torch.linalg.svdvals(at_least_float32(features))[-k:]
    return smallest.square().sum()


def map_distance(maps: Tensor, start: Tensor, attention: Tensor) -> Tensor:
    """The squared distance of feature maps from what they were, channel by channel; the mean over the examples.

    Li et al. 2019 (DELTA): Σ_c W_c ‖FM_c − FM⁰_c‖².

    Args:
        maps: shape ``(N, C, ...)``.
        start: the same before fine-tuning.
        attention: W, shape ``(C,)``.
    """
    distances = (at_least_float32(maps) - at_least_float32(start)).flatten(2).square().sum(2)
    return (distances * attention).sum(1).mean()


def _norms(features: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(at_least_float32(features), dim=1)
    return norms
