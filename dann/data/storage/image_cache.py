"""Cache of decoded images: one memory-mapped uint8 file per content and size.

An index file, named by the paths, sizes and times of the image files, leads to the decoded file, named by their
content. So a second start only looks at the files, files that were moved or touched are read but not decoded again,
and files that changed are.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from dann.data.readers.image_conversion import describe_conversion
from dann.data.readers.image_files import FILE_ERRORS, ImageFiles
from dann.data.storage.folders import made_folder, memory_budget
from dann.data.storage.sealed_files import read_array, read_sealed, write_array, write_sealed
from dann.data.store import Store, TensorStore
from dann.errors import BadInput
from dann.files.atomic_files import hold_lock

VERSION = (
    1  # of decoding, part of checksums in records: ``describe_conversion`` marks files that decode otherwise since
)
STATE_VERSION = 2  # of what an index says about files: to be raised when they are to be read again
READ_AHEAD = 256  # images that are decoded while one is written
Item = TypeVar("Item")
Result = TypeVar("Result")


def load_images(files: ImageFiles) -> tuple[Store, dict[int, str]]:
    """Load the readable images of ``files``, and the faults of the others by their row.

    They are decoded into the cache once or, if that would be larger than the memory budget, only tried once.
    """
    folder = made_folder("images")
    streamed = len(files) * 3 * files.size**2 > memory_budget()
    index = folder / f"{_name_of_state(files)}{'-streamed' if streamed else ''}.json"
    with hold_lock(index.with_suffix(".lock")):
        entry = _read_index(index)
        images = None if entry is None or streamed else read_array(folder / entry["file"])
        if entry is None or (images is None and not streamed):
            entry, images = _build(files, folder, streamed)
            write_sealed(index, json.dumps(entry).encode())
    bad = {int(row): f"{files.paths[int(row)]}{fault}" for row, fault in entry["bad"].items()}
    if images is None:
        return _leave_out(files, set(bad), entry["content"]), bad
    return TensorStore(torch.from_numpy(images).permute(0, 3, 1, 2), entry["content"]), bad


def _leave_out(files: ImageFiles, bad: set[int], content: str) -> ImageFiles:
    good = [row for row in range(len(files)) if row not in bad]
    boxes = tuple(files.boxes[row] for row in good) if files.boxes else None
    return replace(files, paths=tuple(files.paths[row] for row in good), boxes=boxes, known=content)


def _name_of_state(files: ImageFiles) -> str:
    """A name for the state of the files: their paths, sizes in bytes and times of change.

    The time of modification can be set, as ``cp -p`` and ``touch -r`` do; the status's time of change cannot.
    """
    digest = hashlib.sha256(f"{STATE_VERSION} {files.size} {files.fit} {files.boxes}".encode())
    for path in files.paths:
        try:
            state = os.stat(path)
            digest.update(f"\n{path} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}".encode())
        except OSError as error:  # reported when it is decoded
            digest.update(f"\n{path} {error.errno}".encode())
    return digest.hexdigest()[:32]


def _build(files: ImageFiles, folder: Path, streamed: bool) -> tuple[dict[str, Any], NDArray[np.uint8] | None]:
    """Read all files, decode them unless the same content has been, and return the index entry and the images."""
    content = hashlib.sha256(f"{VERSION} {files.size} {files.fit} {files.boxes}".encode())
    for digest in _in_threads(_digest, files.paths):
        content.update(digest)
    name = content.hexdigest()
    path, known = folder / f"{name}.npy", folder / f"{name}.json"
    entry = _read_index(known)
    images = None if entry is None or streamed else read_array(path)
    if entry is None or (images is None and not streamed):
        entry = {"content": name, "file": path.name, **_decode(files, path, streamed)}
        if not streamed:
            write_sealed(known, json.dumps(entry).encode())
            images = read_array(path)
            if images is None:
                raise BadInput(f"{path}: was changed while it was read: run the same command again")
    return entry, images


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

    def good() -> Iterator[NDArray[np.uint8]]:
        for row, image in enumerate(_in_threads(partial(_attempt, files), range(len(files)))):
            if isinstance(image, BadInput):
                bad[str(row)] = str(image).removeprefix(str(files.paths[row]))
            else:
                yield image[None]

    count = sum(1 for _ in good()) if streamed else write_array(path, good(), (files.size, files.size, 3), np.uint8)
    return {"count": count, "bad": bad}


def _attempt(files: ImageFiles, row: int) -> NDArray[np.uint8] | BadInput:
    try:
        return files.pixels(row)
    except BadInput as error:
        return error


def _in_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """The results of ``function`` in order, some of them ahead; Pillow and hashing let other threads run meanwhile."""
    pool = ThreadPoolExecutor()
    try:
        for first in range(0, len(items), READ_AHEAD):
            yield from pool.map(function, items[first : first + READ_AHEAD])
    finally:
        pool.shutdown(cancel_futures=True)  # an interruption waits for those under way alone


def _read_index(path: Path) -> dict[str, Any] | None:
    content = read_sealed(path)
    return None if content is None else json.loads(content)
