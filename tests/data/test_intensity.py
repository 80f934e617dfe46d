"""Random changes of brightness of inputs."""

import pytest
import torch
from image_batches import seeded

from dann.data.domain import Split
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.intensity import change_intensity
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput


@pytest.mark.parametrize("shape", [(4000, 3, 4, 4), (4000, 5, 8)])
@pytest.mark.parametrize("by_channel", [False, True])
def test_one_sign_factor_and_offset_for_each_image_or_channel(shape: tuple[int, ...], by_channel: bool) -> None:
    x = torch.randn(shape, dtype=torch.float64, generator=seeded(1))
    y = change_intensity(x, seeded(), flip=0.3, scale=(0.25, 1.5), offset=0.5, by_channel=by_channel)
    flat, changed = x.flatten(2), y.flatten(2)
    factor = (changed[..., 0] - changed[..., 1]) / (flat[..., 0] - flat[..., 1])
    offset = changed[..., 0] - factor * flat[..., 0]
    assert torch.allclose(changed, factor[..., None] * flat + offset[..., None], atol=1e-6)
    assert torch.allclose(factor[:, 0], factor[:, 1]) != by_channel
    assert torch.allclose(offset[:, 0], offset[:, 1], atol=1e-6) != by_channel
    assert float((factor < 0).double().mean()) == pytest.approx(0.3, abs=0.03)
    size = factor.abs()
    assert float(size.min()) == pytest.approx(0.25, abs=0.01) and float(size.max()) == pytest.approx(1.5, abs=0.01)
    assert float(size.mean()) == pytest.approx(0.875, abs=0.02)
    assert float(offset.min()) == pytest.approx(-0.5, abs=0.01) and float(offset.max()) == pytest.approx(0.5, abs=0.01)
    assert abs(float(torch.corrcoef(torch.stack([size[:, 0], offset[:, 0]]))[0, 1])) < 0.05


def test_a_flip_is_the_negative_and_the_default_changes_nothing() -> None:
    x = torch.rand(30, 3, 6, 6).contiguous(memory_format=torch.channels_last)
    assert torch.equal(change_intensity(x, seeded()), x)
    negative = change_intensity(x, seeded(), flip=1.0)
    assert torch.equal(negative, -x) and negative.is_contiguous(memory_format=torch.channels_last)


def test_it_follows_the_normalisation_and_evaluation_has_none() -> None:
    x = torch.randint(0, 256, (80, 3, 12, 12), dtype=torch.uint8)
    split = Split.of(x, torch.zeros(80, dtype=torch.int64))
    options = TransformOptions.model_validate({"normalise": "instance", "intensity": {"flip": 1.0}})
    transform = Transform(options, split)
    assert torch.equal(transform.augment(x, seeded()), -transform(x))
    assert transform.random and torch.equal(transform(x), transform(x))


def test_vectors_have_no_brightness() -> None:
    vectors = Split.of(torch.zeros(10, 7), torch.zeros(10, dtype=torch.int64))
    with pytest.raises(BadInput, match="intensity is for images and series, but an example is a vector of 7 features"):
        Transform(TransformOptions.model_validate({"intensity": {"flip": 0.5}}), vectors)
