"""GTSRB and SYN SIGNS on fixtures in their true formats, and damage to them."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import cut, empty_file, fail_with, remote
from PIL import Image

from dann.data.datasets import traffic_signs as signs
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("offline", "own_cache")


HEADER = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"


def photo(path: Path, seed: int) -> np.ndarray:
    """A photo of 14 × 12 pixels, whose sign is 8 × 6 pixels from column 3 and row 4 on, returned as ``(3, 6, 8)``."""
    pixels = np.random.RandomState(seed).randint(0, 256, (12, 14, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels[4:10, 3:11].transpose(2, 0, 1)


def line(name: str, label: int) -> str:
    return f"{name};14;12;3;4;11;10;{label}\n"


def write_training(folder: Path) -> list[np.ndarray]:
    crops = []
    for number in range(43):
        place = folder / f"{number:05d}"
        crops.append(photo(place / "00000_00000.ppm", number))
        (place / f"GT-{number:05d}.csv").write_text(HEADER + line("00000_00000.ppm", number))
    return crops


def write_test(folder: Path) -> str:
    for number in range(3):
        photo(folder / f"{number:05d}.ppm", 100 + number)
    (folder / "GT-final_test.test.csv").write_text("Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2\n")
    return HEADER + "".join(line(f"{number:05d}.ppm", label) for number, label in enumerate([16, 0, 42]))


@pytest.fixture
def tiny_gtsrb(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GTSRB's official folders with one training image for each class and 3 test images."""
    for name, count in (("Final_Training/Images", 43), ("Training", 43), ("Final_Test/Images", 3)):
        monkeypatch.setitem(signs.COUNTS, name, count)
    folder = data_folder / "gtsrb" / "GTSRB"
    write_training(folder / "Final_Training" / "Images")
    (folder / "GT-final_test.csv").write_text(write_test(folder / "Final_Test" / "Images"))
    return folder


def test_gtsrb_crops_the_signs_and_reads_their_classes(tiny_gtsrb: Path) -> None:
    domain = signs.gtsrb(size=6)
    assert domain.test is not None and domain.train.x.shape == (43, 3, 6, 6) and len(domain.test) == 3
    assert domain.classes[:2] == ("00", "01") and domain.train.y.tolist() == list(range(43))
    assert domain.test.y.tolist() == [16, 0, 42] and "39 209" in domain.origin
    whole = signs.gtsrb(size=14, crop=False)
    assert whole.train.x.shape == (43, 3, 14, 14) and whole.checksum() != domain.checksum()


def test_gtsrb_needs_no_test_images_where_they_are_not_wanted(tiny_gtsrb: Path) -> None:
    official = signs.gtsrb(size=6)
    (tiny_gtsrb / "Final_Test").rename(tiny_gtsrb / "elsewhere")
    (tiny_gtsrb / "GT-final_test.csv").unlink()
    domain = signs.gtsrb(size=6, official_test=False)
    assert domain.test is None and torch.equal(domain.train.x, official.train.x)


def test_gtsrb_keeps_a_square_sign_pixel_by_pixel(tiny_gtsrb: Path) -> None:
    folder = tiny_gtsrb / "Final_Training" / "Images"
    crop = write_training(folder)[7]
    (folder / "00007" / "GT-00007.csv").write_text(HEADER + "00000_00000.ppm;14;12;4;4;10;10;7\n")
    assert np.array_equal(signs.gtsrb(size=6).train.x[7].numpy(), crop[:, :, 1:7])


def test_gtsrb_reads_the_first_stage_where_the_full_one_is_not_there(tiny_gtsrb: Path) -> None:
    (tiny_gtsrb / "Final_Training" / "Images").rename(tiny_gtsrb / "Training")
    (tiny_gtsrb / "Final_Training").rmdir()
    domain = signs.gtsrb()
    assert domain.train.x.shape == (43, 3, 40, 40) and "26 640" in domain.origin


