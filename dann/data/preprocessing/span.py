"""The span of examples, in whose coordinates vectors are shorter where there are fewer examples than features."""

import torch
from torch import Tensor


def span_basis(x: Tensor) -> Tensor:
    """An orthonormal basis B of the span of examples; the coordinates of vectors ``v`` are ``v @ B``.

    With eigenvectors U and eigenvalues Λ of x xᵀ it is xᵀ U Λ^(-1/2), by decreasing eigenvalue. Directions that double
    precision cannot tell from rounding are left out.

    Coordinates of vectors in the span have the vectors' inner products. A linear machine that is fitted to the examples
    is therefore the same machine in both, and so is a network whose first layer is linear, trained on them by gradient
    descent, with momentum too: the gradient of that layer's weights is a sum of examples. (Adam, which scales each
    coordinate by itself, differs.) What a vector has outside the span is dropped; it would meet initial weights alone,
    which no step changes.

    Args:
        x: finite, shape ``(N, D)``.

    Returns:
        B of float64, shape ``(D, R)``, where R, the dimension of the span, is at most N and D.
    """
    examples = x.double()
    values, vectors = torch.linalg.eigh(examples @ examples.T)
    values, vectors = values.flip(0), vectors.flip(1)
    kept = values > values[0].clamp(min=0) * len(x) * torch.finfo(torch.float64).eps
    basis: Tensor = examples.T @ (vectors[:, kept] / values[kept].sqrt())
    return basis
