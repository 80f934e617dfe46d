"""Features of Office-Caltech10 as papers publish them: vectors in MATLAB or NumPy files."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from dann.data.datasets.folder_dataset import describe_count
from dann.data.datasets.photos import OFFICE_CALTECH10
from dann.data.domain import Domain, Split
from dann.data.storage.folders import missing_data_error
from dann.errors import BadInput
from dann.files.input_limits import check_regular, check_zip

SUFFIXES = (".mat", ".npz")
# SURF, GoogleNet1024 and CaffeNet4096; DeCAF6; SURF as z-scores; VGG.
KEYS = (("fts", "labels"), ("feas", "labels"), ("Xt", "Yt"), ("Xs", "Ys"), ("X", "Y"), ("x", "y"), ("X", "y"))
OTHERWISE = (
    "put the .mat files of https://github.com/redhat12345/OfficeCaltechDomainAdaptation (features/surf, CaffeNet4096, "
    "GoogleNet1024) or of https://github.com/jindongwang/transferlearning/blob/master/data/dataset.md (DeCAF6) into "
    "office_caltech10/<kind>/ there"
)


def office_caltech10_features(*, domain: Literal["amazon", "caltech10", "dslr", "webcam"], kind: str) -> Domain:
    """Published features of Office-Caltech10's images: 958, 1123, 157 and 295 vectors in ten classes.

    Reads the file of ``office_caltech10/<kind>/`` (or ``office_caltech10/features/<kind>/``) in the data folder that
    has the domain in its name: ``amazon.mat``, ``Caltech10_SURF_L10.mat``, ``caltech_decaf.mat``, ``amazon.npz``. A
    MATLAB file holds ``fts`` (SURF: 800 counts of visual words; GoogleNet1024; CaffeNet4096), ``feas`` (DeCAF6: 4096)
    or ``Xt`` (SURF as z-scores) with ``labels`` or ``Yt`` from 1 to 10. An ``.npz`` holds ``x`` and ``y``, labels from
    0 to 9; one file for all domains holds ``amazon_x``, ``amazon_y`` and so on. Labels follow the class names in
    alphabetical order. No test split is defined; nothing is published with a checksum. Licence: not stated.

    Float32, shape ``(N, D)``, values as they are in the file: SURF 0 to 115, not normalised. B. Gong, Y. Shi, F. Sha,
    K. Grauman, *Geodesic Flow Kernel for Unsupervised Domain Adaptation*, 2012; DeCAF: J. Donahue et al., *DeCAF: A
    Deep Convolutional Activation Feature for Generic Visual Recognition*, 2014.

    Args:
        domain: which of the four.
        kind: the name of the sub-folder, such as ``surf``, ``GoogleNet1024`` or ``decaf6``, in any case.
    """
    folder = _find_folder(kind)
    file, arrays = _find_file(folder, domain)
    x, y = _select_arrays(file, arrays, domain)
    vectors, labels = _to_vectors(file, x), _to_indices(file, y)
    if len(vectors) != len(labels):
        raise BadInput(f"{file}: {len(vectors)} rows of features but {len(labels)} labels: restore the file")
    split = Split.of(torch.from_numpy(vectors), torch.from_numpy(labels))
    official = OFFICE_CALTECH10.domains[domain][1]
    origin = describe_count(f"file {folder.name}/{file.name}", len(split), "vectors", official)
    return Domain(f"office_caltech10_features/{domain}", split, None, OFFICE_CALTECH10.classes, origin)


def _find_folder(kind: str) -> Path:
    """Find the folder of one kind of features."""
    root = OFFICE_CALTECH10.find_root()
    if root is None:
        raise missing_data_error("office_caltech10_features", OTHERWISE)
    folders = [path for path in (*sorted(root.glob("*")), *sorted(root.glob("features/*"))) if _list_files(path)]
    wanted = next((folder for folder in folders if folder.name.lower() == kind.lower()), None)
    if wanted is None:
        there = ", ".join(folder.name for folder in folders) or "none"
        raise BadInput(f"{root}: no features of kind {kind!r}; there are: {there}: choose one of them, or {OTHERWISE}")
    return wanted


def _list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _find_file(folder: Path, domain: str) -> tuple[Path, Mapping[str, Any]]:
    """Find the file of ``domain``, and read its arrays."""
    files = _list_files(folder)
    named = [file for file in files if domain.removesuffix("10") in file.stem.lower()]
    if len(named) > 1:
        raise BadInput(f"{folder}: {', '.join(file.name for file in named)} are all of {domain}: leave one there")
    for file in named or [file for file in files if file.suffix.lower() == ".npz"]:
        arrays = _read(file)
        if named or f"{domain}_x" in arrays:
            return file, arrays
    raise BadInput(f"{folder}: no file of {domain} there: put {domain}.mat or {domain}.npz into it")


def _read(file: Path) -> Mapping[str, Any]:
    from scipy.io import loadmat  # takes a tenth of a second

    check_regular(file)
    check_zip(file)
    try:
        with file.open("rb") as stream:
            if file.suffix.lower() == ".npz":
                arrays = np.load(stream, allow_pickle=False)
                return {key: arrays[key] for key in arrays.files}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of sparse matrices, which are made dense here
                content: Mapping[str, Any] = loadmat(stream)
            return content
    except NotImplementedError as error:
        raise BadInput(f"{file}: a MATLAB 7.3 file, which is HDF5: save it with -v7") from error
    except Exception as error:  # damaged files make SciPy and NumPy raise all sorts of exceptions
        raise BadInput(f"{file}: cannot be read ({' '.join(str(error).split())}): restore the file") from error


def _select_arrays(file: Path, arrays: Mapping[str, Any], domain: str) -> tuple[Any, Any]:
    """The features and the labels of one file, under any of their known names."""
    for features, labels in ((f"{domain}_x", f"{domain}_y"), *KEYS):
        if features in arrays and labels in arrays:
            return arrays[features], arrays[labels]
    there = ", ".join(key for key in arrays if not key.startswith("__")) or "nothing"
    raise BadInput(f"{file}: holds {there}, not fts and labels, feas and labels, or x and y: rename its arrays")


def _to_vectors(file: Path, x: Any) -> NDArray[np.float32]:
    x = x.toarray() if sparse.issparse(x) else np.asarray(x)
    if x.ndim != 2 or x.dtype.kind not in "fiu" or not x.size:
        raise BadInput(
            f"{file}: its features are {x.dtype} of shape {x.shape}, not a table of numbers: restore the file"
        )
    with np.errstate(over="ignore"):  # too large a value becomes infinite, and is named below
        vectors: NDArray[np.float32] = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(vectors).all():
        row = int(np.argwhere(~np.isfinite(vectors))[0, 0])
        raise BadInput(f"{file}: row {row} of its features is not finite: restore the file")
    return vectors


def _to_indices(file: Path, y: Any) -> NDArray[np.int64]:
    """Convert labels to class indices: MATLAB files count from 1, NumPy files from 0."""
    y = np.asarray(y)
    first = 1 if file.suffix.lower() == ".mat" else 0
    classes = len(OFFICE_CALTECH10.classes)
    if y.size != max(y.shape, default=0) or y.dtype.kind not in "fiu":
        raise BadInput(f"{file}: its labels are {y.dtype} of shape {y.shape}, not one number each: restore the file")
    wrong = ~np.isin(y, np.arange(first, first + classes))
    if wrong.any():
        raise BadInput(
            f"{file}: label {y[wrong].flat[0]} is not one of {first} to {first + classes - 1}: restore the file"
        )
    indices: NDArray[np.int64] = y.ravel().astype(np.int64) - first
    return indices
