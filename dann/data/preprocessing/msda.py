"""Marginalised stacked denoising autoencoders: features for text without labels, in closed form."""

import torch
from pydantic import Field
from torch import Tensor

from dann.errors import BadInput
from dann.options import Section

RIDGE = 1e-5  # of the paper's own code and of its translation by the authors of DANN; the bias has none


class MsdaOptions(Section):
    """Features of a marginalised stacked denoising autoencoder (mSDA, Chen et al. 2012), which replace vectors.

    Args:
        layers: number of layers.
        corruption: probability that a feature is set to 0 before it is reconstructed.
        span: give the features in coordinates of the span of the training examples, which are at most as many as these;
            see ``dann.data.preprocessing.span``.
    """

    layers: int = Field(5, ge=1, le=1000)
    corruption: float = Field(0.5, gt=0, lt=1)
    span: bool = False


def fit_msda(x: Tensor, *, layers: int, corruption: float) -> list[Tensor]:
    """Fit the layers' mappings W, each of which best restores its input from copies of which a part is set to zero.

    Per layer, with inputs x̄ = [x, 1], scatter S = Σ x̄ x̄ᵀ, and q the probability that an entry survives (1 for the
    bias), W = E[P] (E[Q] + ridge)⁻¹ with E[P]ᵢⱼ = Sᵢⱼ qⱼ, E[Q]ᵢⱼ = Sᵢⱼ qᵢ qⱼ for i ≠ j and E[Q]ᵢᵢ = Sᵢᵢ qᵢ; the next
    layer's inputs are tanh(W x̄). Ganin et al. (2016) fit 5 layers with corruption 0.5 on source and target together.

    Chen et al., Marginalized Denoising Autoencoders for Domain Adaptation, ICML 2012, section 3.

    Args:
        x: the examples to fit, shape ``(N, D)``.
        corruption: the probability that an entry is set to zero, in [0, 1).

    Returns:
        ``layers`` tensors of float64, shape ``(D, D + 1)``; the last column is the bias.

    Raises:
        BadInput: ``x`` has missing or infinite values, or values so far apart that no mapping can be computed.
    """
    if x.ndim != 2 or len(x) == 0 or layers < 1 or not 0 <= corruption < 1:
        raise ValueError(f"mSDA of examples {tuple(x.shape)}, {layers} layers, corruption {corruption}")
    if not bool(x.isfinite().all()):
        raise BadInput("mSDA: examples with missing or infinite values: impute or drop them first")
    mappings = []
    hidden = x.double()
    for _ in range(layers):
        mappings.append(_mapping(hidden, corruption))
        if len(mappings) < layers:
            hidden = _apply(hidden, mappings[-1])
    return mappings


def msda_features(x: Tensor, mappings: list[Tensor]) -> Tensor:
    """The input and the outputs of all layers side by side, in the type of ``x``, shape ``(N, D · (layers + 1))``."""
    count, size = x.shape  # len(x) would be a constant where this is exported
    features = x.new_empty(count, size * (len(mappings) + 1))
    features[:, :size] = x
    for layer, mapping in enumerate(mappings):
        below = features[:, layer * size : (layer + 1) * size]
        features[:, (layer + 1) * size : (layer + 2) * size] = _apply(below, mapping.to(x))
    return features


def _mapping(x: Tensor, corruption: float) -> Tensor:
    extended = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
    scatter = extended.T @ extended
    survival = x.new_full((len(scatter),), 1 - corruption)
    survival[-1] = 1
    p = scatter[:-1] * survival
    q = scatter * survival * survival[:, None]
    q.diagonal().copy_(scatter.diagonal() * survival)
    q.diagonal()[:-1] += RIDGE
    factor, failed = torch.linalg.cholesky_ex(q)
    if failed:
        raise BadInput("mSDA: the features' scatter is singular in double precision: scale the features alike")
    return torch.cholesky_solve(p.T, factor).T.contiguous()


def _apply(x: Tensor, mapping: Tensor) -> Tensor:
    return torch.addmm(mapping[:, -1], x, mapping[:, :-1].T).tanh_()
