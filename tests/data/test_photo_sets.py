"""Sets of photos and of features, and images of the user's own: on the real files where they are, on fixtures in
their true layout else, and on damaged ones."""

import hashlib
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import io, sparse

from dann.data.datasets import domainnet as domainnet_module
from dann.data.datasets.domainnet import CLASSES, domainnet
from dann.data.datasets.folder_dataset import FolderDataset
from dann.data.datasets.own_images import csv, folder
from dann.data.datasets.photos import (
    OFFICE31,
    OFFICE_CALTECH10,
    OFFICE_HOME,
    PACS,
    office31,
    office_caltech10,
    office_home,
    pacs,
)
from dann.data.datasets.published_features import office_caltech10_features
from dann.data.datasets.visda2017 import VISDA2017, visda2017
from dann.data.domain import Domain, Split
from dann.data.storage.download import Remote
from dann.errors import BadInput

STEP = 3  # the red of an image tells its label: damage that shifted labels against images would show


def write_image(path: Path, label: int = 0, size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    red = STEP * label % 256
    Image.new("RGB", size, (red, 255 - red, 100)).save(path, quality=95)
    return path


def write_classes(root: Path, classes: Sequence[str], count: int = 1, suffix: str = "jpg") -> Path:
    for label, name in enumerate(classes):
        for i in range(count):
            write_image(root / name / f"frame_{i:04d}.{suffix}", label)
    return root


def assert_aligned(split: Split) -> None:
    """The red of every image is that of its label."""
    red = split.x[:, 0].float().mean(dim=(1, 2))
    assert (red - split.y * STEP % 256).abs().max() < STEP / 2


def assert_refused(load: Callable[[], Domain], *says: str) -> None:
    """``load`` ends in one line that has every one of ``says`` in it."""
    with pytest.raises(BadInput) as caught:
        load()
    assert "\n" not in str(caught.value)
    for text in says:
        assert text in str(caught.value)


# The real files


@pytest.mark.slow
def test_real_pacs(real_data: Path) -> None:
    counts = {"art_painting": 2048, "cartoon": 2344, "photo": 1670, "sketch": 3929}
    for name, count in counts.items():
        domain = pacs(domain=name, size=16)  # type: ignore[arg-type]
        assert len(domain.train) == count and domain.input_shape == (3, 16, 16)
        assert domain.origin == f"folder pacs128, {count} images"
        per_class = [len(list((real_data / "pacs128" / name / label).iterdir())) for label in domain.classes]
        assert domain.train.y.bincount().tolist() == per_class


def test_real_office_caltech10_and_its_features_have_the_same_labels(real_data: Path) -> None:
    counts = {"amazon": 958, "caltech10": 1123, "dslr": 157, "webcam": 295}
    for name, count in counts.items():
        images = office_caltech10(domain=name, size=16)  # type: ignore[arg-type]
        surf = office_caltech10_features(domain=name, kind="surf")  # type: ignore[arg-type]
        computed = office_caltech10_features(domain=name, kind="EfficientNet_Lite0")  # type: ignore[arg-type]
        assert len(images.train) == len(surf.train) == len(computed.train) == count
        assert images.classes == surf.classes == computed.classes
        # The published files do not name their classes: that all counts agree shows the order of the labels.
        assert torch.equal(surf.train.y.bincount(), images.train.y.bincount())
        assert torch.equal(computed.train.y, images.train.y)
        assert surf.input_shape == (800,) and computed.input_shape == (1280,)
        assert surf.train.x.dtype == computed.train.x.dtype == torch.float32
        assert surf.origin == f"file surf/{name}.mat, {count} vectors"
        raw = io.loadmat(str(real_data / "office_caltech10" / "surf" / f"{name}.mat"))
        assert np.array_equal(surf.train.x.numpy(), raw["fts"])


# Every layout that people have


@pytest.mark.parametrize(
    ("load", "published", "domain", "place"),
    [
        (office31, OFFICE31, "amazon", "office31/amazon/images"),
        (office31, OFFICE31, "webcam", "office31/webcam"),
        (office31, OFFICE31, "dslr", "office-31/domain_adaptation_images/dslr/images"),
        (office_home, OFFICE_HOME, "art", "office_home/Art"),
        (office_home, OFFICE_HOME, "clipart", "office_home/OfficeHomeDataset_10072016/Clipart"),
        (office_home, OFFICE_HOME, "real_world", "OfficeHomeDataset_10072016/Real World"),
        (office_home, OFFICE_HOME, "real_world", "office_home_64/RealWorld"),
        (pacs, PACS, "photo", "PACS/kfold/photo"),
        (pacs, PACS, "sketch", "pacs/sketch"),
        (office_caltech10, OFFICE_CALTECH10, "caltech10", "OfficeCaltechDomainAdaptation/images/caltech10"),
        (office_caltech10, OFFICE_CALTECH10, "caltech10", "office_caltech10/caltech"),
        (visda2017, VISDA2017, "train", "visda2017/train"),
        (visda2017, VISDA2017, "validation", "visda17/validation"),
        (visda2017, VISDA2017, "test", "visda2017/test"),
    ],
)
def test_layouts(
    data_folder: Path, load: Callable[..., Domain], published: FolderDataset, domain: str, place: str
) -> None:
    root = write_classes(data_folder / place, published.classes, suffix="png" if "train" in place else "jpg")
    (root / "image_list.txt").write_text("beside the class folders of VisDA\n")
    read = load(domain=domain, size=8)
    assert read.name == f"{published.name}/{domain}" and read.test is None and read.classes == published.classes
    assert sorted(read.train.y.tolist()) == list(range(len(published.classes)))
    assert_aligned(read.train)
    assert read.origin.endswith(f" {len(published.classes)} images (official: {published.domains[domain][1]})")


def test_counts_and_numbers_of_classes_are_the_published_ones() -> None:
    sets = (OFFICE31, OFFICE_HOME, PACS, OFFICE_CALTECH10, VISDA2017)
    assert [len(published.classes) for published in sets] == [31, 65, 7, 10, 12] and len(set(CLASSES)) == 345
    totals = [sum(count for _, count in published.domains.values()) for published in sets]
    assert totals == [4110, 15588, 9991, 2533, 280157]
    assert CLASSES[327] == "t-shirt" and CLASSES[0] == "aircraft_carrier" and CLASSES[344] == "zigzag"


def test_class_folders_of_office31_serve_for_office_caltech10(data_folder: Path) -> None:
    names = [
        {"backpack": "back_pack", "laptop": "laptop_computer"}.get(name, name) for name in OFFICE_CALTECH10.classes
    ]
    write_classes(data_folder / "office_caltech10" / "amazon", names)
    read = office_caltech10(domain="amazon", size=8)
    assert read.classes == OFFICE_CALTECH10.classes
    assert_aligned(read.train)


def test_fit_and_size(data_folder: Path) -> None:
    for label, name in enumerate(PACS.classes):
        path = write_image(data_folder / "pacs" / "photo" / name / "wide.png", label, (24, 8))
        image = Image.open(path)
        image.paste((200, 200, 200), (0, 0, 8, 8))
        image.save(path)
    squashed, cropped = (pacs(domain="photo", size=8, fit=fit).train.x for fit in ("squash", "crop"))
    assert squashed.shape == cropped.shape == (7, 3, 8, 8)
    assert (squashed[0, 2] > 150).any() and not (cropped[0, 2] > 101).any()


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (lambda: office31(domain="dslr"), ["office31/dslr", "faculty.cc.gatech.edu"]),
        (lambda: office_home(domain="art"), ["office_home/art", "hemanthdv.org"]),
        (lambda: pacs(domain="photo"), ["pacs/photo", "dali-dl.github.io"]),
        (lambda: office_caltech10(domain="dslr"), ["office_caltech10/dslr", "redhat12345"]),
        (lambda: visda2017(domain="test"), ["visda2017/test", "taskcv-2017-public", "image_list.txt"]),
        (lambda: office_caltech10_features(domain="dslr", kind="surf"), ["office_caltech10_features", "redhat12345"]),
    ],
)
def test_what_is_not_there_says_where_to_get_it(data_folder: Path, load: Callable[[], Domain], says: list[str]) -> None:
    assert_refused(load, f"is not in {data_folder}", *says)


