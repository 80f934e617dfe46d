"""USPS."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dann.data.datasets.mnist import DIGITS, Size
from dann.data.domain import Domain, Split
from dann.data.readers.label_arrays import to_class_indices
from dann.data.readers.svmlight import read_svmlight
from dann.data.storage.download import Remote, download
from dann.data.storage.folders import data_folder, find_dataset_folder
from dann.data.storage.image_splits import resize_images
from dann.errors import BadInput
from dann.files.input_limits import check_size

LIBSVM = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"
REMOTES = [
    Remote(f"{LIBSVM}usps.bz2", "md5:ec16c51db3855ca6c91edd34d0e9b197"),
    Remote(f"{LIBSVM}usps.t.bz2", "md5:8ea070ee2aca1ac39742fdd1ef5ed118"),
]
COUNTS = {"train": 7291, "test": 2007}
SIDE = 16
PIXELS = SIDE * SIDE

Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


def usps(*, size: Size = None, pooled: bool = False) -> Domain:
    """USPS: 7291 + 2007 grey handwritten digits from envelopes, 16 × 16 (Hull 1994).

    Reads ``usps/usps.h5`` (groups ``train`` and ``test`` with ``data`` in [0, 1] and ``target`` 0 to 9; needs h5py) in
    the data folder, else ``usps/usps.bz2`` and ``usps/usps.t.bz2`` (LIBSVM text, values in [−1, 1], labels 1 to 10 for
    the digits 0 to 9), which are downloaded where they are missing. Both give the same images.

    Values 0 to 255, black ground. Licence: not stated.
    J. J. Hull, *A Database for Handwritten Text Recognition Research*, 1994.

    Args:
        size: H and W; 16 if not given.
        pooled: join both parts to one of 9298 images, of which ``data.test`` is held out: 0.2 gives 7439 and
            1859, like the 7438 and 1860 of many papers, which use a file that came with CoGAN (Liu and Tuzel 2016), but
            not the same images.
    """
    folder = find_dataset_folder("usps") or data_folder() / "usps"
    if (folder / "usps.h5").is_file():
        parts, origin = _read_h5(folder / "usps.h5"), "usps.h5"
    else:
        otherwise = "put usps/usps.h5, or usps/usps.bz2 and usps/usps.t.bz2, there, or set DANN_DATA to a folder that "
        paths = download("usps", REMOTES, folder, f"{otherwise}has them")
        parts = [_read_libsvm(path, count) for path, count in zip(paths, COUNTS.values(), strict=True)]
        origin = "LIBSVM's usps.bz2 and usps.t.bz2"
    if pooled:
        x, y = (np.concatenate(of_parts) for of_parts in zip(*parts, strict=True))
        return Domain("usps", _to_split(x, y, size), None, DIGITS, origin)
    train, test = (_to_split(*part, size) for part in parts)
    return Domain("usps", train, test, DIGITS, origin)


def _to_split(x: NDArray[np.uint8], y: NDArray[np.int64], size: Size) -> Split:
    return Split.of(resize_images(torch.from_numpy(x), size), torch.from_numpy(y))


def _read_h5(path: Path) -> list[Part]:
    """Read the training and the test part from an HDF5 file."""
    try:
        import h5py
    except ImportError as error:
        raise BadInput(f'{path}: reading it needs h5py: run pip install "dann[data]"') from error
    parts = []
    for part, count in COUNTS.items():
        try:
            with h5py.File(path, "r") as file:
                check_size(path, file[part]["data"].nbytes + file[part]["target"].nbytes)  # a header may claim any size
                data, target = np.asarray(file[part]["data"]), np.asarray(file[part]["target"])
        except Exception as error:  # h5py raises all sorts of exceptions on damaged files
            raise _damaged_error(path, error) from error
        if data.shape != (count, PIXELS) or data.dtype.kind != "f" or target.shape != (count,):
            raise BadInput(
                f"{path}: {part} has data {data.dtype} {data.shape} and target {target.shape}, not the {count} images "
                f"of {PIXELS} numbers of USPS: restore the file"
            )
        parts.append((_to_grey(data.astype(np.float64) * 2 - 1, path), to_class_indices(target, path, 0, len(DIGITS))))
    return parts


def _read_libsvm(path: Path, count: int) -> Part:
    """Read a line for each image: its label and 256 times ``index:value``, the indices from 1.

    With scikit-learn, for torchvision's USPS truncates the values, and the images would not be those of ``usps.h5``.
    """
    content = read_svmlight(path)
    if content.matrix.nnz != count * PIXELS or len(content.labels) != count:
        raise BadInput(f"{path} does not hold the {count} images of {PIXELS} values of USPS: download it again")
    values = content.to_dense(1, PIXELS).numpy()
    return _to_grey(values, path), to_class_indices(content.labels, path, 1, len(DIGITS)) - 1


def _to_grey(values: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    """Convert values in [−1, 1], shape ``(N, 256)``, to images, shape ``(N, 1, 16, 16)``."""
    if not (np.abs(values) <= 1 + 1e-6).all():
        raise BadInput(f"{path}: values are out of range or not numbers: restore the file")
    # Every value of USPS is a multiple of 0.001. Rounding to these first makes both files give the same bytes.
    thousandths = np.rint(values * 1000).astype(np.int64) + 1000
    grey: NDArray[np.uint8] = ((thousandths * 255 + 1000) // 2000).astype(np.uint8)
    return grey.reshape(-1, 1, SIDE, SIDE)


def _damaged_error(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path} is damaged ({' '.join(str(error).split())}): restore it or download it again")
