"""SVHN and SYN DIGITS on fixtures in their true format, and damage to them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damage import cut
from scipy.io import savemat

from dann.data.datasets import svhn
from dann.data.storage.download import Remote
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("offline", "own_cache")


def write_mat(path: Path, labels: list[int], **changes: Any) -> np.ndarray:
    """A file in SVHN's format; its images, shape ``(32, 32, 3, N)``."""
    path.parent.mkdir(exist_ok=True)
    images = np.random.RandomState(len(path.name)).randint(0, 256, (32, 32, 3, len(labels)), dtype=np.uint8)
    content = {"X": images, "y": np.array(labels, np.uint8)[:, None], **changes}
    savemat(path, {name: value for name, value in content.items() if value is not None}, do_compression=True)
    return images


@pytest.fixture
def tiny_svhn(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SVHN's files with 5 + 3 images, and a loader that expects so many."""
    counts = {"train_32x32.mat": 5, "test_32x32.mat": 3, "synth_train_32x32.mat": 5, "synth_test_32x32.mat": 3}
    monkeypatch.setattr(svhn, "COUNTS", counts)
    write_mat(data_folder / "svhn" / "train_32x32.mat", [1, 10, 9, 2, 10])
    write_mat(data_folder / "svhn" / "test_32x32.mat", [5, 10, 1])
    return data_folder / "svhn"


def test_svhn_puts_pixels_and_labels_in_their_places(tiny_svhn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svhn, "TURNED", 2)
    images = write_mat(tiny_svhn / "train_32x32.mat", [1, 10, 9, 2, 10])
    domain = svhn.svhn()
    assert domain.test is not None and domain.train.x.shape == (5, 3, 32, 32) and domain.train.x.dtype == torch.uint8
    assert domain.train.x[4, 2, 7, 30] == images[7, 30, 2, 4]  # row 7, column 30 of the blue plane of image 4
    assert np.array_equal(domain.train.x.numpy(), images.transpose(3, 2, 0, 1))
    assert domain.train.y.tolist() == [1, 0, 9, 2, 0] and domain.test.y.tolist() == [5, 0, 1]
    assert svhn.svhn(size=16).test.x.shape == (3, 3, 16, 16)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"X": None}, "no arrays X and y"),
        ({"y": None}, "no arrays X and y"),
        ({"X": "thirty-two"}, "X is"),
        ({"X": np.zeros((5, 3, 32, 32), np.uint8)}, "X is uint8"),
        ({"X": np.zeros((32, 32, 3, 4), np.uint8)}, "X is uint8"),
        ({"X": np.zeros((32, 32, 3, 5))}, "X is float64"),
        ({"y": np.ones((4, 1), np.uint8)}, "y has 4 labels"),
        ({"y": np.array([1, 2, 3, 4, 11])}, "labels are not the integers 1 to 10"),
        ({"y": np.array([1, 2, 3, 4, 0])}, "labels are not the integers 1 to 10"),
        ({"y": np.array([1, 2, 3, 4, 4.5])}, "labels are not the integers 1 to 10"),
        ({"y": np.array([1, 2, 3, 4, np.nan])}, "labels are not the integers 1 to 10"),
    ],
)
def test_svhn_with_wrong_arrays_is_named(tiny_svhn: Path, changes: dict[str, Any], says: str) -> None:
    write_mat(tiny_svhn / "train_32x32.mat", [1, 2, 3, 4, 5], **changes)
    with pytest.raises(BadInput, match=rf"train_32x32.mat: .*{says}"):
        svhn.svhn()


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"<html>moved</html>" * 20),
        lambda path: path.write_bytes(path.read_bytes()[:200] + bytes(8) + path.read_bytes()[208:]),
    ],
)
def test_damaged_svhn_is_named(tiny_svhn: Path, damage: Callable[[Path], None]) -> None:
    damage(tiny_svhn / "test_32x32.mat")
    with pytest.raises(BadInput, match=r"[^_]test_32x32.mat"):
        svhn.svhn()


def test_missing_svhn_says_what_to_put_where(tiny_svhn: Path) -> None:
    (tiny_svhn / "test_32x32.mat").unlink()
    with pytest.raises(BadInput, match=r"svhn is not in .*no network.*svhn/train_32x32.mat.*DANN_DATA"):
        svhn.svhn()


@pytest.mark.parametrize(
    ("stored", "digits"), [([0, 9, 3, 0, 1], [0, 9, 3, 0, 1]), ([10, 9, 3, 10, 1], [0, 9, 3, 0, 1])]
)
def test_syn_digits_understands_both_labellings(tiny_svhn: Path, stored: list[int], digits: list[int]) -> None:
    folder = tiny_svhn.parent / "syn_digits"
    images = write_mat(folder / "synth_train_32x32.mat", stored)
    write_mat(folder / "synth_test_32x32.mat", [7, 1, 2])
    domain = svhn.syn_digits()
    assert domain.test is not None and domain.train.y.tolist() == digits and domain.test.y.tolist() == [7, 1, 2]
    assert np.array_equal(domain.train.x.numpy(), images.transpose(3, 2, 0, 1))


@pytest.mark.parametrize("stored", [[0, 9, 3, 10, 1], [1, 9, 3, 11, 1]])
def test_syn_digits_refuses_other_labels(tiny_svhn: Path, stored: list[int]) -> None:
    folder = tiny_svhn.parent / "syn_digits"
    write_mat(folder / "synth_train_32x32.mat", stored)
    write_mat(folder / "synth_test_32x32.mat", [7, 1, 2])
    with pytest.raises(BadInput, match=r"synth_train_32x32.mat: labels are not"):
        svhn.syn_digits()


def test_missing_syn_digits_says_where_it_is_from_and_what_else_there_is(data_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"syn_digits is not in .*synth_train_32x32.mat.*rendered_digits"):
        svhn.syn_digits()


def test_a_download_is_checked_and_read(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # urlopen again, for file:// only
    monkeypatch.setenv("DANN_DATA", str(data_folder))
    monkeypatch.setattr(svhn, "COUNTS", {"train_32x32.mat": 2, "test_32x32.mat": 2})
    remotes = []
    for name in ("train_32x32.mat", "test_32x32.mat"):
        write_mat(tmp_path / "public" / name, [1, 2])
        content = (tmp_path / "public" / name).read_bytes()
        remotes.append(Remote((tmp_path / "public" / name).as_uri(), f"md5:{hashlib.md5(content).hexdigest()}"))
    monkeypatch.setattr(svhn, "REMOTES", [remotes[0], Remote(remotes[1].url, "md5:" + "0" * 32)])
    with pytest.raises(BadInput, match=r"svhn .*could not be downloaded .*test_32x32.mat"):
        svhn.svhn()
    assert not (data_folder / "svhn" / "test_32x32.mat").exists()
    monkeypatch.setattr(svhn, "REMOTES", remotes)
    assert svhn.svhn().train.y.tolist() == [1, 2]
