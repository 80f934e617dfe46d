"""Distances between two samples: of means, of covariances, and of kernel mean embeddings (MMD)."""

from collections.abc import Sequence
from functools import reduce
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from dann.functional.precision import at_least_float32, matmul

Estimator = Literal["unbiased", "biased", "linear", "neighbours"]
Bandwidth = Literal["median", "mean"]
ROUNDING = 100  # units in the last place: rounding errors in the squared distance of equal examples stay below this


class Kernels(NamedTuple):
    """A mean of Gaussian kernels: k(x, y) = mean over the multipliers c of exp(−‖x − y‖² / (c b)).

    Attributes:
        multipliers: c, one for each kernel.
        bandwidth: b: a number, or ``median`` or ``mean`` for that of the squared distances between all pairs of the
            N + M examples. No gradient flows through it.
    """

    multipliers: Sequence[float] = (1.0,)
    bandwidth: Bandwidth | float = "median"


def mean_distance(source: Tensor, target: Tensor) -> Tensor:
    """The squared Euclidean distance between the two means: the squared MMD with a linear kernel.

    Tzeng et al. 2014 (DDC), equation (1), squared.

    Args:
        source: shape ``(N, D)``.
        target: shape ``(M, D)``.
    """
    return (at_least_float32(source).mean(0) - at_least_float32(target).mean(0)).square().sum()


def coral(source: Tensor, target: Tensor) -> Tensor:
    """The squared Frobenius distance between the two covariance matrices, divided by 4D².

    Sun and Saenko 2016 (Deep CORAL), equations (1) to (3). The covariances divide by N − 1 and M − 1.

    Args:
        source: shape ``(N, D)``, N at least 2.
        target: shape ``(M, D)``, M at least 2.
    """
    return (_covariance(source) - _covariance(target)).square().sum() / (4 * source.shape[1] ** 2)


def _covariance(features: Tensor) -> Tensor:
    centred = at_least_float32(features) - at_least_float32(features).mean(0)
    return matmul(centred.T, centred) / (len(features) - 1)


def mk_mmd(
    source: Tensor,
    target: Tensor,
    *,
    estimator: Estimator = "unbiased",
    multipliers: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    bandwidth: Bandwidth | float = "median",
) -> Tensor:
    """An estimate of the squared maximum mean discrepancy with a mean of Gaussian kernels.

    Gretton et al. 2012; as a loss on features, with many kernels at once, Long et al. 2015 (DAN).

    Args:
        source: shape ``(N, D)``.
        target: shape ``(M, D)``.
        estimator: ``unbiased`` is Gretton's equation (3), a U-statistic that can be negative and needs two examples of
            each domain. ``biased`` is equation (5), over all pairs including i = j. ``linear`` is equation (14), over
            disjoint pairs of examples; it uses as many examples of each domain as the smaller one has, rounded down
            to an even number. ``neighbours`` evaluates the same expression on those examples, pairing each with the
            next and the last with the first.
        multipliers: one factor of the bandwidth for each kernel, as in ``Kernels``.
        bandwidth: as in ``Kernels``.
    """
    return jmmd([source], [target], estimator=estimator, kernels=[Kernels(multipliers, bandwidth)])


def jmmd(
    sources: Sequence[Tensor],
    targets: Sequence[Tensor],
    *,
    estimator: Estimator = "biased",
    kernels: Sequence[Kernels] | None = None,
) -> Tensor:
    """The squared maximum mean discrepancy between the joint distributions of several layers.

    Long et al. 2017 (JAN), equations (8) and (9); the ``linear`` estimator is equation (11). The kernel is the product
    of the layers' kernels. With a single layer it equals ``mk_mmd``.

    Args:
        sources: source outputs of each layer l, shape ``(N, D_l)``.
        targets: target outputs of each layer l, shape ``(M, D_l)``.
        estimator: as in ``mk_mmd``.
        kernels: one entry for each layer; by default a single Gaussian kernel whose bandwidth is the median of that
            layer.
    """
    kernels = [Kernels() for _ in sources] if kernels is None else kernels
    layers = [
        (at_least_float32(source), at_least_float32(target)) for source, target in zip(sources, targets, strict=True)
    ]
    if estimator in {"linear", "neighbours"}:
        return _linear(layers, kernels, neighbours=estimator == "neighbours")
    of_layers = []
    for (source, target), kernel in zip(layers, kernels, strict=True):
        distances = _pooled_distances(source, target)
        of_layers.append(_evaluate(kernel, distances, distances))
    return _quadratic(reduce(torch.mul, of_layers), len(sources[0]), estimator)


