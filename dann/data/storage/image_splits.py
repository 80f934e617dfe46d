"""Splits of image files, decoded once into the cache or, where that would be too large, as they are read."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from dann.data.domain import Split
from dann.data.readers.image_files import Box, Fit, ImageFiles, OnBad
from dann.data.storage.image_cache import load_images
from dann.errors import BadInput


def load_image_split(
    paths: Sequence[Path],
    labels: Sequence[int],
    *,
    root: Path,
    size: int,
    fit: Fit = "squash",
    on_bad: OnBad = "error",
    boxes: Sequence[Box] | None = None,
) -> tuple[Split, tuple[str, ...]]:
    """Load the images in ``paths`` with their labels, and list those skipped by their names relative to ``root``.

    Raises:
        BadInput: a file is unreadable and ``on_bad`` is ``error``; there are no files, or none is readable.
    """
    if not paths:
        raise BadInput(f"{root}: no images there: add some")
    files = ImageFiles(tuple(paths), size, fit, tuple(boxes) if boxes is not None else None)
    store, bad = load_images(files)
    if bad and on_bad == "error":
        more = f" and {len(bad) - 1} more files" if len(bad) > 1 else ""
        raise BadInput(f"{bad[min(bad)]}{more}, or set on_bad: skip")
    if len(bad) == len(paths):
        raise BadInput(f"{root}: none of its {len(paths)} images is readable: restore them")
    kept = torch.tensor([row not in bad for row in range(len(paths))])
    split = Split.of(store, torch.as_tensor(labels, dtype=torch.int64)[kept])
    return split, tuple(os.path.relpath(paths[row], root) for row in sorted(bad))


def resize_images(x: Tensor, size: int | None) -> Tensor:
    """Resize uint8 images ``(N, C, H, W)`` to ``(N, C, size, size)``, bilinear with antialiasing; not for None."""
    if size is None or tuple(x.shape[2:]) == (size, size):
        return x
    parts = [F.interpolate(part, size=(size, size), mode="bilinear", antialias=True) for part in torch.split(x, 10_000)]
    return torch.cat(parts)
