"""MNIST on a fixture in its true format, and damage to it."""

import gzip
from pathlib import Path

import pytest
from damage import fail_with

from dann.data.datasets.all_datasets import DOMAINS
from dann.errors import BadInput


def test_mnist_reads_its_files(tiny_mnist: Path) -> None:
    domain = DOMAINS["mnist"]()
    assert domain.train.x.shape == (20, 1, 28, 28)
    expected = gzip.decompress((tiny_mnist / "mnist/train-images-idx3-ubyte.gz").read_bytes())[16:]
    assert domain.train.x.numpy().tobytes() == expected


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: content[: len(content) // 2], "damaged"),
        (lambda content: b"", "damaged"),
        (lambda content: content[:30] + bytes([content[30] ^ 255, content[31] ^ 255]) + content[32:], "damaged"),
        (lambda content: gzip.compress(b"\0\0\x0d" + gzip.decompress(content)[3:]), "not the idx file"),
        (lambda content: gzip.compress(gzip.decompress(content)[:-1]), "not the idx file"),
    ],
)
def test_damaged_mnist_is_named(tiny_mnist: Path, damage: object, says: str) -> None:
    path = tiny_mnist / "mnist/train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(BadInput, match=says) as caught:
        DOMAINS["mnist"]()
    assert str(path) in str(caught.value)


def test_missing_mnist_says_what_to_set_or_download(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", fail_with(OSError("no route to host")))
    with pytest.raises(BadInput, match=r"mnist is not in .*could not be downloaded.*train.*idx3.*DANN_DATA"):
        DOMAINS["mnist"]()
