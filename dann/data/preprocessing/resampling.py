"""Remedies against class imbalance: weights of the classes, and synthetic examples."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from dann.data.domain import Split
from dann.errors import BadInput

ClassWeights = Literal["none", "inverse", "effective"]


def class_weights(counts: list[int], how: ClassWeights, beta: float) -> Tensor | None:
    """The weight of each class in the label loss, their mean over the examples being 1; None without weights.

    Args:
        counts: the number of examples of each class, none 0.
        how: ``inverse``: 1 / n; ``effective``: (1 − β) / (1 − βⁿ), one over the effective number of examples
            (Cui et al. 2019, equation 2).
        beta: β, in [0, 1).
    """
    if how == "none":
        return None
    n = torch.tensor(counts, dtype=torch.float64)
    weights = 1 / n if how == "inverse" else (1 - beta) / (1 - beta**n)
    return (weights * n.sum() / (weights * n).sum()).float()


def apply_smote(split: Split) -> Split:
    """Add synthetic vectors until each class has as many examples as the largest (SMOTE; Chawla et al. 2002).

    Raises:
        BadInput: the examples are no vectors, a class is too small, or imbalanced-learn is not installed.
    """
    if len(split.store.shape) != 1:
        raise BadInput("data.resample: smote makes vectors, but the examples are not: choose over or balanced")
    try:
        from imblearn.over_sampling import SMOTE
    except ImportError as error:
        raise BadInput('data.resample: smote needs imbalanced-learn: pip install "dann[data]"') from error
    smallest = int(torch.bincount(split.y)[torch.unique(split.y)].min())
    if smallest < 2:
        raise BadInput("data.resample: smote needs two examples of each class: choose over or balanced")
    sampler = SMOTE(random_state=0, k_neighbors=min(5, smallest - 1))
    x, y = sampler.fit_resample(split.x.numpy(), split.y.numpy())
    # SMOTE puts the synthetic examples last; they are counted to the first domain.
    more = torch.zeros(len(y) - len(split), dtype=torch.int64)
    full = Split.of(torch.from_numpy(np.asarray(x, np.float32)), torch.from_numpy(np.asarray(y, np.int64)))
    return Split(full.store, full.rows, full.y, torch.cat([split.domain, more]))
