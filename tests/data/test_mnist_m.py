"""MNIST-M: the release in both its forms, and made from MNIST and photos."""

from pathlib import Path

import numpy as np
import pytest
import torch
from damage import fail_with
from PIL import Image

from dann.data.datasets.all_datasets import DOMAINS
from dann.errors import BadInput


def test_mnist_m_is_made_from_mnist_and_photos_without_the_release(tiny_mnist: Path) -> None:
    photos = tiny_mnist / "bsds500" / "images" / "train"
    photos.mkdir(parents=True)
    random = np.random.RandomState(0)
    for name in "ab":
        Image.fromarray(random.randint(0, 256, (40, 50, 3), dtype=np.uint8)).save(photos / f"{name}.jpg")
    domain = DOMAINS["mnist_m"]()
    assert domain.train.x.shape == (20, 3, 28, 28)
    assert domain.origin == "made from MNIST and 2 BSDS500 photos"
    assert torch.equal(domain.train.y, DOMAINS["mnist"]().train.y)
    (photos / "a.jpg").write_bytes(b"\xff\xd8 cut short")
    with pytest.raises(BadInput, match=r"cannot read .*a.jpg"):
        DOMAINS["mnist_m"]()


def test_mnist_m_without_anything_says_what_to_get(tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.urlopen", fail_with(OSError("network is unreachable")))
    with pytest.raises(BadInput, match=r"mnist_m .*could not be downloaded .network is unreachable.*BSDS500"):
        DOMAINS["mnist_m"]()


def test_mnist_m_release_is_cut_from_its_mosaics(data_folder: Path) -> None:
    folder = data_folder / "mnist_m"
    folder.mkdir()
    random = np.random.RandomState(0)
    tiles = random.randint(0, 256, (70, 32, 32, 3), dtype=np.uint8)
    for part in ("train", "test"):
        mosaic = np.zeros((64 * 32, 64 * 32, 3), np.uint8)
        for t, tile in enumerate(tiles):
            mosaic[(t // 64) * 32 : (t // 64) * 32 + 32, (t % 64) * 32 : (t % 64) * 32 + 32] = tile
        Image.fromarray(mosaic).save(folder / f"mnist_m_{part}_00.webp", lossless=True)
        np.save(folder / f"mnist_m_{part}_labels.npy", np.arange(70) % 10)
    domain = DOMAINS["mnist_m"]()
    assert domain.train.x.shape == (70, 3, 28, 28)
    assert np.array_equal(domain.train.x[66].numpy(), tiles[66, 2:30, 2:30].transpose(2, 0, 1))
    (folder / "mnist_m_test_00.webp").write_bytes(b"RIFF")
    with pytest.raises(BadInput, match=r"cannot read .*mnist_m_test_00.webp"):
        DOMAINS["mnist_m"]()
    np.save(folder / "mnist_m_train_labels.npy", np.arange(70))
    with pytest.raises(BadInput, match=r"mnist_m_train_labels.npy: labels are not the integers 0 to 9"):
        DOMAINS["mnist_m"]()
    (folder / "mnist_m_train_labels.npy").write_bytes(b"not an array")
    with pytest.raises(BadInput, match=r"cannot read .*mnist_m_train_labels.npy"):
        DOMAINS["mnist_m"]()


def test_mnist_m_release_is_read_as_published(data_folder: Path) -> None:
    folder = data_folder / "mnist_m"
    images = np.random.RandomState(0).randint(0, 256, (12, 32, 32, 3), dtype=np.uint8)
    for part in ("train", "test"):
        (folder / f"mnist_m_{part}").mkdir(parents=True)
        lines = []
        for i, image in enumerate(images):
            Image.fromarray(image).save(folder / f"mnist_m_{part}/{i:08d}.png")
            lines.append(f"{i:08d}.png {i % 10}\n")
        (folder / f"mnist_m_{part}_labels.txt").write_text("".join(lines))
    domain = DOMAINS["mnist_m"]()
    assert np.array_equal(domain.train.x.numpy(), images[:, 2:30, 2:30].transpose(0, 3, 1, 2))
    assert domain.train.y.tolist() == [i % 10 for i in range(12)]
    assert DOMAINS["mnist_m"](size=32).train.x.shape == (12, 3, 32, 32)
    (folder / "mnist_m_test/00000003.png").unlink()
    with pytest.raises(BadInput, match=r"mnist_m_test_labels.txt: names images that do not exist: 00000003.png"):
        DOMAINS["mnist_m"]()


@pytest.mark.slow
def test_real_mnist_and_mnist_m(real_data: Path) -> None:
    grey, colour = DOMAINS["mnist"](), DOMAINS["mnist_m"]()
    assert (len(grey.train), len(grey.test)) == (60_000, 10_000)
    assert (len(colour.train), len(colour.test)) == (59_001, 9_001)
    assert torch.equal(colour.train.y, grey.train.y[:59_001]) and torch.equal(colour.test.y, grey.test.y[:9_001])
    # Where a digit is blank its image is the photo; where it is full the difference inverts it: the tiles of the
    # release must lie on the digits of MNIST pixel by pixel, or edges would not coincide.
    digits = grey.train.x[:2000].float() / 255
    inside, outside = digits > 0.9, digits < 0.1
    images = colour.train.x[:2000].float().mean(dim=1, keepdim=True) / 255
    contrast = [(images[i][inside[i]].mean() - images[i][outside[i]].mean()).abs() for i in range(2000)]
    shifted_outside = outside.roll(6, dims=3)
    blurred = [(images[i][inside[i].roll(6, dims=2)].mean() - images[i][shifted_outside[i]].mean()).abs()
               for i in range(2000)]  # fmt: skip
    assert torch.stack(contrast).mean() > 2 * torch.stack(blurred).mean()
