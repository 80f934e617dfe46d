"""Test examples that training holds too: counted in the record, and left out of the test splits by option."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_domains import values, vectors

from dann.data.datasets.amazon_reviews import amazon_reviews
from dann.data.domain import Domain, Split
from dann.data.duplicates import count_identical, digest_examples
from dann.data.pair import Pair
from dann.data.pair_builder import PairOptions, build_pair
from dann.errors import BadInput


def with_test(domain: Domain, x: list[float], y: list[int]) -> Domain:
    return replace(domain, test=Split.of(torch.tensor(x)[:, None], torch.tensor(y)))


def overlapping(drop: bool, **options: object) -> Pair:
    """20 of each of three classes; the target's test split holds 3 training examples of it and 1 of the source's."""
    source = with_test(vectors("source"), [900.0, 901.0, 902.0, 7.0], [0, 1, 2, 1])
    target = with_test(
        vectors("target", first=1000), [1000.0, 1004.0, 1004.0, 5.0, 2000.0, 2001.0, 2002.0], [0, 1, 1, 2, 0, 1, 2]
    )
    return build_pair([source], target, PairOptions(drop_duplicates=drop, **options))  # type: ignore[arg-type]


def test_counts_are_in_the_description_and_the_notes() -> None:
    found = overlapping(drop=False).describe()
    assert found["duplicates"] == {
        "source_test": {"labelled": 1, "unlabelled": 0},
        "target_test": {"labelled": 1, "unlabelled": 3},
    }
    assert found["notes"] == [
        f"{count} examples are identical to {where} examples: set data.drop_duplicates: true to leave them out of "
        "the test split, unless examples repeat by nature"
        for count, where in (
            ("1 of 4 source test", "labelled training"),
            ("1 of 7 target test", "labelled training"),
            ("3 of 7 target test", "the target's training"),
        )
    ]


def test_without_duplicates_the_counts_are_0_and_nothing_is_noted() -> None:
    pair = build_pair([vectors("source")], vectors("target", first=1000), PairOptions())
    none = {"labelled": 0, "unlabelled": 0}
    assert pair.describe()["duplicates"] == {"source_test": none, "target_test": none}
    assert "notes" not in pair.describe()


def test_dropping_leaves_training_as_it_is_and_test_splits_without_copies() -> None:
    before, after = overlapping(drop=False), overlapping(drop=True)
    for name in ("train", "source_validation", "unlabelled"):
        assert torch.equal(before.splits[name].x, after.splits[name].x)
        assert torch.equal(before.splits[name].rows, after.splits[name].rows)
    assert values(after.source_test) == {900.0, 901.0, 902.0} and values(after.target_test) == {2000.0, 2001.0, 2002.0}
    one, other = before.describe(), after.describe()
    assert "notes" not in other and (one["target"]["test"], other["target"]["test"]) == (7, 3)
    assert (one["source"]["test"], other["source"]["test"]) == (4, 3)
    assert other["duplicates"] == {**one["duplicates"], "dropped": {"source_test": 1, "target_test": 4}}
    for split, count in (("source_test", 1), ("target_test", 4), ("source_train", 0), ("target_train", 0)):
        assert other["splits"][split]["dropped"] == one["splits"][split]["dropped"] + count
    assert other["class_counts"]["target_test"] == [1, 1, 1]


def test_the_row_that_trains_on_the_target_stays_an_upper_bound() -> None:
    target = with_test(vectors("target"), [0.0, 1.0, 2.0, 90.0, 91.0, 92.0], [0, 1, 2, 0, 1, 2])
    described = build_pair([target], target, PairOptions(drop_duplicates=True)).describe()
    assert described["source"] == described["target"] and described["target"]["test"] == 3


def test_transductive_training_keeps_the_target_s_test_examples() -> None:
    pair = overlapping(drop=True, transductive=True)
    assert pair.describe()["duplicates"]["target_test"] == {"labelled": 1}
    assert values(pair.unlabelled) - values(pair.target_test) == {5.0}  # of the labelled source too
    for name in ("", "unlabelled"):  # a target without any label is watched by its training examples
        target = replace(vectors("target", first=1000), test=None)
        target = replace(target, train=replace(target.train, y=torch.full_like(target.train.y, -1))) if name else target
        assert "notes" not in build_pair([vectors("source")], target, PairOptions(transductive=True)).describe()


def test_a_class_that_dropping_empties_is_named() -> None:
    target = with_test(vectors("target", first=1000), [1000.0, 2001.0, 2002.0], [0, 1, 2])
    assert len(build_pair([vectors("source")], target, PairOptions()).target_test) == 3
    with pytest.raises(
        BadInput, match=r"^data\.drop_duplicates: every target test example of class a is in training too"
    ):
        build_pair([vectors("source")], target, PairOptions(drop_duplicates=True))
    part = build_pair([vectors("source")], target, PairOptions(drop_duplicates=True, partial=True))
    assert values(part.target_test) == {2001.0, 2002.0}
    everything = with_test(vectors("target", first=1000), [1000.0, 1001.0, 1002.0], [0, 1, 2])
    with pytest.raises(
        BadInput, match=r"data\.drop_duplicates: every target test example .* is in training too: leave it"
    ):
        build_pair([vectors("source")], everything, PairOptions(drop_duplicates=True, partial=True))


@pytest.mark.parametrize("shape", [(6,), (3, 9), (1, 5, 5), (4, 5, 5)])
def test_vectors_series_and_images_are_compared_by_all_values(shape: tuple[int, ...]) -> None:
    random = np.random.RandomState(0)
    x = random.randint(0, 3, (200, *shape)) if len(shape) < 3 else random.randint(0, 256, (200, *shape))
    x[150:] = x[:50]
    x[190, ..., -1] += 1  # one value of one example
    stored = torch.from_numpy(x.astype(np.uint8 if len(shape) == 3 else np.float32))
    split = Split.of(stored, torch.zeros(200, dtype=torch.int64))
    trained, tested = (digest_examples(split.take(torch.arange(*ends))) for ends in ((0, 150), (150, 200)))
    pairs = (x[150:, None] == x[None, :150]).reshape(50, 150, -1).all(axis=2)
    assert count_identical(trained, tested) == int(pairs.any(axis=1).sum()) >= 49


def test_zeros_of_both_signs_and_gaps_are_equal() -> None:
    x = torch.tensor([[0.0, float("nan")], [-0.0, -float("nan")], [0.0, 1.0]])
    one, other, third = digest_examples(Split.of(x, torch.zeros(3, dtype=torch.int64)))
    assert one == other != third


@pytest.mark.slow
@pytest.mark.parametrize(("domain", "twice"), [("books", 198), ("dvd", 199), ("electronics", 168), ("kitchen", 156)])
def test_reviews_in_training_and_in_test(domain: str, twice: int, real_data: Path) -> None:
    if not (real_data / "amazon_reviews").is_dir():
        pytest.skip("the reviews are not at hand")
    reviews = amazon_reviews(domain=domain)  # type: ignore[arg-type]
    counts = build_pair([reviews], reviews, PairOptions()).describe()["duplicates"]
    assert counts["target_test"] == {"labelled": twice, "unlabelled": twice}
    labels = {x.numpy().tobytes(): y for x, y in zip(reviews.train.x, reviews.train.y.tolist(), strict=True)}
    assert reviews.test is not None
    found = [(labels.get(x.numpy().tobytes()), y) for x, y in zip(reviews.test.x, reviews.test.y.tolist(), strict=True)]
    assert sum(label is not None for label, _ in found) == twice
    assert all(label in (None, y) for label, y in found)
    dropped = build_pair([reviews], reviews, PairOptions(drop_duplicates=True)).describe()
    assert dropped["target"]["test"] == len(reviews.test) - twice and dropped["target"]["train"] == 2000
