"""Domains that are made to lack examples of a class or parts of their examples."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from tiny import MOONS, config_of

from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.own_arrays import from_arrays
from dann.data.preprocessing.degradation import BlankedImages, Degradation, degrade
from dann.data.store import TensorStore
from dann.errors import BadInput
from dann.training.pair_loading import load_pair


def domain(x: np.ndarray) -> Any:
    return from_arrays("made", x, np.arange(len(x)) % 4, classes=tuple("abcd"))


def test_a_class_is_made_rare_in_training_alone() -> None:
    whole = domain(np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32))
    some = degrade(whole, Degradation(classes={"b": 0.1, "d": 0.0}))
    assert torch.bincount(some.train.y).tolist() == [20, 2, 20, 1]
    again = degrade(whole, Degradation(classes={"b": 0.1, "d": 0.0}))
    assert torch.equal(some.train.rows, again.train.rows)
    with pytest.raises(BadInput, match="made has no class 'e'; it has a, b, c, d"):
        degrade(whole, Degradation(classes={"e": 0.5}))


def test_a_share_of_all_training_examples_is_left() -> None:
    whole = domain(np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32))
    some = degrade(whole, Degradation(examples=0.3))
    assert torch.bincount(some.train.y).tolist() == [6, 6, 6, 6]
    fewer = degrade(whole, Degradation(examples=0.1))
    assert set(fewer.train.rows.tolist()) < set(some.train.rows.tolist())
    beside = degrade(whole, Degradation(examples=0.5, classes={"b": 0.2, "c": 0.0}))
    assert torch.bincount(beside.train.y).tolist() == [10, 2, 1, 10]


def test_of_examples_without_a_label_a_share_is_left_too() -> None:
    x, y = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32), np.arange(80) % 2
    half = from_arrays("made", x, np.where(np.arange(80) < 40, y, -1), classes=tuple("ab"))
    assert Counter(degrade(half, Degradation(examples=0.1)).train.y.tolist()) == {-1: 4, 0: 2, 1: 2}


def test_the_target_may_have_fewer_unlabelled_examples() -> None:
    def pair(**data: Any) -> Any:
        return load_pair(config_of(MOONS, data=data).data)

    whole, few = pair(), pair(target_degradation={"examples": 0.2})
    assert len(few.unlabelled) == math.ceil(0.2 * len(whole.unlabelled))
    assert torch.equal(few.train.rows, whole.train.rows) and torch.equal(few.target_test.rows, whole.target_test.rows)
    with pytest.raises(BadInput, match=r"target_degradation\.examples"):
        pair(target_degradation={"examples": 0})


def test_vectors_miss_a_share_of_their_values() -> None:
    whole = domain(np.ones((400, 30), np.float32))
    found = degrade(whole, Degradation(values=0.3)).train.x
    gaps = found.isnan()
    assert abs(gaps.float().mean() - 0.3) < 0.02 and (found[~gaps] == 1).all()
    assert gaps.float().mean(0).std() < 0.05 and len({tuple(row) for row in gaps.tolist()}) > 390


@pytest.mark.parametrize(("share", "side"), [(0.25, 8), (0.06, 4)])
def test_images_have_a_black_square_of_their_own(share: float, side: int) -> None:
    store = BlankedImages(TensorStore(torch.full((50, 3, 16, 16), 9, dtype=torch.uint8)), share)
    x = store.read(torch.arange(50))
    assert ((x == 0).sum((2, 3)) == side**2).all() and set(x.unique().tolist()) == {0, 9}
    for image in (x == 0)[:, 0]:
        down, across = image.any(1).nonzero().flatten(), image.any(0).nonzero().flatten()
        assert len(down) == len(across) == side and down[-1] - down[0] == across[-1] - across[0] == side - 1
    assert len({tuple(image.flatten().tolist()) for image in x[:, 0]}) > 30
    assert torch.equal(store.read(torch.tensor([7, 3])), x[[7, 3]])
    assert store.checksum() != TensorStore(torch.full((50, 3, 16, 16), 9, dtype=torch.uint8)).checksum()


def test_a_configuration_says_which_side_lacks_what() -> None:
    def pair(**data: Any) -> Any:
        return load_pair(config_of(MOONS, data=data).data)

    whole, rare = pair(), pair(source_degradation={"classes": {"lower moon": 0.2}})
    assert rare.describe()["class_counts"]["train"][1] < whole.describe()["class_counts"]["train"][1] / 3
    assert len(rare.target_test) == len(whole.target_test)
    with pytest.raises(BadInput, match="missing"):
        pair(target_degradation={"values": 0.5})
    filled = pair(target_degradation={"values": 0.5}, missing="mean")
    assert filled.description["missing"]["examples"].keys() == {"unlabelled", "target_test"}
    assert filled.target_test.x.isfinite().all()
    assert (
        pair(target_degradation={"classes": {"upper moon": 0.5}}).description["target"]["train"]
        < whole.description["target"]["train"]
    )


def test_test_examples_are_the_same_whatever_a_domain_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Splits are cut first: else other examples would be held out, and of source and target not the same."""
    made = domain(np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32))
    monkeypatch.setitem(DOMAINS, "untested", lambda: made)
    without = {"data": {"source": {"name": "untested"}, "target": {"name": "untested"}}}
    few = {"classes": {"b": 0.1, "c": 0.0}}
    whole = load_pair(config_of(MOONS, **without).data)
    for sides in (["source_degradation"], ["target_degradation"], ["source_degradation", "target_degradation"]):
        pair = load_pair(config_of(MOONS, data=without["data"] | dict.fromkeys(sides, few)).data)
        assert torch.equal(pair.target_test.rows, whole.target_test.rows)
        assert not set(pair.train.rows.tolist()) & set(pair.target_test.rows.tolist())
        if "source_degradation" in sides:
            assert len(pair.train) < len(whole.train)


@pytest.mark.parametrize("share", [0.9, 0.0005])
def test_a_square_that_no_image_can_have_is_refused(share: float) -> None:
    with pytest.raises(BadInput, match=r"no square covers .* of 8 × 32 pixels"):
        BlankedImages(TensorStore(torch.zeros(3, 1, 8, 32, dtype=torch.uint8)), share)


def test_classes_of_a_domain_without_labels_cannot_be_made_rare() -> None:
    with pytest.raises(BadInput, match="has no class 'a'; it has no labels: leave it out"):
        degrade(from_arrays("mine", np.zeros((4, 2), np.float32)), Degradation(classes={"a": 0.5}))
