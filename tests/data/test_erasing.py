"""Random erasing and masking."""

import math

import pytest
import torch
from image_batches import photos, seeded

from dann.data.transforms.erasing import erase, mask


def test_erased_is_one_box_of_zeros() -> None:
    x = photos(600, 3, 40, 50).float() + 1
    result = erase(x, 0.6, seeded())
    zero = (result == 0).all(1)
    assert torch.equal(torch.where(zero[:, None], 0.0, x), result)
    high, wide = zero.any(2).sum(1), zero.any(1).sum(1)
    touched = high > 0
    assert torch.equal(zero.flatten(1).sum(1), high * wide)  # what is erased is a whole rectangle
    assert abs(float(touched.float().mean()) - 0.6) < 0.06
    areas, ratios = (high * wide)[touched] / 2000, (high / wide)[touched]
    assert (
        0.015 < areas.min() < 0.04
        and 0.3 < areas.max() < 0.34
        and 0.27 < ratios.min() < 0.4
        and 2.5 < ratios.max() < 3.7
    )
    assert abs(float(ratios.log().mean()) - math.log(0.3 * 3.3) / 2) < 0.08
    assert torch.equal(erase(x, 0.0, seeded()), x)
    assert (erase(x, 1.0, seeded()) == 0).flatten(1).any(1).all()


def test_masks_of_vectors_are_of_single_features() -> None:
    x = torch.randn(100, 50, generator=seeded(1)) + 10
    result = mask(x, 0.3, seeded())
    assert torch.equal(torch.where(result == 0, 0.0, x), result)
    assert abs(float((result == 0).float().mean()) - 0.3) < 0.03
    assert (result == 0).float().mean(0).max() < 0.6 and len({row.numpy().tobytes() for row in result == 0}) == 100
    assert torch.equal(mask(x, 0.0, seeded()), x) and not mask(x, 1.0, seeded()).any()


@pytest.mark.parametrize(("height", "width"), [(32, 16), (29, 20), (5, 9)])
def test_masks_of_images_are_cells_of_a_grid(height: int, width: int) -> None:
    zero = mask(torch.ones(200, 3, height, width), 0.25, seeded()) == 0
    cells = torch.rand(200, 1, 8, 8, generator=seeded()) < 0.25
    for i in range(height):
        for j in range(width):
            assert torch.equal(zero[:, :, i, j], cells[:, :, i * 8 // height, j * 8 // width].expand(-1, 3))
    assert abs(float(zero.float().mean()) - 0.25) < 0.03


@pytest.mark.parametrize("length", [128, 100, 9])
def test_masks_of_series_are_blocks_of_time(length: int) -> None:
    zero = mask(torch.ones(200, 4, length), 0.25, seeded()) == 0
    blocks = torch.rand(200, 1, 16, generator=seeded()) < 0.25
    for i in range(length):
        assert torch.equal(zero[:, :, i], blocks[:, :, i * 16 // length].expand(-1, 4))
