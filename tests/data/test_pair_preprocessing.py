"""Preprocessing of a pair: imputation, mSDA, and that nothing held out is seen."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_domains import config_of, own_vectors

from dann.data.preprocessing import msda_cache
from dann.data.preprocessing.imputation import is_complete
from dann.errors import BadInput
from dann.training.pair_loading import load_pair


@pytest.mark.parametrize("how", ["mean", "median", "knn"])
def test_missing_values_are_imputed_from_the_training_splits(tmp_path: Path, how: str) -> None:
    data = own_vectors(tmp_path, gaps=True)
    pair = load_pair(config_of({**data, "missing": how}).data)
    assert all(is_complete(split.x).all() for split in pair.splits.values())
    affected = pair.describe()["missing"]
    assert affected["how"] == how and affected["examples"]["target_test"] == 1
    raw = np.load(tmp_path / "target.npz")
    whole = ~np.isnan(raw["x_test"]).any(axis=1)
    assert np.array_equal(pair.target_test.x.numpy()[whole], raw["x_test"][whole].astype(np.float32))


def test_missing_values_are_an_error_or_dropped_by_choice(tmp_path: Path) -> None:
    data = own_vectors(tmp_path, gaps=True)
    with pytest.raises(BadInput, match=r"data: train split: \d+ of 54 examples have missing values .*drop, mean"):
        load_pair(config_of(data).data)
    pair = load_pair(config_of({**data, "missing": "drop"}).data)
    assert len(pair.target_test) == 29 and len(pair.unlabelled) == 60 - 9
    assert pair.describe()["missing"]["examples"]["unlabelled"] == 9


def test_options_for_other_kinds_of_examples_are_refused() -> None:
    images = {"source": {"name": "digits"}, "target": {"name": "digits_m"}}
    for options, says in (({"missing": "mean"}, "missing: mean is for vectors"), ({"msda": {}}, "msda computes"),
                          ({"terms": {}}, "terms weighs the features of vectors")):  # fmt: skip
        with pytest.raises(BadInput, match=says):
            load_pair(config_of({**images, **options}).data)


def test_msda_features_replace_the_vectors(tmp_path: Path) -> None:
    data = own_vectors(tmp_path, gaps=False)
    plain, pair = (load_pair(config_of({**data, **more}).data) for more in ({}, {"msda": {"layers": 2}}))
    assert pair.input_shape == (12,)
    assert torch.equal(pair.target_test.x[:, :4], plain.target_test.x)


def test_msda_features_in_coordinates_of_the_span(tmp_path: Path) -> None:
    data = own_vectors(tmp_path, gaps=False)
    whole, pair = (load_pair(config_of({**data, "msda": {"layers": 20, **more}}).data) for more in ({}, {"span": True}))
    assert pair.input_shape[0] < whole.input_shape[0] == 84 and pair.preprocessor.dropped
    fitted, short = (torch.cat([each.train.x, each.unlabelled.x]) for each in (whole, pair))
    for name, split in whole.splits.items():
        torch.testing.assert_close(pair.splits[name].x @ short.T, split.x @ fitted.T, atol=1e-3, rtol=1e-4)


def test_what_is_fitted_sees_no_example_held_out(tmp_path: Path) -> None:
    """Imputed values and mSDA features stay as they are when the target's test examples change."""
    data = own_vectors(tmp_path, gaps=True)
    held = {"imputed": {"missing": "mean"}, "features": {"missing": "mean", "msda": {"layers": 1}}}
    before = {name: load_pair(config_of({**data, **more}).data) for name, more in held.items()}
    stored = dict(np.load(tmp_path / "target.npz"))
    stored["x_test"] = stored["x_test"] * 100 + 7
    np.savez(tmp_path / "target.npz", **stored)
    for name, more in held.items():
        after = load_pair(config_of({**data, **more}).data)
        assert torch.equal(after.unlabelled.x, before[name].unlabelled.x)
        assert torch.equal(after.train.x, before[name].train.x)
    stored["x"] = stored["x"] + 1  # the target's training examples do count
    np.savez(tmp_path / "target.npz", **stored)
    for name, more in held.items():
        after = load_pair(config_of({**data, **more}).data)
        assert not torch.equal(after.train.x, before[name].train.x), name


def test_numbers_of_examples_are_those_that_are_left(tmp_path: Path) -> None:
    reported = load_pair(config_of({**own_vectors(tmp_path, gaps=True), "missing": "drop"}).data).describe()
    assert (reported["target"]["train"], reported["target"]["test"]) == (51, 29)


def test_large_msda_features_are_computed_once_and_equal_those_computed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))
    config = config_of({**own_vectors(tmp_path, gaps=False), "msda": {"layers": 2}})
    plain = load_pair(config.data)
    monkeypatch.setattr("dann.data.pair_preprocessing.LARGEST", 8)
    fits = []
    fit = msda_cache.fit_msda
    monkeypatch.setattr(msda_cache, "fit_msda", lambda *args, **options: fits.append(1) or fit(*args, **options))
    for _ in range(2):
        cached = load_pair(config.data)
        assert cached.preprocessor.dropped and len(fits) == 1
        for name, split in cached.splits.items():
            torch.testing.assert_close(split.x, plain.splits[name].x)
            assert torch.equal(split.y, plain.splits[name].y)
    load_pair(config.data.model_copy(update={"validation": 0.3}))  # other examples to fit
    assert len(fits) == 2
    damaged = next((tmp_path / "cache/msda").glob("*.npy"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    load_pair(config.data)
    load_pair(config.data.model_copy(update={"validation": 0.3}))
    assert len(fits) == 3
