"""Gaussian noise on inputs."""

import pytest
import torch
from image_batches import seeded

from dann.data.domain import Split
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.noise import add_noise
from dann.data.transforms.transform_options import TransformOptions


@pytest.mark.parametrize("shape", [(64, 3, 20, 20), (400, 30), (50, 4, 100)])
def test_noise_is_normal_and_independent_of_the_input(shape: tuple[int, ...]) -> None:
    x = 100 * torch.rand(shape, generator=seeded(1), dtype=torch.float64)
    noise = (add_noise(x, 0.3, seeded()) - x).flatten() / 0.3
    assert abs(float(noise.mean())) < 0.04 and float(noise.std()) == pytest.approx(1, abs=0.03)
    assert float((noise.abs() < 1.96).double().mean()) == pytest.approx(0.95, abs=0.01)
    assert abs(float(torch.corrcoef(torch.stack([noise[1:], noise[:-1]]))[0, 1])) < 0.04
    assert torch.equal(add_noise(x, 0.0, seeded()), x)


@pytest.mark.parametrize(("normalise", "unit"), [("mean", 1.0), ("none", 1.0), ("half", 1.0), ("standard", 1.0)])
def test_its_units_are_those_of_the_network_s_input(normalise: str, unit: float) -> None:
    x = torch.randint(0, 256, (80, 3, 12, 12), dtype=torch.uint8)
    split = Split.of(x, torch.zeros(80, dtype=torch.int64))
    transform = Transform(TransformOptions(normalise=normalise, noise=0.2), split)  # type: ignore[arg-type]
    away = transform.augment(x, seeded()) - transform(x)
    assert float(away.std()) == pytest.approx(0.2 * unit, rel=0.02)
    assert transform.random and torch.equal(transform(x), transform(x))  # none in evaluation


def test_vectors_and_series_have_noise_too() -> None:
    for shape in ((7,), (3, 20)):
        x = torch.randn(40, *shape)
        transform = Transform(TransformOptions(noise=0.5), Split.of(x, torch.zeros(40, dtype=torch.int64)))
        assert 0.4 < float((transform.augment(x, seeded()) - x).std()) < 0.6
