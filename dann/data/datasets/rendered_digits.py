"""Digits rendered with fonts, after the description of SYN DIGITS."""

import math
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from pydantic import Field

from dann.data.datasets.mnist import DIGITS
from dann.data.domain import Domain, Split
from dann.data.storage.folders import made_folder
from dann.data.storage.sealed_files import read_array, write_array
from dann.errors import BadInput
from dann.files.atomic_files import hold_lock

VERSION = 2  # of the recipe: raise it when the same seed gives other images
PARTS = {"train": 0, "test": 1}
# Matplotlib's fonts with digits, without cmmi10, whose old-style 0 and 1 look like letters.
FONTS = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-BoldOblique", "-Oblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-BoldOblique", "-Oblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-BoldItalic", "-Italic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "BolIta", "Italic")),
    *("cmb10", "cmr10", "cmss10", "cmtt10"),
)
HEIGHT = (0.5, 0.8)  # of the labelled digit, as a share of the image's
ANGLE = 25.0  # degrees to either side
SHIFT = 0.08  # of the image's side, to either side
BLUR = 1.3  # standard deviation in pixels of 32
CONTRAST = 45.0  # the least difference in brightness of digit and ground, of 255
NOISE = 8  # the greatest, of 255
EDGES = (0, 0, 1, 2)  # widths of the digits' outline in pixels of 32

Count = Annotated[int, Field(ge=1, le=10_000_000)]
Seed = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=8, le=4096)]
Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]


class Glyph(NamedTuple):
    """A digit of a font: its coverage, where that lies from the pen, and how far the pen then moves."""

    mask: Image.Image
    left: int
    top: int
    advance: float


def rendered_digits(*, train: Count = 50_000, test: Count = 9_553, seed: Seed = 0, size: Side = 32) -> Domain:
    """Digits rendered with 20 fonts, RGB, as SYN DIGITS was: source images for SVHN that need no download.

    After Ganin et al. 2016, section 5.2.4: numbers of one, two or three digits, the label being the digit in the middle
    of the image, drawn with varying font, position, size, orientation, colours of the ground, the digits and their
    outline, and blur. The paper used Windows fonts and gives no ranges; these are Matplotlib's fonts, with ranges and a
    little noise of our choice. So results are not those of ``syn_digits``.

    Classes are balanced: image i shows the digit i mod 10. Each image depends on the seed, the split and its place in
    it alone, so a larger set begins with a smaller one, and the splits share no image. Once made, some thousands in a
    second, they are kept in the cache folder; other releases of Pillow or Matplotlib may draw them a little otherwise.

    Shape ``(N, 3, size, size)``, values 0 to 255. Licence: none needed, they are made here. Y. Ganin et al.,
    *Domain-Adversarial Training of Neural Networks*, 2016.

    Args:
        train: images in the training split.
        test: images in the test split.
        seed: another gives other images.
        size: H and W, in which they are rendered.
    """
    splits = [
        Split.of(torch.from_numpy(_load_or_render(part, count, seed, size)), torch.arange(count) % len(DIGITS))
        for part, count in (("train", train), ("test", test))
    ]
    return Domain("rendered_digits", splits[0], splits[1], DIGITS, f"rendered with {len(FONTS)} fonts, seed {seed}")


def _load_or_render(part: str, count: int, seed: int, size: int) -> Pixels:
    """Load the images of a split, shape ``(N, 3, size, size)``, from the cache, or render them and put them there."""
    programs = f"v{VERSION}-pillow{PIL.__version__}-matplotlib{version('matplotlib')}"
    path = made_folder("rendered_digits") / f"{part}-{count}-{size}px-seed{seed}-{programs}.npy"
    with hold_lock(path.with_suffix(".lock")):
        if (stored := read_array(path)) is not None:
            return stored
        images = np.empty((count, 3, size, size), np.uint8)
        for index in range(count):
            images[index] = _render(part, index, seed, size)
        write_array(path, [images], (3, size, size), np.uint8)
    return images


