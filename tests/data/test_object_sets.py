"""GTSRB, SYN SIGNS, CIFAR-10 and STL-10 on fixtures in their true formats, and damage to them."""

import hashlib
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dann.data.datasets import cifar, signs
from dann.data.readers.safe_pickle import read_plain_pickle
from dann.data.storage.download import Remote
from dann.errors import BadInput


def refused(*_: object, **__: object) -> None:
    raise OSError("no network in tests")


@pytest.fixture(autouse=True)
def offline_and_tidy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test fetches anything or writes to the user's cache."""
    monkeypatch.setattr("urllib.request.urlopen", refused)
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def local_downloads(monkeypatch: pytest.MonkeyPatch, data_folder: Path, tmp_path: Path) -> Path:
    """A folder from which file:// addresses can be fetched."""
    monkeypatch.undo()
    monkeypatch.setenv("DANN_DATA", str(data_folder))
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "public").mkdir()
    return tmp_path / "public"


def remote(path: Path) -> Remote:
    return Remote(path.as_uri(), f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


# CIFAR-10


def text(content: bytes) -> bytes:
    """A string as Python 2's pickles have it."""
    return b"U" + bytes([len(content)]) + content if len(content) < 256 else b"T" + number(len(content)) + content


def number(value: int) -> bytes:
    return value.to_bytes(4, "little", signed=True)


def integer(value: int) -> bytes:
    return b"J" + number(value)


def python_2_array(content: bytes, shape: Sequence[int], kind: bytes = b"u1", fortran: bool = False) -> bytes:
    """An array as NumPy pickled it under Python 2: ``_reconstruct``, then its state of five."""
    dtype = b"cnumpy\ndtype\n(" + text(kind) + integer(0) + integer(1) + b"tR("
    dtype += integer(3) + text(b"|") + b"NNN" + integer(-1) + integer(-1) + integer(0) + b"tb"
    shaped = b"(" + b"".join(map(integer, shape)) + b"t"
    state = b"(" + integer(1) + shaped + dtype + (b"\x88" if fortran else b"\x89") + text(content) + b"tb"
    return b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + integer(0) + b"t" + text(b"b") + b"tR" + state


def batch(images: np.ndarray, indices: Sequence[int], **changes: bytes | None) -> bytes:
    """A batch as CIFAR-10's python version has it: a pickle of protocol 2, written by Python 2."""
    values: dict[str, bytes | None] = {
        "batch_label": text(b"training batch 1 of 5"),
        "labels": b"](" + b"".join(map(integer, indices)) + b"e",
        "data": python_2_array(images.tobytes(), (len(images), 3072)),
        "filenames": b"](" + text(b"leptodactylus_pentadactylus_s_000004.png") * len(images) + b"e",
        **changes,
    }
    items = b"".join(text(name.encode()) + value for name, value in values.items() if value is not None)
    return b"\x80\x02}(" + items + b"u."


def photos(seed: int, count: int, side: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, (count, 3, side, side), dtype=np.uint8)


def write_cifar(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate([*cifar.BATCHES["train"], *cifar.BATCHES["test"]]):
        (folder / name).write_bytes(batch(photos(seed, 3, 32), [seed, 6, 9 - seed]))


@pytest.fixture
def tiny_cifar(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10's six files with 3 images each, and the loader told to expect so many."""
    monkeypatch.setitem(cifar.COUNTS, "batch", 3)
    write_cifar(data_folder / "cifar-10-batches-py")
    return data_folder / "cifar-10-batches-py"


def test_the_fixture_is_a_pickle_that_python_and_numpy_understand() -> None:
    images = photos(0, 2, 32)
    content = pickle.loads(batch(images, [3, 5]), encoding="bytes")
    assert content[b"labels"] == [3, 5] and np.array_equal(content[b"data"], images.reshape(2, 3072))


@pytest.mark.parametrize("place", ["cifar-10-batches-py", "cifar10", "cifar10/cifar-10-batches-py"])
def test_cifar10_puts_pixels_and_labels_in_their_places(tiny_cifar: Path, place: str) -> None:
    (tiny_cifar.parent / place).parent.mkdir(exist_ok=True)
    tiny_cifar.rename(tiny_cifar.parent / place)
    domain = cifar.cifar10()
    assert domain.test is not None and domain.train.x.shape == (15, 3, 32, 32) and len(domain.test) == 3
    assert domain.classes[6] == "frog" and len(domain.classes) == 10
    assert domain.train.y.tolist() == [0, 6, 9, 1, 6, 8, 2, 6, 7, 3, 6, 6, 4, 6, 5] and domain.test.y.tolist() == [
        5,
        6,
        4,
    ]
    row = photos(1, 3, 32).reshape(3, 3072)[2]
    assert domain.train.x[5, 2, 7, 30] == row[2 * 1024 + 7 * 32 + 30]  # the planes one after another, row by row
    assert np.array_equal(domain.test.x.numpy(), photos(5, 3, 32))
    assert cifar.cifar10(size=40).train.x.shape == (15, 3, 40, 40)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cannot be read"),
        (b"<html>moved</html>", "cannot be read"),
        (batch(photos(0, 3, 32), [1, 2, 3])[:5000], "cannot be read"),
        (b"\x80\x02](K\x01e.", "holds no dictionary"),
        (b"\x80\x02}.", "does not hold 3 images"),
        (batch(photos(0, 3, 32), [1, 2, 3], data=None), "does not hold 3 images"),
        (batch(photos(0, 3, 32), [1, 2, 3], labels=None), "does not hold 3 images"),
        (batch(photos(0, 3, 32), [1, 2, 3], data=text(b"pixels")), "does not hold 3 images"),
        (batch(photos(0, 3, 32), [1, 2, 3], labels=text(b"abc")), "does not hold 3 images"),
        (batch(photos(0, 3, 32), [1, 2]), "does not hold 3 images"),
        (batch(photos(0, 2, 32), [1, 2, 3]), "does not hold 3 images"),
        (batch(photos(0, 3, 32), [1, 2, 3], data=python_2_array(bytes(9216), (3072, 3))), "does not hold 3 images"),
        (batch(photos(0, 3, 32), [1, 2, 3], data=python_2_array(bytes(9215), (3, 3072))), "does not hold 3 images"),
        (batch(photos(0, 3, 32), [1, 2, 3], data=python_2_array(bytes(9216), (3, 3072), b"i1")), "does not hold 3"),
        (batch(photos(0, 3, 32), [1, 2, 3], data=python_2_array(bytes(9216), (3, 3072), b"O8")), "does not hold 3"),
        (batch(photos(0, 3, 32), [1, 2, 3], data=python_2_array(bytes(9216), (3, 3072), fortran=True)), "not hold 3"),
        (batch(photos(0, 3, 32), [1, 2, 10]), "labels are not the integers 0 to 9"),
        (batch(photos(0, 3, 32), [1, 2, -1]), "labels are not the integers 0 to 9"),
        (batch(photos(0, 3, 32), [1, 2, 3], labels=b"](K\x01K\x02Ne"), "labels are not the integers 0 to 9"),
        (batch(photos(0, 3, 32), [1, 2, 3], labels=b"](K\x01K\x02U\x03cate"), "labels are not the integers 0 to 9"),
    ],
)
def test_damaged_cifar_is_named(tiny_cifar: Path, content: bytes, says: str) -> None:
    path = tiny_cifar / "data_batch_3"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=says) as caught:
        cifar.cifar10()
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


