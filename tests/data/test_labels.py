"""Labels of several domains matched by name."""

from dataclasses import replace

import pytest
from made_domains import values, vectors

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
