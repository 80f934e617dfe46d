"""Image files: decoding, the memory-mapped cache, streaming over the budget, and every kind of damaged file."""

import errno
import io
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dann.data.readers.image_files import ImageFiles, decode_image, list_class_folders
from dann.data.storage import image_cache as cache
from dann.data.storage.image_splits import load_image_split, resize_images
from dann.data.store import TensorStore
from dann.errors import BadInput


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def photo(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (30, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def photos(folder: Path, count: int = 6) -> list[Path]:
    """Images whose red tells their number."""
    return [photo(folder / f"{i}.png", (10 * i, 5, 200)) for i in range(count)]


def loaded(paths: list[Path], **options: object) -> tuple[torch.Tensor, list[int], tuple[str, ...]]:
    split, skipped = load_image_split(paths, range(len(paths)), root=paths[0].parent, size=8, **options)  # type: ignore[arg-type]
    return split.x, split.y.tolist(), skipped


def counting(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are decoded from now on."""
    seen: list[Path] = []
    genuine = ImageFiles.pixels

    def pixels(files: ImageFiles, row: int) -> np.ndarray:
        seen.append(files.paths[row])
        return genuine(files, row)

    monkeypatch.setattr(ImageFiles, "pixels", pixels)
    return seen


# Decoding


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


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_images_of_more_than_8_bits_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (12, 12)).save(tmp_path / "a.tif")
    with pytest.raises(BadInput, match=r"a.tif: not a readable image .*more than 8 bits"):
        decode_image(tmp_path / "a.tif", 8, "squash")


def test_jpeg_draft_is_never_smaller_than_the_example(tmp_path: Path) -> None:
    x = np.random.RandomState(0).randint(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(x).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        whole = np.asarray(image.convert("RGB").resize((100, 100), Image.Resampling.BILINEAR), float)
    assert np.abs(decode_image(tmp_path / "a.jpg", 100, "squash") - whole).mean() < 12


def test_resized_is_antialiased_and_keeps_what_fits() -> None:
    x = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8)
    assert resize_images(x, None) is x and resize_images(x, 8) is x
    checkers = (torch.arange(8)[:, None] + torch.arange(8) & 1).mul(255).to(torch.uint8).expand(2, 1, 8, 8)
    assert (
        resize_images(checkers.contiguous(), 4).float() - 127.5
    ).abs().max() < 40  # grey, where sampling would alias


# The cache


def test_images_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = photos(tmp_path / "a")
    seen = counting(monkeypatch)
    x, y, skipped = loaded(paths)
    assert x.shape == (6, 3, 8, 8) and x[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40, 50] and y == list(range(6))
    assert len(seen) == 6 and not skipped
    again, _, _ = loaded(paths)
    assert torch.equal(x, again) and len(seen) == 6
    split, _ = load_image_split(paths, range(6), root=tmp_path, size=8)
    assert isinstance(split.store, TensorStore)
    maps = Path("/proc/self/maps")
    if maps.is_file():  # memory-mapped, not read
        assert ".npy" in maps.read_text()


def test_moved_or_touched_files_are_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = photos(tmp_path / "a")
    x, _, _ = loaded(paths)
    seen = counting(monkeypatch)
    os.utime(paths[0], (1, 1))
    (tmp_path / "a").rename(tmp_path / "b")
    moved, _, _ = loaded([tmp_path / "b" / path.name for path in paths])
    assert torch.equal(moved, x) and not seen


@pytest.mark.parametrize("change", ["content", "order", "size", "fit", "fewer"])
def test_what_changes_the_examples_makes_them_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    paths = photos(tmp_path / "a")
    loaded(paths)
    seen = counting(monkeypatch)
    if change == "content":
        before = paths[2].stat()
        photo(paths[2], (99, 5, 200))
        os.utime(paths[2], ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        assert loaded(paths)[0][2, 0, 0, 0] == 99
    elif change == "order":
        assert loaded(paths[::-1])[0][0, 0, 0, 0] == 50
    elif change == "fewer":
        assert len(loaded(paths[:4])[0]) == 4
    else:
        options = {"size": {"size": 10}, "fit": {"size": 8, "fit": "crop"}}[change]
        load_image_split(paths, range(6), root=tmp_path, **options)  # type: ignore[arg-type]
    assert seen


@pytest.mark.parametrize("damage", ["index cut", "index empty", "file cut", "file gone", "index of another shape"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, own_cache: Path, damage: str) -> None:
    paths = photos(tmp_path / "a")
    x, _, _ = loaded(paths)
    files = list((own_cache / "images").glob("*.npy"))
    for index in (own_cache / "images").glob("*.json"):
        if damage == "index cut":
            index.write_text(index.read_text()[:20])
        elif damage == "index empty":
            index.write_text("")
        elif damage == "index of another shape":
            index.write_text(json.dumps({"count": 6}))
    if damage == "file cut":
        files[0].write_bytes(files[0].read_bytes()[:-1])
    elif damage == "file gone":
        files[0].unlink()
    assert torch.equal(loaded(paths)[0], x)


def _load_in_a_process(folder: str, results: "multiprocessing.Queue[int]") -> None:
    x, _, _ = loaded(sorted(Path(folder).glob("*.png")))
    results.put(int(x.sum()))


@pytest.mark.slow
def test_two_processes_build_one_cache(tmp_path: Path, own_cache: Path) -> None:
    paths = sorted(photos(tmp_path / "a", 25))
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_load_in_a_process, args=(str(tmp_path / "a"), results)) for _ in range(2)]
    for process in processes:
        process.start()
    sums = {results.get(timeout=120) for _ in processes}
    for process in processes:
        process.join()
    assert sums == {int(loaded(paths)[0].sum())}
    assert len(list((own_cache / "images").glob("*.npy"))) == 1 and not list(own_cache.rglob("*.tmp"))


def test_an_interrupted_build_leaves_nothing_that_counts(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = photos(tmp_path / "a")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache, "_write_header", stop)
        with pytest.raises(KeyboardInterrupt):
            loaded(paths)
    assert not list(own_cache.rglob("*.npy*"))
    assert len(loaded(paths)[0]) == 6


# Over the memory budget


def test_larger_sets_are_streamed_with_the_same_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = photos(tmp_path / "a")
    held, _ = load_image_split(paths, range(6), root=tmp_path, size=8)
    monkeypatch.setenv("DANN_MEMORY", str(6 * 3 * 64 / 2**30 - 1e-9))
    streamed, _ = load_image_split(paths, range(6), root=tmp_path, size=8)
    assert not held.store.streamed and streamed.store.streamed
    assert torch.equal(held.x, streamed.x) and held.checksum() == streamed.checksum()


@pytest.mark.parametrize("value", ["much", "-1", "nan"])
def test_a_budget_that_is_no_number_is_refused(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANN_MEMORY", value)
    with pytest.raises(BadInput, match=r"DANN_MEMORY is .*GiB"):
        loaded(photos(tmp_path / "a"))


# Damaged files


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
    paths = photos(tmp_path / "a")
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
        pytest.skip(f"a {kind} has no check that would tell {damage}: it is a readable image")
    monkeypatch.setenv("DANN_MEMORY", budget)
    with pytest.raises(BadInput, match=rf"2.{suffix}: not a readable image .*on_bad: skip"):
        loaded(paths)
    x, y, skipped = loaded(paths, on_bad="skip")
    assert skipped == (f"2.{suffix}",) and y == [0, 1, 3, 4, 5]
    assert x[:, 0, 0, 0].tolist() == [0, 10, 30, 40, 50]


def test_nothing_but_damage_is_an_error_even_when_skipping(tmp_path: Path) -> None:
    paths = photos(tmp_path / "a", 2)
    for path in paths:
        path.write_bytes(b"")
    with pytest.raises(BadInput, match="none of its 2 images is readable"):
        loaded(paths, on_bad="skip")
    with pytest.raises(BadInput, match="no images there"):
        load_image_split([], [], root=tmp_path, size=8)


def test_a_file_that_vanishes_or_a_folder_in_its_place(tmp_path: Path) -> None:
    paths = photos(tmp_path / "a", 3)
    paths[1].unlink()
    with pytest.raises(BadInput, match=r"1.png: not a readable image .*No such file"):
        loaded(paths)
    paths[1].mkdir()
    with pytest.raises(BadInput, match=r"1.png"):
        loaded(paths)


def test_what_cannot_be_opened_is_skipped_and_a_failing_system_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = photos(tmp_path / "a")
    paths[1].unlink()
    paths[1].symlink_to("nowhere")
    paths[3].unlink()
    paths[3].mkdir()
    _, y, skipped = loaded(paths, on_bad="skip")
    assert y == [0, 2, 4, 5] and skipped == ("1.png", "3.png")

    def exhausted(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    fine = photos(tmp_path / "b")
    with monkeypatch.context() as patch:
        patch.setattr("PIL.Image.open", exhausted)
        with pytest.raises(OSError, match="Too many"):
            loaded(fine, on_bad="skip")
    assert loaded(fine, on_bad="skip")[1] == list(range(6))


def test_class_folders(tmp_path: Path) -> None:
    for name in ("cat/b.png", "cat/deep/a.JPG", "dog/c.png"):
        photo(tmp_path / name, (0, 0, 0))
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