class Attack:
    """Pickles to a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", [eval, exec, __import__, getattr, np.load, np.fromfile, pickle.loads, open])
def test_a_pickle_that_names_code_is_refused(
    tiny_cifar: Path, tmp_path: Path, protocol: int, function: Callable[..., Any]
) -> None:
    path = tiny_cifar / "test_batch"
    sign = tmp_path / "it ran"
    argument = f"open({str(sign)!r}, 'w')" if function in (eval, exec) else str(sign)
    path.write_bytes(pickle.dumps({b"data": Attack(function, argument), b"labels": [1, 2, 3]}, protocol=protocol))
    with pytest.raises(BadInput, match=r"test_batch cannot be read \(it names .*which data need not"):
        cifar.cifar10()
    assert not sign.exists()


def test_a_pickle_that_runs_a_command_is_refused(tiny_cifar: Path, tmp_path: Path) -> None:
    sign = tmp_path / "it ran"
    (tiny_cifar / "test_batch").write_bytes(b"cos\nsystem\n(S'touch " + str(sign).encode() + b"'\ntR.")
    with pytest.raises(BadInput, match=r"it names os.system"):
        cifar.cifar10()
    assert not sign.exists()


def test_numpys_functions_are_noted_and_not_called(tmp_path: Path) -> None:
    huge = python_2_array(b"", (2**31 - 1, 2**31 - 1), b"f8")
    (tmp_path / "pickle").write_bytes(b"\x80\x02}" + text(b"data") + huge + b"s.")
    assert type(read_plain_pickle(tmp_path / "pickle")[b"data"]).__name__ == "Noted"


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch"])
def test_missing_batch_is_named(tiny_cifar: Path, name: str) -> None:
    (tiny_cifar / name).unlink()
    with pytest.raises(BadInput, match=rf"{name} cannot be read"):
        cifar.cifar10()


def test_missing_cifar_and_stl_say_what_to_put_where(data_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"cifar10 is not in .*no network.*cifar-10-batches-py.*DANN_DATA"):
        cifar.cifar9()
    with pytest.raises(BadInput, match=r"stl10 is not in .*no network.*stl10_binary.*DANN_DATA"):
        cifar.stl9()


def test_cifar_is_downloaded_unpacked_and_read(local_downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cifar.COUNTS, "batch", 3)
    write_cifar(local_downloads / "cifar-10-batches-py")
    archive = local_downloads / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(local_downloads / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setattr(cifar, "CIFAR", remote(archive))
    first = cifar.cifar10()
    monkeypatch.setattr("urllib.request.urlopen", refused)
    assert cifar.cifar10().checksum() == first.checksum() and len(first.train) == 15
    assert not list(local_downloads.parent.glob("data/cifar10/*.gz"))


# STL-10


def write_stl(folder: Path, part: str, labels: Sequence[int]) -> np.ndarray:
    """The two files of a part, every plane column by column; the images, shape ``(N, 3, 96, 96)``."""
    folder.mkdir(parents=True, exist_ok=True)
    images = photos(len(part), len(labels), 96)
    stored = bytearray()
    for image in images:
        for plane in image:
            for column in plane.T:
                stored += bytes(column.tolist())
    (folder / f"{part}_X.bin").write_bytes(bytes(stored))
    (folder / f"{part}_y.bin").write_bytes(bytes(labels))
    return images


@pytest.fixture
def tiny_stl(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """STL-10's files with 10 + 2 images, and the loader told to expect so many."""
    monkeypatch.setitem(cifar.COUNTS, "train", 10)
    monkeypatch.setitem(cifar.COUNTS, "test", 2)
    write_stl(data_folder / "stl10_binary", "train", range(1, 11))
    write_stl(data_folder / "stl10_binary", "test", [8, 3])
    return data_folder / "stl10_binary"


