"""CIFAR-10 and STL-10 on fixtures in their true formats, and damage to them."""

import pickle
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damage import cut, empty_file, fail_with, remote

from dann.data.datasets import cifar
from dann.data.readers.safe_pickle import read_plain_pickle
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("offline", "own_cache")


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
    """CIFAR-10's six files with 3 images each, and a loader that expects so many."""
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


def test_numpys_functions_are_recorded_and_not_called(tmp_path: Path) -> None:
    huge = python_2_array(b"", (2**31 - 1, 2**31 - 1), b"f8")
    (tmp_path / "pickle").write_bytes(b"\x80\x02}" + text(b"data") + huge + b"s.")
    assert type(read_plain_pickle(tmp_path / "pickle")[b"data"]).__name__ == "RecordedCall"


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
    monkeypatch.setattr("urllib.request.urlopen", fail_with(OSError("no network in tests")))
    assert cifar.cifar10().checksum() == first.checksum() and len(first.train) == 15
    assert not list(local_downloads.parent.glob("data/cifar10/*.gz"))


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
    """STL-10's files with 10 + 2 images, and a loader that expects so many."""
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
        ("test_X.bin", empty_file, "has 0 bytes"),
        ("test_y.bin", cut, "has 1 bytes, not the 2"),
        ("train_y.bin", empty_file, "has 0 bytes"),
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
