"""Label-free scores of models that predict numbers; larger is better. As for classes, none reads a target label."""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from dann.evaluation.validators import (
    Floats,
    Sample,
    deep_embedded_validation,
    is_usable,
    rankme,
)
from dann.functional.moments import coral, mk_mmd


def score_regression(
    train: Sample, validation: Sample, validation_y: NDArray[np.float32], target: Sample
) -> dict[str, float]:
    """The finite scores of a model that predicts numbers, by name.

    ``dev`` weights squared errors, which are unbounded, so that one example can decide. A small distance of the domains
    by ``mmd`` and ``coral`` says nothing of the predictions: features that are constant have none.

    Args:
        train: as for ``score_model``, and so all others.
        validation_y: standardised numbers, shape ``(V,)``.
    """
    errors = (validation.logits[:, 0].astype(np.float64) - validation_y) ** 2
    values = {
        "dev": deep_embedded_validation(train.features, target.features, validation.features, errors),
        "rankme": rankme(target.features),
        "mmd": mean_discrepancy(train.features, target.features),
        "coral": correlation_distance(train.features, target.features),
    }
    return {name: score for name, score in values.items() if math.isfinite(score)}


def mean_discrepancy(source_features: Floats, target_features: Floats) -> float:
    """Minus the squared maximum mean discrepancy of the features, at most 0, which is reached by equal samples.

    Gretton et al. 2012, equation (5): all pairs, including i = j, with one Gaussian kernel exp(−‖x − y‖² / b) whose b
    is the median squared distance between the examples of both samples, i < j. Scaling all features changes nothing.

    Args:
        source_features: shape ``(N, D)``.
        target_features: shape ``(M, D)``.
    """
    if not is_usable(source_features, target_features):
        return math.nan
    both = [torch.from_numpy(each.astype(np.float64)) for each in (source_features, target_features)]
    return -float(mk_mmd(*both, estimator="biased", multipliers=(1.0,), bandwidth="median"))


def correlation_distance(source_features: Floats, target_features: Floats) -> float:
    """Minus the CORAL distance ‖Cs − Ct‖² / 4D² of features that are standardised over both samples; at most 0.

    Sun and Saenko 2016, equation (1). Without standardising, small features would score best.

    Args:
        source_features: shape ``(N, D)``, at least two examples.
        target_features: shape ``(M, D)``, likewise.
    """
    if not is_usable(source_features, target_features) or min(len(source_features), len(target_features)) < 2:
        return math.nan
    both = np.concatenate([source_features, target_features]).astype(np.float64)
    spread = both.std(axis=0)
    spread[spread <= 1e-10 * np.abs(both.mean(axis=0))] = np.inf  # constant but for rounding
    source, target = (torch.from_numpy(each / spread) for each in (source_features, target_features))
    return -float(coral(source, target))