@pytest.mark.parametrize("place", ["gtsrb", "gtsrb/GTSRB/Final_Test", "gtsrb/GTSRB/Final_Test/Images", "gtsrb/GT"])
def test_gtsrb_finds_the_test_classes_where_people_put_them(tiny_gtsrb: Path, place: str) -> None:
    folder = tiny_gtsrb.parent.parent / place
    folder.mkdir(exist_ok=True)
    (tiny_gtsrb / "GT-final_test.csv").rename(folder / "GT-final_test.csv")
    assert signs.gtsrb().test.y.tolist() == [16, 0, 42]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "is empty"),
        (HEADER, "is empty"),
        (HEADER + line("00000_00000.ppm", 8), "has class 8, not 7"),
        (HEADER + line("00000_00000.ppm", 43), "line 2: its box, class or file name"),
        (HEADER + line("../00000_00000.ppm", 7), "line 2: its box, class or file name"),
        (HEADER + line("00000\0.ppm", 7), "line 2: its box, class or file name|cannot be read"),
        (HEADER + line("", 7), "line 2: its box, class or file name"),
        (HEADER + "00000_00000.ppm;14;12;3;4;15;10;7\n", "line 2: its box, class or file name"),
        (HEADER + "00000_00000.ppm;14;12;3;4;3;10;7\n", "line 2: its box, class or file name"),
        (HEADER + "00000_00000.ppm;14;12;3;4;11;10;seven\n", "line 2: does not read Filename;Width"),
        (HEADER + "00000_00000.ppm;14;12;3;4\n", "line 2: does not read Filename;Width"),
        (HEADER.replace(";", ",") + line("00000_00000.ppm", 7).replace(";", ","), "line 2: does not read"),
        (HEADER + 2 * line("00000_00000.ppm", 7), "lists 44 images, not the 43"),
        (HEADER + "\xff", "line 2|cannot be read"),
    ],
)
def test_damaged_gtsrb_tables_are_named(tiny_gtsrb: Path, table: str, says: str) -> None:
    path = tiny_gtsrb / "Final_Training" / "Images" / "00007" / "GT-00007.csv"
    path.write_text(table, encoding="latin-1")
    with pytest.raises(BadInput, match=says) as caught:
        signs.gtsrb()
    named = path.parent.parent if "lists" in says else path
    assert str(named) in str(caught.value)


def test_a_byte_order_mark_in_a_table_is_no_harm(tiny_gtsrb: Path) -> None:
    path = tiny_gtsrb / "GT-final_test.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(signs.gtsrb().test) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [empty_file, cut, lambda path: path.write_bytes(b"P9 no image")])
def test_unreadable_signs_are_named_or_skipped(tiny_gtsrb: Path, damage: Callable[[Path], None]) -> None:
    path = tiny_gtsrb / "Final_Test" / "Images" / "00001.ppm"
    damage(path)
    with pytest.raises(BadInput, match=r"00001.ppm: not a readable image"):
        signs.gtsrb()
    domain = signs.gtsrb(on_bad="skip")
    assert domain.skipped == ("GTSRB/Final_Test/Images/00001.ppm",)
    assert domain.test is not None and domain.test.y.tolist() == [16, 42]


@pytest.mark.parametrize("path", ["Final_Test/Images/00001.ppm", "Final_Training/Images/00007/00000_00000.ppm",
                                  "Final_Training/Images/00007/GT-00007.csv"])  # fmt: skip
def test_missing_sign_files_are_named(tiny_gtsrb: Path, path: str) -> None:
    (tiny_gtsrb / path).unlink()
    with pytest.raises(BadInput, match=rf"{path}: not a readable image .*No such file|{path} cannot be read"):
        signs.gtsrb()


@pytest.mark.parametrize("part", ["Final_Training", "Final_Test", "GT-final_test.csv"])
def test_missing_gtsrb_says_what_to_put_where(tiny_gtsrb: Path, part: str) -> None:
    (tiny_gtsrb / part).rename(tiny_gtsrb.parent.parent / "elsewhere")
    with pytest.raises(BadInput, match=r"gtsrb is not in .*no network.*Final_Training.*GT-final_test.csv.*DANN_DATA"):
        signs.gtsrb()


