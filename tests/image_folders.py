"""Folders of images whose colour is that of their label, damaged images, and checks of what is read of them."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dann.data.domain import Domain, Split
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput

STEP = 3  # of the red of an image from label to label, so that labels shifted against images would show


def write_image(path: Path, label: int = 0, size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    red = STEP * label % 256
    Image.new("RGB", size, (red, 255 - red, 100)).save(path, quality=95)
    return path


def write_classes(root: Path, classes: Sequence[str], count: int = 1, suffix: str = "jpg") -> Path:
    for label, name in enumerate(classes):
        for i in range(count):
            write_image(root / name / f"frame_{i:04d}.{suffix}", label)
    return root


def assert_aligned(split: Split) -> None:
    """The red of every image is that of its label."""
    red = split.x[:, 0].float().mean(dim=(1, 2))
    assert (red - split.y * STEP % 256).abs().max() < STEP / 2


def assert_refused(load: Callable[[], Domain], *says: str) -> None:
    """``load`` ends in one line that has every one of ``says`` in it."""
    with pytest.raises(BadInput) as caught:
        load()
    assert "\n" not in str(caught.value)
    for text in says:
        assert text in str(caught.value)


def jpeg_of_noise() -> bytes:
    pixels = np.random.RandomState(0).randint(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(buffer := BytesIO(), "JPEG")
    return buffer.getvalue()


BAD_IMAGES = {
    "truncated": lambda: jpeg_of_noise()[:1500],
    "head alone": lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "zero bytes": lambda: b"",
    "text": lambda: b"<html>404 not found</html>",
    "zeros": lambda: bytes(2000),
    "truncated png": lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x08\x00\x00\x00\x08",
}


def write_photo(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (30, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def write_photos(folder: Path, count: int = 6) -> list[Path]:
    """Images whose red is ten times their number."""
    return [write_photo(folder / f"{i}.png", (10 * i, 5, 200)) for i in range(count)]


def load_photos(paths: list[Path], **options: object) -> tuple[torch.Tensor, list[int], tuple[str, ...]]:
    split, skipped = load_image_split(paths, range(len(paths)), root=paths[0].parent, size=8, **options)  # type: ignore[arg-type]
    return split.x, split.y.tolist(), skipped
