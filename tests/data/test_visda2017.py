"""VisDA-2017 and its list of test images."""

import hashlib
from pathlib import Path

import pytest
from image_folders import assert_aligned, assert_refused, write_classes, write_image

from dann.data.datasets.visda2017 import VISDA2017, visda2017


def test_visda_does_not_take_the_class_train_for_the_domain(data_folder: Path) -> None:
    write_classes(data_folder / "visda2017" / "validation", VISDA2017.classes)
    assert_refused(lambda: visda2017(domain="train"), "visda2017/train is not in")


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