def test_stl10_turns_its_columns_upright(tiny_stl: Path) -> None:
    images = write_stl(tiny_stl, "train", range(1, 11))
    domain = cifar.stl10()
    assert domain.test is not None and domain.train.x.shape == (10, 3, 96, 96)
    stored = (tiny_stl / "train_X.bin").read_bytes()
    assert domain.train.x[4, 2, 7, 90] == stored[4 * 27_648 + 2 * 9_216 + 90 * 96 + 7]  # row 7, column 90
    assert np.array_equal(domain.train.x.numpy(), images)
    assert domain.train.y.tolist() == list(range(10)) and domain.test.y.tolist() == [7, 2]
    assert domain.classes[7] == "monkey" and domain.classes[2] == "car"
    assert cifar.stl10(size=32).train.x.shape == (10, 3, 32, 32)


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("train_X.bin", cut, "bytes, not the 276480"),
        ("test_X.bin", emptied, "has 0 bytes"),
        ("test_y.bin", cut, "has 1 bytes, not the 2"),
        ("train_y.bin", emptied, "has 0 bytes"),
        ("test_y.bin", lambda path: path.write_bytes(b"\x00\x01"), "labels are not the integers 1 to 10"),
        ("test_y.bin", lambda path: path.write_bytes(b"\x0b\x01"), "labels are not the integers 1 to 10"),
        ("test_X.bin", Path.unlink, "is missing"),
        ("train_y.bin", Path.unlink, "is missing"),
    ],
)
def test_damaged_stl_is_named(tiny_stl: Path, name: str, damage: Callable[[Path], None], says: str) -> None:
    damage(tiny_stl / name)
    with pytest.raises(BadInput, match=rf"{name}:? .*{says}"):
        cifar.stl10()


