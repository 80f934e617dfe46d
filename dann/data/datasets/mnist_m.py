"""MNIST-M: the authors' release, or made from MNIST and the photos of BSDS500."""

from pathlib import Path

import numpy as np
from PIL import Image

from dann.data.datasets.mnist import DIGITS, Size, check_labels, digit_split, number_digits, read_mnist
from dann.data.datasets.mnist_m_recipe import Pixels, blend
from dann.data.domain import Domain, Split
from dann.data.readers.image_lists import keep_existing, read_list
from dann.data.storage.archives import unpack
from dann.data.storage.download import Remote, download
from dann.data.storage.folders import data_folder
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput

BSDS500 = Remote(
    "https://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
    "md5:0b17383ff0b21fe43d2f28e624203169",
)
MOSAIC_TILES, TILE = 4096, 32  # of the stored release: mosaics of 64 × 64 tiles
BORDER = (TILE - 28) // 2


def mnist_m(*, size: Size = None) -> Domain:
    """MNIST-M: MNIST digits blended over patches of colour photos, 59 001 + 9 001, 28 × 28 RGB (Ganin et al. 2016).

    The authors' 32 × 32 release, digits centred with a border of two pixels, is cut back to MNIST's 28 × 28; it is
    read from ``mnist_m/mnist_m_{train,test}_labels.txt``, lines ``NNNNNNNN.png LABEL``, and these images' folders, or
    from mosaics of 64 × 64 of them, ``mnist_m_{train,test}_NN.webp``, with ``mnist_m_*_labels.npy``.
    Without it, 60 000 + 10 000 images are made from MNIST and the BSDS500 training photos (any ``bsds500*`` folder
    of jpg files, else downloaded) by the published recipe, |photo patch − digit|, with a fixed seed.

    Image i shows digit i of MNIST's training or test split, in all three forms. So in the standard protocol, whose
    source is MNIST, nine tenths of the unlabelled images are made of digits that the labelled source split holds too;
    the last tenth is in its validation split. ``disjoint: true`` in the section ``data`` keeps them apart.

    Values 0 to 255. Licence: not stated. Y. Ganin et al., *Domain-Adversarial Training of Neural Networks*, 2016;
    photos: P. Arbelaez et al., *Contour Detection and Hierarchical Image Segmentation*, 2011.

    Args:
        size: H and W; 28 if not given.
    """
    folder = data_folder() / "mnist_m"
    if (folder / "mnist_m_train_labels.npy").is_file():
        train, test = (digit_split(*_read_mosaics(folder, part), size) for part in ("train", "test"))
        return _domain(train, test, "the authors' release, centre 28 × 28")
    if (folder / "mnist_m_train_labels.txt").is_file():
        train, test = (_read_listed_images(folder, part, size or 28) for part in ("train", "test"))
        return _domain(train, test, "the authors' release, centre 28 × 28")
    photos = _load_bsds500_photos()
    random = np.random.RandomState(0)
    train, test = (digit_split(blend(images, photos, random), labels, size) for images, labels in read_mnist())
    return _domain(train, test, f"made from MNIST and {len(photos)} BSDS500 photos")


def _domain(train: Split, test: Split, origin: str) -> Domain:
    return Domain("mnist_m", train, test, DIGITS, origin, contents=number_digits(len(train)))


def _read_mosaics(folder: Path, part: str) -> tuple[Pixels, Pixels]:
    """Read the tiles of the mosaics of one part, in order, cut to MNIST's 28 × 28."""
    path = folder / f"mnist_m_{part}_labels.npy"
    try:
        labels = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"data set mnist_m: cannot read {path} ({error}): restore the file") from error
    check_labels(labels, path)
    tiles = []
    for number in range(-(-len(labels) // MOSAIC_TILES)):
        mosaic = _read_photo(folder / f"mnist_m_{part}_{number:02d}.webp")
        rows, columns = mosaic.shape[0] // TILE, mosaic.shape[1] // TILE
        grid = mosaic.reshape(rows, TILE, columns, TILE, 3).transpose(0, 2, 4, 1, 3)
        tiles.append(grid.reshape(-1, 3, TILE, TILE)[:, :, BORDER:-BORDER, BORDER:-BORDER])
    images = np.concatenate(tiles)[: len(labels)]
    if len(images) != len(labels):
        raise BadInput(f"data set mnist_m: {len(labels)} {part} labels but {len(images)} images: restore the files")
    return images, labels


def _read_listed_images(folder: Path, part: str, size: int) -> Split:
    """Read the images that a list of the release names, and cut their border off."""
    file = folder / f"mnist_m_{part}_labels.txt"
    listed, _ = keep_existing(file, read_list(file, folder / f"mnist_m_{part}", len(DIGITS)), "error")
    boxes = [(BORDER, BORDER, TILE - BORDER, TILE - BORDER)] * len(listed)
    paths, labels = [line.path for line in listed], [line.label for line in listed]
    return load_image_split(paths, labels, root=folder, size=size, boxes=boxes)[0]


def _read_photo(path: Path) -> Pixels:
    """Read an image file as RGB, shape ``(H, W, 3)``."""
    try:
        with Image.open(path) as image:
            pixels: Pixels = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for some damaged files
        raise BadInput(f"data set mnist_m: cannot read {path} ({error}): restore the file") from error
    return pixels


def _load_bsds500_photos() -> list[Pixels]:
    """The BSDS500 training photos at hand, each ``(H, W, 3)``, in the order of their names."""
    if not _list_photos():
        otherwise = "put the authors' mnist_m release or the photos of BSDS500 (bsds500/*.jpg) there"
        (archive,) = download("mnist_m", [BSDS500], data_folder(), otherwise)
        unpack(archive, data_folder() / "bsds500_photos")
        archive.unlink()
    if not (paths := _list_photos()):
        raise BadInput(f"data set mnist_m: no jpg under {data_folder()}/bsds500*: put the BSDS500 photos there")
    large = [photo for path in paths if min((photo := _read_photo(path)).shape[:2]) >= 28]
    if not large:
        raise BadInput(f"data set mnist_m: the photos under {data_folder()} are smaller than 28 × 28: use BSDS500's")
    return large


def _list_photos() -> list[Path]:
    folders = sorted(path for path in data_folder().glob("bsds500*") if path.is_dir())
    photos = next((files for folder in folders if (files := list(folder.rglob("*.jpg")))), [])
    training = [path for path in photos if path.parent.name == "train"]
    return sorted(training or photos, key=lambda path: path.name)