def test_visda_does_not_take_the_class_train_for_the_domain(data_folder: Path) -> None:
    write_classes(data_folder / "visda2017" / "validation", VISDA2017.classes)
    assert_refused(lambda: visda2017(domain="train"), "visda2017/train is not in")


# Damage


@pytest.fixture
def photo(data_folder: Path) -> Path:
    """The folder of a domain of PACS with three images in each class."""
    return write_classes(data_folder / "pacs" / "photo", PACS.classes, count=3)


def jpeg_of_noise() -> bytes:
    pixels = np.random.RandomState(0).randint(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(buffer := BytesIO(), "JPEG")
    return buffer.getvalue()


BAD_IMAGES = {
    "truncated": lambda: jpeg_of_noise()[:1500],
    "head alone": lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "zero bytes": lambda: b"",
    "text": lambda: b"<html>404 not found</html>",
    "zeros": lambda: bytes(2000),
    "truncated png": lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x08\x00\x00\x00\x08",
}


@pytest.mark.parametrize("damage", BAD_IMAGES)
def test_an_unreadable_image_is_named(photo: Path, damage: str) -> None:
    path = photo / "horse" / "frame_0001.jpg"
    path.write_bytes(BAD_IMAGES[damage]())
    assert_refused(lambda: pacs(domain="photo", size=8), str(path), "on_bad: skip")


@pytest.mark.parametrize("memory", ["4", "0"])  # GiB: 0 reads the files whenever they are needed
def test_skipped_images_are_recorded_and_labels_stay_with_their_images(
    photo: Path, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANN_MEMORY", memory)
    bad = ["dog/frame_0000.jpg", "horse/frame_0001.jpg", "person/frame_0002.jpg"]
    for name, damage in zip(bad, BAD_IMAGES.values(), strict=False):
        (photo / name).write_bytes(damage())
    read = pacs(domain="photo", size=8, on_bad="skip")
    assert read.skipped == tuple(f"photo/{name}" for name in bad)
    assert read.train.y.bincount().tolist() == [2, 3, 3, 3, 2, 3, 2]
    assert_aligned(read.train)
    assert read.origin == "folder pacs, 18 images (official: 1670)"


def test_no_readable_image_is_an_error_even_where_bad_ones_are_skipped(photo: Path) -> None:
    for path in photo.rglob("*.jpg"):
        path.write_bytes(b"")
    assert_refused(lambda: pacs(domain="photo", size=8, on_bad="skip"), "none of its 21 images is readable")


def test_wrong_class_folders_are_named(photo: Path) -> None:
    (photo / "horse").rename(photo / "zebra")
    assert_refused(lambda: pacs(domain="photo"), str(photo), "7 of pacs", "missing horse", "unknown zebra")
    (photo / "zebra").rename(photo / "horse")
    write_image(photo / "zebra" / "a.jpg")
    assert_refused(lambda: pacs(domain="photo"), "(unknown zebra)")


def test_empty_folders_are_named(photo: Path) -> None:
    for path in (photo / "horse").iterdir():
        path.rename(path.with_suffix(".txt"))
    assert_refused(lambda: pacs(domain="photo"), str(photo / "horse"), "without images")
    (photo.parent / "sketch").mkdir()
    assert_refused(lambda: pacs(domain="sketch"), str(photo.parent / "sketch"), "no class folders")


# VisDA-2017's test list


@pytest.fixture
def visda_test(data_folder: Path) -> Path:
    """The folder of VisDA's test images, four of each class in two backbones, with their list."""
    root = data_folder / "visda2017" / "test"
    names = [f"backbone{1 + i % 2:02d}/{hashlib.md5(bytes([i])).hexdigest()}.jpg" for i in range(48)]
    for i, name in enumerate(names):
        write_image(root / name, i % 12)
    (root / "image_list.txt").write_text("".join(f"{name} {i % 12}\n" for i, name in enumerate(names)))
    return root


def test_visda_reads_its_test_list(visda_test: Path) -> None:
    read = visda2017(domain="test", size=8)
    assert read.train.y.tolist() == [i % 12 for i in range(48)]
    assert_aligned(read.train)
    (visda_test / "image_list.txt").rename(visda_test.parent / "image_list.txt")
    assert len(visda2017(domain="test", size=8).train) == 48


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"trunk01/a.jpg 12", "label 12 is not one of 0 to 11"),
        (b"trunk01/a.jpg -1", "label -1 is not one of 0 to 11"),
        (b"trunk01/a.jpg", "is not a path and a label"),
        (b"trunk01/a.jpg 1.5", "is not a path and a label"),
        (b"7", "is not a path and a label"),
        (b"trunk01/\xff.jpg 1", "not UTF-8"),
    ],
)
def test_damaged_lists_are_named_with_their_line(visda_test: Path, line: bytes, says: str) -> None:
    path = visda_test / "image_list.txt"
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:5], line, *lines[5:]]))
    assert_refused(lambda: visda2017(domain="test", size=8), f"{path}, line 6", says)


