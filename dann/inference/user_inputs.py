"""Raw examples of a user's files, read as training reads them, in chunks that fit into memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dann.data.datasets.own_series import cut_series
from dann.data.datasets.own_texts import SUFFIXES as TEXT_FILES
from dann.data.loading.read_ahead import chunk_size
from dann.data.readers.array_files import SUFFIXES as ARRAYS
from dann.data.readers.array_files import read_arrays
from dann.data.readers.example_arrays import WHITE, ArrayFormat, to_array
from dann.data.readers.image_files import SUFFIXES, Pixels, decode_image, list_files
from dann.data.readers.labelled_csv import PATHS, TEXTS, Row, read_rows
from dann.data.readers.svmlight import read_svmlight
from dann.data.readers.table_csv import read_features
from dann.data.readers.text_files import NAME, read_text
from dann.errors import BadInput
from dann.files.input_limits import check_regular
from dann.files.user_paths import expand_user
from dann.inference.ensemble import Ensemble
from dann.inference.model import Model

LISTS, SPARSE = (".csv", ".tsv", ".txt"), (".svm", ".svmlight", ".libsvm")
PACKED = (".gz", ".bz2")  # of svmlight files
MANY = 1000  # texts that are turned into numbers at once
Chunk = tuple[list[str], Any, list[BadInput]]  # names of raw examples, the examples, and the errors of unreadable ones


def read_examples(path: Path, model: Model | Ensemble) -> Iterator[Chunk]:
    """The raw examples of one path.

    Args:
        path: an image, a folder of images, a CSV or .txt file that names images, a file of arrays (key ``x``) or of
            svmlight, or, for a run on series, a file of recordings, or, for a run on texts, a CSV file, a .txt file
            with a text on each line, or a folder of text files.

    Raises:
        BadInput: the path is missing, unreadable, empty, or of a kind that the run was not trained on.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED][-1:] or [""]
    suffix = suffixes[0]
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder: check the path")
    if model.reads_texts and path.is_dir():
        yield from _text_files(path, model)
        return
    if path.is_dir():
        if not (files := list_files(path)):
            raise BadInput(f"{path}: no images in that folder: name another")
        yield from _images(files, model)
        return
    check_regular(path)
    if model.reads_texts:
        yield from _texts(path, model)
    elif model.config.data.target.name == "series":
        yield _name_rows(path, cut_series(path, model.config.data.target.options(), model.inputs.raw_shape[1]))
    elif model.config.data.target.name == "table" and suffix in LISTS:
        options = model.config.data.target.options()
        yield _name_rows(path, read_features(path, options["label"], options["columns"]))
    elif suffix in SUFFIXES:
        yield from _images([path], model)
    elif suffix in LISTS:
        yield from _images([path.parent / expand_user(row.name) for row in _rows(path, PATHS, model)], model)
    elif suffix in ARRAYS:
        x = to_array(read_arrays(path)["x"], str(path))
        yield _name_rows(path, x if x.ndim else x[None])
    elif suffix in SPARSE or model.config.data.target.name == "svmlight":
        yield _name_rows(path, _vectors(path, model))
    else:
        kinds = ", ".join((*LISTS, *ARRAYS, *SPARSE[:1]))
        raise BadInput(f"{path}: give images, folders of them, or files in {kinds}")


def _name_rows(path: Path, x: NDArray[np.generic]) -> Chunk:
    return [f"{path}[{row}]" for row in range(len(x))], x, []


def _images(files: Sequence[Path], model: Model | Ensemble) -> Iterator[Chunk]:
    """Image files, decoded as the target's images for training, in chunks; without those that cannot be read."""
    shape = model.inputs.raw_shape
    if not model.inputs.images:
        raise BadInput(f"{files[0]}: an image, but the run was trained on examples of shape {shape}: give arrays")
    channels, size, width = shape
    if size != width:
        raise BadInput(f"{files[0]}: files are decoded as squares, but the run has {size} × {width}: give arrays")
    fit = model.config.data.target.options().get("fit", "squash")
    many = chunk_size(shape)
    for first in range(0, len(files), many):
        names, pixels, bad = [], [], []
        for file in files[first : first + many]:
            try:
                image = decode_image(file, size, fit)
            except BadInput as error:
                bad.append(error)
                continue
            names.append(str(file))
            pixels.append(_grey(image) if channels == 1 else image)
        yield names, _in_range(np.stack(pixels).transpose(0, 3, 1, 2), model) if pixels else None, bad


def _in_range(pixels: Pixels, model: Model | Ensemble) -> NDArray[np.generic]:
    """Pixels in the range of values that a run on arrays of other images was trained with."""
    span = ArrayFormat.of_options(model.config.data.target.options()).range
    return pixels if span is None else span[0] + pixels / WHITE * (span[1] - span[0])


def _rows(path: Path, examples: tuple[str, ...], model: Model | Ensemble) -> list[Row]:
    """The rows of a file whose first line names its columns, or which has those of training, or one example a line."""
    options = model.config.data.target.options()
    columns, encoding = options.get("columns"), options.get("encoding")
    try:
        return read_rows(path, examples, can_name=False, encoding=encoding)
    except BadInput:
        if columns is None:
            raise
        return read_rows(path, examples, columns, encoding=encoding)


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def _texts(path: Path, model: Model | Ensemble) -> Iterator[Chunk]:
    """The rows of a CSV file, or the lines of a .txt file that names no columns, in chunks."""
    if path.suffix.lower() not in LISTS:
        raise BadInput(f"{path}: the run was trained on texts: give a CSV file with a column text, or a text a line")
    texts = [row.name for row in _rows(path, TEXTS, model)]
    for first in range(0, len(texts), MANY):
        some = texts[first : first + MANY]
        yield [f"{path}[{first + row}]" for row in range(len(some))], some, []


def _text_files(folder: Path, model: Model | Ensemble) -> Iterator[Chunk]:
    """The texts of the files in a folder, in chunks; without those that cannot be read."""
    encoding = model.config.data.target.options().get("encoding")
    if not (files := list_files(folder, TEXT_FILES)):
        raise BadInput(f"{folder}: no text files in that folder: name another")
    for first in range(0, len(files), MANY):
        names, texts, bad = list[str](), list[str](), list[BadInput]()
        for file in files[first : first + MANY]:
            try:
                texts.append(read_text(file, encoding, NAME).strip())
            except BadInput as error:
                bad.append(error)
                continue
            names.append(str(file))
        yield names, texts or None, bad


def _vectors(path: Path, model: Model | Ensemble) -> NDArray[np.generic]:
    """The vectors of an svmlight file; its labels are ignored."""
    shape = model.inputs.raw_shape
    if len(shape) != 1:
        raise BadInput(f"{path}: vectors, but the run was trained on examples of shape {shape}: give arrays")
    first = model.config.data.target.options().get("first", 1)
    dense: NDArray[np.generic] = read_svmlight(path).to_dense(first, *shape).numpy()
    return dense
