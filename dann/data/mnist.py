"""MNIST and MNIST-M."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dann.data.blend import Pixels, blend
from dann.data.domain import Domain, Split
from dann.data.folder import data_folder, download
from dann.errors import BadInput

DIGITS = tuple("0123456789")
BSDS500 = "http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz"
PARTS = {"train": 60_000, "t10k": 10_000}
MOSAIC_TILES, TILE = 4096, 32  # the stored release: mosaics of 64 × 64 tiles


def mnist() -> Domain:
    """MNIST: 60 000 + 10 000 grey handwritten digits, 28 × 28 (LeCun et al. 1998).

    Reads ``mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]`` in the data folder, else downloads them there
    through torchvision.
    """
    train, test = (Split(_tensor(images)[:, None], _tensor(labels)) for images, labels in _mnist_arrays())
    return Domain("mnist", train, test, DIGITS, "the original idx files")


def mnist_m() -> Domain:
    """MNIST-M: MNIST digits blended over patches of colour photos, 59 001 + 9 001, 28 × 28 RGB (Ganin et al. 2016).

    The authors' 32 × 32 release, digits centred with a border of two pixels, is cut back to MNIST's 28 × 28; it is
    read from ``mnist_m/mnist_m_{train,test}_NN.webp`` (mosaics of 64 × 64 tiles) and ``mnist_m_*_labels.npy``.
    Without it, 60 000 + 10 000 images are made from MNIST and the BSDS500 training photos (any ``bsds500*`` folder
    of jpg files, else downloaded) by the published recipe, |photo patch − digit|, with a fixed seed.
    """
    folder = data_folder() / "mnist_m"
    if (folder / "mnist_m_train_labels.npy").is_file():
        train, test = (_release(folder, part) for part in ("train", "test"))
        return Domain("mnist_m", train, test, DIGITS, "the authors' release, centre 28 × 28")
    photos = _bsds500_photos()
    random = np.random.RandomState(0)
    train, test = (Split(_tensor(blend(images, photos, random)), _tensor(labels)) for images, labels in _mnist_arrays())
    return Domain("mnist_m", train, test, DIGITS, f"made from MNIST and {len(photos)} BSDS500 photos")


def _tensor(array: Pixels) -> Tensor:
    return torch.from_numpy(array) if array.ndim > 1 else torch.from_numpy(array.astype(np.int64))


def _mnist_arrays() -> list[tuple[Pixels, Pixels]]:
    """The images, shape ``(N, 28, 28)``, and labels of the training and the test part."""
    folder = data_folder() / "mnist"
    raw = folder / "MNIST" / "raw"  # where torchvision puts its downloads
    if not all(_candidates([folder, raw], name) for part in PARTS for name in _names(part)):
        import torchvision

        expected = "mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
        download("mnist", expected, lambda: torchvision.datasets.MNIST(str(folder), download=True))
    parts = []
    for part, count in PARTS.items():
        images, labels = _names(part)
        parts.append((_read_idx([folder, raw], images, (count, 28, 28)), _read_idx([folder, raw], labels, (count,))))
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


def _release(folder: Path, part: str) -> Split:
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
    return Split(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))


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
    from torchvision.datasets.utils import download_and_extract_archive

    def photos() -> list[Path]:
        folders = sorted(path for path in data_folder().glob("bsds500*") if path.is_dir())
        found = next((files for folder in folders if (files := list(folder.rglob("*.jpg")))), [])
        training = [path for path in found if path.parent.name == "train"]
        return sorted(training or found, key=lambda path: path.name)

    if not photos():
        target = data_folder() / "bsds500"
        expected = "the authors' mnist_m release or the photos of BSDS500 (bsds500/*.jpg)"

        def fetch() -> None:
            try:
                download_and_extract_archive(BSDS500, str(target))
            finally:  # whole, it is unpacked; cut short, it would be taken for whole the next time
                (target / Path(BSDS500).name).unlink(missing_ok=True)

        download("mnist_m", expected, fetch)
    if not photos():
        raise BadInput(f"data set mnist_m: no jpg under {data_folder()}/bsds500: put the BSDS500 photos there")
    large = [photo for path in photos() if min((photo := _read_photo(path)).shape[:2]) >= 28]
    if not large:
        raise BadInput(f"data set mnist_m: the photos under {data_folder()} are smaller than 28 × 28: use BSDS500's")
    return large
