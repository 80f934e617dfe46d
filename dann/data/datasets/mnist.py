"""MNIST."""

import zlib
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from dann.data.datasets.mnist_m_recipe import Pixels
from dann.data.domain import Contents, Domain, Split
from dann.data.storage.download import Remote, download
from dann.data.storage.folders import data_folder
from dann.data.storage.image_splits import resize_images
from dann.errors import BadInput
from dann.files.input_limits import read_unpacked

Size = Annotated[int, Field(ge=4, le=4096)] | None
DIGITS = tuple("0123456789")
MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # the mirror that torchvision names, and its checksums
FILES = {
    "train-images-idx3-ubyte": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
PARTS = {"train": 60_000, "t10k": 10_000}


def mnist(*, size: Size = None) -> Domain:
    """MNIST: 60 000 + 10 000 grey handwritten digits, 28 × 28 (LeCun et al. 1998).

    Reads ``mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]`` in the data folder, else downloads them there.

    Values 0 to 255, black ground. Licence: not stated by its authors (CC BY-SA 3.0 according to some mirrors).
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, *Gradient-based learning applied to document recognition*, 1998.

    Args:
        size: H and W; 28 if not given.
    """
    train, test = (digit_split(images[:, None], labels, size) for images, labels in read_mnist())
    return Domain("mnist", train, test, DIGITS, "the original idx files", contents=number_digits(len(train)))


def number_digits(count: int) -> Contents:
    """The first training digits of MNIST, as the contents of a domain that shows them in their order."""
    return Contents("the training digits of MNIST", torch.arange(count))


def digit_split(images: Pixels, labels: Pixels, size: int | None) -> Split:
    """The split of uint8 images ``(N, C, H, W)`` and labels, resized to ``size``."""
    return Split.of(resize_images(torch.from_numpy(images), size), torch.from_numpy(labels.astype(np.int64)))


def read_mnist() -> list[tuple[Pixels, Pixels]]:
    """Read the images, shape ``(N, 28, 28)``, and labels of the training and the test part."""
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
        check_labels(parts[-1][1], folder / labels)
    return parts


def _names(part: str) -> tuple[str, str]:
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"


def _candidates(folders: list[Path], name: str) -> list[Path]:
    return [path for folder in folders for path in (folder / name, folder / f"{name}.gz") if path.is_file()]


def check_labels(labels: Pixels, path: Path) -> None:
    """Raise if labels are not digits; ``path`` names their file."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not ((labels >= 0) & (labels < len(DIGITS))).all():
        raise BadInput(f"{path}: labels are not the integers 0 to 9: restore the file")


def _read_idx(folders: list[Path], name: str, shape: tuple[int, ...]) -> Pixels:
    """Read an idx file of unsigned bytes: two zeros, type 8, the number of dimensions, each as a big-endian int32.

    torchvision's reader takes unpacked files alone and a second to import, and checks less than these lines.
    """
    candidates = _candidates(folders, name)
    if not candidates:
        raise BadInput(f"data set mnist: {folders[0] / name}[.gz] is missing: download it beside the others")
    path = candidates[0]
    try:
        content = read_unpacked(path)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} is damaged ({error}): download it again") from error
    header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
    if not content.startswith(header) or len(content) != len(header) + int(np.prod(shape)):
        raise BadInput(f"{path} is not the idx file of {shape} bytes that MNIST has there: download it again")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape).copy()
