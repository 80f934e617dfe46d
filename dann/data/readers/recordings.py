"""Recordings of sensors in files of arrays: series of equal or unequal length, with labels of series or of steps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dann.data.readers.array_files import read_content
from dann.data.readers.example_arrays import to_array
from dann.data.readers.example_layout import Layout, series_to_channels_first
from dann.errors import BadInput

KEYS = ("x", "y", "lengths", "x_test", "y_test", "lengths_test", "classes")


@dataclass(frozen=True)
class Recording:
    """One series: values ``(T, C)`` and the label of each step as written, ``(T,)``, or None; ``place`` names it."""

    place: str
    values: NDArray[Any]
    labels: NDArray[Any] | None


@dataclass(frozen=True)
class RecordingFile:
    """The recordings of a file by their part, ``train`` and ``test``, and the names of its channels and classes."""

    parts: dict[str, list[Recording]]
    channels: list[str]
    classes: Any = None


def read_recording_arrays(path: Path, layout: Layout | None) -> RecordingFile:
    """Read recordings from a .npz, .npy, .pt, .pth or .mat file.

    ``x`` is N series of one length, ``(N, C, T)`` or ``(N, T, C)``; or one recording, ``(T, C)`` or ``(T,)``; or, with
    ``lengths`` ``(N,)``, N series one after the other, ``(ΣT, C)``. ``y`` has a label for each series or each step. The
    test split has the keys ``x_test``, ``y_test`` and ``lengths_test``.

    Args:
        layout: of N series of one length, where the shape does not decide it.

    Raises:
        BadInput: the file is damaged, or its arrays do not fit together.
    """
    content = read_content(path)
    content = content if isinstance(content, dict) else {"x": content}
    if unknown := [str(key) for key in content if key not in KEYS]:
        raise BadInput(f"{path}: unknown {', '.join(unknown[:5])}: its keys may be {', '.join(KEYS)}")
    if "x" not in content:
        raise BadInput(f"{path}: there is no x: its keys may be {', '.join(KEYS)}")
    parts = {"train": _recordings(path, content, "", layout)}
    if "x_test" in content:
        parts["test"] = _recordings(path, content, "_test", layout)
    elif lonely := [key for key in ("y_test", "lengths_test") if key in content]:
        raise BadInput(f"{path}: {lonely[0]} without x_test: add it, or leave {lonely[0]} out")
    channels = parts["train"][0].values.shape[1]
    return RecordingFile(parts, [str(number) for number in range(channels)], content.get("classes"))


def _recordings(path: Path, content: dict[str, Any], end: str, layout: Layout | None) -> list[Recording]:
    where = f"{path}: x{end}"
    x = to_array(content[f"x{end}"], where)
    y = None if content.get(f"y{end}") is None else to_array(content[f"y{end}"], f"{path}: y{end}").reshape(-1)
    if y is not None and y.dtype.kind not in "biufUS":
        raise BadInput(f"{path}: y{end} holds {y.dtype} values: labels are integers or strings")
    if x.size == 0 or x.ndim not in (1, 2, 3):
        raise BadInput(f"{where} has shape {x.shape}: save series (N, C, T), or a recording (T, C)")
    if x.ndim == 3:
        if f"lengths{end}" in content:
            raise BadInput(f"{path}: lengths{end} is for series one after the other, not for x {x.shape}: leave it out")
        series = list(series_to_channels_first(x, layout, where).transpose(0, 2, 1))
    elif f"lengths{end}" in content:
        series = _cut_apart(x if x.ndim == 2 else x[:, None], content[f"lengths{end}"], f"{path}: lengths{end}")
    else:
        series = [_steps_first(x, y)]
    return [Recording(f"{where}[{i}]", values, labels)
            for i, (values, labels) in enumerate(zip(series, _share(y, series, path, end), strict=True))]  # fmt: skip


def _cut_apart(x: NDArray[Any], lengths: Any, where: str) -> list[NDArray[Any]]:
    counts = to_array(lengths, where).reshape(-1)
    whole = counts.dtype.kind in "iuf" and bool((counts > 0).all()) and bool((counts == np.floor(counts)).all())
    if not whole or counts.sum() != len(x):
        raise BadInput(f"{where}: has to hold the steps of each series, {len(x)} in all, as x has: correct it")
    return np.split(x, np.cumsum(counts)[:-1].astype(np.int64))


def _steps_first(x: NDArray[Any], y: NDArray[Any] | None) -> NDArray[Any]:
    """One recording as ``(T, C)``: time is the axis with a label for each step, else the longer one."""
    if x.ndim == 1:
        return x[:, None]
    steps, others = x.shape
    turned = len(y) == others != steps if y is not None else others > steps
    return x.T if turned else x


def _share(y: NDArray[Any] | None, series: list[NDArray[Any]], path: Path, end: str) -> list[NDArray[Any] | None]:
    """The labels of each step of each series, from those of steps or of series."""
    if y is None:
        return [None] * len(series)
    lengths = [len(each) for each in series]
    if len(y) == sum(lengths):
        return list(np.split(y, np.cumsum(lengths)[:-1]))
    if len(y) == len(series):
        return [np.repeat(label, length) for label, length in zip(y, lengths, strict=True)]
    count = f"{len(series)} series of {sum(lengths)} steps in all"
    raise BadInput(f"{path}: y{end} has {len(y)} labels for {count}: give one for each series or for each step")