def test_missing_and_empty_lists_are_named(visda_test: Path) -> None:
    path = visda_test / "image_list.txt"
    path.write_text("\n\n")
    assert_refused(lambda: visda2017(domain="test", size=8), str(path), "names no images")
    path.write_bytes(bytes(100))
    assert_refused(lambda: visda2017(domain="test", size=8), str(path), "zero bytes")
    path.unlink()
    assert_refused(lambda: visda2017(domain="test", size=8), str(visda_test), "image_list.txt is missing")
    path.mkdir()
    assert_refused(lambda: visda2017(domain="test", size=8), str(visda_test), "image_list.txt is missing")


def test_listed_images_that_are_missing_are_named_or_skipped(visda_test: Path) -> None:
    lines = (visda_test / "image_list.txt").read_text().splitlines()
    gone = [lines[i].split()[0] for i in (3, 20, 30, 40, 41)]
    for name in gone:
        (visda_test / name).unlink()
    (visda_test / lines[7].split()[0]).write_bytes(b"")
    more = f"{gone[0]} (line 4), {gone[1]} (line 21), {gone[2]} (line 31) and 2 more"
    assert_refused(lambda: visda2017(domain="test", size=8), "image_list.txt", more, "on_bad: skip")
    read = visda2017(domain="test", size=8, on_bad="skip")
    assert read.skipped == (*gone, lines[7].split()[0]) and len(read.train) == 42
    assert_aligned(read.train)


