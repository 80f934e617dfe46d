"""Weights of terms: bags of words as the field represents them, from counts."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from dann.errors import BadInput
from dann.options import Section


class TermOptions(Section):
    """What bags of words are turned into; the defaults are TF-IDF with logarithmic counts and rows of length 1.

    Args:
        tf: a term's frequency in an example: its ``count`` c, ``log`` of 1 + c, or ``presence``, 1 where it occurs.
        idf: multiply it by the inverse document frequency of the term, log((1 + N) / (1 + n)) + 1, where n of the N
            training examples of both domains have the term: 1 for one that all have. As scikit-learn smooths it.
        norm: ``l2`` divides each example by its Euclidean norm, so that long texts weigh no more than short ones.
    """

    tf: Literal["count", "log", "presence"] = "log"
    idf: bool = True
    norm: Literal["none", "l2"] = "l2"


@dataclass(frozen=True)
class TermWeights:
    """Term weights as fitted on the training examples.

    Args:
        options: of the experiment file.
        idf: inverse document frequency of each term, float32, shape ``(D,)``; None without ``options.idf``.
    """

    options: TermOptions
    idf: Tensor | None

    @classmethod
    def fit(cls, options: TermOptions, counts: Tensor) -> "TermWeights":
        """Fit on the training examples of both domains, which need no labels.

        Args:
            counts: from 0 on, shape ``(N, D)``.
        """
        if not options.idf:
            return cls(options, None)
        having = (counts > 0).sum(dim=0).double()
        return cls(options, (((1 + len(counts)) / (1 + having)).log() + 1).float())

    def __call__(self, counts: Tensor) -> Tensor:
        """The weights of the terms in examples, shape ``(N, D)``, float32; an example without terms stays all 0."""
        weights = {"count": counts, "log": counts.log1p(), "presence": (counts > 0).to(counts)}[self.options.tf]
        weights = weights if self.idf is None else weights * self.idf
        if self.options.norm == "none":
            return weights
        norms: Tensor = torch.linalg.vector_norm(weights, dim=1, keepdim=True)
        return weights / norms.where(norms > 0, 1.0)

    def state(self) -> dict[str, Any]:
        """The weights as tensors and plain values."""
        return {"options": self.options.model_dump(), "idf": self.idf}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "TermWeights":
        """The weights that had this ``state``."""
        return cls(TermOptions(**state["options"]), state["idf"])


def check_counts(x: Tensor, where: str) -> None:
    """Check that no value of examples ``(N, D)`` is negative; ``where`` names them in the message.

    Raises:
        BadInput: one is.
    """
    negative = int((x < 0).any(dim=1).sum())
    if negative:
        raise BadInput(
            f"{where}: {negative} of {len(x)} examples have negative values, but data.terms weighs counts: leave it out"
        )
