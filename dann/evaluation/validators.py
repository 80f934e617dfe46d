"""Label-free scores of a model, by which a step or a setting can be selected; larger is always better.

A score that is not defined, as for features or logits that are not finite, is NaN and never an error.
Shapes: N examples, D features, K classes. Everything is computed in float64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, softmax

Floats = NDArray[np.floating[Any]]

COMPONENTS = 50  # of the features that the domain classifier sees


@dataclass(frozen=True)
class Sample:
    """Features and logits of examples of one domain.

    Args:
        features: shape ``(N, D)``.
        logits: shape ``(N, K)``, or of a regression standardised numbers, ``(N, 1)``.
    """

    features: NDArray[np.float32]
    logits: NDArray[np.float32]


def score_model(train: Sample, validation: Sample, validation_y: NDArray[np.int64], target: Sample) -> dict[str, float]:
    """The finite scores of a model, by name.

    ``dev`` weights 0-1 losses, which its authors' code calls typical; pytorch-adapt and skada use the cross-entropy,
    which is unbounded, so that one example can decide.

    Args:
        train: examples of the source that training sees.
        validation: examples of the source that are held out from training.
        validation_y: their labels, shape ``(N,)``.
        target: examples of the target that training sees.
    """
    wrong = (validation.logits.argmax(axis=1) != validation_y).astype(np.float64)
    wrong[~np.isfinite(validation.logits).all(axis=1)] = math.nan
    dev = deep_embedded_validation(train.features, target.features, validation.features, wrong)
    return score_target(target) | ({"dev": dev} if math.isfinite(dev) else {})


def score_target(target: Sample) -> dict[str, float]:
    """The finite scores that read no source example, by name.

    Args:
        target: examples of the target that training sees.
    """
    values = {
        "entropy": entropy(target.logits),
        "im": information_maximisation(target.logits),
        "snd": soft_neighbourhood_density(target.logits),
        "bnm": batch_nuclear_norm(target.logits),
        "rankme": rankme(target.features),
    }
    return {name: score for name, score in values.items() if math.isfinite(score)}


def entropy(logits: Floats) -> float:
    """Minus the mean entropy of the predictions, in nats: at most 0, which is reached when all are certain.

    Morerio et al. 2018. A collapsed model, certain of one class for all examples, scores best.

    Args:
        logits: shape ``(N, K)``.
    """
    if not is_usable(logits):
        return math.nan
    return -float(entr(_predictions(logits)).sum(axis=1).mean())


def information_maximisation(logits: Floats) -> float:
    """The entropy of the mean prediction minus the mean entropy of the predictions, in nats: between 0 and ln K.

    Krause et al. 2010 (RIM): the mutual information of example and predicted class; 0 for a collapsed model.

    Args:
        logits: shape ``(N, K)``.
    """
    if not is_usable(logits):
        return math.nan
    predictions = _predictions(logits)
    return float(entr(predictions.mean(axis=0)).sum() - entr(predictions).sum(axis=1).mean())


def soft_neighbourhood_density(logits: Floats, temperature: float = 0.05) -> float:
    """The mean entropy of each example's similarities to the others, in nats: between 0 and ln(N − 1).

    Saito et al. 2021 (SND): a softmax over the other examples of the cosines of predictions, divided by the
    temperature. An example is not its own neighbour; skada and the code of MixVal give it the cosine −1 instead.

    Args:
        logits: shape ``(N, K)``; a single example has no neighbour.
        temperature: τ, above 0.
    """
    if not is_usable(logits) or len(logits) < 2:
        return math.nan
    predictions = _predictions(logits)
    directions = predictions / np.linalg.norm(predictions, axis=1, keepdims=True)
    similarities = directions @ directions.T / temperature
    np.fill_diagonal(similarities, -np.inf)
    return float(entr(softmax(similarities, axis=1)).sum(axis=1).mean())


def batch_nuclear_norm(logits: Floats) -> float:
    """The nuclear norm of the predictions over its bound √(N min(N, K)): 1 where they are certain and balanced.

    Cui et al. 2020 (BNM); as a validator Musgrave et al. 2022, who divide by N, which makes the score fall as 1/√N. For
    the same number of examples the order of models is the same.

    Args:
        logits: shape ``(N, K)``.
    """
    if not is_usable(logits):
        return math.nan
    norm = _singular_values(_predictions(logits)).sum()
    return float(norm / math.sqrt(len(logits) * min(logits.shape)))


def deep_embedded_validation(
    train_features: Floats, target_features: Floats, validation_features: Floats, losses: Floats
) -> float:
    """Minus the target risk, estimated from losses of held-out source examples weighted by density ratios.

    You et al. 2019 (DEV), algorithm 1, with ``density_weights`` and ``weighted_risk``.

    Args:
        train_features: of source examples, shape ``(N, D)``.
        target_features: shape ``(M, D)``.
        validation_features: of held-out source examples, shape ``(V, D)``.
        losses: of the held-out examples, shape ``(V,)``; 0 or 1 for a class that is right or wrong, squared errors of
            numbers.
    """
    if not is_usable(train_features, target_features, validation_features, losses):
        return math.nan
    return -weighted_risk(density_weights(train_features, target_features, validation_features), losses)


def density_weights(train_features: Floats, target_features: Floats, validation_features: Floats) -> Floats:
    """The ratio of the target's density to the source's at held-out source examples, shape ``(V,)``.

    You et al. 2019: w = (N / M) P(target | f) / P(source | f), from a domain classifier. The paper's has a hidden layer
    and a weight decay chosen on held-out features; this one is a logistic regression on the first principal components
    of the standardised features, which is fitted in hundredths of a second.

    Args:
        train_features: of source examples, shape ``(N, D)``.
        target_features: shape ``(M, D)``.
        validation_features: of held-out source examples, shape ``(V, D)``.
    """
    from sklearn.linear_model import LogisticRegression  # takes a second to import
    from sklearn.utils.extmath import randomized_svd

    count = len(train_features)
    both = np.concatenate([train_features, target_features]).astype(np.float64)
    centre, spread = both.mean(axis=0), both.std(axis=0)
    spread[spread <= 1e-10 * np.abs(centre)] = np.inf  # constant but for rounding: no information on the domain
    both = (both - centre) / spread
    held_out = (validation_features - centre) / spread
    if min(both.shape) > COMPONENTS:
        # The random directions lie in the feature space, so that the order of examples makes no difference.
        axes = randomized_svd(both, COMPONENTS, n_iter=2, transpose=False, random_state=0)[2]
        both, held_out = both @ axes.T, held_out @ axes.T
    # On few components lbfgs converges in some dozens of steps, far from the limit that would warn.
    classifier = LogisticRegression(max_iter=1000).fit(both, np.arange(len(both)) >= count)
    with np.errstate(over="ignore"):
        weights: Floats = count / len(target_features) * np.exp(classifier.decision_function(held_out))
    return weights


def weighted_risk(weights: Floats, losses: Floats) -> float:
    """The mean weighted loss with a control variate: mean(w l) + η mean(w) − η, η = −Cov(w l, w) / Var(w).

    You et al. 2019, algorithm 1. With equal weights η is 0. The risk is NaN if no weight is above 0, or one overflows.
    Where the domains hardly overlap, the result may leave the range of the losses.

    Args:
        weights: w, shape ``(V,)``, at least 0.
        losses: l, shape ``(V,)``.
    """
    if not is_usable(weights, losses) or not weights.any():
        return math.nan
    weighted = weights * losses
    centred = weights - weights.mean()
    eta = 0.0
    if np.abs(centred).max() > 1e-9 * weights.mean():
        with np.errstate(over="ignore", invalid="ignore"):
            eta = -float((weighted * centred).sum() / (centred**2).sum())
    return float(weighted.mean() + eta * weights.mean() - eta)


def rankme(features: Floats, epsilon: float = 1e-7) -> float:
    """The exponential of the entropy of the normalised singular values, between 1 and about min(N, D).

    Garrido et al. 2023 (RankMe), equation (1): p = σ / Σσ + ε, for uncentred features.

    Args:
        features: shape ``(N, D)``; NaN if all are 0.
        epsilon: ε.
    """
    return _rank(features, epsilon)


def effective_rank(features: Floats) -> float:
    """The exponential of the entropy of the normalised singular values, between 1 and the rank.

    Roy and Vetterli 2007: ``rankme`` with ε = 0.

    Args:
        features: any matrix, shape ``(N, D)``; NaN if all entries are 0.
    """
    return _rank(features, 0.0)


def mixval(
    predict: Callable[[Floats], Floats], x: Floats, logits: Floats, rng: np.random.Generator, share: float = 0.55
) -> float:
    """The share of mixtures of two target examples that are predicted as their larger part is.

    Hu et al. 2023 (MixVal). Each example is mixed once with one of the same predicted class, which probes the density
    of classes, and once with one of another, which probes the boundary. The score is the mean of the two shares, or the
    only one if the other kind has no pairs. skada draws one partner for both, which leaves few pairs of the same class
    where there are many classes.

    Args:
        predict: from inputs shaped and scaled as ``x`` to logits, shape ``(…, K)``; called once, with at most 2 N.
        x: inputs as the network takes them, shape ``(N, …)``, floating.
        logits: of the inputs, shape ``(N, K)``.
        rng: draws the partners.
        share: λ of the first example in its mix, above ½ and below 1.
    """
    if not is_usable(logits) or len(logits) < 2:
        return math.nan
    labels = logits.argmax(axis=1)
    alike = labels[:, None] == labels
    pairs = [_pairs(alike & ~np.eye(len(x), dtype=bool), rng), _pairs(~alike, rng)]
    first, second = np.concatenate(pairs, axis=1)
    mixed = predict((share * x[first] + (1 - share) * x[second]).astype(x.dtype))
    if not is_usable(mixed):
        return math.nan
    agrees = mixed.argmax(axis=1) == labels[first]
    kinds = np.split(agrees, [pairs[0].shape[1]])
    return float(np.mean([kind.mean() for kind in kinds if len(kind)]))


def _pairs(allowed: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """A random allowed column for each row that has any; rows and columns, shape ``(2, P)``."""
    rows = np.flatnonzero(allowed.any(axis=1))
    columns = np.where(allowed, rng.random(allowed.shape), -1.0).argmax(axis=1)
    return np.stack([rows, columns[rows]])


def _rank(features: Floats, epsilon: float) -> float:
    if not is_usable(features) or not features.any():
        return math.nan
    values = _singular_values(features.astype(np.float64) / np.abs(features).max())
    return math.exp(entr(values / values.sum() + epsilon).sum())


def _singular_values(matrix: Floats) -> Floats:
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T  # LAPACK is faster on these
    values: Floats = np.linalg.svd(tall.astype(np.float64), compute_uv=False)
    return values


def _predictions(logits: Floats) -> Floats:
    predictions: Floats = softmax(logits.astype(np.float64), axis=1)
    return predictions


def is_usable(*arrays: Floats) -> bool:
    """Whether the arrays have values, all of them finite."""
    return all(array.size > 0 and bool(np.isfinite(array).all()) for array in arrays)
