"""Weights of terms, against float64 NumPy computations, and what they are fitted on."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_domains import config_of

from dann.data.preprocessing.term_weighting import TermOptions, TermWeights
from dann.errors import BadInput
from dann.training.pair_loading import load_pair


def counts(rows: int, words: int = 6, seed: int = 0) -> np.ndarray:
    """Few words an example; the first example has none, and no example has the last word."""
    x = np.random.default_rng(seed).poisson(0.6, size=(rows, words)).astype(np.float64)
    x[0], x[:, -1] = 0, 0
    return x


def oracle(fitted: np.ndarray, x: np.ndarray, tf: str, idf: bool, norm: str) -> np.ndarray:
    result = np.zeros_like(x)
    for i, row in enumerate(x):
        for j, count in enumerate(row):
            having = sum(other[j] > 0 for other in fitted)
            frequency = {"count": count, "log": math.log(1 + count), "presence": float(count > 0)}[tf]
            result[i, j] = frequency * (math.log((1 + len(fitted)) / (1 + having)) + 1 if idf else 1)
        length = math.sqrt(sum(value**2 for value in result[i]))
        result[i] /= length if norm == "l2" and length else 1
    return result


@pytest.mark.parametrize("tf", ["count", "log", "presence"])
@pytest.mark.parametrize("idf", [True, False])
@pytest.mark.parametrize("norm", ["none", "l2"])
def test_weights_match_their_oracle(tf: Any, idf: bool, norm: Any) -> None:
    fitted, x = counts(9), counts(5, seed=1)
    weights = TermWeights.fit(TermOptions(tf=tf, idf=idf, norm=norm), torch.from_numpy(fitted).float())
    expected = oracle(fitted, x, tf, idf, norm)
    for again in (weights, TermWeights.restore(weights.state())):
        result = again(torch.from_numpy(x).float())
        assert result.dtype == torch.float32
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_the_default_is_tf_idf_with_logarithmic_counts_and_rows_of_length_one() -> None:
    assert TermOptions() == TermOptions(tf="log", idf=True, norm="l2")


def bags(tmp_path: Path, **changes: np.ndarray) -> dict[str, Any]:
    for number, name in enumerate(("source", "target")):
        stored = {"x": counts(60, seed=number), "x_test": counts(30, seed=number + 5)} | changes
        np.savez(tmp_path / f"{name}.npz", y=np.arange(60) % 2, y_test=np.arange(30) % 2, **stored)
    sides = {side: {"name": "arrays", "path": str(tmp_path / f"{side}.npz")} for side in ("source", "target")}
    return {**sides, "batch_size": 8, "terms": {}}


def test_both_training_splits_are_fitted_on_and_no_example_held_out(tmp_path: Path) -> None:
    pair = load_pair(config_of(bags(tmp_path)).data)
    plain = load_pair(config_of({**bags(tmp_path), "terms": None}).data)
    fitted = torch.cat([plain.train.x, plain.unlabelled.x]).double().numpy()
    for name, split in pair.splits.items():
        expected = oracle(fitted, plain.splits[name].x.double().numpy(), "log", True, "l2")
        np.testing.assert_allclose(split.x.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_negative_values_are_refused(tmp_path: Path) -> None:
    x = counts(30)
    x[3, 1] = -1
    with pytest.raises(BadInput, match=r"test split: 1 of 30 examples have negative values, but data\.terms"):
        load_pair(config_of(bags(tmp_path, x_test=x)).data)
