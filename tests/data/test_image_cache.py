"""The memory-mapped cache of decoded images, and streaming over the budget."""

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from image_folders import load_photos, write_photo, write_photos

from dann.data.readers.image_files import ImageFiles
from dann.data.storage import image_cache as cache
from dann.data.storage.image_splits import load_image_split
from dann.data.store import TensorStore
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("own_cache")


def counting(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are decoded from now on."""
    seen: list[Path] = []
    genuine = ImageFiles.pixels

    def pixels(files: ImageFiles, row: int) -> np.ndarray:
        seen.append(files.paths[row])
        return genuine(files, row)

    monkeypatch.setattr(ImageFiles, "pixels", pixels)
    return seen


def test_images_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_photos(tmp_path / "a")
    seen = counting(monkeypatch)
    x, y, skipped = load_photos(paths)
    assert x.shape == (6, 3, 8, 8) and x[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40, 50] and y == list(range(6))
    assert len(seen) == 6 and not skipped
    again, _, _ = load_photos(paths)
    assert torch.equal(x, again) and len(seen) == 6
    split, _ = load_image_split(paths, range(6), root=tmp_path, size=8)
    assert isinstance(split.store, TensorStore)
    maps = Path("/proc/self/maps")
    if maps.is_file():  # memory-mapped, not read
        assert ".npy" in maps.read_text()


def test_moved_or_touched_files_are_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_photos(tmp_path / "a")
    x, _, _ = load_photos(paths)
    seen = counting(monkeypatch)
    os.utime(paths[0], (1, 1))
    (tmp_path / "a").rename(tmp_path / "b")
    moved, _, _ = load_photos([tmp_path / "b" / path.name for path in paths])
    assert torch.equal(moved, x) and not seen


@pytest.mark.parametrize("change", ["content", "content at the same time", "order", "size", "fit", "fewer"])
def test_what_changes_the_examples_makes_them_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    paths = write_photos(tmp_path / "a")
    load_photos(paths)
    seen = counting(monkeypatch)
    if change == "content":
        before = paths[2].stat()
        write_photo(paths[2], (99, 5, 200))
        os.utime(paths[2], ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        assert load_photos(paths)[0][2, 0, 0, 0] == 99
    elif change == "content at the same time":
        before = paths[2].stat()
        write_photo(paths[2], (99, 5, 200))
        os.utime(paths[2], ns=(before.st_atime_ns, before.st_mtime_ns))
        assert paths[2].stat().st_size == before.st_size and load_photos(paths)[0][2, 0, 0, 0] == 99
    elif change == "order":
        assert load_photos(paths[::-1])[0][0, 0, 0, 0] == 50
    elif change == "fewer":
        assert len(load_photos(paths[:4])[0]) == 4
    else:
        options = {"size": {"size": 10}, "fit": {"size": 8, "fit": "crop"}}[change]
        load_image_split(paths, range(6), root=tmp_path, **options)  # type: ignore[arg-type]
    assert seen


@pytest.mark.parametrize("damage", ["index cut", "index empty", "file cut", "file gone", "index of another shape"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, own_cache: Path, damage: str) -> None:
    paths = write_photos(tmp_path / "a")
    x, _, _ = load_photos(paths)
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
    assert torch.equal(load_photos(paths)[0], x)


def _load_in_a_process(folder: str, results: "multiprocessing.Queue[int]") -> None:
    x, _, _ = load_photos(sorted(Path(folder).glob("*.png")))
    results.put(int(x.sum()))


@pytest.mark.slow
def test_two_processes_build_one_cache(tmp_path: Path, own_cache: Path) -> None:
    paths = sorted(write_photos(tmp_path / "a", 25))
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_load_in_a_process, args=(str(tmp_path / "a"), results)) for _ in range(2)]
    for process in processes:
        process.start()
    sums = {results.get(timeout=120) for _ in processes}
    for process in processes:
        process.join()
    assert sums == {int(load_photos(paths)[0].sum())}
    assert len(list((own_cache / "images").glob("*.npy"))) == 1 and not list(own_cache.rglob("*.tmp"))


def test_an_interrupted_build_leaves_nothing_that_counts(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_photos(tmp_path / "a")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache, "write_array", stop)
        with pytest.raises(KeyboardInterrupt):
            load_photos(paths)
    assert not list(own_cache.rglob("*.npy*"))
    assert len(load_photos(paths)[0]) == 6


def test_larger_sets_are_streamed_with_the_same_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_photos(tmp_path / "a")
    held, _ = load_image_split(paths, range(6), root=tmp_path, size=8)
    monkeypatch.setenv("DANN_MEMORY", str(6 * 3 * 64 / 2**30 - 1e-9))
    streamed, _ = load_image_split(paths, range(6), root=tmp_path, size=8)
    assert not held.store.streamed and streamed.store.streamed
    assert torch.equal(held.x, streamed.x) and held.checksum() == streamed.checksum()


@pytest.mark.parametrize("value", ["much", "-1", "nan"])
def test_a_budget_that_is_no_number_is_refused(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANN_MEMORY", value)
    with pytest.raises(BadInput, match=r"DANN_MEMORY is .*GiB"):
        load_photos(write_photos(tmp_path / "a"))
