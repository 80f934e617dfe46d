"""Colour jitter, compared with torchvision's functions on each image."""

import pytest
import torch
from image_batches import JITTER, differ, photos, seeded
from torchvision.transforms.v2 import functional as V

from dann.data.transforms.jitter import CHANGES, _draw, _hue, jitter

ORACLES = (V.adjust_brightness, V.adjust_contrast, V.adjust_saturation, V.adjust_hue)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("place", range(4))
def test_each_change_of_jitter_is_torchvisions(place: int, channels: int) -> None:
    x = photos(32, channels)
    amounts = [0.0] * 4
    amounts[place] = 0.5
    result = jitter(x, seeded(), **dict(zip(JITTER, amounts, strict=True)))
    _, factors = _draw(32, seeded(), tuple(amounts))
    expected = torch.stack([ORACLES[place](x[i], float(factors[i, place])) for i in range(32)])
    assert differ(result, expected) <= 1 and (result != expected).float().mean() < 1e-3
    assert torch.equal(result, x) == (channels == 1 and place >= 2)


def test_jitter_follows_the_drawn_order() -> None:
    x = photos(64)
    order, factors = _draw(64, seeded(), tuple(JITTER.values()))
    result = jitter(x, seeded(), **JITTER)
    for i, image in enumerate(x):
        for k in order[i].tolist():
            image = ORACLES[k](image, float(factors[i, k]))
        # A level lost in rounding by one change may be several after the next.
        assert differ(result[i], image) <= 5 and (result[i] != image).float().mean() < 0.01


def test_factors_and_orders_of_jitter() -> None:
    order, factors = _draw(4800, seeded(), (0.4, 1.5, 0.0, 0.1))
    for k, (low, high) in enumerate([(0.6, 1.4), (0.0, 2.5), (1.0, 1.0), (-0.1, 0.1)]):
        reached = factors[:, k]
        assert low <= reached.min() <= low + 0.01 * (high - low) and high - 0.01 * (high - low) <= reached.max() <= high
        assert abs(float(reached.mean()) - (low + high) / 2) < 0.05
    counts = torch.bincount(order @ torch.tensor([64, 16, 4, 1]))
    assert int((counts > 0).sum()) == 24 and counts[counts > 0].min() > 150 and counts.max() < 250  # 200 expected


def test_jitter_by_nothing_changes_nothing() -> None:
    levels = torch.arange(0, 256, 5)
    colours = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, 52, -1).to(torch.uint8)
    assert torch.equal(jitter(colours, seeded()), colours)
    assert torch.equal(_hue(colours.float(), torch.tensor(0.0)).to(torch.uint8), colours)
    for k, factor in enumerate((1.0, 1.0, 1.0, 0.0)):
        assert torch.equal(CHANGES[k](colours.float(), torch.tensor(factor)).to(torch.uint8), colours)


def test_hue_of_all_colours_is_torchvisions() -> None:
    levels = torch.arange(0, 256, 5)
    colours = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, 52, -1).to(torch.uint8)
    for turn in (-0.5, -0.21, 0.07, 1 / 3, 0.5):
        result = _hue(colours.float(), torch.tensor(turn))
        assert result.min() >= 0 and result.max() <= 255
        assert differ(result, V.adjust_hue(colours, turn)) <= 1
