"""The digits and moons: loaders on real files or on fixtures in their true format, and the recipe of MNIST-M."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.mnist_m_recipe import blend
from dann.data.datasets.moons import moons, moons_rotated
from dann.errors import BadInput


def failing(error: Exception) -> Callable[..., None]:
    """A download that ends in ``error``."""

    def download(*_: object, **__: object) -> None:
        raise error

    return download


# Digits


def test_digits_halves_share_no_image() -> None:
    from sklearn.datasets import load_digits

    source, target = DOMAINS["digits"](size=8), DOMAINS["digits_m"](size=8)
    assert (len(source.train), len(source.test)) == (674, 224)
    assert (len(target.train), len(target.test)) == (674, 225)
    stored = sorted((image / 16 * 255).round().astype(np.uint8).tobytes() for image in load_digits().images)
    from dann.data.datasets.uci_digits import _half

    halves = [images for half in (0, 1) for images, _ in _half(half, 8)]
    assert sorted(image.tobytes() for images in halves for image in images) == stored  # each image exactly once


def test_digits_m_is_the_blend_of_its_half() -> None:
    from dann.data.datasets.uci_digits import _half

    domain = DOMAINS["digits_m"](size=16)
    assert domain.train.x.shape == (674, 3, 16, 16) and domain.train.x.dtype == torch.uint8
    grey, labels = _half(1, 16)[0]
    assert torch.equal(domain.train.y, labels)
    blank = torch.from_numpy(grey == 0)[:, None].expand(-1, 3, -1, -1)
    assert domain.train.x[blank].float().std() > 40  # the photos show where the digits are blank
    assert DOMAINS["digits_m"](size=16).checksum() == domain.checksum()


def test_blend_is_the_absolute_difference_with_a_patch() -> None:
    random = np.random.RandomState(3)
    photos = [random.randint(0, 256, (9, 11, 3), dtype=np.uint8) for _ in range(2)]
    digits = random.randint(0, 256, (5, 4, 4), dtype=np.uint8)
    blended = blend(digits, photos, np.random.RandomState(7))
    for digit, image in zip(digits, blended, strict=True):
        patches = [
            photo[top : top + 4, left : left + 4].astype(float)
            for photo in photos
            for top in range(6)
            for left in range(8)
        ]
        expected = [np.abs(patch - digit[:, :, None].astype(float)).transpose(2, 0, 1) for patch in patches]
        assert any(np.array_equal(image, candidate) for candidate in expected)


# Moons


def test_moons_are_two_interleaved_half_circles_of_radius_two() -> None:
    domain = moons(points=500)
    x, y = domain.train.x, domain.train.y
    assert torch.equal(y.bincount(), torch.tensor([500, 500]))
    centres = torch.tensor([[-1.0, -0.5], [1.0, 0.5]])  # of the doubled, centred half circles
    radii = (x - centres[y]).norm(dim=1)
    assert radii.mean().item() == pytest.approx(2.0, abs=0.02)
    assert radii.std().item() == pytest.approx(0.1, abs=0.02)  # noise 0.05, doubled


def test_rotated_moons_are_turned_counter_clockwise_and_drawn_apart() -> None:
    straight, turned = moons(points=400), moons_rotated(points=400)
    angle = np.radians(35)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])  # turns columns clockwise
    unturned = torch.from_numpy(turned.train.x.numpy() @ back.T)
    means = [torch.stack([split[y == k].mean(dim=0) for k in (0, 1)])
             for split, y in ((unturned, turned.train.y), (straight.train.x.double(), straight.train.y))]  # fmt: skip
    torch.testing.assert_close(means[0], means[1], atol=0.06, rtol=0)
    assert not torch.allclose(unturned.float(), straight.train.x, atol=1e-2)
    splits = [straight.train.x, straight.test.x, turned.train.x, turned.test.x]
    assert len({tuple(split[0].tolist()) for split in splits}) == 4


# MNIST and MNIST-M


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def tiny_mnist(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST's files in their true format with 20 + 10 images, and the loader told to expect so many."""
    random = np.random.RandomState(0)
    monkeypatch.setattr("dann.data.datasets.mnist.PARTS", {"train": 20, "t10k": 10})
    for part, count in (("train", 20), ("t10k", 10)):
        folder = data_folder / "mnist"
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", random.randint(0, 256, (count, 28, 28)))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", random.randint(0, 10, count))
    return data_folder


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
    monkeypatch.setattr("urllib.request.urlopen", failing(OSError("no route to host")))
    with pytest.raises(BadInput, match=r"mnist is not in .*could not be downloaded.*train.*idx3.*DANN_DATA"):
        DOMAINS["mnist"]()


def test_wrong_data_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DANN_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match=r"DANN_DATA names .*nowhere"):
        DOMAINS["mnist"]()


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
    monkeypatch.setattr("urllib.request.urlopen", failing(OSError("network is unreachable")))
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
