"""Predictions for a user's files."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dann.data.datasets.own_texts import read_texts
from dann.data.loading.read_ahead import chunk_size
from dann.data.readers.array_files import read_arrays
from dann.data.readers.example_arrays import to_array
from dann.data.readers.image_files import SUFFIXES, Pixels, decode_image, list_image_files
from dann.data.readers.svmlight import read_svmlight
from dann.errors import BadInput
from dann.inference.model import Ensemble, Model

ARRAYS, SPARSE = (".npy", ".npz", ".pt", ".pth"), (".svm", ".svmlight", ".libsvm")
Named = tuple[list[str], NDArray[np.generic]]  # names of raw examples, and the examples


@dataclass(frozen=True)
class Predictions:
    """The class probabilities of N inputs.

    Args:
        names: paths, with the row in brackets for files of several examples.
        classes: the K names.
        probabilities: shape ``(N, K)``.
    """

    names: list[str]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]

    def csv(self) -> bytes:
        """CSV, one line per input: name, most probable class, its probability, the probabilities of all classes."""
        text = StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["input", "class", "probability", *self.classes])
        for name, row in zip(self.names, self.probabilities, strict=True):
            best = int(row.argmax())
            writer.writerow([name, self.classes[best], *(f"{value:.6g}" for value in (row[best], *row))])
        return text.getvalue().encode("utf-8", "surrogateescape")  # file names that are not UTF-8 are kept as they are


def predict(model: Model | Ensemble, paths: Sequence[Path]) -> Predictions:
    """The predictions of all examples in files and folders, in order.

    Args:
        paths: image files, folders of images, files of arrays (``x`` in .npz) and svmlight files; for a run on texts,
            CSV files with a column ``text``.

    Raises:
        BadInput: a path is missing, unreadable or empty, or its examples have another shape than those of training.
    """
    names: list[str] = []
    probabilities = []
    for path in paths:
        for part, x in _read(path, model):
            names += part
            probabilities.append(model.predict(x, str(path)))
    return Predictions(names, model.classes, np.concatenate(probabilities))


def _read(path: Path, model: Model | Ensemble) -> Iterator[Named]:
    """The raw examples of one path, in chunks that fit into memory."""
    suffix = path.suffix.lower()
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder: check the path")
    if path.is_dir():
        if not (files := list_image_files(path)):
            raise BadInput(f"{path}: no images in that folder: name another")
        yield from _images(files, model)
    elif model.config.data.target.name == "texts":
        yield _name_rows(path, _texts(path, model))
    elif suffix in SUFFIXES:
        yield from _images([path], model)
    elif suffix in ARRAYS:
        x = to_array(read_arrays(path)["x"], str(path))
        yield _name_rows(path, x if x.ndim else x[None])
    elif suffix in SPARSE:
        yield _name_rows(path, _vectors(path, model))
    else:
        raise BadInput(f"{path}: give images, folders of them, or files in {', '.join(ARRAYS + SPARSE)}")


def _name_rows(path: Path, x: NDArray[np.generic]) -> Named:
    return [f"{path}[{row}]" for row in range(len(x))], x


def _images(files: Sequence[Path], model: Model | Ensemble) -> Iterator[Named]:
    """Image files, decoded as the target's images for training, in chunks."""
    shape = model.inputs.raw_shape
    if not model.inputs.images:
        raise BadInput(f"{files[0]}: an image, but the run was trained on examples of shape {shape}: give arrays")
    channels, size, width = shape
    if size != width:
        raise BadInput(f"{files[0]}: files are decoded as squares, but the run has {size} × {width}: give arrays")
    fit = model.config.data.target.options().get("fit", "squash")
    many = chunk_size(shape)
    for first in range(0, len(files), many):
        part = files[first : first + many]
        pixels = [decode_image(file, size, fit) for file in part]
        x = np.stack([_grey(image) for image in pixels] if channels == 1 else pixels)
        yield [str(file) for file in part], x.transpose(0, 3, 1, 2)


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def _texts(path: Path, model: Model | Ensemble) -> NDArray[np.generic]:
    """The token ids of the texts in a CSV file."""
    if path.suffix.lower() != ".csv":
        raise BadInput(f"{path}: the run was trained on texts: give CSV files with a column text")
    ids: NDArray[np.generic] = read_texts(
        path, model.config.data.target.options()["tokenizer"], *model.inputs.raw_shape
    ).numpy()
    return ids


def _vectors(path: Path, model: Model | Ensemble) -> NDArray[np.generic]:
    """The vectors of an svmlight file; its labels are ignored."""
    shape = model.inputs.raw_shape
    if len(shape) != 1:
        raise BadInput(f"{path}: vectors, but the run was trained on examples of shape {shape}: give arrays")
    dense: NDArray[np.generic] = (
        read_svmlight(path).to_dense(model.config.data.target.options().get("first", 1), *shape).numpy()
    )
    return dense
