"""Small affine changes of images, against a float64 computation from their definition and against torchvision."""

import math

import numpy as np
import pytest
import torch
from image_batches import differ, photos, seeded
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as V

from dann.data.transforms.affine import affine_random

ALL = {"rotation": 25.0, "scale": (0.8, 1.3), "shear": 15.0, "translation": 0.2}


def draws(count: int, seed: int = 0) -> np.ndarray:
    """Angle, slope's angle, factor and moves as shares of [−1, 1], in the order in which they are drawn."""
    return 2 * torch.rand(5, count, dtype=torch.float64, generator=seeded(seed)).numpy() - 1


def oracle(image: np.ndarray, angle: float, shear: float, factor: float, move: tuple[float, float]) -> np.ndarray:
    """The image after p → s R S p + t about its centre, pixel by pixel, bilinear, its edge repeated."""
    _, height, width = image.shape
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    back = np.linalg.inv(factor * rotation @ np.array([[1, math.tan(shear)], [0, 1]]))
    result = np.empty(image.shape)
    for i in range(height):
        for j in range(width):
            p = back @ (np.array([j + 0.5 - width / 2, i + 0.5 - height / 2]) - move)
            x = min(max(p[0] + width / 2 - 0.5, 0), width - 1)
            y = min(max(p[1] + height / 2 - 0.5, 0), height - 1)
            left, top = min(int(x), width - 2), min(int(y), height - 2)
            a, b = x - left, y - top
            one, other = image[:, top, left : left + 2], image[:, top + 1, left : left + 2]
            result[:, i, j] = (1 - b) * ((1 - a) * one[:, 0] + a * one[:, 1]) + b * (
                (1 - a) * other[:, 0] + a * other[:, 1]
            )
    return result


@pytest.mark.parametrize("names", [("rotation",), ("scale",), ("shear",), ("translation",), tuple(ALL)])
@pytest.mark.parametrize("channels", [1, 3, 7])
def test_images_are_those_of_the_definition(names: tuple[str, ...], channels: int) -> None:
    x = photos(4, channels, 14, 11).float()
    options = {name: ALL[name] for name in names}
    result = affine_random(x, seeded(), **options)  # type: ignore[arg-type]
    low, high = options.get("scale", (1.0, 1.0))  # type: ignore[misc]
    for image, changed, (angle, shear, factor, across, down) in zip(
        x.double().numpy(), result, draws(4).T, strict=True
    ):
        expected = oracle(
            image,
            math.radians(angle * options.get("rotation", 0.0)),  # type: ignore[operator]
            math.radians(shear * options.get("shear", 0.0)),  # type: ignore[operator]
            (low + high) / 2 + factor * (high - low) / 2,
            (across * options.get("translation", 0.0) * 11, down * options.get("translation", 0.0) * 14),  # type: ignore[operator]
        )
        np.testing.assert_allclose(changed.numpy(), expected, atol=2e-3)


def test_levels_are_rounded_to_the_nearest() -> None:
    x = photos(6)
    exact = affine_random(x.float(), seeded(), **ALL)  # type: ignore[arg-type]
    assert torch.equal(affine_random(x, seeded(), **ALL), exact.round().to(torch.uint8))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["rotation", "scale", "translation"])
def test_the_inside_is_torchvisions(name: str) -> None:
    x = photos(8, 3, 41, 41)
    result = affine_random(x, seeded(), **{name: ALL[name]})  # type: ignore[arg-type]
    for image, changed, (angle, _, factor, across, down) in zip(x, result, draws(8).T, strict=True):
        expected = V.affine(
            image,
            angle=25.0 * angle if name == "rotation" else 0.0,
            scale=1.05 + 0.25 * factor if name == "scale" else 1.0,
            translate=[across * 0.2 * 41, down * 0.2 * 41] if name == "translation" else [0.0, 0.0],
            shear=[0.0, 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        assert differ(changed[:, 12:-12, 12:-12], expected[:, 12:-12, 12:-12]) <= 1


def test_nothing_chosen_changes_nothing() -> None:
    x = photos(5)
    assert torch.equal(affine_random(x, seeded()), x)


def test_a_whole_turn_of_the_scale_keeps_a_constant_image() -> None:
    x = torch.full((3, 4, 9, 9), 77, dtype=torch.uint8)
    assert torch.equal(affine_random(x, seeded(), **ALL), x)  # type: ignore[arg-type]
