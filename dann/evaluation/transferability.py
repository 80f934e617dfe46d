"""Scores of a pretrained network, or of a source, by its features of labelled examples, without training anything.

All are larger for better features, read the labels that they are given and no others, and compute in float64.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Features = NDArray[np.float32]  # (N, D)
Labels = NDArray[np.int64]  # (N,)
Array = NDArray[np.float64]
LOWEST, HIGHEST = -12.0, 6.0  # decades of α / (β σ), σ the largest eigenvalue: features have no more digits than these
ROUNDING = 1e-13  # share of the largest eigenvalue below which another is 0 but for rounding


def logme(features: Features, labels: Labels) -> float:
    """LogME: the largest log evidence per example of a Bayesian linear model of the labels (You et al. 2021, ICML).

    For the 0-1 indicator y of each class that has examples, the evidence of y = F w + noise with w ~ N(0, 1/α) and
    noise ~ N(0, 1/β) is maximised over α and β; the mean over classes is divided by N. The paper iterates to a fixed
    point of both. Here only t = α / β is searched: the best β for it is N / q(t), where q(t) is the smallest
    |F w − y|² + t |w|² over w. If labels are exactly linear in the features, the evidence has no bound; the search
    then ends at the smallest t that features of finite precision allow.

    Args:
        features: F, shape ``(N, D)``, not centred, as in the paper.
        labels: class indices, shape ``(N,)``.
    """
    indicators = _indicate(labels)
    eigenvalues, aligned = _align(features.astype(np.float64), indicators)
    outside = np.maximum(indicators.sum(axis=0) - aligned.sum(axis=0), 0.0)
    best = [_largest_evidence(eigenvalues, *each, len(labels)) for each in zip(aligned.T, outside, strict=True)]
    return float(np.mean(best) / len(labels))


def _largest_evidence(eigenvalues: Array, aligned: Array, outside: float, count: int) -> float:
    """The largest log evidence of one indicator over t.

    Args:
        eigenvalues: of FᵀF, those above 0.
        aligned: squares of the indicator's coordinates along the left singular vectors of F.
        outside: its squared norm outside of their span.
        count: N.
    """
    scale = eigenvalues.max(initial=np.finfo(np.float64).tiny)

    def loss(decades: float) -> float:
        t = scale * 10.0**decades
        shrunk = t / (t + eigenvalues)
        q = max(outside + float(aligned @ shrunk), np.finfo(np.float64).tiny)
        return 0.5 * (count * math.log(2 * math.pi * math.e * q / count) - float(np.log(shrunk).sum()))

    grid = np.linspace(LOWEST, HIGHEST, 73)  # the evidence may have several maxima
    place = int(np.argmin([loss(decades) for decades in grid]))
    ends = grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)]
    found = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-9})
    return -min(float(found.fun), loss(grid[place]))


def leep(probabilities: Features, labels: Labels) -> float:
    """LEEP: the mean log likelihood of the labels by way of the classes of pretraining (Nguyen et al. 2020, ICML).

    Its classifier is P(y | x) = Σ_z P̂(y | z) θ(x)_z, where P̂(y | z) is counted from the same
    examples. At most 0, where the classes of pretraining determine the label.

    Args:
        probabilities: θ, those of the Z classes of pretraining, shape ``(N, Z)``.
        labels: class indices, shape ``(N,)``.
    """
    theta = probabilities.astype(np.float64)
    indicators = _indicate(labels)
    joint = indicators.T @ theta / len(labels)
    marginal = joint.sum(axis=0)
    conditional = np.divide(joint, marginal, out=np.zeros_like(joint), where=marginal > 0)
    likelihood = ((theta @ conditional.T) * indicators).sum(axis=1)
    return min(float(np.log(np.maximum(likelihood, np.finfo(np.float64).tiny)).mean()), 0.0)


@dataclass(frozen=True)
class HScores:
    """The H-score and its regularised form.

    Args:
        plain: None unless there are more examples than features, as it is then K − 1 whatever the labels are.
        shrunk: with the covariance shrunk towards a multiple of the identity.
    """

    plain: float | None
    shrunk: float


def h_scores(features: Features, labels: Labels) -> HScores:
    """The H-score tr(cov(f)⁻¹ cov(E[f | y])) (Bao et al. 2019, ICIP), from 0 to K − 1; plain and shrunk.

    The inverse is the pseudo-inverse where the covariance is singular. The shrunk score (Ibrahim et al. 2021) is
    (1 − δ) tr(((1 − δ) cov(f) + δ s I)⁻¹ cov(E[f | y])), where s is the mean variance of a feature and δ the shrinkage
    of Ledoit and Wolf 2004. It suits any number of examples.

    Args:
        features: f, shape ``(N, D)``.
        labels: class indices, shape ``(N,)``.
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    indicators, (count, width) = _indicate(labels), centred.shape
    eigenvalues, aligned = _align(centred, indicators)
    # Along an eigenvector, cov(f) is this variance, and cov(E[f | y]) this share of it.
    variances, shares = eigenvalues / count, (aligned / indicators.sum(axis=0)).sum(axis=1)
    delta = _shrinkage(centred, variances)
    kept = (1.0 - delta) * variances
    shrunk = float((shares * kept / (kept + delta * variances.sum() / width)).sum())
    return HScores(float(shares.sum()) if count > width + 1 else None, shrunk)


def _shrinkage(centred: Array, variances: Array) -> float:
    """δ of Ledoit and Wolf 2004: the weight of the identity that estimates the covariance best.

    Args:
        centred: shape ``(N, D)``.
        variances: eigenvalues of its covariance, those above 0.
    """
    squares, (count, width) = float((variances**2).sum()), centred.shape
    distance = squares - float(variances.sum()) ** 2 / width
    error = (float(((centred**2).sum(axis=1) ** 2).mean()) - squares) / count
    return min(error / distance, 1.0) if distance > 0 else 0.0


def _indicate(labels: Labels) -> Array:
    """The 0-1 indicators of the K classes that have examples, shape ``(N, K)``."""
    indicators: Array = (labels[:, None] == np.unique(labels)).astype(np.float64)
    return indicators


def _align(x: Array, indicators: Array) -> tuple[Array, Array]:
    """The eigenvalues of xᵀx above 0, and the squared coordinates of indicators along the left singular vectors.

    From the smaller of x xᵀ and xᵀx, which takes a fraction of the time of a singular value decomposition.

    Args:
        x: shape ``(N, D)``.
        indicators: shape ``(N, K)``.

    Returns:
        Shapes ``(R,)`` and ``(R, K)``.
    """
    wide = x.shape[1] > len(x)
    eigenvalues, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    kept = eigenvalues > ROUNDING * eigenvalues.max(initial=0.0)
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    if wide:
        return eigenvalues, (vectors.T @ indicators) ** 2
    return eigenvalues, (vectors.T @ (x.T @ indicators)) ** 2 / eigenvalues[:, None]
