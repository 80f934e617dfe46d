"""Texts of the user's own, as the token ids that a pretrained encoder reads."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from dann.data.datasets.own_images import read_labels, read_parts
from dann.data.domain import Domain, Split
from dann.data.readers.label_spellings import LabelReading, Unlabelled
from dann.data.readers.labelled_csv import Columns, Row
from dann.data.readers.row_duplicates import Duplicates, separate_parts
from dann.errors import BadInput
from dann.files.user_paths import find_model_folder, resolve_user_path

TEXTS = ("text", "sentence", "review")
PADDING = -1.0  # where a text is shorter than the others


def texts(
    *,
    path: str,
    tokenizer: str,
    test: str | None = None,
    length: Annotated[int, Field(ge=1, le=1_000_000)] = 128,
    unlabelled: Unlabelled = None,
    columns: Columns = None,
    duplicates: Duplicates = "error",
) -> Domain:
    """Texts of your own in a CSV file with the columns ``text`` and ``label``, as token ids for ``huggingface``.

    The first line names the columns; ``sentence`` or ``review`` and ``class`` or ``target`` serve too. Commas,
    semicolons or tabs between them, quotes, and a byte order mark are understood. Texts without labels need no column
    ``label``, and may stand in a .txt file, one on each line. A column ``split`` of ``train`` and ``test`` marks the
    test split.

    Values are ids of tokens in float32, −1 behind the end of a text; shape ``(N, length)``.

    Args:
        path: the file, from the working directory or else from the data folder.
        tokenizer: the Hugging Face model whose tokens they are, by name or folder; the network's ``model``.
        test: a second file, for the test split; without it and without ``split`` no test split is defined.
        length: tokens of a text; what is longer is cut.
        unlabelled: labels that mean there is none, as for ``csv``.
        columns: the names of the columns, such as [text, label], of a file whose first line is an example.
        duplicates: whether test texts that are in training too are an error, or are dropped from training, and others
            that are there twice are kept once.
    """
    file = resolve_user_path(path)
    held = None if test is None else resolve_user_path(test)
    if held is not None and held.resolve() == file.resolve():
        raise BadInput(f"texts: path and test are both {file}: a test text would be trained on; name two files")
    parts = read_parts(file, held, TEXTS, columns)
    parts, found = separate_parts(parts, _text, "this test text is one of training", duplicates, within=False)
    reading, tokenize = read_labels(parts, unlabelled, TEXTS, columns), _load_tokenizer(tokenizer)
    splits = [_to_split(rows, reading, tokenize, length) for _, rows in parts]
    origin = f"file {file.name}, {' + '.join(str(len(split)) for split in splits)} texts, tokens of {tokenizer}"
    test_split = splits[1] if len(splits) > 1 else None
    return Domain(file.stem, splits[0], test_split, reading.classes, origin, label_notes=reading.notes, notes=found)


def _text(file: Path, row: Row) -> str:
    return row.name


def _load_tokenizer(name: str) -> Any:
    try:
        from transformers import AutoTokenizer  # takes seconds to import
    except ImportError as error:
        raise BadInput("data: texts need transformers: pip install 'dann[text]'") from error
    try:
        return AutoTokenizer.from_pretrained(find_model_folder(name))
    except (OSError, ValueError) as error:
        raise BadInput(f"data.tokenizer: {name} cannot be loaded: name a Hugging Face model or its folder") from error


def to_token_ids(texts: list[str], tokenizer: str, length: int) -> Tensor:
    """Convert texts to token ids, shape ``(N, length)``."""
    return _pad(_load_tokenizer(tokenizer)(texts, truncation=True, max_length=length)["input_ids"], length)


def _to_split(rows: list[Row], labels: LabelReading, tokenize: Any, length: int) -> Split:
    return Split.of(_to_ids(rows, tokenize, length), torch.tensor([labels.index[row.label] for row in rows]))


def _to_ids(rows: list[Row], tokenize: Any, length: int) -> Tensor:
    return _pad(tokenize([row.name for row in rows], truncation=True, max_length=length)["input_ids"], length)


def _pad(ids: list[list[int]], length: int) -> Tensor:
    padded = np.full((len(ids), length), PADDING, np.float32)
    for row, text in zip(padded, ids, strict=True):
        row[: len(text)] = text
    return torch.from_numpy(padded)
