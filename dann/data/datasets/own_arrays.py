"""Arrays of the user's own: NumPy and PyTorch files, arrays in memory, and svmlight files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from torch import Tensor

from dann.data.domain import Domain, LabelNotes, Split, Task
from dann.data.readers.array_files import read_array, read_arrays
from dann.data.readers.example_arrays import ArrayFormat, to_examples
from dann.data.readers.example_layout import Layout, Range
from dann.data.readers.label_arrays import index_labels
from dann.data.readers.label_numbers import note_numbers, read_number_array
from dann.data.readers.label_spellings import Unlabelled
from dann.data.readers.svmlight import read_svmlight
from dann.errors import BadInput
from dann.files.user_paths import resolve_user_path


@dataclass(frozen=True)
class _Part:
    """Examples and their labels, or None, with the places they come from."""

    x: Any
    y: Any
    x_from: str
    y_from: str


def arrays(
    task: Task = "classification",
    /,
    *,
    path: str,
    labels: str | None = None,
    test: str | None = None,
    test_labels: str | None = None,
    unlabelled: Unlabelled = None,
    layout: Layout | None = None,
    range: Range | None = None,
) -> Domain:
    """Your own images, vectors or series in files of NumPy (.npz, .npy), PyTorch (.pt, .pth) or MATLAB (.mat).

    A .npz or .mat file or a dict of tensors holds ``x`` and ``y``, and may hold ``x_test``, ``y_test`` and
    ``classes``, the names of the classes; a .npy file or a single tensor holds ``x``. Without a test split one is held
    out of ``x``. ``x``: uint8 images ``(N, C, H, W)``, ``(N, H, W, C)`` or ``(N, H, W)`` of any number of channels,
    or images of other numbers with their ``range``; or vectors ``(N, D)`` or series ``(N, C, L)`` or ``(N, L, C)``,
    which become float32; NaN is a missing value there, infinite values are an error.
    ``y``: integers or strings, or with ``data.task: regression`` any numbers, shape ``(N,)``; a missing ``y``, NaN,
    None and an empty string are no label. Files that could run code when they are read are refused.

    Args:
        path: the file, from the working directory, else from the data folder, as the others.
        labels: a file with ``y`` alone, for files without.
        test: a file with the ``x`` of the test split, and ``y`` where it holds several arrays.
        test_labels: a file with its ``y`` alone.
        unlabelled: labels that mean there is none, as for ``csv``.
        layout: the order of the axes where the shape does not decide it: ``ncl`` or ``nlc`` of series, ``nchw``,
            ``nhwc`` or ``nhw`` of images; N examples, C channels or bands, L steps in time, H rows, W columns.
        range: the values of black and white, such as [0, 1], of images that are not uint8; the same for all domains.
    """
    form = ArrayFormat.of_options({"layout": layout, "range": range})
    file = resolve_user_path(path)
    content = read_arrays(file)
    train = _select_part(file, {key: content[key] for key in ("x", "y") if key in content}, labels)
    parts = [train, *_find_test_part(file, content, test, test_labels)]
    return _domain(file.stem, f"arrays in {path}", parts, content.get("classes"), unlabelled, form, task)


def _find_test_part(file: Path, content: dict[str, Any], test: str | None, test_labels: str | None) -> list[_Part]:
    """The test split in a file of its own or beside the training examples; empty if there is none."""
    inside = "x_test" in content or "y_test" in content
    if test is not None:
        if inside:
            raise BadInput(f"{file} holds a test split: leave `test` out")
        other = _resolve_test_file(file, test)
        return [_select_part(other, read_arrays(other), test_labels)]
    if test_labels is not None:
        raise BadInput("test_labels needs `test`: name the file of the test examples")
    if not inside:
        return []
    inner = {"x": content.get("x_test"), "y": content.get("y_test")}
    return [_Part(**inner, x_from=f"{file}: x_test", y_from=f"{file}: y_test")]


def from_arrays(
    name: str,
    x: Any,
    y: Any = None,
    *,
    x_test: Any = None,
    y_test: Any = None,
    classes: Sequence[str] | None = None,
    unlabelled: Unlabelled = None,
    layout: Layout | None = None,
    range: tuple[float, float] | None = None,
    task: Task = "classification",
) -> Domain:
    """A domain of NumPy arrays or tensors in memory, which are shared where they need no conversion.

    Sparse matrices of SciPy and data frames of pandas are understood too.

    Args:
        x: as in ``arrays``.
        y: as in ``arrays``; None for unlabelled examples.
        classes: the names that the integers 0 to K − 1 of ``y`` stand for; without it, their own digits.
        unlabelled: labels that mean there is none, as for ``csv``.
        layout: as in ``arrays``.
        range: as in ``arrays``.
        task: with ``regression``, ``y`` holds numbers to be predicted.
    """
    form = ArrayFormat.of_options({"layout": layout, "range": range})
    parts = [_Part(x, y, f"{name}: x", f"{name}: y")]
    if x_test is not None or y_test is not None:
        parts.append(_Part(x_test, y_test, f"{name}: x_test", f"{name}: y_test"))
    return _domain(name, "arrays in memory", parts, classes, unlabelled, form, task)


def svmlight(
    *,
    path: str,
    test: str | None = None,
    features: Annotated[int, Field(ge=1)] | None = None,
    first: Literal[0, 1] = 1,
    unlabelled: Unlabelled = None,
) -> Domain:
    """Your own sparse vectors, in files of ``label index:value …`` lines; dense float32 ``(N, D)`` in memory.

    The labels are integers, the classes in their order, or words; ``nan`` or none before the first feature is no label.

    Args:
        path: the file, from the working directory, else from the data folder.
        test: the file of the test split; without it one is held out.
        features: D; None for the largest index. Give it where two domains may not use the same last features.
        first: the index of the first feature; 1 is svmlight's own.
        unlabelled: labels that mean there is none, as for ``csv``.

    Raises:
        BadInput: a file is missing or damaged, or has an index below ``first``.
    """
    file = resolve_user_path(path)
    files = [read_svmlight(place) for place in ([file] if test is None else [file, _resolve_test_file(file, test)])]
    if first == 1 and (zero := next((read for read in files if read.has_index_zero), None)):
        raise BadInput(f"{zero.path}: has a feature of index 0: set first: 0, for all domains alike")
    if features is None:
        features = max(1, max(read.largest_index for read in files) - first + 1)
    words = any(read.labels.dtype.kind == "U" for read in files)
    labels = [(str(read.path), read.spell_labels() if words else read.labels) for read in files]
    indices, reading = index_labels(labels, None, unlabelled)
    train, *rest = (Split.of(read.to_dense(first, features), y) for read, y in zip(files, indices, strict=True))
    test_split, origin = rest[0] if rest else None, f"svmlight in {path}"
    return Domain(file.stem, train, test_split, reading.classes, origin, label_notes=reading.notes)


def _resolve_test_file(file: Path, test: str) -> Path:
    """Find the file of the test examples, which must be another than ``file``."""
    other = resolve_user_path(test)
    if other.samefile(file):
        raise BadInput(f"{file} is named for training and for test: name two files, or leave `test` out")
    return other


def _select_part(file: Path, content: dict[str, Any], labels: str | None) -> _Part:
    """The training or the test part in ``file``, its labels in another if ``labels`` names one."""
    extra = [key for key in content if key not in ("x", "y")]
    if extra:
        raise BadInput(f"{file}: {', '.join(extra)} in the file of a test split: it may hold x and y")
    if labels is None:
        return _Part(content["x"], content.get("y"), f"{file}: x", f"{file}: y")
    if "y" in content:
        raise BadInput(f"{file} holds y, and {labels} is named for it: leave one out")
    other = resolve_user_path(labels)
    return _Part(content["x"], read_array(other), f"{file}: x", str(other))


def _domain(
    name: str,
    origin: str,
    parts: list[_Part],
    classes: Sequence[str] | None,
    unlabelled: Unlabelled,
    form: ArrayFormat,
    task: Task,
) -> Domain:
    for part in parts[1:]:
        if part.x is None:
            raise BadInput(f"{part.x_from} is missing: a test split needs x, and y where it has labels")
    tensors = [to_examples(part.x, part.x_from, form) for part in parts]
    for part, x in zip(parts, tensors, strict=True):
        if x.shape[1:] != tensors[0].shape[1:]:
            shapes = f"{tuple(x.shape[1:])}, those of training {tuple(tensors[0].shape[1:])}"
            raise BadInput(f"{part.x_from}: its examples have the shape {shapes}: make them alike")
    labels = [np.full(len(x), np.nan) if part.y is None else part.y for part, x in zip(parts, tensors, strict=True)]
    named = [(part.y_from, y) for part, y in zip(parts, labels, strict=True)]
    indices, names, notes = _read_labels(named, classes, unlabelled, task)
    for part, x, y in zip(parts, tensors, indices, strict=True):
        if len(y) != len(x):
            last = np.shape(part.x)[-1] == len(y)
            remedy = "put the examples on the first axis of x, not on the last" if last else "give one for each"
            raise BadInput(f"{part.y_from}: {len(y)} labels for {len(x)} examples: {remedy}")
    train, *test = (Split.of(x, y) for x, y in zip(tensors, indices, strict=True))
    return Domain(name, train, test[0] if test else None, names, origin, label_notes=notes)


def _read_labels(
    named: Sequence[tuple[str, Any]], classes: Sequence[str] | None, unlabelled: Unlabelled, task: Task
) -> tuple[list[Tensor], tuple[str, ...], LabelNotes]:
    """The labels of each part, the names of the classes, none of numbers, and how the labels were read."""
    if task == "classification":
        indices, reading = index_labels(named, classes, unlabelled)
        return indices, reading.classes, reading.notes
    if classes is not None:
        raise BadInput(f"{named[0][0]}: names of classes stand beside it, but data.task is regression: leave them out")
    numbers = [read_number_array(y, unlabelled, where) for where, y in named]
    return numbers, (), note_numbers(numbers)