def lmmd(source: Tensor, target: Tensor, labels: Tensor, probabilities: Tensor, kernels: Kernels) -> Tensor:
    """The local maximum mean discrepancy: the squared MMD within each class, the mean over classes.

    Zhu et al. 2020 (DSAN): the mean over classes c of ‖Σᵢ wᵢᶜ φ(xᵢ) − Σⱼ vⱼᶜ φ(yⱼ)‖², where wᵢᶜ is example i's label,
    0 or 1, divided by its sum over the source's examples, and vⱼᶜ example j's probability likewise. As in the authors'
    code, the classes are those that occur in both domains: a source example has the label, and it is the most probable
    class of a target example; without any the result is 0.

    Args:
        source: shape ``(N, D)``.
        target: shape ``(M, D)``.
        labels: class indices of the source, shape ``(N,)``.
        probabilities: class probabilities of the target, shape ``(M, K)``; no gradient flows through them.
        kernels: of the mean of Gaussian kernels; their sum in the authors' code.
    """
    distances = _pooled_distances(at_least_float32(source), at_least_float32(target))
    kernel, predicted = _evaluate(kernels, distances, distances), at_least_float32(probabilities).detach()
    classes = torch.arange(predicted.shape[1], device=labels.device)
    labelled, likeliest = labels[:, None] == classes, predicted.argmax(1)[:, None] == classes
    common = labelled.any(0) & likeliest.any(0)
    given = labelled.to(predicted.dtype)
    tiny = torch.finfo(predicted.dtype).tiny  # of a class that is not common, and so not counted
    weights = torch.cat([given / given.sum(0).clamp_min(1), -predicted / predicted.sum(0).clamp_min(tiny)]) * common
    return (weights * matmul(kernel, weights)).sum() / common.sum().clamp_min(1)


def _quadratic(kernel: Tensor, sources: int, estimator: Estimator) -> Tensor:
    """The quadratic-time estimate from the kernel matrix of all pairs, ``(N + M, N + M)``, source examples first."""
    mean = _mean_of_distinct if estimator == "unbiased" else torch.mean
    within = mean(kernel[:sources, :sources]) + mean(kernel[sources:, sources:])
    return within - 2 * kernel[:sources, sources:].mean()


def _mean_of_distinct(kernel: Tensor) -> Tensor:
    """The mean over the off-diagonal entries, i ≠ j."""
    return (kernel.sum() - kernel.diagonal().sum()) / (len(kernel) * (len(kernel) - 1))


def _linear(layers: Sequence[tuple[Tensor, Tensor]], kernels: Sequence[Kernels], neighbours: bool) -> Tensor:
    """The linear-time estimate (Gretton et al. 2012, equation 14).

    The mean over the pairs of k(x, x′) + k(y, y′) − k(x, y′) − k(x′, y).
    """
    of_layers = []
    for (source, target), kernel in zip(layers, kernels, strict=True):
        even = min(len(source), len(target)) // 2 * 2
        x, x_next, y, y_next = source[0:even:2], source[1:even:2], target[0:even:2], target[1:even:2]
        if neighbours:
            x, x_next, y, y_next = source[:even], source[:even].roll(-1, 0), target[:even], target[:even].roll(-1, 0)
        differences = torch.stack([x - x_next, y - y_next, x - y_next, x_next - y])
        pooled = _pooled_distances(source.detach(), target.detach())
        of_layers.append(_evaluate(kernel, differences.square().sum(-1), pooled))
    within_source, within_target, cross, cross_next = reduce(torch.mul, of_layers).unbind()
    return (within_source + within_target - cross - cross_next).mean()


def _pooled_distances(source: Tensor, target: Tensor) -> Tensor:
    """The squared distances between all examples, shape ``(N + M, N + M)``, source examples first."""
    pooled = torch.cat([source, target])
    # Shifting all examples changes no distance, but ‖x‖² + ‖y‖² − 2xy loses fewer digits near the origin, and the
    # distance of equal examples is exactly 0.
    pooled = pooled - pooled[:1].detach()
    squares = pooled.square().sum(1)
    distances = squares[:, None] + squares[None, :] - 2 * matmul(pooled, pooled.T)
    own = torch.eye(len(pooled), dtype=torch.bool, device=pooled.device)
    return distances.masked_fill(own, 0).clamp_min(0)  # rounding leaves other values, less than 0 too


def _evaluate(kernels: Kernels, distances: Tensor, pooled: Tensor) -> Tensor:
    """The mean of the kernels at ``distances``; the bandwidth comes from ``pooled``, the distances of all examples."""
    given = kernels.bandwidth
    bandwidth = _bandwidth(pooled, given) if isinstance(given, str) else given
    return torch.stack([torch.exp(-distances / (c * bandwidth)) for c in kernels.multipliers]).mean(0)


def _bandwidth(distances: Tensor, bandwidth: Bandwidth) -> Tensor:
    """The median or mean of the distances of the pairs i < j, but no less than their rounding error."""
    row, column = torch.triu_indices(len(distances), len(distances), offset=1, device=distances.device)
    pairs = distances.detach()[row, column]
    if bandwidth == "median":
        ordered, middle = pairs.sort().values, len(pairs) // 2
        width = (ordered[middle] + ordered[-middle - 1]) / 2
    else:
        width = pairs.mean()
    # If most examples are equal, as with dead features, their distances are rounding errors, of no use as a bandwidth.
    smallest = ROUNDING * torch.finfo(width.dtype).eps * pairs.amax() + torch.finfo(width.dtype).tiny ** 0.5
    return width.maximum(smallest)
