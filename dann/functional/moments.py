"""Distances of two samples by their means, covariances and kernel mean embeddings."""

from collections.abc import Sequence
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from dann.functional.precision import precise, product

Estimator = Literal["unbiased", "biased", "linear"]
Bandwidth = Literal["median", "mean"]
ROUNDING = 100  # units in the last place by which distances of equal examples may differ from 0


def mean_distance(source: Tensor, target: Tensor) -> Tensor:
    """The squared Euclidean distance of the two means: the squared MMD with a linear kernel.

    Tzeng et al. 2014 (DDC), equation (1), squared.

    Args:
        source: shape ``(N, D)``.
        target: shape ``(M, D)``.
    """
    return (precise(source).mean(0) - precise(target).mean(0)).square().sum()


def coral(source: Tensor, target: Tensor) -> Tensor:
    """The squared Frobenius distance of the two covariances over 4D².

    Sun and Saenko 2016 (Deep CORAL), equations (1) to (3). The covariances divide by N − 1 and M − 1.

    Args:
        source: shape ``(N, D)``, N at least 2.
        target: shape ``(M, D)``, M at least 2.
    """
    return (_covariance(source) - _covariance(target)).square().sum() / (4 * source.shape[1] ** 2)


def _covariance(features: Tensor) -> Tensor:
    centred = precise(features) - precise(features).mean(0)
    return product(centred.T, centred) / (len(features) - 1)


def mk_mmd(
    source: Tensor,
    target: Tensor,
    *,
    estimator: Estimator = "unbiased",
    multipliers: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    bandwidth: Bandwidth = "median",
) -> Tensor:
    """An estimate of the squared maximum mean discrepancy with a mean of Gaussian kernels.

    k(x, y) = mean over the multipliers c of exp(−‖x − y‖² / (c b)). Gretton et al. 2012; as a loss on features, with
    many kernels at once, Long et al. 2015 (DAN).

    Args:
        source: shape ``(N, D)``.
        target: shape ``(M, D)``.
        estimator: ``unbiased`` is Gretton's equation (3), a U-statistic that can be negative and needs two examples of
            each domain; ``biased`` is equation (5), over all pairs, i = j too; ``linear`` is equation (14), over
            disjoint pairs of examples: only as many of them as the smaller domain has, and an even number.
        multipliers: c, of the bandwidth.
        bandwidth: b, the median or the mean of the squared distances of all pairs of the N + M examples. No gradient
            flows through it.
    """
    return jmmd([source], [target], estimator=estimator, multipliers=multipliers, bandwidth=bandwidth)


def jmmd(
    sources: Sequence[Tensor],
    targets: Sequence[Tensor],
    *,
    estimator: Estimator = "biased",
    multipliers: Sequence[float] = (1.0,),
    bandwidth: Bandwidth = "median",
) -> Tensor:
    """The squared maximum mean discrepancy of the joint distributions of several layers.

    Long et al. 2017 (JAN), equations (8) and (9), the ``linear`` estimator (11): the kernel is the product of the
    layers' kernels, each with its own bandwidth. With one layer it is ``mk_mmd``.

    Args:
        sources: of each layer, shape ``(N, D_l)``.
        targets: of each layer, shape ``(M, D_l)``.
        estimator: as in ``mk_mmd``.
        multipliers: as in ``mk_mmd``, the same for every layer.
        bandwidth: as in ``mk_mmd``.
    """
    layers = [(precise(source), precise(target)) for source, target in zip(sources, targets, strict=True)]
    if estimator == "linear":
        return _linear(layers, multipliers, bandwidth)
    kernels = []
    for source, target in layers:
        distances = _pooled_distances(source, target)
        kernels.append(_kernel(distances, _bandwidth(distances, bandwidth), multipliers))
    return _quadratic(reduce(torch.mul, kernels), len(sources[0]), estimator)


def _quadratic(kernel: Tensor, sources: int, estimator: Estimator) -> Tensor:
    """The estimate from the kernel of all pairs, shape ``(N + M, N + M)``, the source examples first."""
    mean = _mean_of_distinct if estimator == "unbiased" else torch.mean
    within = mean(kernel[:sources, :sources]) + mean(kernel[sources:, sources:])
    return within - 2 * kernel[:sources, sources:].mean()


def _mean_of_distinct(kernel: Tensor) -> Tensor:
    """The mean over i ≠ j."""
    return (kernel.sum() - kernel.diagonal().sum()) / (len(kernel) * (len(kernel) - 1))


def _linear(layers: Sequence[tuple[Tensor, Tensor]], multipliers: Sequence[float], bandwidth: Bandwidth) -> Tensor:
    """Gretton et al. 2012, equation (14): the mean of k(x, x′) + k(y, y′) − k(x, y′) − k(x′, y), pair by pair."""
    kernels = []
    for source, target in layers:
        even = min(len(source), len(target)) // 2 * 2
        x, x_next, y, y_next = source[0:even:2], source[1:even:2], target[0:even:2], target[1:even:2]
        differences = torch.stack([x - x_next, y - y_next, x - y_next, x_next - y])
        width = _bandwidth(_pooled_distances(source.detach(), target.detach()), bandwidth)
        kernels.append(_kernel(differences.square().sum(-1), width, multipliers))
    within_source, within_target, cross, cross_next = reduce(torch.mul, kernels).unbind()
    return (within_source + within_target - cross - cross_next).mean()


def _pooled_distances(source: Tensor, target: Tensor) -> Tensor:
    """The squared distances of all examples, shape ``(N + M, N + M)``, the source examples first."""
    pooled = torch.cat([source, target])
    # Shifting all examples changes no distance, but ‖x‖² + ‖y‖² − 2xy cancels less near the origin, and equal examples
    # come out at exactly 0.
    pooled = pooled - pooled[:1].detach()
    squares = pooled.square().sum(1)
    distances = squares[:, None] + squares[None, :] - 2 * product(pooled, pooled.T)
    own = torch.eye(len(pooled), dtype=torch.bool, device=pooled.device)
    return distances.masked_fill(own, 0).clamp_min(0)  # rounding leaves other values, less than 0 too


def _bandwidth(distances: Tensor, bandwidth: Bandwidth) -> Tensor:
    """The median or mean of the distances of the pairs i < j, above 0 by so much that it is no rounding error."""
    row, column = torch.triu_indices(len(distances), len(distances), offset=1, device=distances.device)
    pairs = distances.detach()[row, column]
    if bandwidth == "median":
        ordered, middle = pairs.sort().values, len(pairs) // 2
        width = (ordered[middle] + ordered[-middle - 1]) / 2
    else:
        width = pairs.mean()
    # Where most examples are equal, as with dead features, all that their distances hold is rounding.
    smallest = ROUNDING * torch.finfo(width.dtype).eps * pairs.amax() + torch.finfo(width.dtype).tiny ** 0.5
    return width.maximum(smallest)


def _kernel(distances: Tensor, bandwidth: Tensor, multipliers: Sequence[float]) -> Tensor:
    return torch.stack([torch.exp(-distances / (multiplier * bandwidth)) for multiplier in multipliers]).mean(0)
