"""Digits rendered with fonts."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dann.data.datasets import rendered_digits as rendered
from dann.data.datasets.rendered_digits import rendered_digits
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("own_cache")


def test_rendered_digits_depend_on_seed_split_and_place_alone() -> None:
    domain = rendered_digits(train=24, test=12)
    assert domain.test is not None and domain.train.x.shape == (24, 3, 32, 32)
    assert domain.train.x.dtype == torch.uint8 and domain.train.y.tolist() == [i % 10 for i in range(24)]
    longer = rendered_digits(train=30, test=12)
    assert torch.equal(longer.train.x[:24], domain.train.x)
    alone = rendered._render("train", 17, seed=0, size=32)
    assert np.array_equal(domain.train.x[17].numpy(), alone)
    other = rendered_digits(train=24, test=12, seed=1)
    images = [image.numpy().tobytes() for split in (longer.train, domain.test, other.train, other.test)  # type: ignore[union-attr]
              for image in split.x]  # fmt: skip
    assert len(set(images)) == len(images) == 30 + 12 + 24 + 12
    assert rendered_digits(train=3, test=1, size=20).train.x.shape == (3, 3, 20, 20)


def test_the_labelled_digit_is_in_the_middle() -> None:
    white, black = (255, 255, 255), (0, 0, 0)
    numbers = set()
    for seed in range(40):
        random = np.random.RandomState(seed)
        font = rendered.FONTS[np.random.RandomState(seed).randint(len(rendered.FONTS))]  # the first draw
        canvas, (x, y), height = rendered._draw_number(seed % 10, black, white, black, 32, random)
        glyph = rendered._draw_glyph(font, seed % 10, 0, 32)
        assert height == glyph.mask.height
        left, top = round(x - glyph.mask.width / 2), round(y - glyph.mask.height / 2)
        shown = canvas.convert("L").crop((left, top, left + glyph.mask.width, top + glyph.mask.height))
        full = np.asarray(glyph.mask) == 255
        assert full.sum() > 20 and (np.asarray(shown)[full] == 255).all()
        numbers.add(round(canvas.width / canvas.height))
    assert len(numbers) > 1  # of one, two and three digits


def test_fonts_draw_ten_different_digits() -> None:
    for font in rendered.FONTS:
        masks = [rendered._draw_glyph(font, digit, 0, 32).mask for digit in range(10)]
        assert len({mask.tobytes() for mask in masks}) == 10
        assert all(np.asarray(mask).max() == 255 and mask.height >= 18 for mask in masks)


def test_digits_stand_out_from_their_ground_and_turn_both_ways() -> None:
    images = np.stack([rendered._render("train", index, seed=0, size=32) for index in range(60)])
    brightness = np.tensordot(images.astype(float), [0.299, 0.587, 0.114], axes=([1], [0]))
    assert np.quantile(np.ptp(brightness, axis=(1, 2)), 0.1) > 30
    assert np.ptp(images.mean(axis=(2, 3)), axis=0).min() > 120  # colours of all kinds
    sharpness = np.abs(np.diff(brightness, axis=2)).max(axis=(1, 2)) / np.ptp(brightness, axis=(1, 2))
    assert sharpness.min() < 0.35 and sharpness.max() > 0.6  # blurred and not


def test_rendered_digits_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rendered_digits(train=6, test=2)
    kept = sorted((tmp_path / "cache" / "rendered_digits").glob("*.npy"))
    assert [path.name.split("-")[:2] for path in kept] == [["test", "2"], ["train", "6"]]
    with monkeypatch.context() as patched:
        patched.setattr(rendered, "_render", None)
        assert rendered_digits(train=6, test=2).checksum() == first.checksum()
    for damage in (b"", b"\x93NUMPY cut", b"PK\x03\x04", kept[1].read_bytes()[:-1], kept[0].read_bytes()):
        kept[1].write_bytes(damage)
        assert rendered_digits(train=6, test=2).checksum() == first.checksum()
    rest = {path.suffix for path in (tmp_path / "cache" / "rendered_digits").iterdir()} - {".npy"}
    assert rest <= {".lock"}  # nothing unfinished


def test_missing_font_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("matplotlib.get_data_path", lambda: str(tmp_path))
    with pytest.raises(BadInput, match=r"cmr10.ttf.*install Matplotlib"):
        rendered._load_face.__wrapped__("cmr10", 20)
