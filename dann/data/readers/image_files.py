"""Image files as a store of uint8 examples, decoded when they are read."""

import errno
from collections.abc import Collection
from dataclasses import dataclass
from os.path import realpath
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dann.data.readers.folder_scan import is_hidden, is_within, scan_folder
from dann.data.readers.image_conversion import HEIF, open_image, to_rgb
from dann.data.store import MovedStores
from dann.errors import BadInput
from dann.files.input_limits import check_regular

Pixels = NDArray[np.uint8]
Fit = Literal["squash", "crop"]
OnBad = Literal["error", "skip"]
SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".avif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
    *HEIF,
}
Box = tuple[int, int, int, int]
FILE_ERRORS = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP}  # of a file itself


@dataclass(frozen=True)
class ImageFiles:
    """Image files, decoded whenever they are read: a store for sets larger than the memory budget.

    Args:
        paths: the files.
        size: H and W of an example.
        fit: ``squash`` stretches a photo to the square, ``crop`` keeps its shape and cuts the middle out.
        boxes: the part of each file to keep, as left, top, right, bottom; None keeps all.
        known: the checksum of the content.
    """

    paths: tuple[Path, ...]
    size: int
    fit: Fit
    boxes: tuple[Box, ...] | None = None
    known: str = ""
    streamed = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, self.size, self.size)

    def __len__(self) -> int:
        return len(self.paths)

    def pixels(self, row: int) -> Pixels:
        """One image, shape ``(size, size, 3)``."""
        return decode_image(self.paths[row], self.size, self.fit, self.boxes[row] if self.boxes else None)

    def read(self, rows: Tensor) -> Tensor:
        images = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for place, row in enumerate(rows.tolist()):
            images[place] = self.pixels(row)
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    def to(self, device: torch.device, moved: MovedStores) -> "ImageFiles":
        return self

    def checksum(self) -> str:
        return self.known


def decode_image(path: Path, size: int, fit: Fit, box: Box | None = None) -> Pixels:
    """Decode an image file as upright RGB, shape ``(size, size, 3)``, resized bilinearly with antialiasing.

    Transparent pixels lie over white, and 16 bits a channel are scaled to 8.

    Raises:
        BadInput: the file is missing, damaged, too large, or no image.
    """
    check_regular(path)
    try:
        with open_image(path) as image:
            if box is None:
                image.draft("RGB", (size, size))  # lets JPEG decode at a fraction of its size, never below this one
            colour = to_rgb(image)
            area = box or (0, 0, *colour.size)
            if fit == "crop":
                area = _centre_square(area)
            return np.asarray(colour.resize((size, size), Image.Resampling.BILINEAR, area))
    except (MemoryError, BadInput):
        raise
    except Image.DecompressionBombError as error:
        largest = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise BadInput(
            f"{path}: an image of more than {largest} million pixels, which could fill the memory: save a smaller "
            "copy, for example with magick in.png -resize 4096x4096 out.png"
        ) from error
    except Exception as error:  # Pillow's plugins raise all sorts of exceptions on damaged files
        if isinstance(error, OSError) and error.errno is not None and error.errno not in FILE_ERRORS:
            raise  # too many open files, a failing disk: not the file's fault
        raise BadInput(
            f"{path}: not a readable image ({' '.join(str(error).split())}): restore or remove it"
        ) from error


def _centre_square(area: Box) -> Box:
    left, top, right, bottom = area
    side = min(right - left, bottom - top)
    left, top = left + (right - left - side) // 2, top + (bottom - top - side) // 2
    return left, top, left + side, top + side


def list_class_folders(
    root: Path, suffixes: Collection[str] = SUFFIXES, kind: str = "image"
) -> tuple[list[Path], list[int], tuple[str, ...]]:
    """List the images under ``root/<class>/``, their labels, and the classes in the order of their names.

    Args:
        suffixes: of the files, in lower case, if they are no images.
        kind: what a file holds, for messages.

    Raises:
        BadInput: there are no class folders, one holds no image, or an image lies in two by a link.
    """
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder: correct the path")
    classes = list_class_names(root)
    if not classes:
        raise BadInput(f"{root}: no class folders there: put one folder of {kind}s for each class into it")
    paths: list[Path] = []
    labels: list[int] = []
    seen: dict[str, Path] = {}
    for label, name in enumerate(classes):
        images = scan_folder(root / name, suffixes, root).images
        if not images:
            raise BadInput(f"{root / name}: a class folder without {kind}s: fill or remove it")
        if twice := sorted(seen.keys() & images.keys()):
            raise BadInput(
                f"{images[twice[0]]}: the same file as {seen[twice[0]]}, by a link, under another label "
                f"({len(twice)} in all): remove one of the two"
            )
        seen |= images
        paths += sorted(images.values())
        labels += [label] * len(images)
    return paths, labels, tuple(classes)


def list_class_names(root: Path) -> list[str]:
    """List the class folders of ``root``: without hidden ones and links to a folder that contains them."""
    top = realpath(root)
    return sorted(
        path.name
        for path in root.iterdir()
        if path.is_dir() and not is_hidden(path.name) and not is_within(top, realpath(path))
    )


def list_files(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """List the image files, or those of other suffixes, anywhere under ``folder`` by their names; nothing hidden.

    Raises:
        BadInput: a folder in it cannot be read.
    """
    return sorted(scan_folder(folder, suffixes).images.values())
