"""The shares of the classes in an unlabelled target, estimated from a classifier of the source, with intervals.

Both estimators assume label shift: that examples of one class look alike in both domains, so that the domains differ in
the shares of the classes alone. Where inputs differ as well, their intervals are too narrow and may lie anywhere.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from dann.functional.priors import bbse, confusion, mlls

RESAMPLES, LEVEL = 300, 0.95
FOLDS = 5
STEPS = 300  # of the optimiser of logistic regression at most
ESTIMATORS, SOURCE = ("BBSE", "MLLS"), "source"
COOLEST, HOTTEST = -3.0, 3.0  # natural logarithms of the temperature
Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Predictions:
    """Logits of a classifier for source examples that it was not trained on, and for target examples.

    Args:
        source: shape ``(N, K)``.
        labels: of the source examples, shape ``(N,)``; every class has some.
        target: shape ``(M, K)``.
    """

    source: Array
    labels: Labels
    target: Array

    @property
    def accuracy(self) -> float:
        """The share of the source examples that are classified correctly."""
        return float((self.source.argmax(axis=1) == self.labels).mean())


@dataclass(frozen=True)
class Interval:
    """Values of the K classes with intervals that hold for all classes together, shape ``(K,)`` each."""

    values: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class ShareEstimate:
    """Estimated shares of the K classes in the target, and their differences from those in the source."""

    shares: Interval
    differences: Interval


def predict_across(source: Features, labels: Labels, target: Features) -> Predictions:
    """Logistic regression of standardised features: of a source example by the other folds, of a target one by all.

    Args:
        source: shape ``(N, D)``.
        labels: class indices, shape ``(N,)``, at least as many of each of the K ≥ 2 classes as there are folds.
        target: shape ``(M, D)``.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    both = np.concatenate([source, target]).astype(np.float64)
    spread = both.std(axis=0)
    # By both domains: a feature that hardly varies in the source alone would have huge values in the target.
    x = (both - both.mean(axis=0)) / np.where(spread > 1e-10 * np.abs(both).max(axis=0), spread, np.inf)
    model = LogisticRegression(C=0.01, max_iter=STEPS)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # an optimum that is not quite reached does no harm
        # Logarithms of probabilities are logits; decision_function has one column alone for two classes.
        held_out = cross_val_predict(model, x[: len(source)], labels, cv=folds, method="predict_proba")
        given = model.fit(x[: len(source)], labels).predict_proba(x[len(source) :])
    smallest = np.finfo(np.float64).tiny
    return Predictions(np.log(np.maximum(held_out, smallest)), labels, np.log(np.maximum(given, smallest)))


def estimate_shares(predictions: Predictions, seed: int = 0) -> dict[str, ShareEstimate]:
    """The class shares of the target by BBSE (Lipton et al. 2018) and by MLLS (Saerens et al. 2002).

    MLLS assumes calibrated predictions: their temperature is fitted to the source examples (Guo et al. 2017). The
    intervals are bootstrap intervals: source and target examples are drawn anew ``RESAMPLES`` times, with the
    classifier as it is. Those of differences have the shares of the drawn source examples too. They have the half-width
    c s_k, where s_k is the standard deviation of class k over the draws, and c the 95 % quantile over draws of
    max_k |q_k − q̂_k| / s_k (after the bootstrap-t of Efron and Tibshirani 1993, section 12.5), so that all K hold
    together with a probability of about 95 %.
    """
    random = np.random.default_rng(seed)
    whole = _estimate(predictions)
    drawn = [_estimate(_resample(predictions, random)) for _ in range(RESAMPLES)]
    least = 0.5 / len(predictions.target)  # a share that is 0 in every draw is not certain
    return {
        name: ShareEstimate(
            _find_interval(whole[name], np.stack([each[name] for each in drawn]), least),
            _find_interval(whole[name] - whole[SOURCE], np.stack([each[name] - each[SOURCE] for each in drawn]), least),
        )
        for name in ESTIMATORS
    }


def _resample(predictions: Predictions, random: np.random.Generator) -> Predictions:
    """As many examples of either domain, drawn with replacement."""
    source, target = (random.integers(len(each), size=len(each)) for each in (predictions.source, predictions.target))
    return Predictions(predictions.source[source], predictions.labels[source], predictions.target[target])


def _estimate(predictions: Predictions) -> dict[str, Array]:
    """The shares of the classes in the target, shape ``(K,)``, by both estimators, and those in the source."""
    classes = predictions.source.shape[1]
    prior = np.bincount(predictions.labels, minlength=classes) / len(predictions.labels)
    predicted = np.bincount(predictions.target.argmax(axis=1), minlength=classes) / len(predictions.target)
    labels, answers = (torch.from_numpy(each) for each in (predictions.labels, predictions.source.argmax(axis=1)))
    joint = confusion(labels, answers, classes).double()
    scaled = softmax(predictions.target / fit_temperature(predictions.source, predictions.labels), axis=1)
    likely = mlls(torch.from_numpy(scaled), torch.from_numpy(np.maximum(prior, 1e-6)))
    ratios = zip(ESTIMATORS, (bbse(joint, torch.from_numpy(predicted)), likely), strict=True)
    return {name: _to_shares(ratio.numpy() * prior) for name, ratio in ratios} | {SOURCE: prior}


def _to_shares(weights: Array) -> Array:
    total = weights.sum()
    shares: Array = weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
    return shares


def fit_temperature(logits: Array, labels: Labels) -> float:
    """The temperature T of the largest likelihood of the labels under softmax(logits / T) (Guo et al. 2017).

    Args:
        logits: shape ``(N, K)``.
        labels: class indices, shape ``(N,)``.
    """

    def loss(logarithm: float) -> float:
        scores = log_softmax(logits / np.exp(logarithm), axis=1)
        return -float(scores[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=(COOLEST, HOTTEST), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))


def _find_interval(values: Array, drawn: Array, least: float) -> Interval:
    """Values with simultaneous intervals.

    Args:
        drawn: the values of each draw, shape ``(B, K)``.
        least: the smallest standard deviation.
    """
    spread = np.maximum(drawn.std(axis=0, ddof=1), least)
    reach = np.quantile((np.abs(drawn - values) / spread).max(axis=1), LEVEL) * spread
    return Interval(values, values - reach, values + reach)


def find_shifted(estimates: dict[str, ShareEstimate]) -> list[int]:
    """The classes whose share differs between the domains by all estimates, in the same direction."""
    more = np.all([each.differences.low > 0 for each in estimates.values()], axis=0)
    less = np.all([each.differences.high < 0 for each in estimates.values()], axis=0)
    shifted: list[int] = np.flatnonzero(more | less).tolist()
    return shifted


def draw_shares(labels: Labels, shares: Array) -> Labels:
    """The places of the largest sample without repetition in which the classes have given shares, at random.

    Args:
        labels: class indices, shape ``(N,)``.
        shares: wanted, shape ``(K,)``; they sum to 1.
    """
    counts = np.bincount(labels, minlength=len(shares))
    wanted = shares > 0
    size = (counts[wanted] / shares[wanted]).min()
    order = np.random.default_rng(0).permutation(len(labels))
    kept = [order[labels[order] == k][: round(size * share)] for k, share in enumerate(shares)]
    return np.sort(np.concatenate(kept))
