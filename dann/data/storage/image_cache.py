"""Cache of decoded images: one memory-mapped uint8 file per content and size.

An index file, named by the paths, sizes and times of the image files, leads to the decoded file, named by their
content. So a second start only looks at the files, files that were moved or touched are read but not decoded again,
and files that changed are.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from dann.data.readers.image_conversion import describe_conversion
from dann.data.readers.image_files import FILE_ERRORS, ImageFiles
from dann.data.storage.folders import cache_folder, memory_budget
from dann.data.store import Store, TensorStore
from dann.errors import BadInput
from dann.files import hold_lock, write_whole

VERSION = (
    1  # of decoding, part of checksums in records: ``describe_conversion`` marks files that decode otherwise since
)
STATE_VERSION = 2  # of what an index says about files: to be raised when they are to be read again
READ_AHEAD = 256  # images that are decoded while one is written


def load_images(files: ImageFiles) -> tuple[Store, dict[int, str]]:
    """Load the readable images of ``files``, and the faults of the others by their row.

    They are decoded into the cache once or, if that would be larger than the memory budget, only tried once.
    """
    folder = cache_folder() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    streamed = len(files) * 3 * files.size**2 > memory_budget()
    index = folder / f"{_name_of_state(files)}{'-streamed' if streamed else ''}.json"
    with hold_lock(index.with_suffix(".lock")):
        entry = _read_index(index)
        if entry is None or not (streamed or _is_whole(folder / entry["file"], entry["count"], files.size)):
            entry = _build(files, folder, streamed)
            write_whole(index, json.dumps(entry).encode())
    bad = {int(row): f"{files.paths[int(row)]}{fault}" for row, fault in entry["bad"].items()}
    if streamed:
        return _leave_out(files, set(bad), entry["content"]), bad
    images = np.load(folder / entry["file"], mmap_mode="c")
    return TensorStore(torch.from_numpy(images).permute(0, 3, 1, 2), entry["content"]), bad


def _leave_out(files: ImageFiles, bad: set[int], content: str) -> ImageFiles:
    good = [row for row in range(len(files)) if row not in bad]
    boxes = tuple(files.boxes[row] for row in good) if files.boxes else None
    return replace(files, paths=tuple(files.paths[row] for row in good), boxes=boxes, known=content)


def _name_of_state(files: ImageFiles) -> str:
    """A name for the state of the files: their paths, sizes in bytes and times of change."""
    digest = hashlib.sha256(f"{STATE_VERSION} {files.size} {files.fit} {files.boxes}".encode())
    for path in files.paths:
        try:
            state = os.stat(path)
            digest.update(f"\n{path} {state.st_size} {state.st_mtime_ns}".encode())
        except OSError as error:  # reported when it is decoded
            digest.update(f"\n{path} {error.errno}".encode())
    return digest.hexdigest()[:32]


def _build(files: ImageFiles, folder: Path, streamed: bool) -> dict[str, Any]:
    """Read all files, decode them unless the same content has been, and return the index entry."""
    content = hashlib.sha256(f"{VERSION} {files.size} {files.fit} {files.boxes}".encode())
    with ThreadPoolExecutor() as pool:
        for digest in pool.map(_digest, files.paths):
            content.update(digest)
    name = content.hexdigest()
    known = folder / f"{name}.json"
    entry = _read_index(known)
    if entry is None or not (streamed or _is_whole(folder / entry["file"], entry["count"], files.size)):
        entry = {"content": name, "file": f"{name}.npy", **_decode(files, folder / f"{name}.npy", streamed)}
        if not streamed:
            write_whole(known, json.dumps(entry).encode())
    return entry


def _digest(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return hashlib.sha256(content).digest() + describe_conversion(content).encode()
    except OSError as error:
        if error.errno not in FILE_ERRORS:
            raise
        return str(error.errno).encode()


def _decode(files: ImageFiles, path: Path, streamed: bool) -> dict[str, Any]:
    """Decode all files into ``path``, which appears when it is whole; return their count and the others' faults."""
    bad: dict[str, str] = {}
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with unfinished.open("wb") as out:
            _write_header(out, len(files), files.size)
            for row, image in enumerate(_decode_in_order(files)):
                if isinstance(image, BadInput):
                    bad[str(row)] = str(image).removeprefix(str(files.paths[row]))
                    continue
                count += 1
                if not streamed:
                    out.write(image.data)
            _write_header(out, count, files.size)
            out.flush()
            os.fsync(out.fileno())
        if not streamed:
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return {"count": count, "bad": bad}


def _decode_in_order(files: ImageFiles) -> Iterator[NDArray[np.uint8] | BadInput]:
    def attempt(row: int) -> NDArray[np.uint8] | BadInput:
        try:
            return np.ascontiguousarray(files.pixels(row))
        except BadInput as error:
            return error

    with ThreadPoolExecutor() as pool:  # Pillow lets other threads run while it decodes
        for first in range(0, len(files), READ_AHEAD):
            yield from pool.map(attempt, range(first, min(first + READ_AHEAD, len(files))))


def _write_header(out: BinaryIO, count: int, size: int) -> None:
    """Write the head of an .npy file of uint8, shape ``(count, size, size, 3)``; NumPy leaves room for any count."""
    out.seek(0)
    head = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 3)}
    np.lib.format.write_array_header_1_0(out, head)


def _is_whole(path: Path, count: int, size: int) -> bool:
    try:
        shape: tuple[int, ...] = np.load(path, mmap_mode="r").shape  # fails on a file that is too short
    except (OSError, ValueError):
        return False
    return shape == (count, size, size, 3)


def _read_index(path: Path) -> dict[str, Any] | None:
    try:
        entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return entry if {"content", "file", "count", "bad"} <= set(entry) else None
    except (OSError, ValueError):
        return None
