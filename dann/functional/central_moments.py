"""The central moment discrepancy: a distance between the means and the central moments of two samples."""

import torch
from torch import Tensor

from dann.functional.precision import at_least_float32


def central_moment_discrepancy(source: Tensor, target: Tensor, *, moments: int = 5, span: float = 1.0) -> Tensor:
    """The sum of the Euclidean distances between the means and between the central moments of the two samples.

    Zellinger et al. 2017, definition 2: ‖E(X) − E(Y)‖ / |b − a| + Σₖ ‖cₖ(X) − cₖ(Y)‖ / |b − a|ᵏ for k = 2 to K, where
    cₖ(X) = E((X − E(X))ᵏ), feature by feature, E is the mean over the sample, and features lie in [a, b]. The distances
    are not squared, so the gradient does not vanish with them; where one is exactly 0, its gradient is taken to be 0.
    Features outside of such an interval are allowed, but the moments of unbounded ones grow with the power k.

    Args:
        source: X, shape ``(N, D)``.
        target: Y, shape ``(M, D)``.
        moments: K, the highest order; 1 compares the means alone.
        span: |b − a|, the length of the interval. The first version of the paper, in equation (6), and the authors'
            code leave out the factors, which are 1 for the sigmoid.

    Raises:
        ValueError: ``moments`` is less than 1, or ``span`` is not above 0.
    """
    if moments < 1 or not span > 0:
        raise ValueError(f"central moments of orders 1 to {moments} over a span of {span}: both should be above 0")
    source, target = at_least_float32(source), at_least_float32(target)
    means = source.mean(0), target.mean(0)
    centred = source - means[0], target - means[1]
    distances = [_norm(means[0] - means[1]) / span]
    for k in range(2, moments + 1):
        distances.append(_norm(centred[0].pow(k).mean(0) - centred[1].pow(k).mean(0)) / span**k)
    return torch.stack(distances).sum()


def _norm(difference: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(difference)  # its gradient at 0 is 0; that of a square root is NaN
    return norm
