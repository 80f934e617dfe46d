"""Crops, flips and shifts, compared with torchvision's of each image."""

import pytest
import torch
from image_batches import photos, seeded
from torch.nn import functional as F
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as V

from dann.data.transforms.geometry import crop_centre, crop_random, draw_boxes, flip_random, shift_random
from dann.errors import BadInput


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [13, 40])
def test_resized_crop_is_torchvisions(channels: int, side: int) -> None:
    x = photos(40, channels)
    boxes, found = draw_boxes(40, 24, 20, seeded(), share=(0.08, 1.0), ratio=(3 / 4, 4 / 3))
    assert found.all()
    result = crop_random(x, side, seeded(), scale=(0.08, 1.0))
    for image, box, crop in zip(x, boxes.tolist(), result, strict=True):
        assert torch.equal(crop, V.resized_crop(image, *box, [side, side], antialias=True))


def test_boxes_are_distributed_as_torchvisions() -> None:
    boxes, found = draw_boxes(4000, 200, 300, seeded(), share=(0.1, 0.6), ratio=(0.5, 2.0))
    tops, lefts, high, wide = boxes.double().T
    assert found.all() and (tops >= 0).all() and (tops + high <= 200).all() and (lefts + wide <= 300).all()
    areas, ratios = high * wide / 60000, wide / high
    assert 0.095 < areas.min() < 0.11 and 0.56 < areas.max() < 0.605 and ratios.min() > 0.49 and ratios.max() < 2.04
    torch.manual_seed(0)
    oracle = v2.RandomResizedCrop(10, scale=(0.1, 0.6), ratio=(0.5, 2.0))
    params = [oracle.make_params([torch.empty(3, 200, 300)]) for _ in range(2000)]
    expected = torch.tensor([[p["top"], p["left"], p["height"], p["width"]] for p in params]).double()
    quantiles = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9], dtype=torch.float64)
    away = boxes.double().quantile(quantiles, dim=0) - expected.quantile(quantiles, dim=0)
    assert away.abs().max() < 12


@pytest.mark.parametrize(("height", "width"), [(8, 64), (64, 8), (20, 22)])
def test_resized_crop_falls_back_on_the_middle_as_torchvision_does(height: int, width: int) -> None:
    x = photos(3, 3, height, width)
    shares = (1.9, 2.0)  # never fits
    params = v2.RandomResizedCrop(10, scale=shares).make_params([x])
    box = [params[key] for key in ("top", "left", "height", "width")]
    expected = V.resized_crop(x, *box, [10, 10], antialias=True)
    assert torch.equal(crop_random(x, 10, seeded(), scale=shares), expected)


def test_plain_crop_is_a_window_anywhere() -> None:
    x = torch.arange(24 * 20, dtype=torch.int64).reshape(1, 1, 24, 20).expand(400, 1, 24, 20)
    crops = crop_random(x, 18, seeded(), scale=None)
    corners = crops[:, 0, 0, 0]
    assert torch.equal(crops - corners[:, None, None, None], (x - x[0, 0, 0, 0])[:, :, :18, :18])
    counts = torch.bincount(corners // 20 * 3 + corners % 20, minlength=21)
    assert len(counts) == 21 and counts.min() > 5 and counts.max() < 40  # 7 × 3 places, 19 expected in each
    assert torch.equal(
        crop_random(x[:1], 20, seeded(), scale=None)[..., 0] % 20, torch.zeros(1, 1, 20, dtype=torch.int64)
    )


def test_centre_crop_is_torchvisions() -> None:
    x = photos(2, 3, 23, 20)
    for side in (7, 8, 19, 20):
        assert torch.equal(crop_centre(x, side), V.center_crop(x, [side, side]))


def test_too_large_crops_are_refused() -> None:
    for crop in (lambda: crop_centre(photos(1), 21), lambda: crop_random(photos(1), 21, seeded(), scale=None)):
        with pytest.raises(BadInput, match="crop: 21 pixels are more than the images of 24 × 20 have"):
            crop()


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_share_flipped(probability: float) -> None:
    x = photos(1, 1, 4, 6).expand(1000, -1, -1, -1)
    result = flip_random(x, probability, seeded())
    mirrored = (result == x.flip(-1)).flatten(1).all(1)
    assert (mirrored ^ (result == x).flatten(1).all(1)).all()
    assert abs(float(mirrored.float().mean()) - probability) < (0.05 if 0 < probability < 1 else 1e-9)


def test_shift_repeats_the_edge() -> None:
    x = photos(200)
    offsets = torch.randint(-3, 4, (2, 200, 1), generator=seeded())[..., 0].T.tolist()
    wide = F.pad(x.float(), (3, 3, 3, 3), mode="replicate").to(torch.uint8)
    for image, padded, (down, across) in zip(shift_random(x, 3, seeded()), wide, offsets, strict=True):
        assert torch.equal(image, padded[:, 3 + down : 27 + down, 3 + across : 23 + across])
    assert {pair[0] for pair in offsets} == {pair[1] for pair in offsets} == set(range(-3, 4))
    assert torch.equal(shift_random(x, 0, seeded()), x)
