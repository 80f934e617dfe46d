"""Splits of image files, and every kind of damaged file."""

import errno
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from image_folders import load_photos, write_photos
from PIL import Image

from dann.data.storage.image_splits import load_image_split, resize_images
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("own_cache")


def test_resized_is_antialiased_and_keeps_what_fits() -> None:
    x = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    assert resize_images(x, None) is x and resize_images(x, 8) is x
    checkers = (torch.arange(8)[:, None] + torch.arange(8) & 1).mul(255).to(torch.uint8).expand(2, 1, 8, 8)
    assert (
        resize_images(checkers.contiguous(), 4).float() - 127.5
    ).abs().max() < 40  # grey, where sampling would alias


def encoded(kind: str) -> bytes:
    content = io.BytesIO()
    x = np.random.RandomState(0).randint(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(x).save(content, kind)
    return content.getvalue()


DAMAGE = {
    "empty": lambda content: b"",
    "text": lambda content: b"<html>404 not found</html>",
    "head only": lambda content: content[:20],
    "half": lambda content: content[: len(content) // 2],
    "wrong magic": lambda content: b"XXXX" + content[4:],
    "zeros": lambda content: bytes(len(content)),
    "zeros after the head": lambda content: content[:24] + bytes(len(content) - 24),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("budget", ["4", "0"])
def test_damaged_images_are_an_error_or_skipped_by_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, damage: str, budget: str
) -> None:
    content = DAMAGE[damage](encoded(kind))
    paths = write_photos(tmp_path / "a")
    suffix = kind.lower()
    bad = tmp_path / "a" / f"2.{suffix}"
    paths[2].unlink()
    bad.write_bytes(content)
    paths[2] = bad
    try:
        with Image.open(bad) as image:
            image.load()
    except Exception:
        pass
    else:
        pytest.skip(f"a {kind} has no check against {damage}: it is a readable image")
    monkeypatch.setenv("DANN_MEMORY", budget)
    with pytest.raises(BadInput, match=rf"2.{suffix}: not a readable image .*on_bad: skip"):
        load_photos(paths)
    x, y, skipped = load_photos(paths, on_bad="skip")
    assert skipped == (f"2.{suffix}",) and y == [0, 1, 3, 4, 5]
    assert x[:, 0, 0, 0].tolist() == [0, 10, 30, 40, 50]


def test_nothing_but_damage_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    paths = write_photos(tmp_path / "a", 2)
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(BadInput, match="none of its 2 images is readable"):
        load_photos(paths, on_bad="skip")
    with pytest.raises(BadInput, match="no images there"):
        load_image_split([], [], root=tmp_path, size=8)


def test_a_file_that_vanishes_or_a_folder_in_its_place(tmp_path: Path) -> None:
    paths = write_photos(tmp_path / "a", 3)
    paths[1].unlink()
    with pytest.raises(BadInput, match=r"1.png: not a readable image .*No such file"):
        load_photos(paths)
    paths[1].mkdir()
    with pytest.raises(BadInput, match=r"1.png"):
        load_photos(paths)


def test_what_cannot_be_opened_is_skipped_and_a_failing_system_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_photos(tmp_path / "a")
    paths[1].unlink()
    paths[1].symlink_to("nowhere")
    paths[3].unlink()
    paths[3].mkdir()
    _, y, skipped = load_photos(paths, on_bad="skip")
    assert y == [0, 2, 4, 5] and skipped == ("1.png", "3.png")

    def exhausted(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    fine = write_photos(tmp_path / "b")
    with monkeypatch.context() as patch:
        patch.setattr("PIL.Image.open", exhausted)
        with pytest.raises(OSError, match="Too many"):
            load_photos(fine, on_bad="skip")
    assert load_photos(fine, on_bad="skip")[1] == list(range(6))