# The nine classes that CIFAR-10 and STL-10 share


def test_cifar9_and_stl9_share_their_classes_in_one_order(tiny_cifar: Path, tiny_stl: Path) -> None:
    source, target = cifar.cifar9(), cifar.stl9()
    assert source.classes == target.classes and len(source.classes) == 9
    assert set(cifar.CIFAR_CLASSES) - set(source.classes) == {"frog"}
    assert source.input_shape == target.input_shape == (3, 32, 32)
    assert cifar.stl9(size=None).input_shape == (3, 96, 96)
    whole = cifar.cifar10()
    kept = whole.train.y != cifar.CIFAR_CLASSES.index("frog")
    assert torch.equal(source.train.x, whole.train.x[kept])
    assert [source.classes[y] for y in source.train.y] == [whole.classes[y] for y in whole.train.y[kept]]
    names = [target.classes[y] for y in target.train.y]
    assert names == ["airplane", "bird", "automobile", "cat", "deer", "dog", "horse", "ship", "truck"]  # no monkey
    assert target.test is not None and [target.classes[y] for y in target.test.y] == ["automobile"]


# GTSRB

HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"


def photo(path: Path, seed: int) -> np.ndarray:
    """A photo of 14 × 12 pixels, whose sign is 8 × 6 pixels from column 3 and row 4 on, returned as ``(3, 6, 8)``."""
    pixels = np.random.RandomState(seed).randint(0, 256, (12, 14, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels[4:10, 3:11].transpose(2, 0, 1)


def line(name: str, label: int) -> str:
    return f"{name};14;12;3;4;11;10;{label}\n"


def write_training(folder: Path) -> list[np.ndarray]:
    crops = []
    for number in range(43):
        place = folder / f"{number:05d}"
        crops.append(photo(place / "00000_00000.ppm", number))
        (place / f"GT-{number:05d}.csv").write_text(HEADER + line("00000_00000.ppm", number))
    return crops


def write_test(folder: Path) -> str:
    for number in range(3):
        photo(folder / f"{number:05d}.ppm", 100 + number)
    (folder / "GT-final_test.test.csv").write_text("Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2\n")
    return HEADER + "".join(line(f"{number:05d}.ppm", label) for number, label in enumerate([16, 0, 42]))


@pytest.fixture
def tiny_gtsrb(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GTSRB's official folders with one training image for each class and 3 test images."""
    for name, count in (("Final_Training/Images", 43), ("Training", 43), ("Final_Test/Images", 3)):
        monkeypatch.setitem(signs.COUNTS, name, count)
    folder = data_folder / "gtsrb" / "GTSRB"
    write_training(folder / "Final_Training" / "Images")
    (folder / "GT-final_test.csv").write_text(write_test(folder / "Final_Test" / "Images"))
    return folder


def test_gtsrb_crops_the_signs_and_reads_their_classes(tiny_gtsrb: Path) -> None:
    domain = signs.gtsrb(size=6)
    assert domain.test is not None and domain.train.x.shape == (43, 3, 6, 6) and len(domain.test) == 3
    assert domain.classes[:2] == ("00", "01") and domain.train.y.tolist() == list(range(43))
    assert domain.test.y.tolist() == [16, 0, 42] and "39 209" in domain.origin
    whole = signs.gtsrb(size=14, crop=False)
    assert whole.train.x.shape == (43, 3, 14, 14) and whole.checksum() != domain.checksum()


def test_gtsrb_keeps_a_square_sign_pixel_by_pixel(tiny_gtsrb: Path) -> None:
    folder = tiny_gtsrb / "Final_Training" / "Images"
    crop = write_training(folder)[7]
    (folder / "00007" / "GT-00007.csv").write_text(HEADER + "00000_00000.ppm;14;12;4;4;10;10;7\n")
    assert np.array_equal(signs.gtsrb(size=6).train.x[7].numpy(), crop[:, :, 1:7])


def test_gtsrb_reads_the_first_stage_where_the_full_one_is_not_there(tiny_gtsrb: Path) -> None:
    (tiny_gtsrb / "Final_Training" / "Images").rename(tiny_gtsrb / "Training")
    (tiny_gtsrb / "Final_Training").rmdir()
    domain = signs.gtsrb()
    assert domain.train.x.shape == (43, 3, 40, 40) and "26 640" in domain.origin


@pytest.mark.parametrize("place", ["gtsrb", "gtsrb/GTSRB/Final_Test", "gtsrb/GTSRB/Final_Test/Images", "gtsrb/GT"])
def test_gtsrb_finds_the_test_classes_where_people_put_them(tiny_gtsrb: Path, place: str) -> None:
    folder = tiny_gtsrb.parent.parent / place
    folder.mkdir(exist_ok=True)
    (tiny_gtsrb / "GT-final_test.csv").rename(folder / "GT-final_test.csv")
    assert signs.gtsrb().test.y.tolist() == [16, 0, 42]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "is empty"),
        (HEADER, "is empty"),
        (HEADER + line("00000_00000.ppm", 8), "has class 8, not 7"),
        (HEADER + line("00000_00000.ppm", 43), "line 2: its box, class or file name"),
        (HEADER + line("../00000_00000.ppm", 7), "line 2: its box, class or file name"),
        (HEADER + line("00000\0.ppm", 7), "line 2: its box, class or file name|cannot be read"),
        (HEADER + line("", 7), "line 2: its box, class or file name"),
        (HEADER + "00000_00000.ppm;14;12;3;4;15;10;7\n", "line 2: its box, class or file name"),
        (HEADER + "00000_00000.ppm;14;12;3;4;3;10;7\n", "line 2: its box, class or file name"),
        (HEADER + "00000_00000.ppm;14;12;3;4;11;10;seven\n", "line 2: does not read Filename;Width"),
        (HEADER + "00000_00000.ppm;14;12;3;4\n", "line 2: does not read Filename;Width"),
        (HEADER.replace(";", ",") + line("00000_00000.ppm", 7).replace(";", ","), "line 2: does not read"),
        (HEADER + 2 * line("00000_00000.ppm", 7), "lists 44 images, not the 43"),
        (HEADER + "\xff", "line 2|cannot be read"),
    ],
)
def test_damaged_gtsrb_tables_are_named(tiny_gtsrb: Path, table: str, says: str) -> None:
    path = tiny_gtsrb / "Final_Training" / "Images" / "00007" / "GT-00007.csv"
    path.write_text(table, encoding="latin-1")
    with pytest.raises(BadInput, match=says) as caught:
        signs.gtsrb()
    named = path.parent.parent if "lists" in says else path
    assert str(named) in str(caught.value)


