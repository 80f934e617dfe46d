"""Tables of numbers of the user's own, in CSV files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from dann.data.domain import Domain, LabelNotes, Split, Task
from dann.data.readers.label_numbers import note_numbers, read_numbers
from dann.data.readers.label_spellings import EMPTY, Unlabelled, read_spellings
from dann.data.readers.labelled_csv import PARTS
from dann.data.readers.table_csv import read_table
from dann.errors import BadInput
from dann.files.user_paths import resolve_user_path

TRAIN, TEST = PARTS


def table(
    task: Task = "classification",
    /,
    *,
    path: str,
    test: str | None = None,
    label: str | None = None,
    columns: Annotated[list[str], Field(min_length=1)] | None = None,
    unlabelled: Unlabelled = None,
) -> Domain:
    """Your own table of numbers in a CSV file: a line for each example, a column for each feature; vectors ``(N, D)``.

    The first line names the columns. ``label``, ``class`` or ``target`` holds the labels: words or integers, or with
    ``data.task: regression`` numbers of any kind. A column ``split`` of ``train`` and ``test`` marks the test split.
    Commas, semicolons or tabs separate the fields. An empty field, NaN, NA, null and none are a missing value, among
    numbers to be predicted no label. Features become float32.

    Args:
        path: the file, from the working directory or else from the data folder.
        test: a second file, for the test split; without it and without ``split`` one is held out.
        label: the name of the column of labels, where it has another.
        columns: the names of the features, in this order; by default all other columns. Name them where two domains
            have other columns, or the same in another order.
        unlabelled: labels that mean there is none, as for ``csv``.
    """
    file = resolve_user_path(path)
    whole = read_table(file, label, columns)
    x, labels = dict(whole.x), dict(whole.labels or {})
    if test is not None:
        if TEST in x:
            raise BadInput(f"{file} holds a test split: leave `test` out, or its column split")
        held = read_table(resolve_user_path(test), label, whole.columns)
        if TEST in held.x:
            raise BadInput(f"{test}: is the test split, but has a column split: leave the column out")
        x[TEST] = held.x[TRAIN]
        labels |= {TEST: held.labels[TRAIN]} if held.labels is not None else {}
    if TRAIN not in x:
        raise BadInput(f"{file}: has no example of training: write train into the column split of some")
    spelled = {part: labels.get(part, [EMPTY] * len(values)) for part, values in x.items()}
    y, classes, notes = _read_labels(spelled, unlabelled, task, file)
    splits = {part: Split.of(torch.from_numpy(values), y[part]) for part, values in x.items()}
    origin = f"table {path}"
    return Domain(file.stem, splits[TRAIN], splits.get(TEST), classes, origin, label_notes=notes,
                  columns=tuple(whole.columns))  # fmt: skip


def _read_labels(
    spelled: Mapping[str, Sequence[str]], unlabelled: Unlabelled, task: Task, file: Path
) -> tuple[dict[str, Tensor], tuple[str, ...], LabelNotes]:
    """The labels of each part, the names of the classes, none of numbers, and how the labels were read."""
    if task == "regression":
        numbers = {part: read_numbers(names, unlabelled, str(file)) for part, names in spelled.items()}
        return numbers, (), note_numbers(list(numbers.values()))
    reading = read_spellings(Counter(name for part in spelled.values() for name in part), unlabelled)
    indices = {part: torch.tensor([reading.index[name] for name in names]) for part, names in spelled.items()}
    return indices, reading.classes, reading.notes