# DomainNet


def write_domainnet(root: Path, lists: Path, domain: str = "painting") -> None:
    """The six first classes; three images of each for training and two for the test, as in the release."""
    lists.mkdir(parents=True, exist_ok=True)
    for part, numbers in (("train", (1, 2, 4)), ("test", (3, 5))):
        lines = []
        for label, name in enumerate(CLASSES[:6]):
            for number in numbers:
                image = f"{domain}/{name}/{domain}_{label + 1:03d}_{number:06d}.jpg"
                write_image(root / image, label)
                lines.append(f"{image} {label}\n")
        (lists / f"{domain}_{part}.txt").write_text("".join(lines))


@pytest.mark.parametrize("place", ["", "txt", "splits", "domainnet/txt"])
def test_domainnet_has_its_own_test_split(data_folder: Path, place: str) -> None:
    root = data_folder / "domainnet"
    write_domainnet(root, root / place)
    read = domainnet(domain="painting", size=8)
    assert read.test is not None and (len(read.train), len(read.test)) == (18, 12)
    assert read.classes == CLASSES
    assert read.origin == "folder domainnet, 18 + 12 images (official: 50416 + 21850)"
    assert_aligned(read.train)
    assert_aligned(read.test)


def test_damaged_domainnet_is_named(data_folder: Path) -> None:
    root = data_folder / "domainnet"
    write_domainnet(root, root)
    lists = {part: root / f"painting_{part}.txt" for part in ("train", "test")}
    content = lists["test"].read_text()
    lists["test"].write_text(content + "painting/zigzag/painting_345_000001.jpg 345\n")
    assert_refused(lambda: domainnet(domain="painting"), f"{lists['test']}, line 13", "label 345", "0 to 344")
    lists["test"].write_text(content.replace("000003.jpg 2", "000003.jpg 3"))
    assert_refused(
        lambda: domainnet(domain="painting"), f"{lists['test']}, line 5", "label 3 is ambulance", "alarm_clock"
    )
    lists["test"].write_text(content)
    gone = root / "painting" / "airplane" / "painting_002_000002.jpg"
    gone.unlink()
    assert_refused(lambda: domainnet(domain="painting"), str(lists["train"]), f"{gone.name} (line 5)")
    (root / "painting" / "angel" / "painting_005_000003.jpg").write_bytes(b"")
    read = domainnet(domain="painting", size=8, on_bad="skip")
    assert read.skipped == ("painting/airplane/painting_002_000002.jpg", "painting/angel/painting_005_000003.jpg")
    assert read.test is not None and (len(read.train), len(read.test)) == (17, 11)
    assert_aligned(read.train)
    assert_aligned(read.test)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which DomainNet's painting domain is downloaded."""
    served = tmp_path / "server"
    write_domainnet(tmp_path / "release", served / "domainnet" / "txt")
    with zipfile.ZipFile(served / "painting.zip", "w") as archive:
        for path in sorted((tmp_path / "release").rglob("*.jpg")):
            archive.write(path, path.relative_to(tmp_path / "release"))

    def md5(path: Path) -> str:
        return hashlib.md5(path.read_bytes()).hexdigest()

    lists = {path.stem: md5(path) for path in (served / "domainnet" / "txt").iterdir()}
    remote = Remote(f"{served.as_uri()}/painting.zip", f"md5:{md5(served / 'painting.zip')}")
    monkeypatch.setattr(domainnet_module, "SOURCE", f"{served.as_uri()}/")
    monkeypatch.setattr(domainnet_module, "LISTS", lists)
    monkeypatch.setattr(domainnet_module, "ARCHIVES", {"painting": remote})
    return served


