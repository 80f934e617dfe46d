"""Files of the cache: damaged or swapped ones, and those of another version, are not read."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damage import cut, empty_file

from dann.data.storage.folders import made_folder
from dann.data.storage.sealed_files import read_array, read_sealed, write_array, write_sealed
from dann.errors import BadInput

ROWS = np.arange(60, dtype=np.float32).reshape(20, 3)


def swap(path: Path) -> None:
    write_array(path.with_name("other"), [ROWS + 1], (3,), np.float32)
    path.with_name("other").replace(path)


def zero(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:128] + bytes(len(ROWS) * 12) + content[128 + len(ROWS) * 12 :])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("damage", [cut, empty_file, Path.unlink, swap, zero, lengthen])
def test_a_damaged_array_is_not_read(damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    assert write_array(path, np.split(ROWS, 4), (3,), np.float32) == 20
    stored = read_array(path)
    assert isinstance(stored, np.memmap) and np.array_equal(stored, ROWS)
    damage(path)
    assert read_array(path) is None


def test_each_changed_byte_is_noticed(tmp_path: Path) -> None:
    array, text = tmp_path / "a.npy", tmp_path / "b.json"
    write_array(array, [ROWS], (3,), np.float32)
    write_sealed(text, b'{"count": 3}')
    assert read_sealed(text) == b'{"count": 3}'
    for path, read in ((array, read_array), (text, read_sealed)):
        content = path.read_bytes()
        for place in range(len(content)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert read(path) is None, (path, place)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> object:
        yield ROWS
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError) as raised:
        write_array(tmp_path / "a.npy", rows(), (3,), np.float32)  # type: ignore[arg-type]
    assert raised.value.filename == str(tmp_path / "a.npy") and not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "file"))
    with pytest.raises(BadInput, match=r"the cache cannot be written .*: name another folder with DANN_CACHE"):
        made_folder("images")


def test_no_home_folder_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DANN_CACHE", raising=False)
    monkeypatch.setattr(Path, "expanduser", fail)
    with pytest.raises(BadInput, match="there is no such home folder: set HOME, or DANN_CACHE"):
        made_folder("images")
