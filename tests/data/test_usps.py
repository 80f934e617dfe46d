"""USPS: both forms of its files, and damage to them."""

import bz2
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damage import cut

from dann.data.datasets import usps
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("offline", "own_cache")


def thousandths(count: int, seed: int) -> np.ndarray:
    """Images in USPS's own steps of 0.001, as integers from −1000 to 1000, shape ``(N, 256)``."""
    values = np.random.RandomState(seed).randint(-1000, 1001, (count, 256))
    values[0, :3] = -1000, 0, 1000
    return values


def libsvm(values: np.ndarray, digits: list[int]) -> str:
    """Lines as LIBSVM's file has them: the digit plus one, all 256 values, up to six digits each, a final space."""
    lines = (
        f"{digit + 1} " + "".join(f"{i}:{value / 1000:.6g} " for i, value in enumerate(row, 1))
        for digit, row in zip(digits, values, strict=True)
    )
    return "".join(f"{line}\n" for line in lines)


TRAIN, TEST = [6, 0, 9, 4, 4, 2], [3, 9, 0]


@pytest.fixture
def usps_text(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """LIBSVM's two files with 6 + 3 images, and a loader that expects so many."""
    monkeypatch.setattr(usps, "COUNTS", {"train": 6, "test": 3})
    folder = data_folder / "usps"
    folder.mkdir()
    (folder / "usps.bz2").write_bytes(bz2.compress(libsvm(thousandths(6, 0), TRAIN).encode()))
    (folder / "usps.t.bz2").write_bytes(bz2.compress(libsvm(thousandths(3, 1), TEST).encode()))
    return folder


@pytest.fixture
def usps_h5(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same images as an HDF5 file."""
    monkeypatch.setattr(usps, "COUNTS", {"train": 6, "test": 3})
    path = data_folder / "usps" / "usps.h5"
    path.parent.mkdir(exist_ok=True)
    write_h5(path)
    return path


def write_h5(path: Path, **changes: Any) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(path, "w") as file:
        for part, seed, digits in (("train", 0, TRAIN), ("test", 1, TEST)):
            group = file.create_group(part)
            arrays = {
                "data": ((thousandths(len(digits), seed) / 1000 + 1) / 2).astype(np.float32),
                "target": np.array(digits, np.int32),
            }
            for name, array in arrays.items():
                changed = changes.get(f"{part}_{name}", array)
                if changed is not None:
                    group.create_dataset(name, data=changed)


def test_usps_reads_libsvm_text(usps_text: Path) -> None:
    domain = usps.usps()
    assert domain.test is not None and domain.classes == tuple("0123456789")
    assert domain.train.x.shape == (6, 1, 16, 16) and domain.train.x.dtype == torch.uint8
    assert domain.train.y.tolist() == TRAIN and domain.test.y.tolist() == TEST
    expected = (thousandths(6, 0) + 1000) / 2000 * 255
    assert np.abs(domain.train.x.numpy().reshape(6, 256) - expected).max() <= 0.5
    assert domain.train.x[0, 0, 0, :3].tolist() == [0, 128, 255]  # value 3 is the third pixel of the first row
    assert usps.usps(size=20).train.x.shape == (6, 1, 20, 20)


def test_pooled_usps_leaves_the_test_split_to_be_drawn(usps_text: Path) -> None:
    parts, pooled = usps.usps(size=20), usps.usps(size=20, pooled=True)
    assert pooled.test is None and parts.test is not None and pooled.train.y.tolist() == TRAIN + TEST
    assert torch.equal(pooled.train.x, torch.cat([parts.train.x, parts.test.x]))


def test_both_forms_of_usps_give_the_same_images(usps_text: Path, usps_h5: Path) -> None:
    binary = usps.usps()
    usps_h5.unlink()
    text = usps.usps()
    assert binary.origin != text.origin and binary.checksum() == text.checksum()


def test_real_usps(real_data: Path) -> None:
    pytest.importorskip("h5py", reason="h5py is not installed")
    domain = usps.usps()
    assert domain.test is not None and (len(domain.train), len(domain.test)) == (7291, 2007)
    assert domain.train.y.bincount().tolist() == [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
    assert domain.test.y.bincount().tolist() == [359, 264, 198, 166, 200, 160, 170, 147, 166, 177]
    assert domain.test.y[:10].tolist() == [9, 6, 3, 6, 6, 0, 0, 0, 6, 9]  # as published
    zeros, ones = (domain.train.x[domain.train.y == digit, 0].float().mean(0) for digit in (0, 1))
    assert ones[8, 7:9].mean() > 200 and zeros[8, 7:9].mean() < 60  # upright: a 1 fills the middle, a 0 does not
    assert ones[:, 7:9].mean() > 2 * ones[7:9].mean()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "", "no examples there"),
        (lambda text: text[: text.index("\n") + 1], "does not hold the 6 images"),
        (lambda text: text[:-300], "not a readable svmlight file|does not hold"),
        (lambda text: text.replace(" 7:", " 8:", 1), "not a readable svmlight file"),
        (lambda text: "11" + text[1:], "labels are not the integers 1 to 10"),
        (lambda text: "0" + text[1:], "labels are not the integers 1 to 10"),
        (lambda text: "1.5" + text[1:], "the label 1.5 is not an integer"),
        (lambda text: "nan" + text[1:], "labels are not the integers 1 to 10"),
        (lambda text: text.replace(" 1:-1 ", " 1:-2 ", 1), "values are out of range"),
        (lambda text: text.replace(" 1:-1 ", " 1:nan ", 1), "values are out of range"),
        (lambda text: text.replace(" 1:-1 ", " 1:black ", 1), "not a readable svmlight file"),
        (lambda text: "é" + text, "labels are not the integers 1 to 10"),
    ],
)
def test_damaged_usps_text_is_named(usps_text: Path, change: Callable[[str], str], says: str) -> None:
    path = usps_text / "usps.bz2"
    path.write_bytes(bz2.compress(change(bz2.decompress(path.read_bytes()).decode()).encode()))
    with pytest.raises(BadInput, match=says) as caught:
        usps.usps()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b"6 1:0"), lambda path: path.write_bytes(b"")])
def test_damaged_usps_archive_is_named(usps_text: Path, damage: Callable[[Path], None]) -> None:
    damage(usps_text / "usps.t.bz2")
    with pytest.raises(BadInput, match=r"usps.t.bz2(: not a readable svmlight file| does not hold|: no examples)"):
        usps.usps()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train_data": None}, "damaged"),
        ({"test_target": None}, "damaged"),
        ({"train_data": np.zeros((6, 255), np.float32)}, "train has data"),
        ({"train_data": np.zeros((5, 256), np.float32)}, "train has data"),
        ({"train_data": np.zeros((6, 256), np.int32)}, "train has data"),
        ({"test_target": np.zeros(4, np.int32)}, "test has data"),
        ({"test_target": np.array([0, 1, 10], np.int32)}, "labels are not the integers 0 to 9"),
        ({"test_target": np.array([0, 1, -1], np.int32)}, "labels are not the integers 0 to 9"),
        ({"test_target": np.array([0, 1, np.nan])}, "labels are not the integers 0 to 9"),
        ({"train_data": np.full((6, 256), np.nan, np.float32)}, "values are out of range"),
        ({"train_data": np.full((6, 256), 255, np.float32)}, "values are out of range"),
    ],
)
def test_damaged_usps_h5_is_named(usps_h5: Path, changes: dict[str, Any], says: str) -> None:
    write_h5(usps_h5, **changes)
    with pytest.raises(BadInput, match=rf"usps.h5.*{says}"):
        usps.usps()


@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b"")])
def test_cut_usps_h5_is_named(usps_h5: Path, damage: Callable[[Path], None]) -> None:
    damage(usps_h5)
    with pytest.raises(BadInput, match=r"usps.h5 is damaged"):
        usps.usps()


def test_usps_h5_without_h5py_says_what_to_install(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data_folder / "usps").mkdir()
    (data_folder / "usps" / "usps.h5").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BadInput, match=r'usps.h5.*pip install "dann\[data\]"'):
        usps.usps()


def test_missing_usps_says_what_to_put_where(data_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"usps is not in .*no network in tests.*usps/usps.h5.*DANN_DATA"):
        usps.usps()
