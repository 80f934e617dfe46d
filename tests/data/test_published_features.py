"""Published features of Office-Caltech10: their files, and damage to them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from image_folders import assert_refused
from numpy.typing import NDArray
from scipy import io, sparse

from dann.data.datasets.photos import (
    OFFICE_CALTECH10,
)
from dann.data.datasets.published_features import office_caltech10_features


def write_features(path: Path, names: tuple[str, str] = ("fts", "labels"), first: int = 1) -> NDArray[np.float32]:
    """Thirty vectors of five numbers, three of each class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.random.RandomState(0).rand(30, 5).astype(np.float32)
    y = np.arange(30) % 10 + first
    if path.suffix == ".mat":
        io.savemat(str(path), {names[0]: x, names[1]: y[:, None].astype(np.uint8)})
    else:
        np.savez(path, **{names[0]: x, names[1]: y})  # type: ignore[arg-type]
    return x


@pytest.mark.parametrize(
    ("file", "domain", "kind", "names"),
    [
        ("surf/Caltech10_SURF_L10.mat", "caltech10", "surf", ("fts", "labels")),
        ("surf_zscore/amazon_zscore_SURF_L10.mat", "amazon", "surf_zscore", ("Xt", "Yt")),
        ("decaf6/caltech_decaf.mat", "caltech10", "decaf6", ("feas", "labels")),
        ("GoogleNet1024/dslr.mat", "dslr", "googlenet1024", ("fts", "labels")),
        ("features/CaffeNet4096/webcam.mat", "webcam", "CaffeNet4096", ("fts", "labels")),
        ("vgg_fc6/office-vgg-sumpool-amazon-fc6.mat", "amazon", "vgg_fc6", ("x", "y")),
        ("mine/Webcam.npz", "webcam", "mine", ("x", "y")),
        ("mine/all.npz", "webcam", "mine", ("webcam_x", "webcam_y")),
    ],
)
def test_feature_files(data_folder: Path, file: str, domain: str, kind: str, names: tuple[str, str]) -> None:
    first = 1 if file.endswith(".mat") else 0
    x = write_features(data_folder / "office_caltech10" / file, names, first)
    read = office_caltech10_features(domain=domain, kind=kind)  # type: ignore[arg-type]
    assert read.name == f"office_caltech10_features/{domain}" and read.test is None
    assert np.array_equal(read.train.x.numpy(), x) and read.train.x.dtype == torch.float32
    assert read.train.y.tolist() == [i % 10 for i in range(30)] and read.train.y.dtype == torch.int64
    assert read.classes == OFFICE_CALTECH10.classes and "30 vectors (official: " in read.origin


@pytest.fixture
def mat(data_folder: Path) -> Path:
    path = data_folder / "office_caltech10" / "surf" / "amazon.mat"
    write_features(path)
    return path


def test_labels_in_a_row_and_sparse_features_are_understood(mat: Path) -> None:
    x = sparse.random(20, 6, 0.5, format="csc", random_state=0)
    io.savemat(str(mat), {"fts": x, "labels": np.arange(20.0)[None] % 10 + 1})
    read = office_caltech10_features(domain="amazon", kind="surf")
    assert np.allclose(read.train.x.numpy(), x.toarray()) and read.train.y.tolist() == [i % 10 for i in range(20)]


RANDOM = np.random.RandomState(0).rand(20, 4)


ONE_TO_TEN = np.arange(20) % 10 + 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"features": RANDOM, "labels": ONE_TO_TEN}, "holds features, labels, not fts and labels"),
        ({"fts": RANDOM}, "holds fts, not fts and labels"),
        ({"fts": RANDOM, "labels": np.arange(20) % 12}, "label 0 is not one of 1 to 10"),
        ({"fts": RANDOM, "labels": np.arange(20) % 12 + 1}, "label 11 is not one of 1 to 10"),
        ({"fts": RANDOM, "labels": ONE_TO_TEN + 0.5}, "label 1.5 is not one of 1 to 10"),
        ({"fts": RANDOM, "labels": np.full(20, np.nan)}, "label nan is not one of 1 to 10"),
        ({"fts": RANDOM, "labels": np.eye(20)[:, :10]}, "labels are float64 of shape (20, 10)"),
        ({"fts": RANDOM, "labels": np.array(["mug"] * 20)}, "its labels are"),
        ({"fts": RANDOM, "labels": ONE_TO_TEN[:19]}, "20 rows of features but 19 labels"),
        ({"fts": RANDOM.T, "labels": ONE_TO_TEN}, "4 rows of features but 20 labels"),
        ({"fts": RANDOM[None], "labels": ONE_TO_TEN}, "features are float64 of shape (1, 20, 4)"),
        ({"fts": np.empty((0, 4)), "labels": np.empty((0, 1))}, "of shape (0, 4)"),
        ({"fts": RANDOM.astype(complex) * 1j, "labels": ONE_TO_TEN}, "features are complex128"),
        ({"fts": np.array([["a", "b"]], object), "labels": ONE_TO_TEN}, "its features are"),
        ({"fts": np.where(RANDOM[7, 2] == RANDOM, np.nan, RANDOM), "labels": ONE_TO_TEN}, "row 7 of its features"),
        ({"fts": np.where(RANDOM[3, 0] == RANDOM, 1e300, RANDOM), "labels": ONE_TO_TEN}, "row 3 of its features"),
    ],
)
def test_features_that_do_not_fit_are_named(mat: Path, content: dict[str, object], says: str) -> None:
    io.savemat(str(mat), content)
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="surf"), str(mat), says)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: b"", "cannot be read"),
        (lambda content: content[:60], "cannot be read"),
        (lambda content: content[:200], "cannot be read"),
        (lambda content: content[: len(content) // 2], "cannot be read"),
        (lambda content: b"<html>404</html>" * 40, "cannot be read"),
        (lambda content: b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400), "MATLAB 7.3"),
    ],
)
def test_damaged_feature_files_are_named(mat: Path, damage: Callable[[bytes], bytes], says: str) -> None:
    mat.write_bytes(damage(mat.read_bytes()))
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="surf"), str(mat), says)
    archive = mat.with_suffix(".npz")
    write_features(archive, ("x", "y"), 0)
    mat.unlink()
    archive.write_bytes(damage(archive.read_bytes()))
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="surf"), str(archive), "cannot be read")


def test_objects_in_an_npz_are_never_unpickled(data_folder: Path) -> None:
    path = data_folder / "office_caltech10" / "mine" / "amazon.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, x=np.array([{}], object), y=np.array([0]))
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="mine"), str(path), "cannot be read")


def test_feature_folders_that_do_not_fit_are_named(mat: Path) -> None:
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="decaf"), "'decaf'", "there are: surf")
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="../surf"), "there are: surf")
    assert_refused(lambda: office_caltech10_features(domain="dslr", kind="surf"), str(mat.parent), "no file of dslr")
    write_features(mat.with_name("amazon_old.mat"))
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="surf"), "amazon.mat, amazon_old.mat")
