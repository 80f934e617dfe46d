"""What is done once to the vectors of a pair before training: imputation, computed features, synthetic examples."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.pair import Pair
from dann.data.preprocessing.imputation import Imputer, Missing, check_complete, complete
from dann.data.preprocessing.msda import msda as fit_msda
from dann.data.preprocessing.msda import msda_features
from dann.data.preprocessing.preparation import Preparation
from dann.data.preprocessing.resampling import smote as with_smote
from dann.data.store import Held
from dann.errors import BadInput

Splits = dict[str, Split]


def prepared(pair: Pair, *, missing: Missing, msda: tuple[int, float] | None, smote: bool) -> Pair:
    """``pair`` with its vectors or series as the network gets them. Images have nothing missing and pass as they are.

    Whatever is fitted is fitted on the training splits of the source and the target, never on an example held out.

    Args:
        missing: what to do with NaN.
        msda: layers and corruption of a stacked denoising autoencoder whose features replace the vectors.
        smote: whether synthetic examples even the classes of the labelled side out.

    Raises:
        BadInput: values are missing and ``missing`` is ``error``; an option does not suit the examples.
    """
    imputer: Imputer | None = None
    mappings: list[Tensor] = []
    if len(pair.input_shape) != 3:
        pair, imputer = _without_gaps(pair, missing)
    elif missing != "error":
        raise BadInput(f"data.missing: {missing} is for vectors, but the examples are images: leave it out")
    if msda is not None:
        if len(pair.input_shape) != 1:
            raise BadInput("data.msda computes features of vectors, but the examples are none: leave it out")
        fitted = torch.cat([pair.train.x, pair.unlabelled.x])
        mappings = fit_msda(fitted, layers=msda[0], corruption=msda[1])
        pair = pair.with_splits(_mapped(pair.splits, lambda x: msda_features(x, mappings)))
    if smote:
        train = with_smote(pair.train)
        before = pair.reported()
        synthetic = {"examples": len(train) - len(pair.train), "imbalance_without": before["imbalance"]}
        pair = pair.with_splits({**pair.splits, "train": train}, synthetic=synthetic)
    return replace(pair, preparation=Preparation.of(imputer, mappings))


def _without_gaps(pair: Pair, missing: Missing) -> tuple[Pair, Imputer | None]:
    """``pair`` without missing values, and what filled them in, if anything did."""
    gaps = {name: ~complete(split.x) for name, split in pair.splits.items()}
    affected: dict[str, Any] = {name: int(mask.sum()) for name, mask in gaps.items() if mask.any()}
    if not affected:
        return pair, None
    if missing == "error":
        for name, split in pair.splits.items():
            check_complete(split.x, f"data: {name.replace('_', ' ')} split")
        raise AssertionError("a gap was found and is gone")
    imputer = None if missing == "drop" else Imputer.fit(missing, pair.train.x, pair.unlabelled.x)
    if imputer is None:
        splits = {name: split.take(~gaps[name]) for name, split in pair.splits.items()}
    else:
        splits = _mapped(pair.splits, imputer.apply)
    return pair.with_splits(splits, missing={"how": missing, "examples": affected}), imputer


def _mapped(splits: Splits, function: Callable[[Tensor], Tensor]) -> Splits:
    return {
        name: replace(split, store=Held(function(split.x)), rows=torch.arange(len(split)))
        for name, split in splits.items()
    }