def _render(part: str, index: int, seed: int, size: int) -> Pixels:
    """Render one image, shape ``(3, size, size)``, of the digit ``index`` mod 10."""
    # The streams of RandomState and Philox are frozen by NumPy's policy; seeding Philox is quick, MT19937 is not.
    random = np.random.RandomState(np.random.Philox([seed, PARTS[part], index]))
    ground, ink, edge = _draw_colours(random)
    canvas, (x, y), height = _draw_number(index % len(DIGITS), ground, ink, edge, size, random)
    zoom = height / (size * random.uniform(*HEIGHT))  # pixels of the canvas in one of the image
    angle = math.radians(random.uniform(-ANGLE, ANGLE))
    across, down = size * (0.5 + random.uniform(-SHIFT, SHIFT, 2))
    a, b = zoom * math.cos(angle), zoom * math.sin(angle)
    to_canvas = (a, b, x - a * across - b * down, -b, a, y + b * across - a * down)
    image = canvas.transform(
        (size, size), Image.Transform.AFFINE, to_canvas, Image.Resampling.BILINEAR, fillcolor=ground
    ).filter(ImageFilter.GaussianBlur(random.uniform(0, BLUR) * size / 32))
    noise = np.frombuffer(random.bytes(3 * size * size), np.uint8).reshape(size, size, 3).astype(np.int16) - 128
    noisy = np.asarray(image) + noise * random.randint(NOISE + 1) // 128
    return noisy.clip(0, 255).astype(np.uint8).transpose(2, 0, 1)


def _draw_colours(random: np.random.RandomState) -> list[Colour]:
    """Draw colours of the ground, the digits and their outline until digit and ground differ in brightness."""
    while True:
        ground, ink, edge = map(tuple, random.randint(0, 256, (3, 3)).tolist())
        if abs(_brightness(ground) - _brightness(ink)) >= CONTRAST:
            return [ground, ink, edge]


def _brightness(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _draw_number(
    label: int, ground: Colour, ink: Colour, edge: Colour, size: int, random: np.random.RandomState
) -> tuple[Image.Image, tuple[float, float], int]:
    """Draw a number with ``label`` in it, tightly; return it, the middle of that digit, and its height."""
    font = FONTS[random.randint(len(FONTS))]
    digits = random.randint(0, len(DIGITS), 1 + random.randint(3)).tolist()
    place = random.randint(len(digits))
    digits[place] = label
    width = math.ceil(EDGES[random.randint(len(EDGES))] * size / 32)
    inner = [_draw_glyph(font, digit, 0, size) for digit in digits]
    outer = [_draw_glyph(font, digit, width, size) for digit in digits] if width else inner
    pens = [round(sum(glyph.advance for glyph in inner[:number])) for number in range(len(inner))]
    left = min(pen + glyph.left for pen, glyph in zip(pens, outer, strict=True)) - 1
    right = max(pen + glyph.left + glyph.mask.width for pen, glyph in zip(pens, outer, strict=True)) + 1
    top = min(glyph.top for glyph in outer) - 1
    bottom = max(glyph.top + glyph.mask.height for glyph in outer) + 1
    canvas = Image.new("RGB", (right - left, bottom - top), ground)
    for colour, glyphs in [(edge, outer), (ink, inner)] if width else [(ink, inner)]:
        for pen, glyph in zip(pens, glyphs, strict=True):
            canvas.paste(colour, (pen + glyph.left - left, glyph.top - top), glyph.mask)
    shown = inner[place]
    middle = pens[place] + shown.left + shown.mask.width / 2 - left, shown.top + shown.mask.height / 2 - top
    return canvas, middle, shown.mask.height


@cache
def _draw_glyph(font: str, digit: int, edge: int, size: int) -> Glyph:
    """Draw a digit about ``size`` pixels high, thickened by ``edge`` on each side."""
    face = _load_face(font, round(size * 1.2))
    left, top, right, bottom = face.getbbox(str(digit), stroke_width=edge)
    x, y = math.floor(left), math.floor(top)
    mask = Image.new("L", (math.ceil(right) - x, math.ceil(bottom) - y))
    ImageDraw.Draw(mask).text((-x, -y), str(digit), fill=255, font=face, stroke_width=edge)
    return Glyph(mask, x, y, face.getlength(str(digit)))


@cache
def _load_face(font: str, pixels: int) -> ImageFont.FreeTypeFont:
    import matplotlib  # takes a fifth of a second

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    try:
        return ImageFont.truetype(path, pixels, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise BadInput(f"{path}: Matplotlib's font is missing ({error}): install Matplotlib with its fonts") from error