def test_a_byte_order_mark_in_a_table_is_no_harm(tiny_gtsrb: Path) -> None:
    path = tiny_gtsrb / "GT-final_test.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(signs.gtsrb().test) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [emptied, cut, lambda path: path.write_bytes(b"P9 no image")])
def test_unreadable_signs_are_named_or_skipped(tiny_gtsrb: Path, damage: Callable[[Path], None]) -> None:
    path = tiny_gtsrb / "Final_Test" / "Images" / "00001.ppm"
    damage(path)
    with pytest.raises(BadInput, match=r"00001.ppm: not a readable image"):
        signs.gtsrb()
    domain = signs.gtsrb(on_bad="skip")
    assert domain.skipped == ("GTSRB/Final_Test/Images/00001.ppm",)
    assert domain.test is not None and domain.test.y.tolist() == [16, 42]


@pytest.mark.parametrize("path", ["Final_Test/Images/00001.ppm", "Final_Training/Images/00007/00000_00000.ppm",
                                  "Final_Training/Images/00007/GT-00007.csv"])  # fmt: skip
def test_missing_sign_files_are_named(tiny_gtsrb: Path, path: str) -> None:
    (tiny_gtsrb / path).unlink()
    with pytest.raises(BadInput, match=rf"{path}: not a readable image .*No such file|{path} cannot be read"):
        signs.gtsrb()


