"""USPS, SVHN, SYN DIGITS and the rendered digits: real files or fixtures in the true format, and damage to them."""

import bz2
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from dann.data.datasets import rendered, svhn, usps
from dann.data.datasets.rendered_digits import rendered_digits
from dann.data.storage.download import Remote
from dann.errors import BadInput


@pytest.fixture(autouse=True)
def offline_and_tidy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test fetches anything or writes to the user's cache."""

    def refused(*_: object, **__: object) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refused)
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


# USPS


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
    """LIBSVM's two files with 6 + 3 images, and the loader told to expect so many."""
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
        (lambda text: "", "does not hold the 6 images"),
        (lambda text: text[: text.index("\n") + 1], "does not hold the 6 images"),
        (lambda text: text[:-300], "damaged"),
        (lambda text: text.replace(" 7:", " 8:", 1), "does not hold the 6 images"),
        (lambda text: "11" + text[1:], "labels are not the integers 1 to 10"),
        (lambda text: "0" + text[1:], "labels are not the integers 1 to 10"),
        (lambda text: "1.5" + text[1:], "labels are not the integers 1 to 10"),
        (lambda text: "nan" + text[1:], "labels are not the integers 1 to 10"),
        (lambda text: text.replace(" 1:-1 ", " 1:-2 ", 1), "values are out of range"),
        (lambda text: text.replace(" 1:-1 ", " 1:nan ", 1), "values are out of range"),
        (lambda text: text.replace(" 1:-1 ", " 1:black ", 1), "damaged"),
        (lambda text: "é" + text, "damaged"),
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
    with pytest.raises(BadInput, match=r"usps.t.bz2 (is damaged|does not hold)"):
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


# SVHN and SYN DIGITS


def write_mat(path: Path, labels: list[int], **changes: Any) -> np.ndarray:
    """A file in SVHN's format; its images, shape ``(32, 32, 3, N)``."""
    path.parent.mkdir(exist_ok=True)
    images = np.random.RandomState(len(path.name)).randint(0, 256, (32, 32, 3, len(labels)), dtype=np.uint8)
    content = {"X": images, "y": np.array(labels, np.uint8)[:, None], **changes}
    savemat(path, {name: value for name, value in content.items() if value is not None}, do_compression=True)
    return images


@pytest.fixture
def tiny_svhn(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SVHN's files with 5 + 3 images, and the loader told to expect so many."""
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


# Rendered digits


def test_rendered_digits_depend_on_seed_split_and_place_alone() -> None:
    domain = rendered_digits(train=24, test=12)
    assert domain.test is not None and domain.train.x.shape == (24, 3, 32, 32)
    assert domain.train.x.dtype == torch.uint8 and domain.train.y.tolist() == [i % 10 for i in range(24)]
    longer = rendered_digits(train=30, test=12)
    assert torch.equal(longer.train.x[:24], domain.train.x)
    alone = rendered._image("train", 17, seed=0, size=32)
    assert np.array_equal(domain.train.x[17].numpy(), alone)
    other = rendered_digits(train=24, test=12, seed=1)
    images = [image.numpy().tobytes() for split in (longer.train, domain.test, other.train, other.test)  # type: ignore[union-attr]
              for image in split.x]  # fmt: skip
    assert len(set(images)) == len(images) == 30 + 12 + 24 + 12
    assert rendered_digits(train=3, test=1, size=20).train.x.shape == (3, 3, 20, 20)


def test_the_labelled_digit_is_in_the_middle() -> None:
    white, black = (255, 255, 255), (0, 0, 0)
    numbers = set()
    for seed in range(40):
        random = np.random.RandomState(seed)
        font = rendered.FONTS[np.random.RandomState(seed).randint(len(rendered.FONTS))]  # the first draw
        canvas, (x, y), height = rendered._text(seed % 10, black, white, black, 32, random)
        glyph = rendered._glyph(font, seed % 10, 0, 32)
        assert height == glyph.mask.height
        left, top = round(x - glyph.mask.width / 2), round(y - glyph.mask.height / 2)
        shown = canvas.convert("L").crop((left, top, left + glyph.mask.width, top + glyph.mask.height))
        full = np.asarray(glyph.mask) == 255
        assert full.sum() > 20 and (np.asarray(shown)[full] == 255).all()
        numbers.add(round(canvas.width / canvas.height))
    assert len(numbers) > 1  # of one, two and three digits


def test_fonts_draw_ten_different_digits() -> None:
    for font in rendered.FONTS:
        masks = [rendered._glyph(font, digit, 0, 32).mask for digit in range(10)]
        assert len({mask.tobytes() for mask in masks}) == 10
        assert all(np.asarray(mask).max() == 255 and mask.height >= 18 for mask in masks)


def test_digits_stand_out_from_their_ground_and_turn_both_ways() -> None:
    images = np.stack([rendered._image("train", index, seed=0, size=32) for index in range(60)])
    brightness = np.tensordot(images.astype(float), [0.299, 0.587, 0.114], axes=([1], [0]))
    assert np.quantile(np.ptp(brightness, axis=(1, 2)), 0.1) > 30
    assert np.ptp(images.mean(axis=(2, 3)), axis=0).min() > 120  # colours of all kinds
    sharpness = np.abs(np.diff(brightness, axis=2)).max(axis=(1, 2)) / np.ptp(brightness, axis=(1, 2))
    assert sharpness.min() < 0.35 and sharpness.max() > 0.6  # blurred and not


def test_rendered_digits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rendered_digits(train=6, test=2)
    kept = sorted((tmp_path / "cache" / "rendered_digits").iterdir())
    assert [path.name.split("-")[:2] for path in kept] == [["test", "2"], ["train", "6"]]
    with monkeypatch.context() as patched:
        patched.setattr(rendered, "_image", None)
        assert rendered_digits(train=6, test=2).checksum() == first.checksum()
    for damage in (b"", b"\x93NUMPY cut", b"PK\x03\x04", kept[1].read_bytes()[:-1], kept[0].read_bytes()):
        kept[1].write_bytes(damage)
        assert rendered_digits(train=6, test=2).checksum() == first.checksum()
    assert sorted((tmp_path / "cache" / "rendered_digits").iterdir()) == kept  # and nothing unfinished


def test_missing_font_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("matplotlib.get_data_path", lambda: str(tmp_path))
    with pytest.raises(BadInput, match=r"cmr10.ttf.*install Matplotlib"):
        rendered._face.__wrapped__("cmr10", 20)
