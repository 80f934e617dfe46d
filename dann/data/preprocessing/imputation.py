"""Imputation: vectors with missing values (NaN) are refused, left out, or filled in."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from dann.errors import BadInput

Missing = Literal["error", "drop", "mean", "median", "knn"]
Filled = Literal["mean", "median", "knn"]
REMEDY = "choose drop, mean, median or knn for missing values"


@dataclass(frozen=True)
class Imputer:
    """Fills in missing values from the examples it was fitted on.

    Args:
        how: ``knn`` takes the mean over the 5 nearest in the features that both have.
        fitted: scikit-learn's imputer.
        rows: examples to fit it on again: for ``knn`` all of them, else one of means or medians, shape ``(n, D)``.
    """

    how: Filled
    fitted: Any
    rows: Tensor

    @property
    def features(self) -> int:
        return self.rows.shape[1]

    @classmethod
    def fit(cls, how: Filled, train: Tensor, unlabelled: Tensor) -> "Imputer":
        """Fit on the labelled training examples of the source and the unlabelled ones of the target.

        Nothing that is held out, for validation or for a test, may be among them.

        Args:
            train: shape ``(N, D)``.
            unlabelled: shape ``(M, D)``.

        Raises:
            BadInput: a feature is missing in all of them; the examples are no vectors.
        """
        if train.ndim != 2 or unlabelled.ndim != 2:
            raise BadInput("data: only vectors can be imputed: drop the examples with missing values")
        both = torch.cat([train, unlabelled]).cpu()
        rows = both.double().numpy()
        empty = np.isnan(rows).all(axis=0).nonzero()[0].tolist()
        if empty:
            raise BadInput(
                f"data: {len(empty)} of {rows.shape[1]} features (first: {empty[0]}) are missing in all "
                f"{len(rows)} training examples: remove them from the files, nothing can be put in their place"
            )
        from sklearn.impute import KNNImputer, SimpleImputer  # takes a second to import

        fitted = (KNNImputer() if how == "knn" else SimpleImputer(strategy=how)).fit(rows)
        return cls(how, fitted, both if how == "knn" else torch.from_numpy(fitted.statistics_)[None])

    def apply(self, x: Tensor) -> Tensor:
        """Fill in the missing values of ``x``; all others keep their bits."""
        if x.shape[1:] != (self.features,):
            raise ValueError(f"vectors of shape {tuple(x.shape)} for an imputer of {self.features} features")
        gaps = ~is_complete(x)
        if not bool(gaps.any()):
            return x
        filled = torch.from_numpy(self.fitted.transform(x[gaps].double().cpu().numpy())).to(x)
        whole = x.clone()
        whole[gaps] = torch.where(x[gaps].isnan(), filled, x[gaps])
        return whole


def is_complete(x: Tensor) -> Tensor:
    """Whether each example has no missing value, shape ``(N,)``."""
    return ~x.flatten(1).isnan().any(dim=1)


def check_complete(x: Tensor, where: str, remedy: str = REMEDY) -> None:
    """Raise if ``x`` has missing values.

    Args:
        where: the name of ``x`` in the message.
        remedy: the end of the message.

    Raises:
        BadInput: counts the examples that have some and names the options.
    """
    affected = int((~is_complete(x)).sum())
    if affected:
        raise BadInput(f"{where}: {affected} of {len(x)} examples have missing values (NaN): {remedy}")
