"""Construction of pairs: splits, few-shot labels, several sources, domains with too little in them."""

from dataclasses import fields, replace

import pytest
import torch
from made_domains import values, vectors, with_labels
from tiny import TINY

from dann.config.merging import merge
from dann.config.schema import resolve
from dann.config.sections import DataSection
from dann.data.domain import Domain, Split
from dann.data.pair_builder import PairOptions, build_pair
from dann.data.preprocessing.degradation import Degradation
from dann.errors import BadInput
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair


def images(name: str = "grey", channels: int = 1, size: int = 4) -> Domain:
    x = torch.randint(0, 256, (60, channels, size, size), dtype=torch.uint8)
    split = Split.of(x, torch.arange(60) % 2)
    return Domain(name, split, split, ("a", "b"), "made for a test")


def test_pair_shows_grey_as_rgb_beside_colour() -> None:
    grey, colour = images(), images("colour", channels=3)
    pair = build_pair([grey], colour, PairOptions())
    assert pair.input_shape == (3, 4, 4)
    assert torch.equal(pair.train.x[:, 0], pair.train.x[:, 2])
    assert pair.source_test is not None and pair.source_test.x.shape[1] == 3


def test_pairs_of_other_shapes_are_refused() -> None:
    with pytest.raises(BadInput, match=r"shape \(1, 4, 4\) and of other \(1, 5, 5\)"):
        build_pair([images()], images("other", size=5), PairOptions())


def test_an_empty_class_is_named() -> None:
    source = vectors("source")
    without = with_labels(source, source.train.y.where(source.train.y != 1, 0))
    with pytest.raises(BadInput, match="source's training split has no labelled example of b"):
        build_pair([without], vectors("target"), PairOptions())
    target = vectors("target")
    lacking = with_labels(target, target.train.y.where(target.train.y != 2, 0))
    with pytest.raises(BadInput, match=r"test split of target has no labelled example of c.*partial"):
        build_pair([vectors("source")], lacking, PairOptions())
    assert build_pair([vectors("source")], lacking, PairOptions(partial=True))


@pytest.mark.parametrize(("count", "says"), [(0, "has 0 training example"), (1, "has 1 training example")])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_domain_with_next_to_nothing_is_refused(count: int, says: str, side: str) -> None:
    small = replace(vectors(side), train=vectors(side).train.take(torch.arange(count)), test=vectors("test").train)
    pair = {"source": vectors("source"), "target": vectors("target"), side: small}
    with pytest.raises(BadInput, match=f"{side} {says}"):
        build_pair([pair["source"]], pair["target"], PairOptions())


def test_too_small_a_validation_share_is_refused() -> None:
    with pytest.raises(BadInput, match=r"data.validation leaves none"):
        build_pair([vectors("source", per_class=2)], vectors("target"), PairOptions(validation=0.01))


def without_labels(name: str = "target", test: int = 0) -> Domain:
    """Examples from 1000 on, of which none has a label."""

    def strip(split: Split | None) -> Split | None:
        return None if split is None else replace(split, y=torch.full_like(split.y, -1))

    domain = vectors(name, first=1000, test=test)
    train = strip(domain.train)
    assert train is not None
    return replace(domain, train=train, test=strip(domain.test), classes=())


@pytest.mark.parametrize(("test", "tested"), [(0, 12), (5, 15)])
def test_a_target_without_labels_has_unlabelled_test_examples(test: int, tested: int) -> None:
    pair = build_pair([vectors("source")], without_labels(test=test), PairOptions())
    assert not pair.has_target_labels and pair.classes == ("a", "b", "c")
    assert len(pair.target_test) == tested and set(pair.target_test.y.tolist()) == {-1}
    assert not values(pair.target_test) & values(pair.unlabelled)
    described = pair.describe()
    assert described["class_counts"].keys() == {"train"}
    assert described["protocol"].endswith("; the target has no test labels")
    assert described["splits"]["target_test"] == {"examples": tested, "labelled": 0, "dropped": 0}
    whole = build_pair([vectors("source")], without_labels(test=test), PairOptions(transductive=True))
    assert values(whole.target_test) == values(whole.unlabelled) and not whole.has_target_labels


def test_two_examples_without_labels_train_and_are_watched() -> None:
    target = without_labels()
    few = replace(target, train=target.train.take(torch.tensor([0, 1])))
    pair = build_pair([vectors("source")], few, PairOptions())
    assert values(pair.unlabelled) == values(pair.target_test) == {1000, 1001}


