"""Singular values of features and predictions that may have stopped being finite."""

import torch
from torch import Tensor


def singular_values(x: Tensor) -> Tensor:
    """The singular values of a matrix, from the largest; NaN if the matrix is not finite.

    LAPACK raises for such a matrix, which in a stack of runs would end those that are sound too.

    Args:
        x: shape ``(N, D)``.

    Returns:
        shape ``(min(N, D),)``.
    """
    finite = x.isfinite().all()
    values: Tensor = torch.linalg.svdvals(torch.where(finite, x, 0.0))
    return torch.where(finite, values, torch.nan)
