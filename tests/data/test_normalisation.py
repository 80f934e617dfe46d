"""Statistics that normalise inputs."""

import pytest
import torch
from streams import CPU
from tiny import TINY

from dann.config.merging import merge
from dann.config.schema import resolve
from dann.data.domain import Split
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.training.building import build_trainer, load_pair


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
