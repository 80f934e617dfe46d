"""Batched transforms: each example by its own draw, whatever the batch, the memory format or the device."""

import pytest
import torch
from image_batches import JITTER, Change, channels_last, photos, seeded
from torch import Tensor
from torch.nn import functional as F

from dann.data.transforms.affine import affine_random
from dann.data.transforms.erasing import erase, mask
from dann.data.transforms.geometry import crop_random, flip_random, shift_random
from dann.data.transforms.intensity import change_intensity
from dann.data.transforms.jitter import jitter
from dann.data.transforms.noise import add_noise
from dann.data.transforms.randaugment import randaugment
from dann.errors import BadInput

ON_IMAGES: dict[str, Change] = {
    "crop": lambda x, generator: crop_random(x, 13, generator, scale=None),
    "resized crop": lambda x, generator: crop_random(x, 13, generator, scale=(0.08, 1.0)),
    "flip": lambda x, generator: flip_random(x, 0.5, generator),
    "affine": lambda x, generator: affine_random(x, generator, rotation=20.0, scale=(0.9, 1.1), translation=0.1),
    "shift": lambda x, generator: shift_random(x, 3, generator),
    "jitter": lambda x, generator: jitter(x, generator, **JITTER),
    "randaugment": lambda x, generator: randaugment(x, generator),
}


ON_FLOATS: dict[str, Change] = {
    "erase": lambda x, generator: erase(x, 0.7, generator),
    "intensity": lambda x, generator: change_intensity(x, generator, flip=0.5, scale=(0.5, 1.5), offset=0.2),
    "noise": lambda x, generator: add_noise(x, 0.1, generator),
    "mask": lambda x, generator: mask(x, 0.3, generator),
}


ALL = {**ON_IMAGES, **ON_FLOATS}


def inputs(name: str, count: int, channels: int = 3) -> Tensor:
    x = photos(count, channels)
    return x if name in ON_IMAGES else x.float() / 255 + 0.5


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
