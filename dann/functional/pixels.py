"""Differences between images, pixel by pixel."""

from torch import Tensor

from dann.functional.precision import at_least_float32


def pairwise_squared_error(x: Tensor, other: Tensor) -> Tensor:
    """Mean over images of the pairwise mean squared error, which a constant added to an image leaves unchanged.

    Bousmalis et al. 2017 (PixelDA), equation (5) with a mask of ones: ‖d‖² / k − (dᵀ1)² / k² of the difference d of two
    images of k values, which is the variance of the values of d.

    Args:
        x: shape ``(N, ...)``.
        other: of the same shape.
    """
    difference = (at_least_float32(x) - at_least_float32(other)).flatten(1)
    return (difference - difference.mean(1, keepdim=True)).square().mean()
