"""A source that is not at hand, but only a network that was trained on it."""

from dataclasses import dataclass
from typing import Any

import torch

from dann.data.domain import Domain, Split
from dann.data.preprocessing.preprocessor import Preprocessor
from dann.data.store import TensorStore
from dann.data.text_store import TextStore
from dann.data.transforms.input_transform import Transform


@dataclass(frozen=True)
class AbsentSource:
    """What is known of a source whose examples are not at hand, from the run that was trained on it.

    Args:
        classes: the K names.
        prior: the share of each class among the source's labelled training examples, shape ``(K,)``.
        shape: of an example before preprocessing.
        preprocessor: of that run.
        transform: of that run's target in evaluation, whose statistics normalise.
        description: of the source, for the record: ``name``, ``origin`` and ``checksum``.
        checksum: of its examples without their labels, where it is known.
    """

    classes: tuple[str, ...]
    prior: tuple[float, ...]
    shape: tuple[int, ...]
    preprocessor: Preprocessor
    transform: Transform
    description: dict[str, Any]
    checksum: str | None = None

    @property
    def domain(self) -> Domain:
        """A domain without examples, with the classes and the form of the source's."""
        kind = torch.uint8 if len(self.shape) == 3 else torch.float32
        store = TextStore(()) if self.preprocessor.vocabulary else TensorStore(torch.empty(0, *self.shape, dtype=kind))
        nothing = torch.empty(0, dtype=torch.int64)
        empty = Split(store, nothing, nothing, nothing)
        return Domain(self.description["name"], empty, empty, self.classes, self.description["origin"])
