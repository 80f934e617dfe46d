"""Statistics that normalise inputs."""

import numpy as np
import pytest
import torch
from streams import CPU
from tiny import TINY

from dann.config.merging import merge
from dann.config.schema import resolve
from dann.data.domain import Split
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair


def images(count: int = 50, channels: int = 3, size: int = 5) -> Split:
    x = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
    return Split.of(x, torch.zeros(count, dtype=torch.int64))


def test_the_default_subtracts_the_source_mean_colour() -> None:
    source, other = images(), images(8).x
    expected = other.double() / 255 - (source.x.double() / 255).mean(dim=(0, 2, 3))[None, :, None, None]
    torch.testing.assert_close(Transform(TransformOptions(), source)(other), expected.float(), atol=1e-6, rtol=0)
    vectors = Split.of(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64))
    assert torch.equal(Transform(TransformOptions(), vectors)(vectors.x), vectors.x)


def test_the_mean_image_is_subtracted_pixel_by_pixel() -> None:
    source, other = images(channels=1), images(8, channels=3)
    mean = (source.x.double() / 255).mean(dim=0, keepdim=True)
    options = TransformOptions(normalise="mean_image")
    grey = Transform(options, source)(source.x)
    torch.testing.assert_close(grey, (source.x.double() / 255 - mean).float(), atol=1e-6, rtol=0)
    torch.testing.assert_close(grey.mean(0), torch.zeros(1, 5, 5), atol=1e-6, rtol=0)
    colour = Transform(options, other)(other.x)
    expected = other.x.double() / 255 - (other.x.double() / 255).mean(dim=0, keepdim=True)
    torch.testing.assert_close(colour, expected.float(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("shape", "crop", "match"), [((3, 8, 8), 5, "crop"), ((7,), None, "is for images")])
def test_a_mean_image_is_of_whole_images(shape: tuple[int, ...], crop: int | None, match: str) -> None:
    with pytest.raises(BadInput, match=match):
        TransformOptions(normalise="mean_image", crop=crop).check(shape)


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


@pytest.mark.parametrize("shape", [(3, 9, 7), (1, 6, 6), (11, 5, 8), (6, 40)])
@pytest.mark.parametrize("levels", [True, False])
def test_instance_normalises_each_channel_of_each_example(shape: tuple[int, ...], levels: bool) -> None:
    torch.manual_seed(0)
    x = torch.randint(0, 256, (12, *shape), dtype=torch.uint8) if levels else torch.randn(12, *shape) * 30 + 1000
    x = x.float() if len(shape) == 2 else x
    split = Split.of(x, torch.zeros(12, dtype=torch.int64))
    transform = Transform(TransformOptions(normalise="instance"), split)
    flat = x.double().numpy().reshape(12, shape[0], -1)
    expected = (flat - flat.mean(2, keepdims=True)) / flat.std(2, keepdims=True)
    np.testing.assert_allclose(transform(x).numpy().reshape(flat.shape), expected, atol=1e-4)
    moved = x.float() * torch.rand(12, shape[0], *[1] * (len(shape) - 1)).add(0.5) + 20  # of whole channels
    torch.testing.assert_close(transform(moved), transform(x), atol=1e-3, rtol=0)
    assert torch.equal(transform(x[3:4]), transform(x)[3:4])  # no other example has a part in it
    assert torch.equal(transform.augment(x, torch.Generator()), transform(x)) and not transform.random


def test_a_channel_without_variation_is_0_and_not_divided() -> None:
    x = torch.full((2, 3, 5, 5), 201, dtype=torch.uint8)
    x[0, 1, 2, 2] = 7
    z = Transform(TransformOptions(normalise="instance"), Split.of(x, torch.tensor([0, 1])))(x)
    assert not z[1].any() and not z[0, [0, 2]].any() and z[0, 1].any() and z.isfinite().all()
    constant = torch.full((2, 3, 7, 7), 123.456)
    assert not Transform(TransformOptions(normalise="instance"), Split.of(constant, torch.tensor([0, 1])))(
        constant
    ).any()


def test_instance_of_grey_images_for_networks_of_colour_images() -> None:
    split = images(channels=1)
    options = TransformOptions(normalise="instance")
    shown, grey = Transform(options, split, rgb=True)(split.x), Transform(options, split)(split.x)
    assert torch.equal(shown, grey.expand(-1, 3, -1, -1))


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
    config = resolve(merge(TINY["base"], {"data": data}), "test")
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    source, target = trainer.stream.transforms
    assert not torch.equal(source.offset, target.offset)
    z = target(trainer.stream.target.x)
    torch.testing.assert_close(z.mean(0), torch.zeros(2), atol=1e-5, rtol=0)


def test_statistics_of_large_domains_are_those_of_a_spread_part(monkeypatch: pytest.MonkeyPatch) -> None:
    split = images(100)
    monkeypatch.setattr("dann.data.transforms.normalisation.EXAMINED", 10 * 3 * 25 + 7)
    part = split.take(torch.linspace(0, 99, 10).round().long())
    one, other = (Transform(TransformOptions(), each) for each in (split, part))
    assert torch.equal(one.offset, other.offset)
