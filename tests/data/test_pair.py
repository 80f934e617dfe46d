"""How domains become a pair: splits, label sets, few-shot labels, several sources, and that no test example leaks."""

from dataclasses import replace

import pytest
import torch
from tiny import TINY

from dann.config.experiment import merged
from dann.config.schema import DataSection, resolve
from dann.data.domain import Domain, Split
from dann.data.pair import Pair
from dann.data.splits import hold_out, take_few_shot
from dann.errors import BadInput
from dann.training.trainer import Trainer, load_pair


def vectors(name: str, per_class: int = 20, classes: str = "abc", first: int = 0, test: int = 0) -> Domain:
    """Examples that are all different numbers, counted from ``first``; ``test`` of a class in a test split."""

    def split(count: int, start: int) -> Split:
        x = torch.arange(start, start + count * len(classes), dtype=torch.float32)[:, None]
        return Split.of(x, torch.arange(len(x)) % len(classes))

    start = first + per_class * len(classes)
    return Domain(name, split(per_class, first), split(test, start) if test else None, tuple(classes), "made")


def images(name: str = "grey", channels: int = 1, size: int = 4) -> Domain:
    x = torch.randint(0, 256, (60, channels, size, size), dtype=torch.uint8)
    split = Split.of(x, torch.arange(60) % 2)
    return Domain(name, split, split, ("a", "b"), "made for a test")


def values(split: Split | None) -> set[float]:
    return set() if split is None else set(split.x.flatten().tolist())


# Shapes and label sets


def test_pair_shows_grey_as_rgb_beside_colour() -> None:
    grey, colour = images(), images("colour", channels=3)
    pair = Pair.of([grey], colour)
    assert pair.input_shape == (3, 4, 4)
    assert torch.equal(pair.train.x[:, 0], pair.train.x[:, 2])
    assert pair.source_test is not None and pair.source_test.x.shape[1] == 3


def test_pairs_of_other_shapes_are_refused() -> None:
    with pytest.raises(BadInput, match=r"shape \(1, 4, 4\) and of other \(1, 5, 5\)"):
        Pair.of([images()], images("other", size=5))


def test_labels_are_matched_by_name() -> None:
    target = vectors("target", classes="cab", first=1000)
    pair = Pair.of([vectors("source")], target)
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
        Pair.of([one], vectors("target", classes=target))


def test_partial_set_by_name() -> None:
    pair = Pair.of([vectors("source")], vectors("target", classes="cb", first=1000), partial=True)
    assert pair.classes == ("a", "b", "c")
    assert sorted(set(pair.target_test.y.tolist())) == [1, 2]
    cut = Pair.of([vectors("source")], vectors("target", classes="abcd", first=1000), target_classes=["d", "b"][1:])
    assert set(cut.target_test.y.tolist()) == {1}
    assert all(int(x - 1000) % 4 == 1 for x in values(cut.unlabelled))
    with pytest.raises(BadInput, match="no class z"):
        Pair.of([vectors("source")], vectors("target"), target_classes=["z"])
    with pytest.raises(BadInput, match="name each class once"):
        Pair.of([vectors("source")], vectors("target"), target_classes=[])


def test_sources_with_other_classes_are_refused() -> None:
    with pytest.raises(BadInput, match=r"second lacks classes of first .c.: leave that source out"):
        Pair.of([vectors("first"), vectors("second", classes="ab")], vectors("target"))


# Domains with too little in them


def with_labels(domain: Domain, y: torch.Tensor) -> Domain:
    return replace(domain, train=replace(domain.train, y=y))


def test_an_empty_class_is_named() -> None:
    source = vectors("source")
    without = with_labels(source, source.train.y.where(source.train.y != 1, 0))
    with pytest.raises(BadInput, match="source's training split has no labelled example of b"):
        Pair.of([without], vectors("target"))
    target = vectors("target")
    lacking = with_labels(target, target.train.y.where(target.train.y != 2, 0))
    with pytest.raises(BadInput, match=r"test split of target has no labelled example of c.*partial"):
        Pair.of([vectors("source")], lacking)
    assert Pair.of([vectors("source")], lacking, partial=True)


@pytest.mark.parametrize(("count", "says"), [(0, "has 0 training example"), (1, "has 1 training example")])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_domain_with_next_to_nothing_is_refused(count: int, says: str, side: str) -> None:
    small = replace(vectors(side), train=vectors(side).train.take(torch.arange(count)), test=vectors("test").train)
    pair = {"source": vectors("source"), "target": vectors("target"), side: small}
    with pytest.raises(BadInput, match=f"{side} {says}"):
        Pair.of([pair["source"]], pair["target"])


