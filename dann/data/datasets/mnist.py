"""MNIST and MNIST-M."""

import gzip
import zlib
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from dann.data.datasets.mnist_m_recipe import Pixels, blend
from dann.data.domain import Domain, Split
from dann.data.readers.image_lists import present, read_list
from dann.data.storage.download import Remote, download, unpack
from dann.data.storage.folders import data_folder
from dann.data.storage.image_splits import image_split, resized
from dann.errors import BadInput

Size = Annotated[int, Field(ge=4)] | None
DIGITS = tuple("0123456789")
BSDS500 = Remote(
    "https://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
    "md5:0b17383ff0b21fe43d2f28e624203169",
)
MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # the mirror that torchvision names, and its checksums
FILES = {
    "train-images-idx3-ubyte": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
PARTS = {"train": 60_000, "t10k": 10_000}
MOSAIC_TILES, TILE = 4096, 32  # the stored release: mosaics of 64 × 64 tiles


def mnist(*, size: Size = None) -> Domain:
    """MNIST: 60 000 + 10 000 grey handwritten digits, 28 × 28 (LeCun et al. 1998).

    Reads ``mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]`` in the data folder, else downloads them there.

    Values 0 to 255, black ground. Licence: not stated by its authors (CC BY-SA 3.0 according to some mirrors).
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, *Gradient-based learning applied to document recognition*, 1998.

    Args:
        size: H and W; 28 if not given.
    """
    train, test = (_split(images[:, None], labels, size) for images, labels in _mnist_arrays())
    return Domain("mnist", train, test, DIGITS, "the original idx files")


def mnist_m(*, size: Size = None) -> Domain:
    """MNIST-M: MNIST digits blended over patches of colour photos, 59 001 + 9 001, 28 × 28 RGB (Ganin et al. 2016).

    The authors' 32 × 32 release, digits centred with a border of two pixels, is cut back to MNIST's 28 × 28; it is
    read from ``mnist_m/mnist_m_{train,test}_labels.txt``, lines ``NNNNNNNN.png LABEL``, and these images' folders, or
    from mosaics of 64 × 64 of them, ``mnist_m_{train,test}_NN.webp``, with ``mnist_m_*_labels.npy``.
    Without it, 60 000 + 10 000 images are made from MNIST and the BSDS500 training photos (any ``bsds500*`` folder
    of jpg files, else downloaded) by the published recipe, |photo patch − digit|, with a fixed seed.

    Values 0 to 255. Licence: not stated. Y. Ganin et al., *Domain-Adversarial Training of Neural Networks*, 2016;
    photos: P. Arbelaez et al., *Contour Detection and Hierarchical Image Segmentation*, 2011.

    Args:
        size: H and W; 28 if not given.
    """
    folder = data_folder() / "mnist_m"
    if (folder / "mnist_m_train_labels.npy").is_file():
        train, test = (_split(*_release(folder, part), size) for part in ("train", "test"))
        return Domain("mnist_m", train, test, DIGITS, "the authors' release, centre 28 × 28")
    if (folder / "mnist_m_train_labels.txt").is_file():
        train, test = (_listed_release(folder, part, size or 28) for part in ("train", "test"))
        return Domain("mnist_m", train, test, DIGITS, "the authors' release, centre 28 × 28")
    photos = _bsds500_photos()
    random = np.random.RandomState(0)
    train, test = (_split(blend(images, photos, random), labels, size) for images, labels in _mnist_arrays())
    return Domain("mnist_m", train, test, DIGITS, f"made from MNIST and {len(photos)} BSDS500 photos")


def _split(images: Pixels, labels: Pixels, size: int | None) -> Split:
    return Split.of(resized(torch.from_numpy(images), size), torch.from_numpy(labels.astype(np.int64)))


def _mnist_arrays() -> list[tuple[Pixels, Pixels]]:
    """The images, shape ``(N, 28, 28)``, and labels of the training and the test part."""
    folder = data_folder() / "mnist"
    folders = [folder, folder / "MNIST" / "raw"]  # the second is where torchvision puts its downloads
    if not all(_candidates(folders, name) for name in FILES):
        missing = [Remote(f"{MNIST}{name}.gz", md5) for name, md5 in FILES.items() if not _candidates(folders, name)]
        download("mnist", missing, folder, "put mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz there, or set "
                 "DANN_DATA to a folder that has them")  # fmt: skip
    parts = []
    for part, count in PARTS.items():
        images, labels = _names(part)
        parts.append((_read_idx(folders, images, (count, 28, 28)), _read_idx(folders, labels, (count,))))
        _check_labels(parts[-1][1], folder / labels)
    return parts


def _names(part: str) -> tuple[str, str]:
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"


def _candidates(folders: list[Path], name: str) -> list[Path]:
    return [path for folder in folders for path in (folder / name, folder / f"{name}.gz") if path.is_file()]


def _check_labels(labels: Pixels, path: Path) -> None:
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not ((labels >= 0) & (labels < len(DIGITS))).all():
        raise BadInput(f"{path}: labels are not the integers 0 to 9: restore the file")


def _read_idx(folders: list[Path], name: str, shape: tuple[int, ...]) -> Pixels:
    """An idx file of unsigned bytes: two zeros, type 8, the number of dimensions, each as a big-endian int32."""
    found = _candidates(folders, name)
    if not found:
        raise BadInput(f"data set mnist: {folders[0] / name}[.gz] is missing: download it beside the others")
    path = found[0]
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} is damaged ({error}): download it again") from error
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    if not content.startswith(header) or len(content) != len(header) + int(np.prod(shape)):
        raise BadInput(f"{path} is not the idx file of {shape} bytes that MNIST has there: download it again")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape).copy()


