"""RandAugment, compared with torchvision's on each image."""

import pytest
import torch
from image_batches import photos, seeded
from torch import Tensor
from torchvision.transforms import v2

from dann.data.transforms.randaugment import BINS, OPS, apply_op, randaugment
from dann.data.transforms.randaugment import _draw_ops as drawn_ops

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
