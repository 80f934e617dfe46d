"""Labels of several domains matched by name."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_domains import values, vectors

from dann.data.datasets.own_arrays import from_arrays
from dann.data.domain import Domain
from dann.data.pair_builder import PairOptions, build_pair
from dann.errors import BadInput


def test_labels_are_matched_by_name() -> None:
    target = vectors("target", classes="cab", first=1000)
    pair = build_pair([vectors("source")], target, PairOptions())
    for x, y in zip(pair.target_test.x.flatten().tolist(), pair.target_test.y.tolist(), strict=True):
        assert "abc"[y] == "cab"[int(x - 1000) % 3]


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        ("abc", "abcd", r"target has classes that source has not \(d\): data.target_classes"),
        ("abc", "ab", r"target lacks classes of source \(c\): set data.partial"),
        ("", "ab", "source has no labels"),
    ],
)
def test_unequal_label_sets_are_refused(source: str, target: str, says: str) -> None:
    one = vectors("source", classes=source) if source else replace(vectors("source"), classes=())
    with pytest.raises(BadInput, match=says):
        build_pair([one], vectors("target", classes=target), PairOptions())


def test_partial_set_by_name() -> None:
    pair = build_pair([vectors("source")], vectors("target", classes="cb", first=1000), PairOptions(partial=True))
    assert pair.classes == ("a", "b", "c")
    assert sorted(set(pair.target_test.y.tolist())) == [1, 2]
    cut = build_pair(
        [vectors("source")], vectors("target", classes="abcd", first=1000), PairOptions(target_classes=["d", "b"][1:])
    )
    assert set(cut.target_test.y.tolist()) == {1}
    assert all(int(x - 1000) % 4 == 1 for x in values(cut.unlabelled))
    with pytest.raises(BadInput, match="no class z"):
        build_pair([vectors("source")], vectors("target"), PairOptions(target_classes=["z"]))
    with pytest.raises(BadInput, match="name each class once"):
        build_pair([vectors("source")], vectors("target"), PairOptions(target_classes=[]))


def test_sources_with_other_classes_are_refused() -> None:
    with pytest.raises(BadInput, match=r"second lacks classes of first .c.: leave that source out"):
        build_pair([vectors("first"), vectors("second", classes="ab")], vectors("target"), PairOptions())


def test_labels_of_every_source_are_matched_by_name() -> None:
    pair = build_pair(
        [vectors("one"), vectors("two", classes="bca", first=500)], vectors("target", first=1000), PairOptions()
    )
    for split in (pair.train, pair.validation):
        for x, y in zip(split.x.flatten().tolist(), split.y.tolist(), strict=True):
            assert "abc"[y] == ("abc"[int(x) % 3] if x < 500 else "bca"[int(x - 500) % 3])


def own(name: str, labels: list[int], **options: Any) -> Domain:
    """A user's vectors, ten of each label in turn."""
    x = np.arange(10.0 * len(labels), dtype=np.float32)[:, None] + len(name) / 100
    return from_arrays(name, x, np.array(labels * 10), **options)


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (own("source", [3]), own("target", [3]), "source has one class, 3, so that any model is right"),
        (own("source", [-1, 0]), own("target", [-1, 0]), "one class, 0.*10 examples without a label: 10 '-1'"),
        (own("source", [-1]), own("target", [0, 1]), "source has no labels.*leave that row out; 10 examples without"),
        (own("source", [0, 1]), own("target", [-1, 1]), "of source are 0 and 1, those of target -1 and 1: write both"),
        (own("source", [-1, 1]), own("target", [0, 1]), "of source are -1 and 1, those of target 0 and 1: write both"),
        (
            own("source", [-1, 0, 1]),
            own("target", [-1, 0]),
            r"-1 is a class of source, but in target.*unlabelled: \[\]",
        ),
        (own("source", [-1, 0, 1]), own("target", [0, 1]), r"lacks classes.*partial.*unlabelled: \['-1'\] for source"),
        (own("source", [0, 1]), own("target", [1, 2]), r"counted from 0 on one side and from 1 on the other, number"),
        (own("source", [1, 2, 3]), own("target", [0, 1, 2]), r"counted from 0 on one side and from 1 on the other"),
        (own("source", [0, 1]), own("target", [0, 2]), r"has not \(2\): data.target_classes .*; or, if that means no"),
        (own("source", [0, 1]), own("target", [5, 6]), r"has not \(5, 6\): write them alike \(source has 0, 1\)"),
        (own("source", [0, 1]), own("target", [9]), r"\(9\).*or, if that means no label, set unlabelled: \['9'\]"),
        (own("source", [0, 1]), own("target", [0]), r"lacks classes.*set unlabelled: \['0'\] for target"),
    ],
)
def test_labels_that_may_mean_two_things_are_refused(source: Domain, target: Domain, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        build_pair([source], target, PairOptions())


def test_minus_one_beside_zero_and_one_is_no_label_where_it_is_no_class_of_the_source() -> None:
    pair = build_pair([own("source", [0, 1])], own("target", [-1, 0, 1]), PairOptions())
    assert pair.classes == ("0", "1") and len(pair.target_test) == 4
    assert pair.description["splits"]["target_train"] == {"examples": 26, "labelled": 16, "dropped": 0}
    assert pair.description["label_notes"] == [
        "target: 10 examples without a label: 10 '-1', which is no class of source"
    ]
    both = build_pair([own("source", [-1, 0, 1])], own("target", [-1, 0, 1]), PairOptions())
    assert both.classes == ("-1", "0", "1")
    told = build_pair([own("source", [-1, 0, 1])], own("target", [-1], unlabelled=[-1]), PairOptions())
    assert not told.has_target_labels
    with pytest.raises(BadInput, match="target_classes: target has no labels to choose its examples by"):
        build_pair([own("source", [0, 1])], own("target", [-1]), PairOptions(target_classes=["0"]))
