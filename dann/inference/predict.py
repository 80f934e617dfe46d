"""Predictions for a user's files."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from dann.config.naming import spreadsheet_text
from dann.data.readers.image_files import OnBad
from dann.errors import BadInput
from dann.inference.ensemble import Ensemble
from dann.inference.model import Model
from dann.inference.test_time import Adaptation
from dann.inference.user_inputs import read_examples

T = TypeVar("T")  # what is made of a chunk of examples


@dataclass(frozen=True)
class Predictions:
    """The class probabilities of N inputs, or the numbers that are predicted for them.

    Args:
        names: paths, with the row in brackets for files of several examples.
        classes: the K names; none of numbers.
        values: probabilities, shape ``(N, K)``, or numbers in the unit of the labels, ``(N,)``.
        skipped: a message for each input without a prediction.
    """

    names: list[str]
    classes: tuple[str, ...]
    values: NDArray[np.float32]
    skipped: tuple[str, ...] = ()

    def csv(self) -> bytes:
        """CSV, one line per input: name, most probable class, its probability, the probabilities of all classes.

        Of numbers a line has the name and the prediction.

        No name is a formula of a spreadsheet: those that would be have an apostrophe before them.
        """
        text = StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        if not self.classes:
            writer.writerow(["input", "prediction"])
            for name, value in zip(self.names, self.values, strict=True):
                writer.writerow([spreadsheet_text(name), f"{value:.7g}"])
            return text.getvalue().encode("utf-8", "surrogateescape")
        classes = [spreadsheet_text(name) for name in self.classes]
        writer.writerow(["input", "class", "probability", *classes])
        for name, row in zip(self.names, self.values, strict=True):
            best = int(row.argmax())
            values = (f"{value:.6g}" for value in (row[best], *row))
            writer.writerow([spreadsheet_text(name), classes[best], *values])
        return text.getvalue().encode("utf-8", "surrogateescape")  # file names that are not UTF-8 are kept as they are


def predict(
    model: Model | Ensemble, paths: Sequence[Path], on_bad: OnBad = "skip", adapt: Adaptation | None = None
) -> Predictions:
    """The predictions of all examples in files and folders, in order.

    Args:
        paths: as ``read_examples`` takes them.
        on_bad: whether a file that cannot be read, or whose examples have another shape than those of training, is
            left out or raises.
        adapt: adapts the model to all examples together, which are then held in memory: see ``Model.predict``.

    Raises:
        BadInput: a file is bad and ``on_bad`` is ``error``, or none is good.
    """
    ensemble = Ensemble([model]) if isinstance(model, Model) else model
    if adapt is None:
        names, parts, bad = _use_all(ensemble, paths, on_bad, ensemble.predict)
        values = np.concatenate(parts)
    else:
        names, read, bad = _use_all(ensemble, paths, on_bad, ensemble.read)
        together = [torch.cat(chunks) for chunks in zip(*read, strict=True)]
        values = ensemble.predict_read(together, "inputs", adapt)
    return Predictions(names, model.classes, values, tuple(map(str, bad)))


def _use_all(
    ensemble: Ensemble, paths: Sequence[Path], on_bad: OnBad, use: Callable[[Any, str], T]
) -> tuple[list[str], list[T], list[BadInput]]:
    """The names of all readable examples, what ``use`` makes of each chunk of them, and the errors of the others."""
    names: list[str] = []
    used: list[T] = []
    bad: list[BadInput] = []
    for path in paths:
        try:
            for part, x, unread in read_examples(path, ensemble):
                if unread and on_bad == "error":
                    raise unread[0]
                bad += unread
                used += [] if x is None else [use(x, str(path))]
                names += part
        except BadInput as error:
            if on_bad == "error":
                raise
            bad.append(error)
    if bad and not names:
        raise BadInput(f"{bad[0]}" if len(bad) == 1 else f"none of {len(bad)} inputs can be read, the first: {bad[0]}")
    return names, used, bad