def labelled_in_part(count: int) -> Domain:
    """A target of which the first ``count`` of 60 examples have labels."""
    target = vectors("target", first=1000)
    return with_labels(target, torch.where(torch.arange(60) < count, target.train.y, -1))


def test_the_few_labels_of_a_target_all_test_and_never_train() -> None:
    pair = build_pair([vectors("source")], labelled_in_part(12), PairOptions())
    assert values(pair.target_test) == set(range(1000, 1012)) and pair.has_target_labels
    assert values(pair.unlabelled) == set(range(1012, 1060))
    assert pair.description["splits"]["target_train"] == {"examples": 48, "labelled": 0, "dropped": 0}
    assert pair.description["splits"]["target_test"] == {"examples": 12, "labelled": 12, "dropped": 0}
    shot = build_pair([vectors("source")], labelled_in_part(12), PairOptions(target_labelled=1))
    assert len(shot.target_test) == 9 and len(shot.train) == len(pair.train) + 3
    assert shot.description["splits"]["target_test"]["dropped"] == 0
    assert not values(shot.train) & values(shot.target_test)
    target = labelled_in_part(12)
    with pytest.raises(BadInput, match="training would see the labels of the test examples"):
        build_pair([target], target, PairOptions())


def test_a_transductive_target_without_labels_may_be_the_source() -> None:
    source = vectors("source")
    with pytest.raises(BadInput, match="training would see the labels of the test examples"):
        build_pair([source], source, PairOptions(transductive=True))
    target = replace(with_labels(vectors("target"), torch.full((60,), -1)), classes=())
    pair = build_pair([source], target, PairOptions(transductive=True))
    assert len(pair.unlabelled) == len(pair.target_test) == 60 and not pair.has_target_labels


def test_of_many_labels_a_share_is_held_out_and_all_other_examples_train() -> None:
    pair = build_pair([vectors("source")], labelled_in_part(45), PairOptions())
    assert len(pair.target_test) == 9 and values(pair.target_test) < set(range(1000, 1045))
    assert values(pair.unlabelled) == set(range(1000, 1060)) - values(pair.target_test)
    assert pair.description["splits"]["target_train"] == {"examples": 51, "labelled": 36, "dropped": 0}
    with pytest.raises(BadInput, match=r"data.test leaves none of 60 labelled examples of target: set data.test: 0.2"):
        build_pair([vectors("source")], vectors("target", first=1000), PairOptions(test=0.01, partial=True))


def test_dropped_examples_are_counted() -> None:
    source = vectors("source")
    source = with_labels(source, torch.where(torch.arange(60) < 10, -1, source.train.y))
    cut = PairOptions(target_classes=["a", "b"], target_degradation=Degradation(examples=0.5))
    counts = build_pair([source], vectors("target", first=1000), cut).description["splits"]
    assert counts["source_train"] == {"examples": 50, "labelled": 40, "dropped": 10}
    assert counts["source_test"] == {"examples": 10, "labelled": 10, "dropped": 0}
    assert counts["target_train"] == {"examples": 48, "labelled": 48, "dropped": 32}
    assert counts["target_test"] == {"examples": 12, "labelled": 12, "dropped": 4}


def test_target_test_split_of_the_data_set_is_kept() -> None:
    pair = build_pair([vectors("source", test=5)], vectors("target", first=1000, test=5), PairOptions())
    assert values(pair.target_test) == set(range(1060, 1075))
    assert values(pair.unlabelled) == set(range(1000, 1060))
    assert len(pair.source_test or []) == 15
    assert pair.description["protocol"].startswith("the data set's own")


def test_test_splits_are_held_out_where_none_is_defined() -> None:
    pair = build_pair([vectors("source")], vectors("target", first=1000), PairOptions(test=0.25))
    assert len(pair.target_test) == 15 and len(pair.unlabelled) == 45
    assert values(pair.target_test) | values(pair.unlabelled) == set(range(1000, 1060))
    assert len(pair.source_test or []) == 15
    assert pair.description["protocol"] == "0.25 of the target held out for testing"


def test_transductive_trains_and_tests_on_the_same_target_examples() -> None:
    pair = build_pair([vectors("source")], vectors("target", first=1000), PairOptions(transductive=True))
    assert values(pair.target_test) == values(pair.unlabelled) == set(range(1000, 1060))
    assert pair.source_test is None and len(pair.train) + len(pair.validation) == 60
    assert pair.description["protocol"].startswith("transductive")
    own = build_pair([vectors("source")], vectors("target", first=1000, test=5), PairOptions(transductive=True))
    assert values(own.target_test) == values(own.unlabelled) == set(range(1000, 1075))


