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
    """Add synthetic examples until each class has as many as the largest (SMOTE; Chawla et al. 2002).

    Each lies between an example and one of the five nearest of its class, in the space of the raw values: images are
    mixed pixel by pixel.

    Raises:
        BadInput: the examples are not in memory, a class is too small, or imbalanced-learn is not installed.
    """
    if split.store.streamed:
        raise BadInput(
            "data.resample: smote needs all examples in memory, but these are read as they are needed: choose over or "
            "balanced"
        )
    try:
        from imblearn.over_sampling import SMOTE
    except ImportError as error:
        raise BadInput('data.resample: smote needs imbalanced-learn: pip install "dann[data]"') from error
    smallest = int(torch.bincount(split.y)[torch.unique(split.y)].min())
    if smallest < 2:
        raise BadInput("data.resample: smote needs two examples of each class: choose over or balanced")
    sampler = SMOTE(random_state=0, k_neighbors=min(5, smallest - 1))
    raw = split.x
    x, y = sampler.fit_resample(raw.flatten(1).float().numpy(), split.y.numpy())
    # SMOTE puts the synthetic examples last; they are counted to the first domain.
    more = torch.zeros(len(y) - len(split), dtype=torch.int64)
    examples = torch.from_numpy(np.asarray(x, np.float32)).reshape(-1, *raw.shape[1:])
    examples = examples.round().to(torch.uint8) if raw.dtype == torch.uint8 else examples
    full = Split.of(examples, torch.from_numpy(np.asarray(y, np.int64)))
    return Split(full.store, full.rows, full.y, torch.cat([split.domain, more]))
