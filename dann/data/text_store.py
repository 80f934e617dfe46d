"""Store of raw texts, before a vocabulary turns them into numbers."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from dann.data.store import JoinedStore, MovedStores, Store

DIGEST = 16  # bytes


@dataclass(frozen=True)
class TextStore:
    """N raw texts.

    A text has no numbers of its own, so ``read`` gives digests, uint8 of shape ``(16,)``, by which texts are compared;
    ``read_texts`` gives the texts.
    """

    texts: tuple[str, ...]
    streamed = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (DIGEST,)

    def __len__(self) -> int:
        return len(self.texts)

    def read(self, rows: Tensor) -> Tensor:
        return self._digests.index_select(0, rows.cpu())

    def to(self, device: torch.device, moved: MovedStores) -> "TextStore":
        return self

    def checksum(self) -> str:
        return hashlib.sha256(self._digests.numpy().data).hexdigest()

    @cached_property
    def _digests(self) -> Tensor:
        content = b"".join(
            hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest() for text in self.texts
        )
        return torch.from_numpy(np.frombuffer(content, np.uint8).reshape(-1, DIGEST).copy())


def holds_texts(store: Store) -> bool:
    """Whether all examples of a store are raw texts."""
    return all(map(holds_texts, store.parts)) if isinstance(store, JoinedStore) else isinstance(store, TextStore)


def read_texts(store: Store, rows: Tensor) -> list[str]:
    """The raw texts at ``rows`` of a store that holds texts."""
    every = _list_texts(store)
    return [every[row] for row in rows.tolist()]


def _list_texts(store: Store) -> tuple[str, ...]:
    if isinstance(store, JoinedStore):
        return tuple(text for part in store.parts for text in _list_texts(part))
    assert isinstance(store, TextStore)
    return store.texts