@pytest.mark.parametrize("part", ["Final_Training", "Final_Test", "GT-final_test.csv"])
def test_missing_gtsrb_says_what_to_put_where(tiny_gtsrb: Path, part: str) -> None:
    (tiny_gtsrb / part).rename(tiny_gtsrb.parent.parent / "elsewhere")
    with pytest.raises(BadInput, match=r"gtsrb is not in .*no network.*Final_Training.*GT-final_test.csv.*DANN_DATA"):
        signs.gtsrb()


def test_gtsrb_is_downloaded_unpacked_and_read(
    tiny_gtsrb: Path, local_downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, count in (("Final_Training/Images", 43), ("Final_Test/Images", 3)):
        monkeypatch.setitem(signs.COUNTS, name, count)
    expected = signs.gtsrb().checksum()
    for name, archive in (
        ("Final_Training", "GTSRB_Final_Training_Images.zip"),
        ("Final_Test", "GTSRB_Final_Test_Images.zip"),
        ("GT-final_test.csv", "GTSRB_Final_Test_GT.zip"),
    ):
        with zipfile.ZipFile(local_downloads / archive, "w") as file:
            for path in sorted([tiny_gtsrb / name, *(tiny_gtsrb / name).rglob("*")]):
                if path.is_file():
                    below = tiny_gtsrb if name.endswith("csv") else tiny_gtsrb.parent
                    file.write(path, path.relative_to(below))
    tiny_gtsrb.parent.rename(local_downloads / "moved away")
    monkeypatch.setattr(signs, "TRAINING", remote(local_downloads / "GTSRB_Final_Training_Images.zip"))
    monkeypatch.setattr(signs, "TEST", remote(local_downloads / "GTSRB_Final_Test_Images.zip"))
    monkeypatch.setattr(signs, "TRUTH", remote(local_downloads / "GTSRB_Final_Test_GT.zip"))
    assert signs.gtsrb().checksum() == expected
    monkeypatch.setattr("urllib.request.urlopen", refused)
    assert signs.gtsrb().checksum() == expected
    assert not list(tiny_gtsrb.parent.glob("*.zip"))


def test_an_archive_without_its_folder_is_named(
    data_folder: Path, local_downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(local_downloads / "GTSRB_Final_Training_Images.zip", "w") as file:
        file.writestr("GTSRB/Readme-Images.txt", "no images")
    monkeypatch.setattr(signs, "TRAINING", remote(local_downloads / "GTSRB_Final_Training_Images.zip"))
    with pytest.raises(BadInput, match=r"GTSRB_Final_Training_Images: has no Final_Training/Images: remove the folder"):
        signs.gtsrb()


# SYN SIGNS


@pytest.fixture
def tiny_signs(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The release's folder with 4 images, and the loader told to expect so many."""
    monkeypatch.setitem(signs.COUNTS, "syn_signs", 4)
    folder = data_folder / "syn_signs" / "synthetic_data"
    lines = []
    for number, label in enumerate([21, 0, 42, 21], start=1):
        (folder / "train").mkdir(parents=True, exist_ok=True)
        pixels = np.random.RandomState(number).randint(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "train" / f"{number}.png")
        lines.append(f"train/{number}.png {label} 0\n")
    (folder / "train_labelling.txt").write_text("".join(lines))
    return folder


def test_syn_signs_reads_its_listing(tiny_signs: Path) -> None:
    domain = signs.syn_signs()
    assert domain.test is None and domain.classes == signs.CLASSES and domain.train.y.tolist() == [21, 0, 42, 21]
    expected = np.random.RandomState(3).randint(0, 256, (40, 40, 3), dtype=np.uint8)
    assert np.array_equal(domain.train.x[2].numpy(), expected.transpose(2, 0, 1))
    tiny_signs.rename(tiny_signs.parent.parent / "synthetic_data")
    tiny_signs.parent.rmdir()
    assert torch.equal(signs.syn_signs().train.x, domain.train.x)


@pytest.mark.parametrize(
    ("listing", "says"),
    [
        ("", "lists 0 images, not 4"),
        ("train/1.png 21 0\n", "lists 1 images, not 4"),
        ("train/1.png 43 0\n", "line 1: is not an image's path and its class"),
        ("train/1.png -1 0\n", "line 1: is not an image's path and its class"),
        ("train/1.png 1.5 0\n", "line 1: is not an image's path and its class"),
        ("train/1.png\n", "line 1: is not an image's path and its class"),
        ("\n../../secret.png 1 0\n", "line 2: is not an image's path and its class"),
        ("train/1\0.png 1 0\n", "line 1: is not an image's path and its class"),
        ("/etc/secret.png 1 0\n", "line 1: is not an image's path and its class"),
        ("\xff\xfe", "cannot be read"),
    ],
)
def test_damaged_syn_signs_listing_is_named(tiny_signs: Path, listing: str, says: str) -> None:
    (tiny_signs / "train_labelling.txt").write_text(listing, encoding="latin-1")
    with pytest.raises(BadInput, match=rf"train_labelling.txt.*{says}"):
        signs.syn_signs()


def test_unreadable_syn_signs_are_named_or_skipped(tiny_signs: Path) -> None:
    emptied(tiny_signs / "train" / "2.png")
    with pytest.raises(BadInput, match=r"2.png: not a readable image"):
        signs.syn_signs()
    domain = signs.syn_signs(on_bad="skip")
    assert domain.skipped == ("synthetic_data/train/2.png",) and domain.train.y.tolist() == [21, 42, 21]
    (tiny_signs / "train" / "3.png").unlink()
    assert signs.syn_signs(on_bad="skip").skipped == ("synthetic_data/train/2.png", "synthetic_data/train/3.png")
    (tiny_signs / "train" / "2.png").unlink()
    with pytest.raises(BadInput, match=r"2.png: not a readable image .*No such file.* and 1 more files"):
        signs.syn_signs()


def test_missing_syn_signs_says_where_it_is_from(data_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"syn_signs is not in .*train_labelling.txt.*graphics.cs.msu.ru"):
        signs.syn_signs()
