"""CIFAR-10 and STL-10, and the nine classes that they share.

torchvision reads neither without its own checksums, nor CIFAR-10 without running what a pickle names; so both are
read here.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dann.data.datasets.mnist import Size
from dann.data.domain import Domain, Split
from dann.data.readers.label_arrays import to_class_indices
from dann.data.readers.safe_pickle import decode_byte_array, read_plain_pickle
from dann.data.storage.archives import fetch_archive
from dann.data.storage.download import Remote
from dann.data.storage.folders import data_folder, find_dataset_folder
from dann.data.storage.image_splits import resize_images
from dann.errors import BadInput

CIFAR = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
STL = Remote(
    "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
    "sha256:f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
)
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
STL_CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
NINE = tuple(name for name in CIFAR_CLASSES if name != "frog")
BATCHES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}
COUNTS = {"batch": 10_000, "train": 5_000, "test": 8_000}  # of a CIFAR-10 batch and of STL-10's parts
CIFAR_SIDE, STL_SIDE = 32, 96

Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


def cifar10(*, size: Size = None) -> Domain:
    """CIFAR-10: 50 000 + 10 000 RGB photos of ten kinds of objects, 32 × 32 (Krizhevsky 2009).

    Reads the python version, ``data_batch_1`` to ``data_batch_5`` and ``test_batch``, in ``cifar10/`` or
    ``cifar-10-batches-py/`` in the data folder, else downloads it. These files are pickles; no code that they may name
    is run. 5000 + 1000 images of each class.

    Values 0 to 255. Licence: not stated. A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.

    Args:
        size: H and W; 32 if not given.
    """
    return _domain("cifar10", _read_cifar(), CIFAR_CLASSES, CIFAR_CLASSES, size)


def cifar9(*, size: Size = None) -> Domain:
    """The nine classes of CIFAR-10 that STL-10 has too: 45 000 + 9 000 RGB photos, 32 × 32 (Krizhevsky 2009).

    ``cifar10`` without the frogs; with ``stl9`` it makes the pair of French et al., *Self-ensembling for Visual Domain
    Adaptation*, 2018. Files, values and licence are those of ``cifar10``.

    Args:
        size: H and W; 32 if not given.
    """
    return _domain("cifar9", _read_cifar(), CIFAR_CLASSES, NINE, size)


def stl10(*, size: Size = None) -> Domain:
    """STL-10: 5 000 + 8 000 labelled RGB photos of ten kinds of objects, 96 × 96 (Coates et al. 2011).

    Reads ``{train,test}_{X,y}.bin`` in ``stl10/`` or ``stl10_binary/`` in the data folder, else downloads them (2.6 GB,
    with the 100 000 unlabelled images, which are not read). 500 + 800 images of each class.

    Values 0 to 255. Licence: not stated; the photos are from ImageNet. A. Coates, H. Lee, A. Y. Ng, *An Analysis of
    Single-Layer Networks in Unsupervised Feature Learning*, 2011.

    Args:
        size: H and W; 96 if not given.
    """
    return _domain("stl10", _read_stl(), STL_CLASSES, STL_CLASSES, size)


def stl9(*, size: Size = CIFAR_SIDE) -> Domain:
    """The nine classes of STL-10 that CIFAR-10 has too: 4 500 + 7 200 RGB photos, 96 × 96 (Coates et al. 2011).

    ``stl10`` without the monkeys, its classes in the order and with the names of ``cifar9`` ("car" is "automobile").
    Files, values and licence are those of ``stl10``.

    Args:
        size: H and W; CIFAR-10's 32 by default, so that the two make a pair; null for STL-10's 96.
    """
    return _domain(
        "stl9", _read_stl(), tuple("automobile" if name == "car" else name for name in STL_CLASSES), NINE, size
    )


def _domain(
    name: str, parts: Iterable[Part], stored: tuple[str, ...], classes: tuple[str, ...], size: int | None
) -> Domain:
    """The domain of the examples of ``classes``; ``stored`` are the classes of the labels in ``parts``."""
    index = np.array([classes.index(each) if each in classes else -1 for each in stored])
    splits = []
    for images, labels in parts:
        y = index[labels]
        x = torch.from_numpy(np.ascontiguousarray(images[y >= 0]))
        splits.append(Split.of(resize_images(x, size), torch.from_numpy(y[y >= 0])))
    return Domain(name, splits[0], splits[1], classes, "the python version" if "cifar" in name else "the binary files")


def _read_cifar() -> Iterable[Part]:
    names = [name for part in BATCHES.values() for name in part]
    otherwise = "put the folder cifar-10-batches-py there, or set DANN_DATA to a folder that has it"
    folder = _find_folder("cifar10", "cifar-10-batches-py", names, CIFAR, otherwise)
    for part in BATCHES.values():
        read = [_read_batch(folder / name) for name in part]
        yield np.concatenate([images for images, _ in read]), np.concatenate([labels for _, labels in read])


def _read_batch(path: Path) -> Part:
    """Read a dictionary of ``data``, a row of 3072 bytes for each image (its planes, row by row), and ``labels``."""
    content = read_plain_pickle(path)
    rows = decode_byte_array(content.get(b"data"), (COUNTS["batch"], 3 * CIFAR_SIDE**2))
    labels = content.get(b"labels")
    if rows is None or not isinstance(labels, list) or len(labels) != len(rows):
        raise BadInput(f"{path} does not hold {COUNTS['batch']} images and labels of CIFAR-10: download it again")
    return rows.reshape(-1, 3, CIFAR_SIDE, CIFAR_SIDE), to_class_indices(labels, path, 0, len(CIFAR_CLASSES))


def _read_stl() -> Iterable[Part]:
    names = [f"{part}_{kind}.bin" for part in ("train", "test") for kind in "Xy"]
    otherwise = "put the folder stl10_binary there, or set DANN_DATA to a folder that has it"
    folder = _find_folder("stl10", "stl10_binary", names, STL, otherwise)
    for part in ("train", "test"):
        # A plane is stored column by column.
        columns = _read_bytes(folder / f"{part}_X.bin", (COUNTS[part], 3, STL_SIDE, STL_SIDE))
        labels = _read_bytes(folder / f"{part}_y.bin", (COUNTS[part],))
        yield columns.swapaxes(2, 3), to_class_indices(labels, folder / f"{part}_y.bin", 1, len(STL_CLASSES)) - 1


def _read_bytes(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if not path.is_file():
        raise BadInput(f"{path} is missing: restore or download it")
    if path.stat().st_size != int(np.prod(shape)):
        raise BadInput(
            f"{path} has {path.stat().st_size} bytes, not the {np.prod(shape)} of {shape}: download it again"
        )
    return np.fromfile(path, np.uint8).reshape(shape)


def _find_folder(name: str, inner: str, files: list[str], remote: Remote, otherwise: str) -> Path:
    """Find the folder with any of ``files``, the data set's or that of its archive; else download the archive."""
    own = find_dataset_folder(name) or data_folder() / name
    for folder in (own, own / inner, data_folder() / inner):
        if any((folder / file).is_file() for file in files):
            return folder
    return fetch_archive(name, remote, own, otherwise) / inner
