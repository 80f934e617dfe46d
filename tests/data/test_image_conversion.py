"""Images as cameras and users write them: upright, over white, 8 bits a channel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, features

from dann.data.datasets.own_images import folder
from dann.data.readers.image_files import SUFFIXES, decode_image, list_files
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput

RED, GREEN, BLUE, GREY = (250, 10, 10), (10, 200, 10), (20, 20, 240), (90, 90, 90)
CORNERS = np.array([[RED, GREEN], [BLUE, GREY]], np.uint8)
T = Image.Transpose
STORED = {  # how a camera stores an upright picture under each orientation of EXIF
    1: None, 2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM,
    5: T.TRANSPOSE, 6: T.ROTATE_90, 7: T.TRANSVERSE, 8: T.ROTATE_270,
}  # fmt: skip


def photo(orientation: int, path: Path, **options: Any) -> Path:
    """A photo of 96 × 64 pixels with four colours, upright once its orientation is applied."""
    upright = Image.fromarray(CORNERS).resize((96, 64), Image.Resampling.NEAREST)
    turn = STORED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    (upright if turn is None else upright.transpose(turn)).save(path, exif=exif, **options)
    return path


def corners(path: Path) -> NDArray[np.uint8]:
    return decode_image(path, 32, "squash")[[4, 4, 27, 27], [4, 27, 4, 27]]


@pytest.mark.parametrize("suffix", ["jpg", "jpe", "jfif", "png", "webp", "tiff", "avif"])
def test_photos_are_turned_upright(tmp_path: Path, suffix: str) -> None:
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    form = {"jpe": "JPEG", "jfif": "JPEG"}.get(suffix)
    for orientation in STORED:
        path = photo(orientation, tmp_path / f"{orientation}.{suffix}", format=form)
        difference = corners(path).astype(int) - CORNERS.reshape(4, 3)
        assert np.abs(difference).max() < 40, orientation


def test_heic_photos_are_turned_once(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(CORNERS).resize((96, 64), Image.Resampling.NEAREST).transpose(T.ROTATE_90)
    stored.info["exif"] = exif.tobytes()
    for suffix in ("heic", "HEIF"):
        stored.save(tmp_path / f"a.{suffix}", format="HEIF", quality=95)
        difference = corners(tmp_path / f"a.{suffix}").astype(int) - CORNERS.reshape(4, 3)
        assert np.abs(difference).max() < 40


def test_damaged_exif_turns_nothing(tmp_path: Path) -> None:
    path = photo(1, tmp_path / "a.jpg")
    content = path.read_bytes()
    for exif in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03"):
        head = b"\xff\xd8\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        path.write_bytes(head + content[2:])
        assert np.abs(corners(path).astype(int) - CORNERS.reshape(4, 3)).max() < 40


def test_transparent_pixels_lie_over_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    clear.paste((200, 0, 0, 255), (0, 0, 4, 8))
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 51))
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    for image, suffix, options, expected in (
        (clear, "png", {}, [[200, 0, 0], [255, 255, 255]]),
        (clear, "webp", {"lossless": True, "exact": True}, [[200, 0, 0], [255, 255, 255]]),
        (clear, "tif", {}, [[200, 0, 0], [255, 255, 255]]),
        (clear.convert("LA"), "png", {}, [[60, 60, 60], [255, 255, 255]]),
        (clear.convert("P"), "png", {}, [[200, 0, 0], [255, 255, 255]]),
        (half, "png", {}, [[204] * 3] * 2),
        (palette, "gif", {"transparency": 1}, [[255] * 3] * 2),
        (Image.new("RGB", (8, 8), (9, 8, 7)), "png", {"transparency": (9, 8, 7)}, [[255] * 3] * 2),
        (Image.new("L", (8, 8), 9), "png", {"transparency": 9}, [[255] * 3] * 2),
        (Image.new("RGBA", (8, 8), (9, 8, 7, 255)), "png", {}, [[9, 8, 7]] * 2),
    ):
        image.save(tmp_path / f"a.{suffix}", **options)
        assert decode_image(tmp_path / f"a.{suffix}", 8, "squash")[0, [0, 7]].tolist() == expected


def test_16_bits_a_channel_are_scaled_to_8(tmp_path: Path) -> None:
    values = np.array([0, 257, 40000, 65535], np.uint16).repeat(16).reshape(8, 8)
    for name in ("a.png", "a.tif", "a.pgm"):
        Image.fromarray(values).save(tmp_path / name)
        assert decode_image(tmp_path / name, 8, "squash")[::2, 0].tolist() == [[v] * 3 for v in (0, 1, 156, 255)]
    big_endian = values.astype(">u2").tobytes()
    Image.frombytes("I;16B", (8, 8), big_endian).save(tmp_path / "b.tif")
    assert decode_image(tmp_path / "b.tif", 8, "squash")[::2, 0, 0].tolist() == [0, 1, 156, 255]


def test_other_colour_modes_and_animations(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(decode_image(tmp_path / "a.jpg", 8, "squash").astype(int) - [255, 0, 0]).max() < 6
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert decode_image(tmp_path / "a.gif", 8, "squash")[0, 0].tolist() == list(RED)
    Image.new("1", (8, 8), 1).save(tmp_path / "a.pbm")
    assert decode_image(tmp_path / "a.pbm", 8, "squash").min() == 255
    assert {path.suffix for path in list_files(tmp_path)} == {".jpg", ".gif", ".pbm"}
    assert {".pgm", ".pnm", ".jfif", ".jpe", ".avif", ".heic"} <= SUFFIXES


def test_large_images_are_read_or_refused_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (150, 100), 7).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)  # above it Pillow warns, above twice as many it refuses
    assert decode_image(tmp_path / "a.png", 8, "squash").max() == 7
    Image.new("L", (300, 100), 7).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match=r"a.png: an image of more than 0 million pixels.*: save a smaller copy"):
        decode_image(tmp_path / "a.png", 8, "squash")


def test_only_files_that_decode_otherwise_get_another_checksum(tmp_path: Path) -> None:
    """The checksum of plain photos is that of earlier records; it is the SHA-256 of what follows."""
    import hashlib

    plain = photo(1, tmp_path / "plain.png")
    turned = photo(6, tmp_path / "turned.png")
    for paths, tags in (([plain], [b""]), ([plain, turned], [b"", b" upright"])):
        split, _ = load_image_split(paths, [0] * len(paths), root=tmp_path, size=8)
        expected = hashlib.sha256(b"1 8 squash None")
        for path, tag in zip(paths, tags, strict=True):
            expected.update(hashlib.sha256(path.read_bytes()).digest() + tag)
        assert split.store.checksum() == expected.hexdigest()


def test_training_prediction_and_cache_have_the_same_pixels(tmp_path: Path) -> None:
    for place, orientation in enumerate((3, 6)):
        (tmp_path / "images" / "ab"[place]).mkdir(parents=True)
        photo(orientation, tmp_path / "images" / "ab"[place] / "0.png")
    domain = folder(path=str(tmp_path / "images"), size=16)
    for row, path in enumerate(sorted((tmp_path / "images").rglob("*.png"))):
        decoded = torch.from_numpy(decode_image(path, 16, "squash").copy()).permute(2, 0, 1)
        assert torch.equal(domain.train.x[row], decoded)
