"""Files of AdaTime's benchmark: the windows of a person, split for training and for testing, without running code."""

from pathlib import Path
from typing import Any

import torch

from dann.data.domain import Split
from dann.data.readers.array_files import read_content
from dann.data.readers.example_arrays import to_array
from dann.data.readers.label_arrays import to_class_indices
from dann.errors import BadInput

PARTS = ("train", "test")


def read_adatime(folder: Path, person: int, shape: tuple[int, int], classes: int) -> tuple[list[Split], str] | None:
    """Read the training and the test windows of a person, and the kind of file they come from; None without files.

    AdaTime has ``train_2.pt`` and ``test_2.pt`` for person 2, here in the folder or in ``HAR/``: a dictionary of
    ``samples`` and ``labels``, NumPy arrays or tensors. Joined files of all persons are ``adatime_train.npz`` and
    ``adatime_test.npz``: ``x``, ``y`` and ``person``. Per-person files come first.

    Args:
        shape: channels and steps of a window; windows of steps × channels are turned, as AdaTime does.
        classes: number of classes, whose labels are 0 to K − 1.

    Raises:
        BadInput: a file is missing beside the other, damaged, or holds something else.
    """
    places = [folder, folder / "HAR"]
    of_person = next(
        (place for place in places if any((place / f"{part}_{person}.pt").exists() for part in PARTS)), None
    )
    joined = [folder / f"adatime_{part}.npz" for part in PARTS]
    if of_person is not None:
        files, kind = [of_person / f"{part}_{person}.pt" for part in PARTS], "AdaTime's files of one person"
        read = [_select(file, _read(file), ("samples", "labels"), None) for file in files]
    elif any(file.exists() for file in joined):
        files, kind = joined, "AdaTime's files, joined"
        read = [_select(file, _read(file), ("x", "y"), person) for file in files]
    else:
        return None
    return [_to_split(file, x, y, shape, classes) for file, (x, y) in zip(files, read, strict=True)], kind


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        raise BadInput(f"{file} is missing beside the file of the other split: restore it")
    content = read_content(file)
    if not isinstance(content, dict):
        raise BadInput(f"{file}: one array without a name, not AdaTime's dictionary: restore it")
    return content


def _select(file: Path, content: dict[str, Any], keys: tuple[str, str], person: int | None) -> tuple[Any, Any]:
    """The examples and labels in a file's content, of one person where the file has those of all."""
    wanted = keys if person is None else (*keys, "person")
    if missing := [key for key in wanted if key not in content]:
        raise BadInput(
            f"{file}: there is no {', '.join(missing)}: AdaTime's files hold {', '.join(wanted)}: restore it"
        )
    x, y, *people = (to_array(content[key], f"{file}: {key}") for key in wanted)
    if len({each.shape[:1] for each in (x, y, *people)}) > 1 or y.ndim == 0:
        raise BadInput(f"{file}: {len(x) if x.ndim else 1} windows and another number of labels: restore it")
    if person is None:
        return x, y
    rows = people[0] == person
    if not rows.any():
        raise BadInput(f"{file}: no windows of person {person}: restore it")
    return x[rows], y[rows]


def _to_split(file: Path, x: Any, y: Any, shape: tuple[int, int], classes: int) -> Split:
    if x.ndim == 3 and x.shape[1:] == shape[::-1]:
        x = x.transpose(0, 2, 1)
    if x.shape[1:] != shape or x.dtype.kind not in "fiu" or len(x) == 0:
        raise BadInput(
            f"{file}: windows {x.shape} of type {x.dtype}, not (N, {shape[0]}, {shape[1]}) numbers: restore it"
        )
    windows = torch.from_numpy(x.astype("float32"))
    if not windows.isfinite().all():
        raise BadInput(f"{file}: has values that are NaN or infinite: restore it")
    return Split.of(windows, torch.from_numpy(to_class_indices(y, file, 0, classes)))
