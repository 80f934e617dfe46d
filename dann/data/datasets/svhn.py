"""SVHN and SYN DIGITS, which share a format.

Read with SciPy, as torchvision reads SVHN; torchvision refuses re-packed files and SYN DIGITS by its checksums.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dann.data.datasets.mnist import DIGITS, Size
from dann.data.domain import Domain, Split
from dann.data.readers.label_arrays import to_class_indices
from dann.data.storage.download import Remote, download
from dann.data.storage.folders import data_folder, find_dataset_folder, missing_data_error
from dann.data.storage.image_splits import resize_images
from dann.errors import BadInput

STANFORD = "http://ufldl.stanford.edu/housenumbers/"
REMOTES = [
    Remote(f"{STANFORD}train_32x32.mat", "sha256:435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
    Remote(f"{STANFORD}test_32x32.mat", "sha256:cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
]
COUNTS = {
    "train_32x32.mat": 73_257,
    "test_32x32.mat": 26_032,
    "synth_train_32x32.mat": 479_400,
    "synth_test_32x32.mat": 9_553,
}
SIDE = 32
TURNED = 4096  # images that are turned upright at a time


def svhn(*, size: Size = None) -> Domain:
    """SVHN, cropped digits: 73 257 + 26 032 RGB digits of house numbers, 32 × 32 (Netzer et al. 2011).

    Reads ``svhn/train_32x32.mat`` and ``svhn/test_32x32.mat`` (Matlab: ``X`` of 32 × 32 × 3 × N bytes, ``y`` with 10
    for the digit 0) in the data folder; what is missing is downloaded. The label is the middle digit; parts of others
    are often beside it. The 531 131 easier ``extra`` images are not read.

    Values 0 to 255. Licence: "for non-commercial use only". Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu,
    A. Y. Ng, *Reading Digits in Natural Images with Unsupervised Feature Learning*, 2011.

    Args:
        size: H and W; 32 if not given.
    """
    folder = find_dataset_folder("svhn") or data_folder() / "svhn"
    otherwise = "put svhn/train_32x32.mat and svhn/test_32x32.mat there, or set DANN_DATA to a folder that has them"
    train, test = (_read_split(path, size, zero=10) for path in download("svhn", REMOTES, folder, otherwise))
    return Domain("svhn", train, test, DIGITS, "the cropped digits, without extra")


def syn_digits(*, size: Size = None) -> Domain:
    """SYN DIGITS ("Syn Numbers"), the authors': 479 400 + 9 553 rendered RGB digits, 32 × 32 (Ganin et al. 2016).

    Reads ``syn_digits/synth_train_32x32.mat`` and ``syn_digits/synth_test_32x32.mat``, in SVHN's format with labels 0
    to 9 (1 to 10 are understood too), in the data folder. They are in ``SynthDigits.zip``, which the first author's
    page, yaroslav.ganin.net, links to, without a published checksum, on a host for browsers; so it is not downloaded.
    Takes 1.5 GB of memory at 32 × 32. ``rendered_digits`` makes similar images.

    Values 0 to 255. Licence: not stated. Y. Ganin et al., *Domain-Adversarial Training of Neural Networks*, 2016.

    Args:
        size: H and W; 32 if not given.
    """
    folder = find_dataset_folder("syn_digits") or data_folder() / "syn_digits"
    paths = [folder / f"synth_{part}_32x32.mat" for part in ("train", "test")]
    if not all(path.is_file() for path in paths):
        raise missing_data_error(
            "syn_digits",
            "put syn_digits/synth_train_32x32.mat and syn_digits/synth_test_32x32.mat (in SynthDigits.zip, linked from "
            "yaroslav.ganin.net) there, or use rendered_digits, which is made without a download",
        )
    train, test = (_read_split(path, size, zero=None) for path in paths)
    return Domain("syn_digits", train, test, DIGITS, "the authors' release")


def _read_split(path: Path, size: int | None, zero: int | None) -> Split:
    """Read one file; ``zero`` is its label of the digit 0, None to infer it from the labels."""
    images, labels = _read_mat(path, COUNTS[path.name])
    if zero is None:
        zero = 10 if labels.size and labels.min() >= 1 else 0
    digits = to_class_indices(labels, path, 1 if zero == 10 else 0, len(DIGITS)) % 10
    return Split.of(resize_images(torch.from_numpy(_turn_upright(images)), size), torch.from_numpy(digits))


def _read_mat(path: Path, count: int) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Read ``X``, shape ``(32, 32, 3, N)``, and ``y``, N numbers."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=["X", "y"])
    except Exception as error:  # SciPy raises all sorts of exceptions on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path} is damaged ({reason}): restore it or download it again") from error
    images, labels = content.get("X"), content.get("y")
    if not isinstance(images, np.ndarray) or not isinstance(labels, np.ndarray):
        raise BadInput(f"{path}: has no arrays X and y: restore it or download it again")
    if images.shape != (SIDE, SIDE, 3, count) or images.dtype != np.uint8 or labels.size != count:
        raise BadInput(
            f"{path}: X is {images.dtype} {images.shape} and y has {labels.size} labels, not uint8 "
            f"{(SIDE, SIDE, 3, count)} and {count}: restore it or download it again"
        )
    return images, labels


def _turn_upright(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn ``(H, W, C, N)`` to ``(N, C, H, W)`` in place: Matlab's order in memory is that of ``(N, C, W, H)``."""
    turned = np.require(images.transpose(3, 2, 1, 0), requirements=["C", "W"])
    for first in range(0, len(turned), TURNED):
        part = turned[first : first + TURNED]
        part[:] = part.swapaxes(2, 3).copy()
    return turned
