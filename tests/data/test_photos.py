"""Published sets of class folders: every layout that people have, and damage."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from image_folders import BAD_IMAGES, assert_aligned, assert_refused, write_classes, write_image
from PIL import Image
from scipy import io

from dann.data.datasets.domainnet import CLASSES
from dann.data.datasets.folder_dataset import FolderDataset
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
from dann.data.domain import Domain


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


@pytest.fixture
def photo(data_folder: Path) -> Path:
    """The folder of a domain of PACS with three images in each class."""
    return write_classes(data_folder / "pacs" / "photo", PACS.classes, count=3)


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
