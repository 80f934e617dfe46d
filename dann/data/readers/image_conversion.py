"""Conversion of opened image files to upright RGB pictures of 8 bits a channel."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from dann.errors import BadInput

ORIENTATION = 0x0112  # the tag of EXIF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what makes the pictures of cameras upright
GROUND = "white"  # behind transparent pixels
DEEP = {"I", "F"}  # Pillow's modes of 32 bits; 16 bits are I;16 in one order of bytes or the other
SIXTEEN_BITS = {"PNG", "PPM"}  # formats whose pixels in mode I have 16 bits
HEIF = {".heic", ".heif", ".hif"}
OPENING = threading.Lock()  # Python's filters of warnings are those of all threads


@contextmanager
def open_image(file: Path | BinaryIO) -> Iterator[Image.Image]:
    """Open an image file, without Pillow's warning about large ones, which are decoded up to its limit."""
    if isinstance(file, Path) and file.suffix.lower() in HEIF:
        _add_heif(file)
    with OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(file)
    with image:
        yield image


def _add_heif(file: Path) -> None:
    """Let Pillow read HEIF."""
    try:
        import pillow_heif
    except ImportError as error:
        raise BadInput(f'{file}: reading HEIC needs a package: run pip install "dann[heic]", or convert it') from error
    if "HEIF" not in Image.OPEN:
        pillow_heif.register_heif_opener()


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image to RGB: upright, transparent pixels over white, 16 bits a channel scaled to 8.

    Of an animation it is the first picture.

    Raises:
        ValueError: its pixels are 32-bit numbers, which have no white.
    """
    turn = read_turn(image)  # while the file's own notes are there
    if is_deep(image):
        image = _to_8_bits(image)
    if is_transparent(image):
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, GROUND), picture)
    colour = image.convert("RGB")
    return colour if turn is None else colour.transpose(turn)


def read_turn(image: Image.Image) -> Image.Transpose | None:
    """The operation that turns the picture upright by its EXIF; None where none is needed or its EXIF is damaged.

    Pillow and pillow-heif have turned TIFF and HEIF pictures when they are decoded.
    """
    if image.format in {"TIFF", "HEIF"} or "exif" not in image.info:
        return None
    with OPENING, warnings.catch_warnings(), suppress(Exception):  # damaged EXIF raises exceptions of many types
        warnings.simplefilter("ignore")
        exif = Image.Exif()
        exif.load(image.info["exif"])
        return TURNS.get(exif.get(ORIENTATION, 1))
    return None


def is_transparent(image: Image.Image) -> bool:
    """Whether pixels may be transparent."""
    return image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info


def is_deep(image: Image.Image) -> bool:
    """Whether a pixel has more than 8 bits a channel after decoding."""
    return image.mode in DEEP or image.mode.startswith("I;")


def _to_8_bits(image: Image.Image) -> Image.Image:
    if image.mode in DEEP and image.format not in SIXTEEN_BITS:
        raise ValueError(
            f"its mode {image.mode} has more than 8 bits a channel and no known white; save 8 or 16 bits a channel, or "
            "arrays with their range"
        )
    values = np.asarray(image).astype(np.float64)
    return Image.fromarray(np.rint(values.clip(0, 65535) / 257).astype(np.uint8))


def describe_conversion(content: bytes) -> str:
    """What ``to_rgb`` changes in a file that version 0.1 decoded otherwise; empty where it gives the same pixels.

    It is part of the checksum of decoded images, so that only those that changed have a new one.
    """
    with suppress(Exception), open_image(BytesIO(content)) as image:  # damaged files are named when they are decoded
        turned, deep, clear = read_turn(image) is not None, is_deep(image), is_transparent(image)
        return " upright" * turned + " 16 bits" * deep + f" on {GROUND}" * clear
    return ""
