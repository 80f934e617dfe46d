"""Decoding of image files, and class folders."""

from pathlib import Path

import numpy as np
import pytest
from image_folders import write_photo
from PIL import Image

from dann.data.readers.image_files import decode_image, list_class_folders
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("own_cache")


def test_squash_stretches_and_crop_cuts_the_middle(tmp_path: Path) -> None:
    x = np.zeros((20, 60, 3), np.uint8)
    x[:, 20:40] = 255  # white in the middle third
    Image.fromarray(x).save(tmp_path / "a.png")
    squashed, cropped = (decode_image(tmp_path / "a.png", 30, fit) for fit in ("squash", "crop"))  # type: ignore[arg-type]
    assert squashed.shape == cropped.shape == (30, 30, 3)
    assert cropped[:, 2:-2].min() == 255 and squashed[:, :8].max() == 0 and squashed[:, 12:18].min() == 255


def test_box_keeps_a_part(tmp_path: Path) -> None:
    x = np.random.RandomState(0).randint(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(x).save(tmp_path / "a.png")
    assert np.array_equal(decode_image(tmp_path / "a.png", 8, "squash", (4, 6, 12, 14)), x[6:14, 4:12])


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_images_of_any_mode_become_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new(mode, (12, 12)).save(tmp_path / f"a.{suffix}")
    assert decode_image(tmp_path / f"a.{suffix}", 8, "squash").shape == (8, 8, 3)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_images_of_32_bits_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (12, 12)).save(tmp_path / "a.tif")
    with pytest.raises(BadInput, match=r"a.tif: not a readable image .*more than 8 bits"):
        decode_image(tmp_path / "a.tif", 8, "squash")


def test_jpeg_draft_is_never_smaller_than_the_example(tmp_path: Path) -> None:
    x = np.random.RandomState(0).randint(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(x).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        whole = np.asarray(image.convert("RGB").resize((100, 100), Image.Resampling.BILINEAR), float)
    assert np.abs(decode_image(tmp_path / "a.jpg", 100, "squash") - whole).mean() < 12


def test_class_folders(tmp_path: Path) -> None:
    for name in ("cat/b.png", "cat/deep/a.JPG", "dog/c.png"):
        write_photo(tmp_path / name, (0, 0, 0))
    (tmp_path / "cat/notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    paths, labels, classes = list_class_folders(tmp_path)
    assert [path.name for path in paths] == ["b.png", "a.JPG", "c.png"]
    assert labels == [0, 0, 1] and classes == ("cat", "dog")
    (tmp_path / "bird").mkdir()
    with pytest.raises(BadInput, match="bird: a class folder without images"):
        list_class_folders(tmp_path)
    with pytest.raises(BadInput, match="no class folders"):
        list_class_folders(tmp_path / "dog")
    with pytest.raises(BadInput, match="no such folder"):
        list_class_folders(tmp_path / "nowhere")
