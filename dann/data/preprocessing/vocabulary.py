"""Vocabularies: texts as counts of terms or as numbers of words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from dann.errors import BadInput
from dann.files.input_limits import check_size
from dann.options import Section

WORD = re.compile(r"\w+(?:['’]\w+)*")
LENGTH = 256
UNKNOWN, PADDING = 0.0, -1.0  # the number of a word that is not in the vocabulary, and what follows the end of a text


class VocabularyOptions(Section):
    """What raw texts are turned into; the terms are those that most training texts of both domains have.

    A word is a run of letters, digits and underscores, with apostrophes inside it, in lower case.

    Args:
        form: ``bag``: counts of terms, vectors. ``ids``: the words in their order as numbers, for networks over words.
        size: largest number of terms.
        min_texts: number of training texts that a term has to be in; in ``ids``, rarer words are all one unknown word,
            whose embedding they train.
        ngrams: number of words in a row that may be one term of a bag; 2 adds pairs, as "not good".
        unit: ``word``, or ``character`` for scripts without blanks between words.
        length: words of a text in ``ids``, by default 256; what is longer is cut. A bag has all words.
    """

    form: Literal["bag", "ids"] = "bag"
    size: int = Field(5000, ge=1, le=1_000_000)
    min_texts: int = Field(2, ge=1, le=1_000_000)
    ngrams: int = Field(1, ge=1, le=8)
    unit: Literal["word", "character"] = "word"
    length: int | None = Field(None, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _check_form(self) -> "VocabularyOptions":
        if self.form == "ids" and self.ngrams > 1:
            raise ValueError("ngrams are of bags: leave them out, or set form: bag")
        if self.form == "bag" and self.length is not None:
            raise ValueError("length is of ids, a bag has all words: leave it out, or set form: ids")
        return self

    def split(self, text: str) -> list[str]:
        """The words, or characters but for blanks, of a text."""
        lower = unicodedata.normalize("NFC", text).lower()
        return WORD.findall(lower) if self.unit == "word" else [each for each in lower if not each.isspace()]

    def list_terms(self, text: str) -> Iterator[str]:
        """All terms of a text: its words, and up to ``ngrams`` of them in a row."""
        words, between = self.split(text), " " if self.unit == "word" else ""
        for length in range(1, self.ngrams + 1):
            for first in range(len(words) - length + 1):
                yield between.join(words[first : first + length])


@dataclass(frozen=True)
class Vocabulary:
    """Terms as fitted on the training texts.

    Args:
        options: of the experiment file.
        terms: V of them, those of most texts first, among equals by the alphabet.
    """

    options: VocabularyOptions
    terms: tuple[str, ...]

    @classmethod
    def fit(cls, options: VocabularyOptions, texts: Iterable[str]) -> "Vocabulary":
        """Fit on the training texts of both domains, which need no labels.

        Raises:
            BadInput: no term is in enough of them.
        """
        having: Counter[str] = Counter()
        for text in texts:
            having.update(set(options.list_terms(text)))
        frequent = [(-count, term) for term, count in having.items() if count >= options.min_texts]
        if not frequent:
            raise BadInput(
                f"data.vocabulary: no term is in {options.min_texts} training texts: lower min_texts, or add texts"
            )
        return cls(options, tuple(term for _, term in sorted(frequent)[: options.size]))

    @property
    def width(self) -> int:
        """D of a converted text: V counts, or ``length`` words."""
        return len(self.terms) if self.options.form == "bag" else self.options.length or LENGTH

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Convert texts, shape ``(N, D)``, float32.

        Counts of the terms, from 0; or numbers of the words: 1 to V, 0 for an unknown one, −1 behind the end of a text.

        Raises:
            BadInput: they would fill the memory.
        """
        check_size(f"data.vocabulary: {len(texts)} texts as {self.width} numbers", 4 * len(texts) * self.width)
        rows = np.full((len(texts), self.width), 0.0 if self.options.form == "bag" else PADDING, np.float32)
        for row, text in zip(rows, texts, strict=True):
            if self.options.form == "bag":
                for term, count in Counter(self.options.list_terms(text)).items():
                    if term in self._places:
                        row[self._places[term]] = count
            else:
                words = self.options.split(text)[: self.width]
                row[: len(words)] = [self._places[word] + 1 if word in self._places else UNKNOWN for word in words]
        return torch.from_numpy(rows)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    def state(self) -> dict[str, Any]:
        """The vocabulary as plain values."""
        return {"options": self.options.model_dump(), "terms": list(self.terms)}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "Vocabulary":
        """The vocabulary that had this ``state``."""
        return cls(VocabularyOptions(**state["options"]), tuple(state["terms"]))
