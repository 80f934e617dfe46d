"""Image files → splits, decoded once into the cache or, where that would be too large, as they are read."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.data.cache import examined
from dann.data.decode import Box, Fit, ImageFiles
from dann.data.domain import Split
from dann.errors import BadInput

OnBad = Literal["error", "skip"]
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".ppm", ".tif", ".tiff"}


def image_split(
    paths: Sequence[Path],
    labels: Sequence[int],
    *,
    root: Path,
    size: int,
    fit: Fit = "squash",
    on_bad: OnBad = "error",
    boxes: Sequence[Box] | None = None,
) -> tuple[Split, tuple[str, ...]]:
    """The images in ``paths`` with their labels, and the names, relative to ``root``, of those that were skipped.

    Raises:
        BadInput: a file is unreadable and ``on_bad`` is ``error``; there are no files, or none is readable.
    """
    if not paths:
        raise BadInput(f"{root}: no images there")
    files = ImageFiles(tuple(paths), size, fit, tuple(boxes) if boxes is not None else None)
    store, bad = examined(files)
    if bad and on_bad == "error":
        more = f" and {len(bad) - 1} more files" if len(bad) > 1 else ""
        raise BadInput(f"{bad[min(bad)]}{more}, or set on_bad: skip")
    if len(bad) == len(paths):
        raise BadInput(f"{root}: none of its {len(paths)} images is readable: restore them")
    kept = torch.tensor([row not in bad for row in range(len(paths))])
    split = Split.of(store, torch.as_tensor(labels, dtype=torch.int64)[kept])
    return split, tuple(os.path.relpath(paths[row], root) for row in sorted(bad))


def class_folders(root: Path) -> tuple[list[Path], list[int], tuple[str, ...]]:
    """The images under ``root/<class>/``, their labels, and the classes in the order of their names.

    Raises:
        BadInput: there are no class folders, or one holds no image.
    """
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder")
    classes = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise BadInput(f"{root}: no class folders there; it should hold one folder of images for each class")
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        images = image_files(root / name)
        if not images:
            raise BadInput(f"{root / name}: a class folder without images: fill or remove it")
        paths += images
        labels += [label] * len(images)
    return paths, labels, tuple(classes)


def image_files(folder: Path) -> list[Path]:
    """The image files anywhere under ``folder``, by suffix, in the order of their names; nothing hidden.

    Raises:
        BadInput: a folder in it cannot be read.
    """

    def unreadable(error: OSError) -> None:
        raise BadInput(f"{error.filename}: cannot be read ({error.strerror}): make it readable or remove it") from error

    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        visible = [Path(place, name) for name in files if not name.startswith(".")]
        found += [path for path in visible if path.suffix.lower() in SUFFIXES]
    return sorted(found)


def resized(x: Tensor, size: int | None) -> Tensor:
    """uint8 images ``(N, C, H, W)`` as ``(N, C, size, size)``, bilinear with antialiasing; as they are for None."""
    if size is None or tuple(x.shape[2:]) == (size, size):
        return x
    parts = [F.interpolate(part, size=(size, size), mode="bilinear", antialias=True) for part in torch.split(x, 10_000)]
    return torch.cat(parts)
