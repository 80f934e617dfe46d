"""Further images of rare classes, which the generator of a finished run makes of the images that there are."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.loading.stream import GENERATED, derive
from dann.data.splits import concatenate_splits
from dann.data.store import TensorStore
from dann.errors import BadInput
from dann.networks.image_networks import ImageGenerator
from dann.training.checkpoint import CHECKPOINT, read_method
from dann.training.device import reseed

GENERATOR = "generator."  # begins the names of the generator's weights in a checkpoint
CHUNK = 256  # images that are made at a time


def add_generated_examples(train: Split, folder: Path, num_classes: int, seed: int, device: torch.device) -> Split:
    """Add generated images until each class has as many as the largest.

    They are the images of the class in the style of the target, each rendered equally often, to one more or less, and
    each time with other noise.

    Args:
        train: the labelled images, uint8.
        folder: of the finished run whose generator it is.
        num_classes: K.
        seed: of the run that trains on them, on which the noise depends.

    Raises:
        BadInput: the run has no generator of such images.
    """
    generator = load_generator(folder, train.store.shape, num_classes).to(device).eval()
    copied = train.take(choose_examples(train.y))
    if len(copied) == 0:
        return train
    reseed(device, derive(seed, GENERATED))
    with torch.no_grad():
        made = [
            generate(generator, copied.take(places), device) for places in torch.split(torch.arange(len(copied)), CHUNK)
        ]
    images = torch.cat(made).contiguous(memory_format=torch.channels_last)
    return concatenate_splits([train, Split(TensorStore(images), torch.arange(len(images)), copied.y, copied.domain)])


def choose_examples(y: Tensor) -> Tensor:
    """The places of the examples to copy so that each class of y, ``(N,)``, has as many as the largest."""
    places = [(y == label).nonzero().flatten() for label in torch.unique(y).tolist()]
    largest = max(map(len, places))
    return torch.cat([rows[torch.arange(largest - len(rows)) % len(rows)] for rows in places])


def generate(generator: ImageGenerator, split: Split, device: torch.device) -> Tensor:
    """What a generator makes of the raw images of a split, uint8, shape ``(N, C, H, W)``; the noise is drawn."""
    x = split.x.to(device).float() / 127.5 - 1
    return ((generator.draw(x, split.y.to(device)) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def load_generator(folder: Path, shape: Sequence[int], num_classes: int) -> ImageGenerator:
    """The generator of a finished run, for images of a shape ``(C, H, W)`` and K classes.

    Raises:
        BadInput: there is no such run, it has no generator, or that is of other images or of other classes.
    """
    place = f"data.generator: {folder}"
    if not (folder / CHECKPOINT).is_file():
        raise BadInput(f"{place} is no finished run: make it first, or name the folder of one")
    weights = {name.removeprefix(GENERATOR): value for name, value in read_method(folder / CHECKPOINT).items()
               if name.startswith(GENERATOR)}  # fmt: skip
    if not weights:
        raise BadInput(f"{place} has no generator: name a run of pixel_da")
    if len(shape) != 3:
        raise BadInput("data.resample: generate makes images, but the examples are none: choose over or balanced")
    filters, blocks = weights["layers.0.weight"].shape[0], len({n for n in weights if n.endswith(".layers.0.weight")})
    generator = ImageGenerator(shape, num_classes, filters, blocks, weights["noise_channel.weight"].shape[1])
    own = generator.state_dict()
    if any(name not in weights or weights[name].shape != value.shape for name, value in own.items()):
        raise BadInput(
            f"{place} makes images of another shape than {tuple(shape)}, or of other classes than these {num_classes}: "
            "name a run on such data, without a crop"
        )
    generator.load_state_dict(weights)
    return generator
