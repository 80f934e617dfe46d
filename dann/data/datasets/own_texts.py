"""Texts of the user's own: in a CSV file, a text file or a folder of text files."""

from pathlib import Path

import torch

from dann.data.datasets.own_images import list_labelled_files, read_labels, read_parts
from dann.data.datasets.text_tokens import Length, store_texts
from dann.data.domain import Domain, Split
from dann.data.readers.label_spellings import LabelReading, Unlabelled
from dann.data.readers.labelled_csv import TEXTS, Columns, Row
from dann.data.readers.row_duplicates import Duplicates, Parts, separate_parts
from dann.data.readers.text_files import NAME, Encoding, read_text
from dann.errors import BadInput
from dann.files.user_paths import resolve_user_path

SUFFIXES = {".txt", ""}  # of text files in folders; those of 20 Newsgroups have none


def texts(
    *,
    path: str,
    tokenizer: str | None = None,
    test: str | None = None,
    length: Length = None,
    encoding: Encoding = None,
    unlabelled: Unlabelled = None,
    columns: Columns = None,
    duplicates: Duplicates = "error",
) -> Domain:
    """Texts of your own: a CSV file with the columns ``text`` and ``label``, or a folder with a folder for each class.

    The first line of a CSV file names the columns; ``sentence`` or ``review`` and ``class`` or ``target`` serve too.
    Commas, semicolons or tabs between them and quotes are understood. Texts without labels need no column ``label``,
    and may stand in a .txt file, one on each line. A column ``split`` of ``train`` and ``test`` marks the test split.
    A folder holds ``<class>/**/*.txt``, a text in each file, as images of ``folder`` do. Texts may be empty.

    Raw texts need ``data.vocabulary``, which turns them into vectors or words of shape ``(N, D)``. With a tokenizer
    they are token ids for the network ``huggingface``: float32, −1 behind the end of a text; shape ``(N, length)``.

    Args:
        path: the file or folder, from the working directory or else from the data folder.
        tokenizer: the Hugging Face model whose tokens they are, by name or folder; the network's ``model``.
        test: a second file or folder, for the test split; without it and without ``split`` no test split is defined.
        length: tokens of a text, by default 128; what is longer is cut.
        encoding: of files without a byte order mark that are not UTF-8, such as ``cp1252``, ``cp1251`` or ``gb18030``.
        unlabelled: labels that mean there is none, as for ``csv``.
        columns: the names of the columns, such as [text, label], of a file whose first line is an example.
        duplicates: whether test texts that are in training too are an error, or are dropped from training, and others
            that are there twice are kept once.
    """
    file = resolve_user_path(path)
    held = None if test is None else resolve_user_path(test)
    if held is not None and held.resolve() == file.resolve():
        raise BadInput(f"texts: path and test are both {file}: a test text would be trained on; name two")
    if held is not None and held.is_dir() != file.is_dir():
        raise BadInput(f"texts: {file} and {held} should both be folders or both files: name two of one kind")
    if file.is_dir():
        if columns is not None:
            raise BadInput(f"{file}: columns are of a CSV file, but this is a folder: leave them out")
        parts = [(root, _read_folder(root, encoding)) for root in (file, held) if root is not None]
    else:
        parts = read_parts(file, held, TEXTS, columns, encoding)
    parts, found = separate_parts(parts, _text, "this test text is one of training", duplicates, within=False)
    reading = read_labels(parts, unlabelled, TEXTS, columns, encoding)
    splits = [_to_split(rows, reading, tokenizer, length) for _, rows in parts]
    tokens = "" if tokenizer is None else f", tokens of {tokenizer}"
    kind = "folder" if file.is_dir() else "file"
    origin = f"{kind} {file.name}, {' + '.join(str(len(split)) for split in splits)} texts{tokens}"
    test_split = splits[1] if len(splits) > 1 else None
    notes = (*found, *_note_empty(parts))
    return Domain(file.stem, splits[0], test_split, reading.classes, origin, label_notes=reading.notes, notes=notes)


def _read_folder(root: Path, encoding: str | None) -> list[Row]:
    """A row for each text file of a folder of class folders, or of texts alone."""
    files, labels = list_labelled_files(root, SUFFIXES, "text")
    return [
        Row(number, read_text(file, encoding, NAME).strip(), label, "", file)
        for number, (file, label) in enumerate(zip(files, labels, strict=True), 1)
    ]


def _text(place: Path, row: Row) -> str:
    """A text, by which duplicates are found; of an empty one its place, for empty texts are no copies of each other."""
    return row.name or f"\0{place}\0{row.number}"


def _note_empty(parts: Parts) -> list[str]:
    empty = [
        f"{row.file.name}" if row.file else f"line {row.number}" for _, rows in parts for row in rows if not row.name
    ]
    return [f"{len(empty)} texts are empty, the first: {empty[0]}"] if empty else []


def _to_split(rows: list[Row], labels: LabelReading, tokenizer: str | None, length: int | None) -> Split:
    store = store_texts([row.name for row in rows], tokenizer, length)
    return Split.of(store, torch.tensor([labels.index[row.label] for row in rows]))