def test_too_small_a_validation_share_is_refused() -> None:
    with pytest.raises(BadInput, match=r"data.validation leaves none"):
        Pair.of([vectors("source", per_class=2)], vectors("target"), validation=0.01)


def test_a_target_without_test_labels_is_refused() -> None:
    target = vectors("target")
    with pytest.raises(BadInput, match="target has no labelled test example"):
        Pair.of([vectors("source")], replace(with_labels(target, torch.full_like(target.train.y, -1)), classes=()))


# Splits


def test_hold_out_is_a_fixed_stratified_partition() -> None:
    split = Split.of(torch.arange(100.0)[:, None], torch.tensor([0] * 50 + [1] * 40 + [2] * 10))
    kept, held = hold_out(split, 0.2)
    assert torch.bincount(held.y).tolist() == [10, 8, 2]
    assert values(kept) | values(held) == set(range(100)) and not values(kept) & values(held)
    assert torch.equal(hold_out(split, 0.2)[1].x, held.x)
    assert not torch.equal(hold_out(split, 0.2, seed=1)[1].x, held.x)
    assert held.x.flatten().tolist()[:10] != list(range(10))
    assert len(hold_out(split, 0.0)[1]) == 0


def test_hold_out_leaves_one_of_each_class() -> None:
    split = Split.of(torch.arange(12.0)[:, None], torch.tensor([0] * 10 + [1, 2]))
    for share in (0.1, 0.5, 0.9):
        assert set(hold_out(split, share)[0].y.tolist()) == {0, 1, 2}


def test_target_test_split_of_the_data_set_is_kept() -> None:
    pair = Pair.of([vectors("source", test=5)], vectors("target", first=1000, test=5))
    assert values(pair.target_test) == set(range(1060, 1075))
    assert values(pair.unlabelled) == set(range(1000, 1060))
    assert len(pair.source_test or []) == 15
    assert pair.description["protocol"].startswith("the data set's own")


def test_test_splits_are_held_out_where_none_is_defined() -> None:
    pair = Pair.of([vectors("source")], vectors("target", first=1000), test=0.25)
    assert len(pair.target_test) == 15 and len(pair.unlabelled) == 45
    assert values(pair.target_test) | values(pair.unlabelled) == set(range(1000, 1060))
    assert len(pair.source_test or []) == 15
    assert pair.description["protocol"] == "0.25 of the target held out for testing"


def test_transductive_trains_and_tests_on_the_same_target_examples() -> None:
    pair = Pair.of([vectors("source")], vectors("target", first=1000), transductive=True)
    assert values(pair.target_test) == values(pair.unlabelled) == set(range(1000, 1060))
    assert pair.source_test is None and len(pair.train) + len(pair.validation) == 60
    assert pair.description["protocol"].startswith("transductive")
    own = Pair.of([vectors("source")], vectors("target", first=1000, test=5), transductive=True)
    assert values(own.target_test) == values(own.unlabelled) == set(range(1000, 1075))


def test_transductive_training_on_target_labels_is_refused() -> None:
    with pytest.raises(BadInput, match=r"source and target.*labels of the test examples"):
        Pair.of([vectors("source"), vectors("target", first=1000)], vectors("target", first=1000), transductive=True)
    namesakes = vectors("photos"), replace(vectors("photos", first=1000), origin="elsewhere")
    assert Pair.of([namesakes[0]], namesakes[1], transductive=True)


# Few-shot labels, several sources, unlabelled examples


def test_few_shot_labels_enter_the_labelled_side_and_leave_the_others() -> None:
    target = vectors("target", first=1000)
    pair = Pair.of([vectors("source")], target, target_labelled=2)
    shots = pair.train.take(pair.train.domain == 1)
    assert torch.bincount(shots.y).tolist() == [2, 2, 2]
    assert all(int(x - 1000) % 3 == y for x, y in zip(shots.x.flatten(), shots.y, strict=True))
    assert not values(shots) & values(pair.unlabelled) and not values(shots) & values(pair.target_test)
    assert pair.description["target_labelled_examples"] == 6
    seen = Pair.of([vectors("source")], target, target_labelled=2, transductive=True)
    assert not values(seen.train) & values(seen.target_test)
    with pytest.raises(BadInput, match="30 of each class are asked for, but a has 16"):
        Pair.of([vectors("source")], target, target_labelled=30)


