"""What a generator makes of labelled images, shown beside them and beside images of the target."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.loading.stream import GENERATED as DRAWS
from dann.data.loading.stream import derive
from dann.data.visible_bands import select_visible_bands
from dann.files.atomic_files import write_whole
from dann.runner.records import GENERATED
from dann.training.device import reseed
from dann.training.generated_examples import generate
from dann.training.outputs import inference
from dann.training.trainer import Trainer

MOST_CLASSES = 10  # a column for each
EXAMPLES, DRAWN = 2, 2  # images of each class; pictures that are made of each


class Pictures(NamedTuple):
    """Rows of images, a column for each class.

    Args:
        images: uint8, shape ``(R, K, C, H, W)`` with one channel or three.
        rows: what each row shows: ``source``, ``generated`` from the source images above, or ``target``, without labels
            and so in any column.
        classes: the index of the class of each column.
    """

    images: Tensor
    rows: tuple[str, ...]
    classes: tuple[int, ...]


def make_pictures(trainer: Trainer) -> Pictures:
    """Images of each class, what the generator makes of each by two draws of noise, and images of the target."""
    train, unlabelled = trainer.inputs.splits["train"], trainer.inputs.splits["unlabelled"]
    classes = torch.unique(train.y)[:MOST_CLASSES].tolist()
    places = torch.stack([_spread((train.y == k).nonzero().flatten()) for k in classes], dim=1)
    reseed(trainer.device, derive(trainer.seed, DRAWS))  # the same noise after any number of steps
    images, rows = [], list[str]()
    with inference(trainer.evaluated, trainer.device, torch.float32):
        for number in range(EXAMPLES):
            shown = train.take(places[number])
            made = [generate(trainer.evaluated.generator, shown, trainer.device) for _ in range(DRAWN)]
            images += [_raw(shown), *made]
            rows += ["source", *["generated"] * DRAWN]
    target = unlabelled.take(_spread(torch.arange(len(unlabelled)), EXAMPLES * len(classes)))
    images += list(torch.split(_raw(target), len(classes)))
    rows += ["target"] * EXAMPLES
    visible = torch.stack([select_visible_bands(row.cpu()) for row in images])
    return Pictures(visible, tuple(rows), tuple(classes))


def save_pictures(trainer: Trainer, folder: Path) -> None:
    """File the pictures of a method that makes images, for the figure ``generated``."""
    if not trainer.evaluated.makes_images:
        return
    images, rows, classes = make_pictures(trainer)
    content = io.BytesIO()
    arrays = {"images": images.numpy(), "rows": np.array(rows), "classes": np.array(classes)}
    np.savez_compressed(content, allow_pickle=False, **arrays)
    write_whole(folder / GENERATED, content.getvalue())


def _spread(places: Tensor, count: int = EXAMPLES) -> Tensor:
    """``count`` of the places, evenly spread; some of them again where there are fewer."""
    return places[torch.linspace(0, len(places) - 1, count, dtype=torch.float64).round().long()]


def _raw(split: Split) -> Tensor:
    return split.x.round().clamp(0, 255).to(torch.uint8)
