"""Penalties on the norms and singular values of features."""

import torch
from torch import Tensor

from dann.functional.precision import at_least_float32
from dann.functional.singular_values import singular_values


def hard_feature_norm(source: Tensor, target: Tensor, radius: float = 25.0) -> Tensor:
    """The squared difference between a domain's mean feature norm and a radius, summed over the two domains.

    Xu et al. 2019 (AFN), equation (7), the hard variant.

    Args:
        source: shape ``(N, D)``.
        target: shape ``(M, D)``.
        radius: R, the desired mean norm.
    """
    return (_norms(source).mean() - radius).square() + (_norms(target).mean() - radius).square()


def stepwise_feature_norm(features: Tensor, step: float = 1.0) -> Tensor:
    """A penalty whose gradient increases every feature norm at the same rate; its value is constant.

    Xu et al. 2019 (AFN), equation (9), the stepwise variant: the mean of (‖f‖ + Δr − ‖f‖)² with the first norm held
    fixed, so that the value is always Δr².

    Args:
        features: shape ``(N, D)``.
        step: Δr.
    """
    norms = _norms(features)
    return (norms.detach() + step - norms).square().mean()


def spectral_penalty(features: Tensor, k: int = 1) -> Tensor:
    """The sum of the squares of the k largest singular values of one domain's features.

    Chen et al. 2019 (BSP), who sum it over the two domains.

    Args:
        features: shape ``(N, D)``.
        k: number of singular values, from the largest.
    """
    largest: Tensor = singular_values(at_least_float32(features))[:k]
    return largest.square().sum()


def spectral_shrinkage(features: Tensor, k: int = 1) -> Tensor:
    """The sum of the squares of the k smallest singular values of a batch's features.

    Chen et al. 2019 (BSS, "Catastrophic forgetting meets negative transfer").

    Args:
        features: shape ``(N, D)``.
        k: number of singular values, from the smallest.
    """
    smallest: Tensor = singular_values(at_least_float32(features))[-k:]
    return smallest.square().sum()


def map_distance(maps: Tensor, start: Tensor, attention: Tensor) -> Tensor:
    """The squared distance between feature maps now and before fine-tuning, weighted by channel; mean over examples.

    Li et al. 2019 (DELTA): Σ_c W_c ‖FM_c − FM⁰_c‖².

    Args:
        maps: FM, shape ``(N, C, ...)``.
        start: FM⁰, the same maps before fine-tuning.
        attention: W, the weight of each channel, shape ``(C,)``.
    """
    distances = (at_least_float32(maps) - at_least_float32(start)).flatten(2).square().sum(2)
    return (distances * attention).sum(1).mean()


def _norms(features: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(at_least_float32(features), dim=1)
    return norms