def test_no_shots_are_taken_twice_nor_silently_left_out() -> None:
    target = vectors("target", first=1000)
    pair = Pair.of([vectors("source"), target], target, target_labelled=3)
    assert len(values(pair.train)) == len(pair.train) and not values(pair.train) & values(pair.validation)
    assert pair.description["target_labelled_examples"] == 0
    with pytest.raises(BadInput, match="named twice"):
        Pair.of([target, target], vectors("other"))
    unlabelled = with_labels(target, torch.full_like(target.train.y, -1))
    with pytest.raises(BadInput, match="1 of each class are asked for, but a has 0"):
        Pair.of([vectors("source")], replace(unlabelled, test=vectors("target", first=2000).train), target_labelled=1)


def test_few_shot_ignores_unlabelled_examples() -> None:
    split = Split.of(torch.arange(9.0)[:, None], torch.tensor([-1, 0, 1] * 3))
    shots, rest = take_few_shot(split, 1, ("a", "b"))
    assert sorted(shots.y.tolist()) == [0, 1] and len(rest) == 7


def test_several_sources_keep_their_domain_index() -> None:
    pair = Pair.of([vectors("one"), vectors("two", first=500)], vectors("target", first=1000), target_labelled=1)
    for x, domain in zip(pair.train.x.flatten().tolist(), pair.train.domain.tolist(), strict=True):
        assert domain == (0 if x < 500 else 1 if x < 1000 else 2)
    assert set(pair.validation.domain.tolist()) == {0, 1}
    assert pair.description["source"]["name"] == "one + two"
    data = {"source": [{"name": "moons", "points": 20}, {"name": "moons_rotated", "points": 20, "degrees": 10.0}]}
    config = resolve(merged(TINY["base"], {"data": data}), "test")
    batch = Trainer.of(config, load_pair(config.data), 0, torch.device("cpu")).stream[0]
    assert set(batch.source_domain.tolist()) == {0, 1} and len(batch.source_domain) == 64


def test_labels_of_every_source_are_matched_by_name() -> None:
    pair = Pair.of([vectors("one"), vectors("two", classes="bca", first=500)], vectors("target", first=1000))
    for split in (pair.train, pair.validation):
        for x, y in zip(split.x.flatten().tolist(), split.y.tolist(), strict=True):
            assert "abc"[y] == ("abc"[int(x) % 3] if x < 500 else "bca"[int(x - 500) % 3])


def test_unlabelled_source_examples_are_no_class() -> None:
    source = vectors("source")
    y = source.train.y.clone()
    y[:7] = -1
    pair = Pair.of([with_labels(source, y)], vectors("target"))
    assert int(pair.train.y.min()) == 0 and int(pair.validation.y.min()) == 0
    assert pair.description["source_examples_without_label"] + len(pair.train) + len(pair.validation) <= 60
    assert not values(pair.train) & set(range(7))


def test_unlabelled_target_examples_train_and_are_not_scored() -> None:
    target = vectors("target", first=1000)
    y = target.train.y.clone()
    y[:30] = -1
    pair = Pair.of([vectors("source")], with_labels(target, y))
    assert values(pair.unlabelled) & set(range(1000, 1030))
    assert not values(pair.target_test) & set(range(1000, 1030))


# No leak


@pytest.mark.parametrize("options", [{}, {"target_labelled": 3}, {"target_classes": ["a", "c"]}, {"test": 0.5}])
@pytest.mark.parametrize("defined", [0, 5])
@pytest.mark.parametrize("on_target", [False, True])
def test_no_target_test_example_is_ever_trained_on(options: dict[str, object], defined: int, on_target: bool) -> None:
    target = vectors("target", first=1000, test=defined)
    sources = [target] if on_target else [vectors("source")]
    pair = Pair.of(sources, target, **options)  # type: ignore[arg-type]
    trained = values(pair.train) | values(pair.unlabelled) | values(pair.validation)
    assert values(pair.target_test) and not values(pair.target_test) & trained
    assert not values(pair.train) & values(pair.validation)


def test_target_labels_cannot_be_reached_from_what_trains() -> None:
    pair = Pair.of([vectors("source")], vectors("target", first=1000))
    assert set(pair.unlabelled.y.tolist()) == {-1}
    config = resolve(TINY["base"], "test")
    stream = Trainer.of(config, load_pair(config.data), 0, torch.device("cpu")).stream
    assert set(stream.target.y.tolist()) == {-1}


def test_defaults_of_the_pair_are_those_of_the_configuration() -> None:
    import inspect

    parameters = inspect.signature(Pair.of).parameters
    for name, field in DataSection.model_fields.items():
        if name in parameters and name != "target":
            assert parameters[name].default == field.default, name
