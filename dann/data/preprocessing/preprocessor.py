"""Preprocessing fitted on the vectors of a pair, applied to later examples."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dann.data.preprocessing.imputation import Imputer, check_complete
from dann.data.preprocessing.msda import msda_features
from dann.data.preprocessing.term_weighting import TermWeights, check_counts
from dann.data.preprocessing.vocabulary import Vocabulary
from dann.errors import BadInput

LARGEST = 2**26  # bytes that are kept: each run keeps its own, and mappings of 5000 features would take 500 MB


def size_of_mappings(width: int, layers: int) -> int:
    """The bytes of the denoising autoencoder's mappings of inputs of a width."""
    return 4 * layers * width * (width + 1)


@dataclass(frozen=True)
class Preprocessor:
    """Turns raw vectors or series into those that the transform takes: gaps filled in, terms weighed, mSDA computed.

    Args:
        imputer: None where nothing was filled in.
        mappings: of the denoising autoencoder, float32, shape ``(D, D + 1)`` each; none where it is not used.
        dropped: whether the imputer and the mappings were too large to be kept, or features are coordinates of a span.
        terms: weights of terms, which follow the imputer; None where there are none.
        vocabulary: of raw texts, which come to it before all others; None where the examples are none.
    """

    imputer: Imputer | None = None
    mappings: tuple[Tensor, ...] = ()
    dropped: bool = False
    terms: TermWeights | None = None
    vocabulary: Vocabulary | None = None

    @classmethod
    def of(
        cls,
        imputer: Imputer | None,
        mappings: list[Tensor],
        terms: TermWeights | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> "Preprocessor":
        """The preprocessor of fitted parts, if imputer and mappings are small enough to be kept."""
        size = sum(4 * mapping.numel() for mapping in mappings) + (0 if imputer is None else imputer.rows.nbytes)
        if size > LARGEST:
            return cls(dropped=True)
        return cls(imputer, tuple(mapping.float() for mapping in mappings), terms=terms, vocabulary=vocabulary)

    def __call__(self, x: Tensor) -> Tensor:
        x = x if self.imputer is None else self.imputer.apply(x)
        x = x if self.terms is None else self.terms(x)
        return msda_features(x, list(self.mappings)) if self.mappings else x

    def check(self, x: Tensor, where: str) -> None:
        """Raise for values that the run takes none of: missing ones without an imputer, negative ones with terms.

        Args:
            where: names ``x`` in the message.
        """
        if self.imputer is None and x.is_floating_point():
            check_complete(x, where, "this run fills none in: complete or remove them")
        if self.terms is not None:
            check_counts(x, where)

    def require_kept(self) -> None:
        """Raise if it was too large to be kept."""
        if self.dropped:
            raise BadInput(
                f"data.missing and data.msda fitted more than the {LARGEST >> 20} MiB that a run keeps, "
                "or data.msda.span is set: use fewer, without span"
            )

    def raw_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a raw example, from that of a preprocessed one."""
        return (len(self.mappings[0]),) if self.mappings else shape

    def state(self) -> dict[str, Any]:
        """The preprocessor as tensors and plain values."""
        imputer = None if self.imputer is None else {"how": self.imputer.how, "rows": self.imputer.rows}
        terms = None if self.terms is None else self.terms.state()
        fitted = {} if self.vocabulary is None else {"vocabulary": self.vocabulary.state()}
        return {"imputer": imputer, "mappings": list(self.mappings), "dropped": self.dropped, "terms": terms, **fitted}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "Preprocessor":
        """The preprocessor that had this ``state``.

        Raises:
            BadInput: it was too large to be kept.
        """
        cls(dropped=state["dropped"]).require_kept()
        imputer = state["imputer"]
        if imputer is not None:
            imputer = Imputer.fit(imputer["how"], imputer["rows"], torch.empty(0, imputer["rows"].shape[1]))
        terms, fitted = state.get("terms"), state.get("vocabulary")  # run folders of version 0.2 have none
        return cls(
            imputer,
            tuple(state["mappings"]),
            terms=None if terms is None else TermWeights.restore(terms),
            vocabulary=None if fitted is None else Vocabulary.restore(fitted),
        )


NO_PREPROCESSING = Preprocessor()  # raw examples as they are
