"""The distance of two domains in the inverse Gram matrices of their features, on which linear regression rests."""

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.functional.precision import at_least_float32, matmul

EPSILON = 1e-6  # least norm of a column, as in the authors' code


def inverse_gram_distance(
    source: Tensor, target: Tensor, *, angle: float = 0.05, scale: float = 0.001, threshold: float = 0.9
) -> Tensor:
    """The weighted sum of DARE-GRAM's two distances, of angles and of scales.

    Nejjar et al. 2023 (DARE-GRAM), computed as in the authors' code (ismailnejjar/DARE-GRAM, dare_gram.py). Z is the
    features behind a column of ones, and G = ZᵀZ. Of the eigenvalues of a domain's G, from the largest, n have a
    cumulative share of at most T, the larger of ``threshold`` and the share of the first two; k is the larger n of both
    domains, less 1. Each pseudo-inverse of G has the k largest eigenvalues alone. The distance of angles is the mean
    over the columns of 1 − the cosine of the two pseudo-inverses' columns, that of scales the Euclidean norm of the
    difference of the k eigenvalues, divided by k. No gradient flows through the choice of k.

    Args:
        source: shape ``(N, D)``.
        target: shape ``(M, D)``.
        angle: weight of the distance of angles.
        scale: weight of the distance of scales.
        threshold: share of the sum of eigenvalues, between 0 and 1.
    """
    sides = [_extend(source), _extend(target)]
    grams = [matmul(side.T, side) for side in sides]
    spectra = [_decompose(side.detach()) for side in sides]
    kept = torch.stack([_count(values, threshold) for values, _ in spectra]).amax()
    mask = torch.arange(grams[0].shape[-1], device=grams[0].device) < kept
    inverses = [_truncated_inverse(gram, *parts, mask) for gram, parts in zip(grams, spectra, strict=True)]
    eigenvalues = [_eigenvalues(gram, *parts) for gram, parts in zip(grams, spectra, strict=True)]
    cosines = F.cosine_similarity(inverses[0], inverses[1], dim=0, eps=EPSILON)
    gap = torch.linalg.vector_norm(torch.where(mask, eigenvalues[0] - eigenvalues[1], 0.0))
    finite = torch.stack([gram.isfinite().all() for gram in grams]).all()
    distance: Tensor = angle * (1 - cosines).abs().mean() + scale * gap / kept
    return torch.where(finite, distance, torch.nan)


def _extend(features: Tensor) -> Tensor:
    """Z of features ``(N, D)``, shape ``(N, D + 1)``."""
    features = at_least_float32(features)
    return torch.cat([torch.ones_like(features[:, :1]), features], dim=1)


def _decompose(extended: Tensor) -> tuple[Tensor, Tensor]:
    """The eigenvalues of ZᵀZ from the largest, shape ``(D + 1,)``, and its eigenvectors as columns.

    By the singular values of Z: LAPACK fails on ZᵀZ itself where it is singular, as that of few examples is. The
    columns of the eigenvalues that are 0 for lack of examples are 0 too. Of a Z that is not finite they are those of 0.
    """
    values, rows = torch.linalg.svd(torch.where(extended.isfinite().all(), extended, 0.0), full_matrices=False)[1:]
    lacking = extended.shape[-1] - values.shape[-1]
    return F.pad(values.square(), (0, lacking)), F.pad(rows, (0, 0, 0, lacking)).T


def _count(values: Tensor, threshold: float) -> Tensor:
    """k by the eigenvalues of one domain, at least 1."""
    shares = values.cumsum(-1) / values.sum(-1)
    limit = shares[..., 1].clamp_min(threshold)
    return ((shares <= limit).sum(-1) - 1).clamp_min(1)


def _truncated_inverse(gram: Tensor, values: Tensor, vectors: Tensor, mask: Tensor) -> Tensor:
    """The pseudo-inverse of a Gram matrix by its masked eigenvalues, with its gradient.

    The gradient is that of the spectral function f, 1 / λ where kept and 0 elsewhere: for a change dG it is
    V (Γ ∘ (Vᵀ dG V)) Vᵀ with the divided differences Γᵢⱼ = (f(λᵢ) − f(λⱼ)) / (λᵢ − λⱼ) (Daleckii and Krein 1965),
    and 1 / λᵢ² between a kept vector and those of the eigenvalue 0 that V lacks. Differentiating the eigenvectors
    instead gives NaN where eigenvalues are equal, as those of dead features are.
    """
    inverse = torch.where(mask, 1 / values.clamp_min(torch.finfo(values.dtype).tiny), 0.0)
    fixed = matmul(vectors * inverse, vectors.T)
    both, one = mask[:, None] & mask[None, :], mask[:, None] ^ mask[None, :]
    gaps = values[:, None] - values[None, :]
    mixed = (inverse[:, None] - inverse[None, :]) / torch.where(one & (gaps != 0), gaps, 1.0)
    divided = torch.where(both, -inverse[:, None] * inverse[None, :], torch.where(one, mixed, 0.0))
    moved = gram - gram.detach()  # 0, with the gradient of G
    within = matmul(matmul(vectors.T, moved), vectors)
    outside = moved - matmul(matmul(moved, vectors), vectors.T)
    across = matmul(matmul(vectors * inverse.square(), vectors.T), outside)
    return fixed + matmul(matmul(vectors, divided * within), vectors.T) + across + across.T


def _eigenvalues(gram: Tensor, values: Tensor, vectors: Tensor) -> Tensor:
    """The eigenvalues with their gradients, those of vᵢᵀ G vᵢ for fixed vᵢ."""
    moved = (matmul(gram - gram.detach(), vectors) * vectors).sum(-2)  # 0, with the gradient of G
    return values + moved
