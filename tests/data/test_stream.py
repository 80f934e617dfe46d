"""The stateless stream of batches."""

import pytest
import torch
from made_domains import config_of_images
from streams import CPU, equal, plain
from tiny import TINY

from dann.config.merging import merge
from dann.config.schema import resolve
from dann.data.domain import Split
from dann.data.loading.stream import Batch, Stream
from dann.errors import BadInput
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair


def stream_of(seed: int = 0, source: int = 10, target: int = 7, batch_size: int = 4) -> Stream:
    labelled = Split.of(torch.arange(float(source))[:, None], torch.arange(source))
    unlabelled = Split.of(100 + torch.arange(float(target))[:, None], torch.full((target,), -1))
    return Stream(labelled, unlabelled, plain(labelled), batch_size=batch_size, seed=seed)


def test_batch_has_no_place_for_target_labels() -> None:
    named = ("source_x", "source_y", "target_x", "source_domain", "source_weight", "target_view", "target_rows")
    assert Batch._fields == named
    batch = stream_of()[0]
    assert (batch.source_x < 100).all() and (batch.target_x >= 100).all()
    assert torch.equal(batch.source_x.flatten().long(), batch.source_y)


@pytest.mark.parametrize("batch_size", [1, 4, 10, 23])
def test_each_epoch_shows_each_example_once(batch_size: int) -> None:
    stream = stream_of(batch_size=batch_size)
    shown = torch.cat([stream[i].source_y for i in range(-(-30 // batch_size))])[:30].reshape(3, 10)
    assert all(sorted(epoch.tolist()) == list(range(10)) for epoch in shown)
    assert not torch.equal(shown[0], shown[1])


def test_batches_are_functions_of_seed_and_step_alone() -> None:
    forward, fresh = stream_of(), stream_of()
    batches = [forward[i] for i in range(8)]
    torch.manual_seed(123)
    for i in reversed(range(8)):
        assert equal(batches[i], fresh[i])
    assert any(not torch.equal(batches[i].source_y, stream_of(seed=1)[i].source_y) for i in range(8))
    target_order = torch.cat([batch.target_x for batch in batches])[:7].flatten() - 100
    assert target_order.tolist() != batches[0].source_y.tolist()[:7]


@pytest.mark.parametrize("size", [1, 3, 9])
def test_the_target_may_have_a_batch_size_of_its_own(size: int) -> None:
    labelled = Split.of(torch.arange(10.0)[:, None], torch.arange(10))
    unlabelled = Split.of(100 + torch.arange(7.0)[:, None], torch.full((7,), -1))
    stream = Stream(labelled, unlabelled, plain(labelled), batch_size=4, target_batch_size=size, seed=0)
    assert all(len(stream[i].source_x) == 4 and len(stream[i].target_x) == size for i in range(3))
    assert all(torch.equal(stream[i].source_y, stream_of()[i].source_y) for i in range(8))
    shown = torch.cat([stream[i].target_x for i in range(-(-14 // size))])[:14].reshape(2, 7)
    assert all(sorted(epoch.tolist()) == list(range(100, 107)) for epoch in shown)
    config = resolve(merge(TINY["base"], {"data": {"batch_size": 4, "target_batch_size": size}}), "test")
    batch = build_trainer(config, load_pair(config.data), 0, CPU).stream[0]
    assert (len(batch.source_x), len(batch.target_x)) == (4, size)


def test_empty_domain_is_refused() -> None:
    with pytest.raises(BadInput, match="no training examples"):
        stream_of(target=0)


Y = torch.tensor([0] * 12 + [1] * 5 + [2] * 3)


def test_class_weights_reach_the_batch() -> None:
    config = resolve(merge(TINY["base"], {"data": {"class_weights": "inverse"}}), "test")
    batch = build_trainer(config, load_pair(config.data), 0, CPU).stream[0]
    assert batch.source_weight is not None and torch.allclose(batch.source_weight, torch.ones(64))  # moons are balanced
    labelled = Split.of(torch.arange(20.0)[:, None], Y)
    weights = torch.tensor([1.0, 2.0, 3.0])
    stream = Stream(labelled, labelled, plain(labelled), batch_size=8, seed=0, weights=weights)
    assert torch.equal(stream[3].source_weight, weights[stream[3].source_y])  # type: ignore[arg-type]


def test_augmentation_differs_from_step_to_step_and_from_side_to_side() -> None:
    images = {"source": {"name": "digits"}, "target": {"name": "digits"}, "transform": {"erase": 1.0}}
    stream = build_trainer(config_of_images(images), load_pair(config_of_images(images).data), 0, CPU).stream
    x = stream.source.x[:8]
    seen = [stream._inputs(x, stream.transforms[side], side, step) for side in (0, 1) for step in (0, 1)]
    assert all(not torch.equal(one, other) for i, one in enumerate(seen) for other in seen[:i])
    assert torch.equal(stream._inputs(x, stream.transforms[1], 1, 1), seen[3])


def test_a_second_view_shows_the_same_target_examples_otherwise() -> None:
    data = {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "target_transform": {"normalise": "half"}}
    declared = config_of_images(data).model_dump()
    declared["data"]["target_view"] = {"erase": 1.0}
    config = resolve(declared | {"method": {"name": "fixmatch"}}, "test")
    pair = load_pair(config.data)
    stream = build_trainer(config, pair, 0, CPU).stream
    batch = stream[3]
    view = batch.target_view
    assert view is not None and torch.equal(view, stream[3].target_view)
    assert not torch.equal(view, stream[4].target_view)
    changed = view != batch.target_x
    assert changed.flatten(1).any(dim=1).all() and (view[changed] == 0).all()  # what is not given is the target's
    without = build_trainer(resolve(declared, "test"), pair, 0, CPU).stream[3]  # a method that asks for none gets none
    assert without.target_view is None and torch.equal(without.target_x, batch.target_x)