def test_gtsrb_is_downloaded_unpacked_and_read(
    tiny_gtsrb: Path, local_downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, count in (("Final_Training/Images", 43), ("Final_Test/Images", 3)):
        monkeypatch.setitem(signs.COUNTS, name, count)
    expected = signs.gtsrb().checksum()
    for name, archive in (
        ("Final_Training", "GTSRB_Final_Training_Images.zip"),
        ("Final_Test", "GTSRB_Final_Test_Images.zip"),
        ("GT-final_test.csv", "GTSRB_Final_Test_GT.zip"),
    ):
        with zipfile.ZipFile(local_downloads / archive, "w") as file:
            for path in sorted([tiny_gtsrb / name, *(tiny_gtsrb / name).rglob("*")]):
                if path.is_file():
                    below = tiny_gtsrb if name.endswith("csv") else tiny_gtsrb.parent
                    file.write(path, path.relative_to(below))
    tiny_gtsrb.parent.rename(local_downloads / "moved away")
    monkeypatch.setattr(signs, "TRAINING", remote(local_downloads / "GTSRB_Final_Training_Images.zip"))
    monkeypatch.setattr(signs, "TEST", remote(local_downloads / "GTSRB_Final_Test_Images.zip"))
    monkeypatch.setattr(signs, "TRUTH", remote(local_downloads / "GTSRB_Final_Test_GT.zip"))
    assert signs.gtsrb().checksum() == expected
    monkeypatch.setattr("urllib.request.urlopen", fail_with(OSError("no network in tests")))
    assert signs.gtsrb().checksum() == expected
    assert not list(tiny_gtsrb.parent.glob("*.zip"))


def test_an_archive_without_its_folder_is_named(
    data_folder: Path, local_downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(local_downloads / "GTSRB_Final_Training_Images.zip", "w") as file:
        file.writestr("GTSRB/Readme-Images.txt", "no images")
    monkeypatch.setattr(signs, "TRAINING", remote(local_downloads / "GTSRB_Final_Training_Images.zip"))
    with pytest.raises(BadInput, match=r"GTSRB_Final_Training_Images: has no Final_Training/Images: remove the folder"):
        signs.gtsrb()


@pytest.fixture
def tiny_signs(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The release's folder with 4 images, and a loader that expects so many."""
    monkeypatch.setitem(signs.COUNTS, "syn_signs", 4)
    folder = data_folder / "syn_signs" / "synthetic_data"
    lines = []
    for number, label in enumerate([21, 0, 42, 21], start=1):
        (folder / "train").mkdir(parents=True, exist_ok=True)
        pixels = np.random.RandomState(number).randint(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "train" / f"{number}.png")
        lines.append(f"train/{number}.png {label} 0\n")
    (folder / "train_labelling.txt").write_text("".join(lines))
    return folder


def test_syn_signs_reads_its_listing(tiny_signs: Path) -> None:
    domain = signs.syn_signs()
    assert domain.test is None and domain.classes == signs.CLASSES and domain.train.y.tolist() == [21, 0, 42, 21]
    expected = np.random.RandomState(3).randint(0, 256, (40, 40, 3), dtype=np.uint8)
    assert np.array_equal(domain.train.x[2].numpy(), expected.transpose(2, 0, 1))
    tiny_signs.rename(tiny_signs.parent.parent / "synthetic_data")
    tiny_signs.parent.rmdir()
    assert torch.equal(signs.syn_signs().train.x, domain.train.x)


@pytest.mark.parametrize(
    ("listing", "says"),
    [
        ("", "lists 0 images, not 4"),
        ("train/1.png 21 0\n", "lists 1 images, not 4"),
        ("train/1.png 43 0\n", "line 1: is not an image's path and its class"),
        ("train/1.png -1 0\n", "line 1: is not an image's path and its class"),
        ("train/1.png 1.5 0\n", "line 1: is not an image's path and its class"),
        ("train/1.png\n", "line 1: is not an image's path and its class"),
        ("\n../../secret.png 1 0\n", "line 2: is not an image's path and its class"),
        ("train/1\0.png 1 0\n", "line 1: is not an image's path and its class"),
        ("/etc/secret.png 1 0\n", "line 1: is not an image's path and its class"),
        ("\xff\xfe", "cannot be read"),
    ],
)
def test_damaged_syn_signs_listing_is_named(tiny_signs: Path, listing: str, says: str) -> None:
    (tiny_signs / "train_labelling.txt").write_text(listing, encoding="latin-1")
    with pytest.raises(BadInput, match=rf"train_labelling.txt.*{says}"):
        signs.syn_signs()


def test_unreadable_syn_signs_are_named_or_skipped(tiny_signs: Path) -> None:
    empty_file(tiny_signs / "train" / "2.png")
    with pytest.raises(BadInput, match=r"2.png: not a readable image"):
        signs.syn_signs()
    domain = signs.syn_signs(on_bad="skip")
    assert domain.skipped == ("synthetic_data/train/2.png",) and domain.train.y.tolist() == [21, 42, 21]
    (tiny_signs / "train" / "3.png").unlink()
    assert signs.syn_signs(on_bad="skip").skipped == ("synthetic_data/train/2.png", "synthetic_data/train/3.png")
    (tiny_signs / "train" / "2.png").unlink()
    with pytest.raises(BadInput, match=r"2.png: not a readable image .*No such file.* and 1 more files"):
        signs.syn_signs()


def test_missing_syn_signs_says_where_it_is_from(data_folder: Path) -> None:
    with pytest.raises(BadInput, match=r"syn_signs is not in .*train_labelling.txt.*graphics.cs.msu.ru"):
        signs.syn_signs()