def _release(folder: Path, part: str) -> tuple[Pixels, Pixels]:
    """The tiles of the mosaics of one part, in order, cut to MNIST's 28 × 28."""
    path = folder / f"mnist_m_{part}_labels.npy"
    try:
        labels = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"data set mnist_m: cannot read {path} ({error}): restore the file") from error
    _check_labels(labels, path)
    border = (TILE - 28) // 2
    tiles = []
    for number in range(-(-len(labels) // MOSAIC_TILES)):
        mosaic = _read_photo(folder / f"mnist_m_{part}_{number:02d}.webp")
        rows, columns = mosaic.shape[0] // TILE, mosaic.shape[1] // TILE
        grid = mosaic.reshape(rows, TILE, columns, TILE, 3).transpose(0, 2, 4, 1, 3)
        tiles.append(grid.reshape(-1, 3, TILE, TILE)[:, :, border:-border, border:-border])
    images = np.concatenate(tiles)[: len(labels)]
    if len(images) != len(labels):
        raise BadInput(f"data set mnist_m: {len(labels)} {part} labels but {len(images)} images: restore the files")
    return images, labels


def _listed_release(folder: Path, part: str, size: int) -> Split:
    """The images that a list of the release names, their border cut off."""
    file = folder / f"mnist_m_{part}_labels.txt"
    listed, _ = present(file, read_list(file, folder / f"mnist_m_{part}", len(DIGITS)), "error")
    border = (TILE - 28) // 2
    boxes = [(border, border, TILE - border, TILE - border)] * len(listed)
    paths, labels = [line.path for line in listed], [line.label for line in listed]
    return image_split(paths, labels, root=folder, size=size, boxes=boxes)[0]


def _read_photo(path: Path) -> Pixels:
    """An image file as RGB, shape ``(H, W, 3)``."""
    try:
        with Image.open(path) as image:
            pixels: Pixels = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for some damaged files
        raise BadInput(f"data set mnist_m: cannot read {path} ({error}): restore the file") from error
    return pixels


def _bsds500_photos() -> list[Pixels]:
    """The BSDS500 training photos at hand, each ``(H, W, 3)``, in the order of their names."""

    def photos() -> list[Path]:
        folders = sorted(path for path in data_folder().glob("bsds500*") if path.is_dir())
        found = next((files for folder in folders if (files := list(folder.rglob("*.jpg")))), [])
        training = [path for path in found if path.parent.name == "train"]
        return sorted(training or found, key=lambda path: path.name)

    if not photos():
        otherwise = "put the authors' mnist_m release or the photos of BSDS500 (bsds500/*.jpg) there"
        (archive,) = download("mnist_m", [BSDS500], data_folder(), otherwise)
        unpack(archive, data_folder() / "bsds500_photos")
        archive.unlink()
    if not photos():
        raise BadInput(f"data set mnist_m: no jpg under {data_folder()}/bsds500*: put the BSDS500 photos there")
    large = [photo for path in photos() if min((photo := _read_photo(path)).shape[:2]) >= 28]
    if not large:
        raise BadInput(f"data set mnist_m: the photos under {data_folder()} are smaller than 28 × 28: use BSDS500's")
    return large
