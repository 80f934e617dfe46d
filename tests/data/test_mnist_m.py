"""MNIST-M: the release in both its forms, and made from MNIST and photos."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import fail_with
from made_domains import vectors
from PIL import Image

from dann.data.datasets.all_datasets import DOMAINS
from dann.data.pair import Pair
from dann.data.pair_builder import PairOptions, build_pair
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


def test_disjoint_trains_source_and_target_on_different_digits(tiny_mnist: Path) -> None:
    """The photos are black, so that the images of MNIST-M are the digits themselves."""
    photos = tiny_mnist / "bsds500" / "train"
    photos.mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(photos / "a.jpg")
    mnist, mnist_m = DOMAINS["mnist"](), DOMAINS["mnist_m"]()
    labels = torch.arange(20) % 4  # all classes in both halves
    mnist, mnist_m = (replace(each, train=replace(each.train, y=labels // 2), test=None, classes=("0", "1"))
                      for each in (mnist, mnist_m))  # fmt: skip

    def digits_of(pair: Pair) -> tuple[set[bytes], set[bytes]]:
        labelled = torch.cat([pair.train.x, pair.validation.x])
        return tuple({image[:1].numpy().tobytes() for image in x} for x in (labelled, pair.unlabelled.x))  # type: ignore[return-value]

    options = PairOptions(test=0.0, transductive=True, validation=0.2)
    one, other = digits_of(build_pair([mnist], mnist_m, options))
    assert one == other and len(one) == 20
    pair = build_pair([mnist], mnist_m, replace(options, disjoint=True))
    one, other = digits_of(pair)
    assert not one & other and len(one) == len(other) == 10
    described = pair.describe()
    assert described["source"]["train"] == described["target"]["train"] == 10
    assert described["splits"]["source_train"] == {"examples": 20, "labelled": 20, "dropped": 10}
    reverse = digits_of(build_pair([mnist_m], mnist, replace(options, disjoint=True)))
    assert not reverse[0] & reverse[1]


def test_disjoint_leaves_train_on_target_its_upper_bound(tiny_mnist: Path) -> None:
    mnist = DOMAINS["mnist"]()
    mnist = replace(mnist, train=replace(mnist.train, y=torch.arange(20) // 2 % 2), classes=("0", "1"))
    mnist = replace(mnist, test=replace(mnist.train, y=mnist.train.y))
    described = build_pair([mnist], mnist, PairOptions(disjoint=True, validation=0.2)).describe()
    assert described["source"] == described["target"] and described["target"]["train"] == 10


def test_disjoint_is_refused_where_nothing_is_shared(tiny_mnist: Path) -> None:
    for source, target in ((vectors("a"), vectors("b", first=1000)), (vectors("a"), DOMAINS["mnist"]())):
        with pytest.raises(
            BadInput, match=r"^data\.disjoint: no source is known to show .* as mnist and mnist_m do: leave"
        ):
            build_pair([source], target, PairOptions(disjoint=True))


@pytest.mark.slow
def test_real_mnist_m_is_made_of_mnist_s_digits_in_their_order(real_data: Path) -> None:
    if not (real_data / "mnist_m").is_dir() or not (real_data / "mnist").is_dir():
        pytest.skip("MNIST and MNIST-M are not at hand")
    mnist, mnist_m = DOMAINS["mnist"](), DOMAINS["mnist_m"]()
    for one, other in ((mnist.train, mnist_m.train), (mnist.test, mnist_m.test)):
        assert one is not None and other is not None and torch.equal(one.y[: len(other)], other.y)
    # The edges of a digit are edges of its image, which the next digit's are not, within a class too.
    inside = [(i, i + 1) for i in range(56_000, 59_000) if mnist.train.y[i] == mnist.train.y[i + 1]]
    edges = [x.float().diff(dim=-1).abs().mean(dim=1).flatten(1) for x in (mnist.train.x, mnist_m.train.x)]

    def correlate(digit: int, image: int) -> float:
        return float(torch.corrcoef(torch.stack([edges[0][digit], edges[1][image]]))[0, 1])

    right = [correlate(i, i) > correlate(following, i) for i, following in inside]
    assert len(right) > 200 and sum(right) > 0.95 * len(right)
    pair = build_pair([mnist], mnist_m, PairOptions(disjoint=True))
    assert len(pair.train) + len(pair.validation) == 30_000 and len(pair.unlabelled) == 29_500
    assert (torch.cat([pair.train.rows, pair.validation.rows]) % 2 == 0).all() and (pair.unlabelled.rows % 2 == 1).all()


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
