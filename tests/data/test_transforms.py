"""Batched transforms: each example by its own draw, each result as torchvision makes it of the single image."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as V

from dann.data.transforms.erasing import erase, mask
from dann.data.transforms.geometry import (
    _cut,
    _resampled,
    crop_centre,
    crop_random,
    draw_boxes,
    flip_random,
    shift_random,
)
from dann.data.transforms.jitter import CHANGES, _by_change, _draw, _hue, _one_by_one, jitter
from dann.data.transforms.randaugment import BINS, OPS, apply_op, randaugment
from dann.data.transforms.randaugment import _draw_ops as drawn_ops
from dann.errors import BadInput

Change = Callable[[Tensor, torch.Generator], Tensor]
ORACLES = (V.adjust_brightness, V.adjust_contrast, V.adjust_saturation, V.adjust_hue)
JITTER = {"brightness": 0.4, "contrast": 0.5, "saturation": 0.6, "hue": 0.3}

ON_IMAGES: dict[str, Change] = {
    "crop": lambda x, generator: crop_random(x, 13, generator, scale=None),
    "resized crop": lambda x, generator: crop_random(x, 13, generator, scale=(0.08, 1.0)),
    "flip": lambda x, generator: flip_random(x, 0.5, generator),
    "shift": lambda x, generator: shift_random(x, 3, generator),
    "jitter": lambda x, generator: jitter(x, generator, **JITTER),
    "randaugment": lambda x, generator: randaugment(x, generator),
}
ON_FLOATS: dict[str, Change] = {
    "erase": lambda x, generator: erase(x, 0.7, generator),
    "mask": lambda x, generator: mask(x, 0.3, generator),
}
ALL = {**ON_IMAGES, **ON_FLOATS}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photos(count: int, channels: int = 3, height: int = 24, width: int = 20) -> Tensor:
    """Smooth random images in which all levels occur."""
    coarse = torch.rand(count, channels, 5, 4, generator=seeded(7)) * 300 - 22
    return F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 255).to(torch.uint8)


def inputs(name: str, count: int, channels: int = 3) -> Tensor:
    x = photos(count, channels)
    return x if name in ON_IMAGES else x.float() / 255 + 0.5


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def differ(a: Tensor, b: Tensor) -> int:
    return int((a.int() - b.int()).abs().max())


# What holds for all of them


@pytest.mark.parametrize("name", ALL)
def test_each_example_has_its_own_draw(name: str) -> None:
    same = inputs(name, 1).expand(64, -1, -1, -1)
    assert len({example.numpy().tobytes() for example in ALL[name](same, seeded())}) > (1 if name == "flip" else 15)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_generator_alone_decides(name: str, channels: int) -> None:
    x = inputs(name, 32, channels)
    kept, state = x.clone(), torch.get_rng_state()
    first = ALL[name](x, seeded())
    assert torch.equal(x, kept) and first.dtype == x.dtype and first.shape[:2] == x.shape[:2]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert torch.equal(ALL[name](x, seeded()), first)
    assert not torch.equal(ALL[name](x, seeded(1)), first)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("count", [1, 9])
def test_memory_format_changes_nothing(name: str, channels: int, count: int) -> None:
    x = inputs(name, count, channels)
    expected = ALL[name](x, seeded(3))
    assert expected.shape[0] == count
    result = ALL[name](channels_last(x), seeded(3))
    assert torch.equal(result, expected)
    assert result.is_contiguous(memory_format=torch.channels_last) or name == "randaugment"
    window = F.pad(x, (2, 3, 1, 2))[:, :, 1:-2, 2:-3]  # neither: a part of larger images
    assert torch.equal(ALL[name](window, seeded(3)), expected)


@pytest.mark.parametrize("name", ALL)
def test_an_example_does_not_depend_on_the_others(name: str) -> None:
    x = inputs(name, 12)
    others = x.flip(0).flip(-2)
    others[4] = x[4]
    assert torch.equal(ALL[name](x, seeded())[4], ALL[name](others, seeded())[4])


def test_the_number_of_threads_is_left_as_it_was() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    for name in ON_IMAGES:
        ON_IMAGES[name](photos(2), seeded())
        assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


@pytest.mark.parametrize("change", [jitter, randaugment])
def test_other_than_grey_and_rgb_is_refused(change: Change) -> None:
    with pytest.raises(BadInput, match=r"have 4 channels; it is defined for 1 \(grey\) and 3 \(RGB\)"):
        change(photos(2, 4), seeded())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ALL)
def test_cuda_gives_what_the_cpu_gives(name: str) -> None:
    x = inputs(name, 16)
    away = (ALL[name](x.cuda(), seeded()).cpu().float() - ALL[name](x, seeded()).float()).abs()
    assert (away > 1).float().mean() < 1e-3 and (away > 0).float().mean() < 0.25


# Geometry


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


@pytest.mark.parametrize("side", [9, 24, 50])
def test_the_resize_of_other_devices_is_that_of_the_cpu(side: int) -> None:
    x = channels_last(photos(40))
    boxes, _ = draw_boxes(40, 24, 20, seeded(), share=(0.05, 1.0), ratio=(3 / 4, 4 / 3))
    result = _resampled(x, boxes, side)
    assert differ(result, _cut(x, boxes, side)) <= 1
    assert result.dtype == torch.uint8 and result.is_contiguous(memory_format=torch.channels_last)


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


# Colour


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


def test_jitter_of_other_devices_is_that_of_the_cpu() -> None:
    order, factors = _draw(32, seeded(), tuple(JITTER.values()))
    x = channels_last(photos(32))
    result = _by_change(x, order, factors, [0, 1, 2, 3])
    assert differ(result, _one_by_one(x, order, factors, [0, 1, 2, 3])) <= 1
    assert result.is_contiguous(memory_format=torch.channels_last)


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


# RandAugment

TABLE = dict(zip(OPS, v2.RandAugment._AUGMENTATION_SPACE.items(), strict=True))


def oracle(image: Tensor, name: str, magnitude: int, negative: bool) -> Tensor:
    """torchvision's RandAugment on one image, shape ``(C, H, W)``, with a chosen op, magnitude and sign."""
    transform = v2.RandAugment()
    theirs, (magnitudes, signed) = TABLE[name]
    amounts = magnitudes(BINS, *image.shape[1:])
    amount = 0.0 if amounts is None else float(amounts[magnitude])
    assert signed or not negative
    result: Tensor = transform._apply_image_or_video_transform(
        image, theirs, -amount if negative else amount, transform.interpolation, transform._fill
    )
    return result