def test_transductive_training_on_target_labels_is_refused() -> None:
    with pytest.raises(BadInput, match=r"source and target.*labels of the test examples"):
        build_pair(
            [vectors("source"), vectors("target", first=1000)],
            vectors("target", first=1000),
            PairOptions(transductive=True),
        )
    namesakes = vectors("photos"), replace(vectors("photos", first=1000), origin="elsewhere")
    assert build_pair([namesakes[0]], namesakes[1], PairOptions(transductive=True))


def test_few_shot_labels_enter_the_labelled_side_and_leave_the_others() -> None:
    target = vectors("target", first=1000)
    pair = build_pair([vectors("source")], target, PairOptions(target_labelled=2))
    shots = pair.train.take(pair.train.domain == 1)
    assert torch.bincount(shots.y).tolist() == [2, 2, 2]
    assert all(int(x - 1000) % 3 == y for x, y in zip(shots.x.flatten(), shots.y, strict=True))
    assert not values(shots) & values(pair.unlabelled) and not values(shots) & values(pair.target_test)
    assert pair.description["target_labelled_examples"] == 6
    seen = build_pair([vectors("source")], target, PairOptions(target_labelled=2, transductive=True))
    assert not values(seen.train) & values(seen.target_test)
    with pytest.raises(BadInput, match="it is 30 of each class, but a has 16"):
        build_pair([vectors("source")], target, PairOptions(target_labelled=30))


def test_no_shots_are_taken_twice_nor_silently_left_out() -> None:
    target = vectors("target", first=1000)
    pair = build_pair([vectors("source"), target], target, PairOptions(target_labelled=3))
    assert len(values(pair.train)) == len(pair.train) and not values(pair.train) & values(pair.validation)
    assert pair.description["target_labelled_examples"] == 0
    with pytest.raises(BadInput, match="named twice"):
        build_pair([target, target], vectors("other"), PairOptions())
    unlabelled = with_labels(target, torch.full_like(target.train.y, -1))
    with pytest.raises(BadInput, match="it is 1 of each class, but a has 0"):
        build_pair(
            [vectors("source")],
            replace(unlabelled, test=vectors("target", first=2000).train),
            PairOptions(target_labelled=1),
        )


def test_several_sources_keep_their_domain_index() -> None:
    pair = build_pair(
        [vectors("one"), vectors("two", first=500)], vectors("target", first=1000), PairOptions(target_labelled=1)
    )
    for x, domain in zip(pair.train.x.flatten().tolist(), pair.train.domain.tolist(), strict=True):
        assert domain == (0 if x < 500 else 1 if x < 1000 else 2)
    assert set(pair.validation.domain.tolist()) == {0, 1}
    assert pair.description["source"]["name"] == "one + two"
    data = {"source": [{"name": "moons", "points": 20}, {"name": "moons_rotated", "points": 20, "degrees": 10.0}]}
    config = resolve(merge(TINY["base"], {"data": data}), "test")
    batch = build_trainer(config, load_pair(config.data), 0, torch.device("cpu")).stream[0]
    assert set(batch.source_domain.tolist()) == {0, 1} and len(batch.source_domain) == 64


def test_unlabelled_source_examples_are_no_class() -> None:
    source = vectors("source")
    y = source.train.y.clone()
    y[:7] = -1
    pair = build_pair([with_labels(source, y)], vectors("target"), PairOptions())
    assert int(pair.train.y.min()) == 0 and int(pair.validation.y.min()) == 0
    assert pair.description["source_examples_without_label"] + len(pair.train) + len(pair.validation) <= 60
    assert not values(pair.train) & set(range(7))


def test_unlabelled_target_examples_train_and_are_not_scored() -> None:
    target = vectors("target", first=1000)
    y = target.train.y.clone()
    y[:30] = -1
    pair = build_pair([vectors("source")], with_labels(target, y), PairOptions())
    assert values(pair.unlabelled) & set(range(1000, 1030))
    assert not values(pair.target_test) & set(range(1000, 1030))


def test_defaults_of_the_pair_are_those_of_the_configuration() -> None:
    defaults = {field.name: field.default for field in fields(PairOptions)}
    for name, field in DataSection.model_fields.items():
        if name in defaults:
            assert defaults[name] == field.default, name
