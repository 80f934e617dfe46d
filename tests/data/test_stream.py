"""The stateless stream, orders against class imbalance, class weights, and the transform of a pair."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from tiny import TINY

from dann.config.experiment import merged
from dann.config.schema import resolve
from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks
from dann.data.loading.sampler import Order
from dann.data.loading.stream import Batch, Stream
from dann.data.preprocessing.resampling import apply_smote, class_weights
from dann.data.readers.image_files import ImageFiles
from dann.data.store import JoinedStore, Store, TensorStore, move_once
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.training.trainer import Trainer, load_pair

CPU = torch.device("cpu")


def plain(split: Split) -> tuple[Transform, Transform]:
    transform = Transform(TransformOptions(), split)
    return transform, transform


def stream_of(seed: int = 0, source: int = 10, target: int = 7, batch_size: int = 4) -> Stream:
    labelled = Split.of(torch.arange(float(source))[:, None], torch.arange(source))
    unlabelled = Split.of(100 + torch.arange(float(target))[:, None], torch.full((target,), -1))
    return Stream(labelled, unlabelled, plain(labelled), batch_size=batch_size, seed=seed)


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))


def test_batch_has_no_place_for_target_labels() -> None:
    assert Batch._fields == ("source_x", "source_y", "target_x", "source_domain", "source_weight", "target_view")
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
    config = resolve(merged(TINY["base"], {"data": {"batch_size": 4, "target_batch_size": size}}), "test")
    batch = Trainer.of(config, load_pair(config.data), 0, CPU).stream[0]
    assert (len(batch.source_x), len(batch.target_x)) == (4, size)


def test_empty_domain_is_refused() -> None:
    with pytest.raises(BadInput, match="no training examples"):
        stream_of(target=0)


# Class imbalance

Y = torch.tensor([0] * 12 + [1] * 5 + [2] * 3)


def epoch(resample: str, number: int = 0) -> torch.Tensor:
    order = Order(Y, resample)  # type: ignore[arg-type]
    return order.rows(number * order.length, order.length, lambda e: 17 + e)


def test_over_sampling_shows_as_many_of_each_class_as_the_largest_has() -> None:
    rows = epoch("over")
    assert torch.bincount(Y[rows]).tolist() == [12, 12, 12]
    repeats = Counter(rows.tolist())
    assert set(repeats) == set(range(20))  # none is left out
    assert {repeats[row] for row in range(12, 17)} == {2, 3} and {repeats[row] for row in range(17, 20)} == {4}


def test_under_sampling_shows_as_many_as_the_smallest_has_and_others_each_epoch() -> None:
    first, second = epoch("under"), epoch("under", 1)
    assert torch.bincount(Y[first]).tolist() == [3, 3, 3] and len(set(first.tolist())) == 9
    assert set(first.tolist()) != set(second.tolist())


def test_balanced_batches_hold_each_class_equally() -> None:
    order = Order(Y, "balanced")
    for first in range(0, 2 * order.length, 6):
        assert torch.bincount(Y[order.rows(first, 6, lambda e: e)]).tolist() == [2, 2, 2]
    assert [int(y) for y in Y[order.rows(0, 12, lambda e: e)]] != [0, 1, 2] * 4  # the order in a round is random


@pytest.mark.parametrize("resample", ["over", "under", "balanced", "none"])
def test_resampled_orders_are_functions_of_seed_and_place(resample: str) -> None:
    whole = epoch(resample)
    order = Order(Y, resample)  # type: ignore[arg-type]
    again = torch.cat([order.rows(i, 1, lambda e: 17 + e) for i in reversed(range(order.length))]).flip(0)
    assert torch.equal(whole, again)


def test_class_weights_are_the_formulas() -> None:
    n = np.array([12.0, 5.0, 3.0])
    for how, raw in (("inverse", 1 / n), ("effective", (1 - 0.9) / (1 - 0.9**n))):
        expected = raw * n.sum() / (raw * n).sum()
        weights = class_weights([12, 5, 3], how, 0.9)  # type: ignore[arg-type]
        np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert class_weights([12, 5, 3], "none", 0.9) is None
    # β = 0 is no weighting, β → 1 the inverse frequency (Cui et al. 2019, section 3.2)
    np.testing.assert_allclose(class_weights([12, 5, 3], "effective", 0.0), 1.0)
    np.testing.assert_allclose(
        class_weights([12, 5, 3], "effective", 1 - 1e-7), class_weights([12, 5, 3], "inverse", 0.0), rtol=1e-5
    )


def test_class_weights_reach_the_batch() -> None:
    config = resolve(merged(TINY["base"], {"data": {"class_weights": "inverse"}}), "test")
    batch = Trainer.of(config, load_pair(config.data), 0, CPU).stream[0]
    assert batch.source_weight is not None and torch.allclose(batch.source_weight, torch.ones(64))  # moons are balanced
    labelled = Split.of(torch.arange(20.0)[:, None], Y)
    weights = torch.tensor([1.0, 2.0, 3.0])
    stream = Stream(labelled, labelled, plain(labelled), batch_size=8, seed=0, weights=weights)
    assert torch.equal(stream[3].source_weight, weights[stream[3].source_y])  # type: ignore[arg-type]


def test_resampling_and_weights_together_are_refused() -> None:
    config = resolve(merged(TINY["base"], {"data": {"class_weights": "inverse", "resample": "over"}}), "test")
    with pytest.raises(BadInput, match="leave class_weights out"):
        load_pair(config.data)


def test_smote_evens_vectors_out_between_their_neighbours() -> None:
    torch.manual_seed(0)
    x = torch.randn(20, 3) + 10 * Y[:, None]
    split = Split.of(x, Y)
    more = apply_smote(split)
    assert torch.bincount(more.y).tolist() == [12, 12, 12]
    assert torch.equal(more.x[:20], x) and torch.equal(more.y[:20], Y)
    made, label = more.x[20:], more.y[20:]
    for point, y in zip(made, label, strict=True):  # on a segment between two examples of the class
        own = x[y == Y]
        a, b = own[:, None], own[None]
        t = ((point - a) * (b - a)).sum(-1) / (b - a).square().sum(-1).clamp(min=1e-12)
        distance = (a + t.clamp(0, 1)[..., None] * (b - a) - point).norm(dim=-1)
        assert distance.min() < 1e-3
    assert torch.equal(apply_smote(split).x, more.x)


def test_smote_on_images_or_a_lonely_example_is_refused() -> None:
    with pytest.raises(BadInput, match="smote makes vectors"):
        apply_smote(Split.of(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 0, 1, 1])))
    with pytest.raises(BadInput, match="two examples of each class"):
        apply_smote(Split.of(torch.randn(4, 2), torch.tensor([0, 0, 0, 1])))


# Stores


def test_joined_stores_read_as_one() -> None:
    x = torch.arange(40).reshape(10, 4)
    parts = JoinedStore((TensorStore(x[:3]), TensorStore(x[3:4]), TensorStore(x[4:])))
    rows = torch.tensor([9, 0, 3, 3, 5, 2, 4])
    assert torch.equal(parts.read(rows), x[rows]) and len(parts) == 10 and parts.shape == (4,)
    assert torch.equal(parts.read(torch.tensor([1, 2])), x[1:3])


def test_channels_last_files_read_as_other_images_do() -> None:
    x = torch.randint(0, 256, (9, 5, 6, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    rows = torch.tensor([4, 4, 0, 8])
    read = TensorStore(x).read(rows)
    assert torch.equal(read, x.contiguous()[rows]) and read.is_contiguous(memory_format=torch.channels_last)


def image_files(folder: Path, count: int) -> ImageFiles:
    random = np.random.RandomState(0)
    paths = tuple(folder / f"{i}.png" for i in range(count))
    for path in paths:
        Image.fromarray(random.randint(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return ImageFiles(paths, 8, "squash")


def test_reading_ahead_changes_nothing(tmp_path: Path) -> None:
    """Batches that worker processes read from files are those of the same images in memory, also after a jump."""
    files = image_files(tmp_path, 12)
    held = TensorStore(files.read(torch.arange(12)))
    y = torch.arange(12) % 2
    options = TransformOptions(flip=0.5, shift=1)

    def stream(store: TensorStore | ImageFiles) -> Stream:
        split = Split.of(store, y)
        transform = Transform(options, split)
        return Stream(split, split, (transform, transform), batch_size=5, seed=3)

    memory, ahead = stream(held), stream(files)
    assert ahead.reader.slow == [0, 1] and not memory.reader.slow
    for step in (0, 1, 7):
        assert equal(memory[step], ahead[step])
        here = ahead.read_here()
        assert not here.reader.slow and equal(memory[step + 1], here[step + 1])
        assert ahead.reader.next == step + 1  # the workers go on from where they are
    assert torch.equal(torch.cat(list(read_chunks(Split.of(files, y), 5))), held.x)


def test_a_file_that_vanishes_while_it_is_streamed_is_named_in_one_line(tmp_path: Path) -> None:
    files = image_files(tmp_path, 6)
    split = Split.of(files, torch.arange(6) % 2)
    files.paths[4].unlink()
    with pytest.raises(BadInput, match=r"4.png: not a readable image") as caught:
        list(read_chunks(split, 2))
    assert "\n" not in str(caught.value)


# The transform


def images(count: int = 50, channels: int = 3, size: int = 5) -> Split:
    x = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
    return Split.of(x, torch.zeros(count, dtype=torch.int64))


def test_the_default_subtracts_the_source_mean_colour() -> None:
    source, other = images(), images(8).x
    expected = other.double() / 255 - (source.x.double() / 255).mean(dim=(0, 2, 3))[None, :, None, None]
    torch.testing.assert_close(Transform(TransformOptions(), source)(other), expected.float(), atol=1e-6, rtol=0)
    vectors = Split.of(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64))
    assert torch.equal(Transform(TransformOptions(), vectors)(vectors.x), vectors.x)


@pytest.mark.parametrize("shape", [(3, 5, 5), (9, 20), (7,)])
def test_standard_gives_mean_0_and_deviation_1(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.randn(40, *shape) * 5 + 3 if len(shape) < 3 else torch.randint(0, 256, (40, *shape), dtype=torch.uint8)
    split = Split.of(x, torch.zeros(40, dtype=torch.int64))
    z = Transform(TransformOptions(normalise="standard"), split)(x).double()
    axes = [0, *range(2, z.ndim)]
    torch.testing.assert_close(z.mean(axes), torch.zeros(shape[0], dtype=torch.float64), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.std(axes, correction=0), torch.ones(shape[0], dtype=torch.float64), atol=1e-4, rtol=0)


def test_a_constant_feature_is_centred_and_not_divided() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    z = Transform(TransformOptions(normalise="standard"), Split.of(x, torch.tensor([0, 1])))(x)
    assert z.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def test_fixed_normalisations() -> None:
    x = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(-1, 3, 2, 2)
    split = Split.of(x, torch.tensor([0, 1]))
    half = Transform(TransformOptions(normalise="half"), split)(x)
    assert half[0].unique().tolist() == [-1.0] and half[1].unique().tolist() == [1.0]
    imagenet = Transform(TransformOptions(normalise="imagenet"), split)(x)
    torch.testing.assert_close(imagenet[1, :, 0, 0], (1 - torch.tensor([0.485, 0.456, 0.406])) /
                               torch.tensor([0.229, 0.224, 0.225]))  # fmt: skip
    assert Transform(TransformOptions(normalise="none"), split)(x)[1].unique().tolist() == [1.0]


def test_domain_normalises_each_domain_by_its_own_training_examples() -> None:
    data = {"transform": {"normalise": "domain"}, "target": {"degrees": 80.0}}
    config = resolve(merged(TINY["base"], {"data": data}), "test")
    trainer = Trainer.of(config, load_pair(config.data), 0, CPU)
    source, target = trainer.stream.transforms
    assert not torch.equal(source.offset, target.offset)
    z = target(trainer.stream.target.x)
    torch.testing.assert_close(z.mean(0), torch.zeros(2), atol=1e-5, rtol=0)


def digits(**transform: object) -> dict[str, object]:
    return merged(
        TINY["base"],
        {
            "data": {"source": {"name": "digits", "size": 20}, "target": {"name": "digits_m", "size": 20}, **transform},
            "network": {"name": "mnist"},
        },
    )


ALL = {"crop": 16, "scale": [0.3, 1.0], "flip": 0.5, "jitter": {"brightness": 0.4, "hue": 0.1}, "erase": 0.5,
       "randaugment": {"ops": 1}, "mask": 0.1, "shift": 1}  # fmt: skip


@pytest.mark.slow
def test_every_option_changes_training_batches_of_both_domains_and_no_evaluation() -> None:
    config = resolve(digits(), "test")
    pair = load_pair(config.data)
    plain = Trainer.of(config, pair, 0, CPU)
    evaluated = pair.target_test.x
    for name, value in ALL.items():
        chosen = {"crop": 16, "scale": value} if name == "scale" else {name: value}
        config = resolve(digits(transform=chosen), "test")
        trainer = Trainer.of(config, pair, 0, CPU)
        base = Trainer.of(resolve(digits(transform={"crop": 16}), "test"), pair, 0, CPU) if name == "scale" else plain
        for side in ("source_x", "target_x"):
            one, other = getattr(trainer.stream[0], side), getattr(base.stream[0], side)
            assert one.shape != other.shape or not torch.equal(one, other), (name, side)
        if name not in {"crop", "scale"}:
            assert torch.equal(trainer.transform("target_test")(evaluated), plain.transform("target_test")(evaluated))
        assert equal(trainer.stream[4], Trainer.of(config, pair, 0, CPU).stream[4])  # seed and step decide


def test_the_target_transform_is_the_source_s_unless_the_file_says_otherwise() -> None:
    data = resolve(digits(transform={"flip": 0.5, "erase": 0.2}), "test").data
    assert data.target_transform == data.transform and data.transform.flip == 0.5
    data = resolve(digits(transform={"flip": 0.5, "erase": 0.2}, target_transform={"erase": 0.0}), "test").data
    assert (data.target_transform.flip, data.target_transform.erase, data.transform.erase) == (0.5, 0.0, 0.2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"crop": 9}, r"crop: 9 is more than the images' 5 × 5"),
        ({"scale": [0.5, 1.0]}, "scale: give the smallest and the largest"),
        ({"crop": 4, "scale": [1.0, 0.5]}, "scale: give the smallest and the largest"),
    ],
)
def test_transforms_that_do_not_fit_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        Transform(TransformOptions(**options), images())  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"flip": 0.5}, {"crop": 2}, {"erase": 0.1}, {"normalise": "imagenet"},
                                     {"randaugment": {}}, {"jitter": {"hue": 0.1}}])  # fmt: skip
def test_image_transforms_of_vectors_are_refused(options: dict[str, object]) -> None:
    split = Split.of(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(BadInput, match=f"{next(iter(options))}.* is for images"):
        Transform(TransformOptions.model_validate(options), split)
    with pytest.raises(BadInput, match="imagenet is for colour images"):
        Transform(TransformOptions(normalise="imagenet"), images(channels=1))


@pytest.mark.parametrize("options", [{"flip": 2}, {"erase": -0.1}, {"jitter": {"hue": 0.6}}, {"blur": 1},
                                     {"randaugment": {"magnitude": 31}}, {"scale": [0.0, 1.0]}])  # fmt: skip
def test_values_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TransformOptions.model_validate(options)


def test_crops_of_different_sides_are_refused() -> None:
    config = resolve(digits(transform={"crop": 16}, target_transform={"crop": 18}), "test")
    with pytest.raises(BadInput, match="inputs of one shape"):
        Trainer.of(config, load_pair(config.data), 0, CPU)


def test_statistics_of_large_domains_are_those_of_a_spread_part(monkeypatch: pytest.MonkeyPatch) -> None:
    split = images(100)
    monkeypatch.setattr("dann.data.transforms.input_transform.EXAMINED", 10 * 3 * 25 + 7)
    part = split.take(torch.linspace(0, 99, 10).round().long())
    one, other = (Transform(TransformOptions(), each) for each in (split, part))
    assert torch.equal(one.offset, other.offset)


def test_what_stores_share_is_moved_once() -> None:
    shared = TensorStore(torch.zeros(4, 2))
    moved: dict[int, Store] = {}
    one, other = (
        move_once(JoinedStore((shared, TensorStore(torch.ones(4, 2)))), CPU, moved),
        move_once(shared, CPU, moved),
    )
    assert isinstance(one, JoinedStore) and one.parts[0] is other