def test_the_ops_are_torchvisions() -> None:
    pairs = {name.replace("_", "").replace("colour", "color"): theirs.lower() for name, (theirs, _) in TABLE.items()}
    assert all(ours == theirs for ours, theirs in pairs.items()) and len(OPS) == 14
    assert all(OPS[name].signed == signed for name, (_, (_, signed)) in TABLE.items())


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_op_on_a_batch_is_torchvisions_on_each_image(name: str, channels: int) -> None:
    x = photos(3, channels, 33, 28)
    x[2] = 200  # a flat image
    for magnitude in range(0, BINS, 3):
        for negative in (False, True) if OPS[name].signed else (False,):
            expected = torch.stack([oracle(image, name, magnitude, negative) for image in x])
            assert torch.equal(apply_op(x, name, magnitude, negative=negative), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_randaugment_puts_each_image_through_its_own_ops(channels: int) -> None:
    x, names = photos(64, channels), list(OPS)
    rounds = drawn_ops(64, seeded(), 3)
    result = randaugment(x, seeded(), ops=3, magnitude=11)
    for i, image in enumerate(x):
        for places, negative in rounds:
            image = oracle(image, names[int(places[i])], 11, bool(negative[i]))
        assert torch.equal(result[i], image)


def test_ops_and_signs_are_drawn_equally() -> None:
    rounds = drawn_ops(7000, seeded(), 2)
    for places, negative in rounds:
        counts = torch.bincount(places, minlength=14)
        assert counts.min() > 400 and counts.max() < 600  # 500 expected
        for place, op in enumerate(OPS.values()):
            share = float(negative[places == place].float().mean())
            assert 0.4 < share < 0.6 if op.signed else share == 0
    assert abs(float((rounds[0][0] == rounds[1][0]).float().mean()) - 1 / 14) < 0.02


def test_ops_without_magnitude_change_nothing() -> None:
    x = photos(2, 3, 32, 32)
    unchanged = {name for name in OPS if torch.equal(apply_op(x, name, 0, negative=OPS[name].signed), x)}
    assert unchanged == set(OPS) - {"solarize", "autocontrast", "equalize"}  # torchvision's solarize inverts 255
    assert torch.equal(randaugment(x, seeded(), ops=0), x)
