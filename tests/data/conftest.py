"""Fixtures of the tests of data: a machine without a network, a cache of its own, a small MNIST."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from damage import fail_with


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", fail_with(OSError("no network in tests")))


@pytest.fixture
def tiny_mnist(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST's files in their true format with 20 + 10 images, and a loader that expects so many."""
    random = np.random.RandomState(0)
    monkeypatch.setattr("dann.data.datasets.mnist.PARTS", {"train": 20, "t10k": 10})
    for part, count in (("train", 20), ("t10k", 10)):
        folder = data_folder / "mnist"
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", random.randint(0, 256, (count, 28, 28)))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", random.randint(0, 10, count))
    return data_folder


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def local_downloads(monkeypatch: pytest.MonkeyPatch, data_folder: Path, tmp_path: Path) -> Path:
    """A folder from which file:// addresses can be fetched."""
    monkeypatch.undo()
    monkeypatch.setenv("DANN_DATA", str(data_folder))
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "public").mkdir()
    return tmp_path / "public"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
