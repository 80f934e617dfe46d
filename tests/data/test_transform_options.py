"""Options of transforms that do not fit are refused."""

import pytest
import torch
from pydantic import ValidationError

from dann.data.domain import Split
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput


def images(count: int = 50, channels: int = 3, size: int = 5) -> Split:
    x = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
    return Split.of(x, torch.zeros(count, dtype=torch.int64))


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
                                     {"randaugment": {}}, {"jitter": {"hue": 0.1}},
                                     {"affine": {"rotation": 5}}])  # fmt: skip
def test_image_transforms_of_vectors_are_refused(options: dict[str, object]) -> None:
    split = Split.of(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(BadInput, match=f"{next(iter(options))}.* is for images"):
        Transform(TransformOptions.model_validate(options), split)
    with pytest.raises(BadInput, match="imagenet is for colour images"):
        Transform(TransformOptions(normalise="imagenet"), images(channels=1))


def test_instance_normalisation_of_vectors_is_refused_and_of_series_is_not() -> None:
    options = TransformOptions(normalise="instance")
    with pytest.raises(BadInput, match=r"instance is for the channels .* a vector of 3 features: choose standard"):
        Transform(options, Split.of(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64)))
    series = Split.of(torch.randn(4, 3, 9), torch.zeros(4, dtype=torch.int64))
    assert Transform(options, series)(series.x).shape == (4, 3, 9)
    with pytest.raises(BadInput, match=r"affine is for images, but an example has shape \(3, 9\)"):
        Transform(TransformOptions.model_validate({"affine": {}}), series)


@pytest.mark.parametrize("options", [{"flip": 2}, {"erase": -0.1}, {"jitter": {"hue": 0.6}}, {"blur": 1},
                                     {"randaugment": {"magnitude": 31}}, {"scale": [0.0, 1.0]}, {"noise": -1},
                                     {"noise": float("nan")}, {"affine": {"rotation": 181}}, {"affine": {"shear": 90}},
                                     {"affine": {"scale": [1.2, 0.9]}}, {"affine": {"scale": [0, 1]}},
                                     {"affine": {"scale": 1.1}}, {"affine": {"translation": 1.5}},
                                     {"intensity": {"flip": 1.5}}, {"intensity": {"scale": [1.5, 0.25]}},
                                     {"intensity": {"offset": -1}},
                                     {"affine": {"angle": 5}}])  # fmt: skip
def test_values_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TransformOptions.model_validate(options)