def test_domainnet_is_downloaded_once(server: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = domainnet(domain="painting", size=8)
    assert read.test is not None and (len(read.train), len(read.test)) == (18, 12)
    assert_aligned(read.train)
    assert not list((data_folder / "domainnet").glob("*.zip*"))

    def unreachable(*_: object, **__: object) -> None:
        raise AssertionError("nothing is left to download")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    again = domainnet(domain="painting", size=8)
    assert torch.equal(again.train.x, read.train.x)


def test_domainnet_that_cannot_be_downloaded_is_named(
    server: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Remote(f"{server.as_uri()}/painting.zip", "md5:" + "0" * 32)
    monkeypatch.setattr(domainnet_module, "ARCHIVES", {"painting": wrong})
    assert_refused(
        lambda: domainnet(domain="painting"), "domainnet", "could not be downloaded", "painting.zip", "M3SDA"
    )
    assert not (data_folder / "domainnet" / "painting").exists()
    (server / "domainnet" / "txt" / "painting_test.txt").unlink()
    (data_folder / "domainnet" / "painting_test.txt").unlink()
    assert_refused(lambda: domainnet(domain="painting"), "could not be downloaded", "put painting_test.txt")


# Features


def write_features(path: Path, names: tuple[str, str] = ("fts", "labels"), first: int = 1) -> NDArray[np.float32]:
    """Thirty vectors of five numbers, three of each class."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.random.RandomState(0).rand(30, 5).astype(np.float32)
    y = np.arange(30) % 10 + first
    if path.suffix == ".mat":
        io.savemat(str(path), {names[0]: x, names[1]: y[:, None].astype(np.uint8)})
    else:
        np.savez(path, **{names[0]: x, names[1]: y})  # type: ignore[arg-type]
    return x


@pytest.mark.parametrize(
    ("file", "domain", "kind", "names"),
    [
        ("surf/Caltech10_SURF_L10.mat", "caltech10", "surf", ("fts", "labels")),
        ("surf_zscore/amazon_zscore_SURF_L10.mat", "amazon", "surf_zscore", ("Xt", "Yt")),
        ("decaf6/caltech_decaf.mat", "caltech10", "decaf6", ("feas", "labels")),
        ("GoogleNet1024/dslr.mat", "dslr", "googlenet1024", ("fts", "labels")),
        ("features/CaffeNet4096/webcam.mat", "webcam", "CaffeNet4096", ("fts", "labels")),
        ("vgg_fc6/office-vgg-sumpool-amazon-fc6.mat", "amazon", "vgg_fc6", ("x", "y")),
        ("mine/Webcam.npz", "webcam", "mine", ("x", "y")),
        ("mine/all.npz", "webcam", "mine", ("webcam_x", "webcam_y")),
    ],
)
def test_feature_files(data_folder: Path, file: str, domain: str, kind: str, names: tuple[str, str]) -> None:
    first = 1 if file.endswith(".mat") else 0
    x = write_features(data_folder / "office_caltech10" / file, names, first)
    read = office_caltech10_features(domain=domain, kind=kind)  # type: ignore[arg-type]
    assert read.name == f"office_caltech10_features/{domain}" and read.test is None
    assert np.array_equal(read.train.x.numpy(), x) and read.train.x.dtype == torch.float32
    assert read.train.y.tolist() == [i % 10 for i in range(30)] and read.train.y.dtype == torch.int64
    assert read.classes == OFFICE_CALTECH10.classes and "30 vectors (official: " in read.origin


@pytest.fixture
def mat(data_folder: Path) -> Path:
    path = data_folder / "office_caltech10" / "surf" / "amazon.mat"
    write_features(path)
    return path


def test_labels_in_a_row_and_sparse_features_are_understood(mat: Path) -> None:
    x = sparse.random(20, 6, 0.5, format="csc", random_state=0)
    io.savemat(str(mat), {"fts": x, "labels": np.arange(20.0)[None] % 10 + 1})
    read = office_caltech10_features(domain="amazon", kind="surf")
    assert np.allclose(read.train.x.numpy(), x.toarray()) and read.train.y.tolist() == [i % 10 for i in range(20)]


RANDOM = np.random.RandomState(0).rand(20, 4)
ONE_TO_TEN = np.arange(20) % 10 + 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"features": RANDOM, "labels": ONE_TO_TEN}, "holds features, labels, not fts and labels"),
        ({"fts": RANDOM}, "holds fts, not fts and labels"),
        ({"fts": RANDOM, "labels": np.arange(20) % 12}, "label 0 is not one of 1 to 10"),
        ({"fts": RANDOM, "labels": np.arange(20) % 12 + 1}, "label 11 is not one of 1 to 10"),
        ({"fts": RANDOM, "labels": ONE_TO_TEN + 0.5}, "label 1.5 is not one of 1 to 10"),
        ({"fts": RANDOM, "labels": np.full(20, np.nan)}, "label nan is not one of 1 to 10"),
        ({"fts": RANDOM, "labels": np.eye(20)[:, :10]}, "labels are float64 of shape (20, 10)"),
        ({"fts": RANDOM, "labels": np.array(["mug"] * 20)}, "its labels are"),
        ({"fts": RANDOM, "labels": ONE_TO_TEN[:19]}, "20 rows of features but 19 labels"),
        ({"fts": RANDOM.T, "labels": ONE_TO_TEN}, "4 rows of features but 20 labels"),
        ({"fts": RANDOM[None], "labels": ONE_TO_TEN}, "features are float64 of shape (1, 20, 4)"),
        ({"fts": np.empty((0, 4)), "labels": np.empty((0, 1))}, "of shape (0, 4)"),
        ({"fts": RANDOM.astype(complex) * 1j, "labels": ONE_TO_TEN}, "features are complex128"),
        ({"fts": np.array([["a", "b"]], object), "labels": ONE_TO_TEN}, "its features are"),
        ({"fts": np.where(RANDOM[7, 2] == RANDOM, np.nan, RANDOM), "labels": ONE_TO_TEN}, "row 7 of its features"),
        ({"fts": np.where(RANDOM[3, 0] == RANDOM, 1e300, RANDOM), "labels": ONE_TO_TEN}, "row 3 of its features"),
    ],
)
def test_features_that_do_not_fit_are_named(mat: Path, content: dict[str, object], says: str) -> None:
    io.savemat(str(mat), content)
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="surf"), str(mat), says)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: b"", "cannot be read"),
        (lambda content: content[:60], "cannot be read"),
        (lambda content: content[:200], "cannot be read"),
        (lambda content: content[: len(content) // 2], "cannot be read"),
        (lambda content: b"<html>404</html>" * 40, "cannot be read"),
        (lambda content: b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400), "MATLAB 7.3"),
    ],
)
def test_damaged_feature_files_are_named(mat: Path, damage: Callable[[bytes], bytes], says: str) -> None:
    mat.write_bytes(damage(mat.read_bytes()))
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="surf"), str(mat), says)
    archive = mat.with_suffix(".npz")
    write_features(archive, ("x", "y"), 0)
    mat.unlink()
    archive.write_bytes(damage(archive.read_bytes()))
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="surf"), str(archive), "cannot be read")


def test_objects_in_an_npz_are_never_unpickled(data_folder: Path) -> None:
    path = data_folder / "office_caltech10" / "mine" / "amazon.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, x=np.array([{}], object), y=np.array([0]))
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="mine"), str(path), "cannot be read")


def test_feature_folders_that_do_not_fit_are_named(mat: Path) -> None:
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="decaf"), "'decaf'", "there are: surf")
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="../surf"), "there are: surf")
    assert_refused(lambda: office_caltech10_features(domain="dslr", kind="surf"), str(mat.parent), "no file of dslr")
    write_features(mat.with_name("amazon_old.mat"))
    assert_refused(lambda: office_caltech10_features(domain="amazon", kind="surf"), "amazon.mat, amazon_old.mat")


# Folders of one's own


def test_a_folder_of_class_folders(tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_classes(tmp_path / "cats.v2", ["lynx", "manul"], count=3)
    write_classes(data_folder / "held", ["lynx", "manul"], count=2, suffix="png")
    monkeypatch.chdir(tmp_path)
    read = folder(path="cats.v2", size=8)
    assert read.name == "cats.v2" and read.classes == ("lynx", "manul") and read.test is None
    assert read.origin == "folder cats.v2, 6 images"
    assert_aligned(read.train)
    both = folder(path=str(tmp_path / "cats.v2"), test="held", size=8)  # the second is found in the data folder
    assert both.test is not None and (len(both.train), len(both.test)) == (6, 4)
    assert both.origin == "folder cats.v2 and held, 6 + 4 images"
    assert_aligned(both.test)


def test_a_folder_that_does_not_fit_is_named(
    tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert_refused(lambda: folder(path="nowhere"), str(tmp_path / "nowhere"), str(data_folder / "nowhere"))
    write_classes(tmp_path / "cats", ["lynx", "manul"], count=2)
    write_classes(tmp_path / "held", ["lynx", "tiger"])
    assert_refused(lambda: folder(path="cats", test="held"), str(tmp_path / "held"), "differ in manul, tiger")
    assert_refused(lambda: folder(path="cats", test="../" + tmp_path.name + "/cats"), "path and test are both")
    (tmp_path / "file.txt").write_text("x")
    assert_refused(lambda: folder(path="file.txt"), "file.txt")
    (tmp_path / "cats" / "lynx" / "frame_0000.jpg").write_bytes(b"")
    assert_refused(lambda: folder(path="cats", size=8), "frame_0000.jpg", "on_bad: skip")
    read = folder(path="cats", size=8, on_bad="skip")
    assert read.skipped == ("lynx/frame_0000.jpg",) and read.train.y.tolist() == [0, 1, 1]
    assert_aligned(read.train)
    (tmp_path / "cats" / "puma").mkdir()
    assert_refused(lambda: folder(path="cats"), "puma", "without images")


# CSV files of one's own


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of eight images, a0 to a7, in the colours of labels 0 to 7."""
    for label in range(8):
        write_image(tmp_path / "pictures" / f"a{label}.png", label)
    return tmp_path


def write_csv(root: Path, content: str | bytes, name: str = "birds.csv") -> str:
    path = root / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    "content",
    [
        "path,label\npictures/a0.png,auk\npictures/a1.png,bat\n",
        '\ufeffpath,label\r\n"pictures/a0.png","auk"\r\n\r\npictures/a1.png,bat',
        'Image;"Note; more";Class\npictures/a0.png;"one; two";auk\npictures/a1.png;;bat\n',
        "target\tfilename\nauk\tpictures/a0.png\nbat\tpictures/a1.png",
        "file, label\npictures/a0.png, auk\npictures/a1.png, bat\n",
        "path,label\rpictures/a0.png,auk\rpictures/a1.png,bat\r",
    ],
)
def test_csv_dialects(images: Path, content: str) -> None:
    read = csv(path=write_csv(images, content), size=8)
    assert read.name == "birds" and read.classes == ("auk", "bat") and read.test is None
    assert read.origin == "file birds.csv, 2 images"
    assert_aligned(read.train)


def test_csv_labels_that_are_numbers_are_in_their_order(images: Path) -> None:
    lines = "".join(f"pictures/a{i}.png,{label}\n" for i, label in enumerate(["2", "10", "9", "-3"]))
    read = csv(path=write_csv(images, "path,label\n" + lines), size=8)
    assert read.classes == ("-3", "2", "9", "10") and read.train.y.tolist() == [1, 3, 2, 0]


def test_csv_without_labels_is_unlabelled(images: Path) -> None:
    content = "path,label\npictures/a0.png,auk\npictures/a1.png,\npictures/a2.png,-1\n"
    read = csv(path=write_csv(images, content), size=8)
    assert read.train.y.tolist() == [0, -1, -1] and read.classes == ("auk",)
    read = csv(path=write_csv(images, content.replace("auk", "")), size=8)
    assert read.train.y.tolist() == [-1, -1, -1] and read.classes == ()


def test_csv_test_split_from_a_column_or_a_second_file(images: Path) -> None:
    one = "path,label,split\npictures/a0.png,auk,train\npictures/a1.png,bat,Test\npictures/a2.png,crow,train\n"
    read = csv(path=write_csv(images, one), size=8)
    assert read.classes == ("auk", "bat", "crow") and read.test is not None
    assert (read.train.y.tolist(), read.test.y.tolist()) == ([0, 2], [1])
    assert_aligned(read.train)
    assert_aligned(read.test)
    assert csv(path=write_csv(images, one.replace("Test", "train")), size=8).test is None
    first = write_csv(images, "path,label\npictures/a0.png,auk\npictures/a2.png,crow\n")
    (images / "more").mkdir()
    second = write_csv(images, "path,label\n../pictures/a1.png,bat\n", "more/held.csv")
    read = csv(path=first, test=second, size=8)
    assert read.test is not None and read.classes == ("auk", "bat", "crow")
    assert_aligned(read.train)
    assert_aligned(read.test)


def test_csv_absolute_paths(images: Path) -> None:
    (images / "lists").mkdir()
    content = f"path,label\n{images}/pictures/a0.png,auk\n../pictures/a1.png,bat\n{images}/pictures/a7.png,bat\n"
    (images / "pictures" / "a7.png").write_bytes(b"")
    read = csv(path=write_csv(images / "lists", content), size=8, on_bad="skip")
    assert_aligned(read.train)
    assert len(read.skipped) == 1 and read.skipped[0].endswith("pictures/a7.png")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", ["first line is empty"]),
        (b"\xef\xbb\xbf", ["first line is empty"]),
        (b"path,label\n", ["has no examples"]),
        (b"path,label\n\n,\n", ["has no examples"]),
        (b"a.png,auk\n", ["'a.png,auk'", "no columns path and label"]),
        (b"path,name\npictures/a0.png,auk\n", ["no columns path and label"]),
        (b"label\nauk\n", ["no columns path and label"]),
        (b"path,label\npictures/a0.png,auk\npictures/a1.png\n", ["line 3", "1 fields below 2 columns"]),
        (b"path,label\npictures/a0.png,auk,or bat\n", ["line 2", "3 fields below 2 columns"]),
        (b'path,label\n"pictures/a0.png,auk\n', ["line 2", "unexpected end"]),
        (b'path,label\n"pictures/a0.png"x,auk\n', ["line 2", "expected after"]),
        (b"path,label\n,auk\n", ["line 2", "no path"]),
        (b"path,label\npictures/a0.png,auk\npictures/b9.png,auk\n", ["pictures/b9.png (line 3)", "on_bad: skip"]),
        (b"path,label\npictures,auk\n", ["pictures (line 2)"]),
        (b"path,label\npictures/\xe9t\xe9.png,auk\n", ["line 2", "not UTF-8"]),
        ("path,label\npictures/a0.png,auk\n".encode("utf-16"), ["line 1", "not UTF-8"]),
        ("path,label\npictures/a0.png,auk\n".encode("utf-16-le"), ["not UTF-8", "zero bytes"]),
        (b"path,label,split\npictures/a0.png,auk,train\npictures/a1.png,auk,val\n", ["line 3", "split is 'val'"]),
        (b"path,label,split\npictures/a0.png,auk,\n", ["line 2", "split is ''"]),
        (b"path,label,split\npictures/a0.png,auk,test\n", ["no row has the split train"]),
        (
            b"path,label,split\npictures/a0.png,auk,train\npictures/../pictures/a0.png,auk,test\n",
            ["line 3", "is named before", "line 2)"],
        ),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), ["not UTF-8"]),
        (b"x" * 200_000, ["no columns path and label"]),
        (b"path,label\n" + b"x" * 200_000 + b",auk\n", ["line 2", "field limit"]),
    ],
)
def test_csv_that_does_not_fit_is_named(images: Path, content: bytes, says: list[str]) -> None:
    path = write_csv(images, content)
    assert_refused(lambda: csv(path=path, size=8), path, *says)


