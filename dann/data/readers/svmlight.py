"""Reader of svmlight files, the sparse text of ``label index:value …`` lines, plain or compressed."""

import math
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.errors import BadInput
from dann.files.input_limits import check_size, read_unpacked


@dataclass(frozen=True)
class SparseVectors:
    """The content of an svmlight file.

    Args:
        matrix: SciPy's CSR matrix with the file's own indices as columns.
        labels: shape ``(N,)``; strings as written where one is no number or missing, else float64.
    """

    path: Path
    matrix: Any
    labels: NDArray[Any]

    def spell_labels(self) -> NDArray[np.str_]:
        """The labels as strings, empty for none."""
        if self.labels.dtype.kind == "U":
            return self.labels
        return np.array(["" if math.isnan(label) else str(int(label)) for label in self.labels.tolist()])

    @property
    def has_index_zero(self) -> bool:
        """Whether the index 0 occurs, so that the features are counted from 0."""
        return bool((self.matrix.indices == 0).any())

    @property
    def largest_index(self) -> int:
        """The largest index, −1 if there is none."""
        return int(self.matrix.indices.max(initial=-1))

    def to_dense(self, first: int, features: int) -> Tensor:
        """Convert to float32 vectors, shape ``(N, features)``, whose first column has the index ``first`` in the file.

        Raises:
            BadInput: an index lies outside, the vectors would fill the machine's memory, or a value is infinite.
        """
        if (self.has_index_zero and first == 1) or self.largest_index >= first + features:
            wrong = 0 if self.has_index_zero and first == 1 else self.largest_index
            raise BadInput(
                f"{self.path}: feature {wrong} is not one of {first} to {first + features - 1}: correct the file"
            )
        check_size(self.path, 4 * len(self.labels) * features)
        if np.isinf(self.matrix.data).any():
            raise BadInput(f"{self.path}: infinite values: correct the file")
        matrix = self.matrix.copy()
        matrix.indices -= first
        matrix.resize((len(self.labels), features))
        return torch.from_numpy(matrix.toarray())


def read_svmlight(path: Path) -> SparseVectors:
    """Read an svmlight file with scikit-learn.

    Raises:
        BadInput: it is missing, empty or damaged, or a label is a number that is no integer.
    """
    from sklearn.datasets import load_svmlight_file  # takes a second to import

    words = None
    try:
        # Unpacked at once: scikit-learn does it line by line, which takes twice as long, and without a limit.
        content = read_unpacked(path)
        try:
            matrix, labels = load_svmlight_file(BytesIO(content), dtype=np.float32, zero_based=True)
        except ValueError:
            content, words = _replace_labels(content, path)
            matrix, labels = load_svmlight_file(BytesIO(content), dtype=np.float32, zero_based=True)
    except BadInput:
        raise
    except (OSError, ValueError, EOFError, OverflowError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise BadInput(f"{path}: not a readable svmlight file ({reason}): restore the file") from error
    if len(labels) == 0:
        raise BadInput(f"{path}: no examples there: restore the file")
    if words is not None:
        return SparseVectors(path, matrix, words)
    wrong = ~np.isnan(labels) & ((labels != np.floor(labels)) | np.isinf(labels))
    if wrong.any():
        raise BadInput(f"{path}: the label {labels[wrong][0]:g} is not an integer: correct the file")
    return SparseVectors(path, matrix, labels)


def _replace_labels(content: bytes, path: Path) -> tuple[bytes, NDArray[np.str_]]:
    """The file with 0 for every label, and the labels as written, empty where a line has none."""
    lines: list[bytes] = []
    labels: list[str] = []
    for number, line in enumerate(content.splitlines(), 1):
        fields = line.split(b"#", 1)[0].split()
        if not fields:
            continue
        first = b"" if b":" in fields[0] else fields.pop(0)
        if b"," in first:
            label = first[:80].decode("utf-8", "replace")
            raise BadInput(f"{path}, line {number}: {label} are several labels: write one class for each example")
        lines.append(b" ".join([b"0", *fields]))
        labels.append(first.decode("utf-8", "replace"))
    return b"\n".join(lines), np.array(labels, dtype=np.str_)
