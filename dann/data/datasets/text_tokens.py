"""Texts as examples: raw, for a vocabulary that is fitted later, or as the token ids of a pretrained encoder."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from dann.data.store import Store, TensorStore
from dann.data.text_store import TextStore
from dann.errors import BadInput
from dann.files.user_paths import find_model_folder

PADDING = -1.0  # where a text is shorter than the others
LENGTH = 128  # tokens of a text by default
Length = Annotated[int, Field(ge=1, le=1_000_000)] | None  # the option of a data set


def store_texts(texts: Sequence[str], tokenizer: str | None, length: int | None) -> Store:
    """The store of texts: raw ones, or token ids ``(N, length)`` where a tokenizer is named.

    Raises:
        BadInput: the tokenizer cannot be loaded, or there is a length without one.
    """
    if tokenizer is not None:
        return TensorStore(to_token_ids(texts, tokenizer, length or LENGTH))
    if length is not None:
        raise BadInput("length is of the tokens of a tokenizer: leave it out, or set data.vocabulary.length")
    return TextStore(tuple(texts))


def to_token_ids(texts: Sequence[str], tokenizer: str, length: int) -> Tensor:
    """Convert texts to ids of tokens in float32, −1 behind the end of a text; shape ``(N, length)``."""
    ids = _load_tokenizer(tokenizer)(list(texts), truncation=True, max_length=length)["input_ids"]
    padded = np.full((len(ids), length), PADDING, np.float32)
    for row, text in zip(padded, ids, strict=True):
        row[: len(text)] = text
    return torch.from_numpy(padded)


def _load_tokenizer(name: str) -> Any:
    try:
        from transformers import AutoTokenizer  # takes seconds to import
    except ImportError as error:
        raise BadInput("data: tokens need transformers: pip install 'dann[text]'") from error
    try:
        return AutoTokenizer.from_pretrained(find_model_folder(name))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"data.tokenizer: {name} cannot be loaded: name a Hugging Face model, its folder, or an installed package "
            "that holds one"
        ) from error