def test_csv_with_two_ways_to_mark_the_test_split_is_refused(images: Path) -> None:
    marked = write_csv(images, "path,label,split\npictures/a0.png,auk,train\n")
    plain = write_csv(images, "path,label\npictures/a1.png,auk\n", "held.csv")
    assert_refused(lambda: csv(path=marked, test=plain, size=8), marked, "`test` is given and a column split too")
    assert_refused(lambda: csv(path=plain, test=plain, size=8), plain, "line 2", "is named before")
    assert_refused(lambda: csv(path=str(images), size=8), str(images), "cannot be read")


def test_csv_images_that_are_bad_are_skipped_with_their_labels(images: Path) -> None:
    lines = "".join(f"pictures/a{i}.png,{i}\n" for i in range(8))
    (images / "pictures" / "a2.png").write_bytes(b"no image")
    (images / "pictures" / "a5.png").unlink()
    path = write_csv(images, "path,label\n" + lines)
    assert_refused(lambda: csv(path=path, size=8), path, "pictures/a5.png (line 7)")
    read = csv(path=path, size=8, on_bad="skip")
    assert read.skipped == ("pictures/a5.png", "pictures/a2.png")
    assert read.train.y.tolist() == [0, 1, 3, 4, 6, 7]
    assert_aligned(read.train)
