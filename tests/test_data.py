"""Loaders on real files or on fixtures in their true format, the recipe of MNIST-M, and the stateless stream."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dann.data import DOMAINS, Batch, Domain, Normalise, Pair, Split, Stream
from dann.data.blend import blend
from dann.data.domain import hold_out
from dann.data.moons import moons, moons_rotated
from dann.data.transforms import shifted
from dann.errors import BadInput


def grey_domain(name: str = "grey", classes: tuple[str, ...] = ("a", "b"), size: int = 4) -> Domain:
    split = Split(torch.arange(6 * size * size, dtype=torch.uint8).reshape(6, 1, size, size), torch.arange(6) % 2)
    return Domain(name, split, split, classes, "made for a test")


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
    from dann.data.digits import _half

    halves = [images for half in (0, 1) for images, _ in _half(half, 8)]
    assert sorted(image.tobytes() for images in halves for image in images) == stored  # each image exactly once


def test_digits_m_is_the_blend_of_its_half() -> None:
    from dann.data.digits import _half

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
    monkeypatch.setattr("dann.data.mnist.PARTS", {"train": 20, "t10k": 10})
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
    monkeypatch.setattr("torchvision.datasets.MNIST", failing(RuntimeError("Error downloading train-images")))
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
    download = "torchvision.datasets.utils.download_and_extract_archive"
    monkeypatch.setattr(download, failing(OSError("network is unreachable")))
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


# Pairs and splits


def test_pair_shows_grey_as_rgb_beside_colour() -> None:
    grey = grey_domain()
    colour = Domain("colour", Split(grey.train.x.repeat(1, 3, 1, 1), grey.train.y), grey.test, ("a", "b"), "")
    pair = Pair.of(grey, colour, validation=0.5)
    assert pair.input_shape == (3, 4, 4)
    assert torch.equal(pair.train.x[:, 0], pair.train.x[:, 2])
    assert pair.source.test.x.shape[1] == 3


def test_pairs_that_do_not_match_are_refused() -> None:
    with pytest.raises(BadInput, match="grey has 2 classes and other has 3"):
        Pair.of(grey_domain(), grey_domain("other", ("a", "b", "c")), 0.1)
    with pytest.raises(BadInput, match=r"shape \(1, 4, 4\) and of other \(1, 5, 5\)"):
        Pair.of(grey_domain(), grey_domain("other", size=5), 0.1)


def test_hold_out_is_a_fixed_partition() -> None:
    split = Split(torch.arange(50.0)[:, None], torch.zeros(50, dtype=torch.int64))
    kept, held = hold_out(split, 0.2)
    assert (len(kept), len(held)) == (40, 10)
    assert sorted(torch.cat([kept.x, held.x]).flatten().tolist()) == list(range(50))
    assert torch.equal(hold_out(split, 0.2)[1].x, held.x)
    assert held.x.flatten().tolist() != list(range(10))
    assert len(hold_out(split, 0.0)[1]) == 0


# The stream


def stream_of(seed: int = 0, source: int = 10, target: int = 7, batch_size: int = 4, shift: int = 0) -> Stream:
    x = torch.arange(float(source))[:, None]
    return Stream(Split(x, torch.arange(source)), 100 + torch.arange(float(target))[:, None], lambda x: x,
                  batch_size=batch_size, seed=seed, shift=shift)  # fmt: skip


def test_batch_has_no_place_for_target_labels() -> None:
    assert Batch._fields == ("source_x", "source_y", "target_x")
    batch = stream_of()[0]
    assert (batch.source_x < 100).all() and (batch.target_x >= 100).all()
    assert torch.equal(batch.source_x.flatten().long(), batch.source_y)


@pytest.mark.parametrize("batch_size", [1, 4, 10, 23])
def test_each_epoch_shows_each_example_once(batch_size: int) -> None:
    stream = stream_of(batch_size=batch_size)
    shown = torch.cat([stream[i].source_y for i in range(-(-30 // batch_size))])[:30].reshape(3, 10)
    assert all(sorted(epoch.tolist()) == list(range(10)) for epoch in shown)
    assert not torch.equal(shown[0], shown[1])


def test_batches_are_functions_of_seed_and_step_alone() -> None:
    forward, fresh = stream_of(), stream_of()
    batches = [forward[i] for i in range(8)]
    torch.manual_seed(123)
    for i in reversed(range(8)):
        assert all(torch.equal(a, b) for a, b in zip(batches[i], fresh[i], strict=True))
    assert any(not torch.equal(batches[i].source_y, stream_of(seed=1)[i].source_y) for i in range(8))
    target_order = torch.cat([batch.target_x for batch in batches])[:7].flatten() - 100
    assert target_order.tolist() != batches[0].source_y.tolist()[:7]


def test_empty_domain_is_refused() -> None:
    with pytest.raises(BadInput, match="no training examples"):
        stream_of(target=0)


# Transforms


def test_normalise_subtracts_the_source_mean_colour() -> None:
    source = torch.randint(0, 256, (50, 3, 5, 5), dtype=torch.uint8)
    other = torch.randint(0, 256, (8, 3, 5, 5), dtype=torch.uint8)
    expected = other.double() / 255 - (source.double() / 255).mean(dim=(0, 2, 3))[None, :, None, None]
    torch.testing.assert_close(Normalise(source)(other), expected.float(), atol=1e-6, rtol=0)
    vectors = torch.randn(4, 3)
    assert torch.equal(Normalise(vectors)(vectors), vectors)


def test_shift_moves_each_image_by_its_own_offset() -> None:
    x = torch.randint(0, 256, (64, 3, 6, 7), dtype=torch.uint8)
    moved = shifted(x, 2, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(x.float(), (2, 2, 2, 2), mode="replicate").to(torch.uint8)
    offsets = set()
    for image, wide in zip(moved, padded, strict=True):
        places = [(i, j) for i in range(5) for j in range(5) if torch.equal(image, wide[:, i : i + 6, j : j + 7])]
        assert places
        offsets.update(places)
    assert len(offsets) > 15
    assert torch.equal(shifted(x, 2, torch.Generator().manual_seed(0)), moved)


def test_stream_shifts_both_domains_and_repeats_itself() -> None:
    images = torch.randint(0, 256, (8, 1, 6, 6), dtype=torch.uint8)

    def batch(shift: int) -> Batch:
        split = Split(images, torch.arange(8))
        return Stream(split, images, lambda x: x, batch_size=8, seed=0, shift=shift)[0]

    still, moved = batch(0), batch(2)
    assert not torch.equal(still.source_x, moved.source_x) and not torch.equal(still.target_x, moved.target_x)
    assert torch.equal(moved.source_x, batch(2).source_x)
