"""Stores of raw examples: in memory, in a memory-mapped file, or in files that are decoded as they are read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Store(Protocol):
    """N raw examples that are read by their rows.

    Attributes:
        shape: of one example: ``(C, H, W)``, ``(C, L)`` or ``(D,)``.
        streamed: whether reading is slow enough that worker processes should read ahead.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def streamed(self) -> bool: ...

    def __len__(self) -> int: ...

    def read(self, rows: Tensor) -> Tensor:
        """The examples at ``rows``, shape ``(len(rows), *shape)``."""

    def to(self, device: torch.device, moved: "MovedStores") -> "Store":
        """Move the store to ``device``; ``moved`` holds the parts that several stores share, so each is moved once."""

    def checksum(self) -> str:
        """The SHA-256 of the content, in hexadecimal digits."""


MovedStores = dict[int, Store]  # stores on another device, by the identity of the ones they were made of


def move_once(store: Store, device: torch.device, moved: MovedStores) -> Store:
    """Move ``store`` to ``device``, unless ``moved`` has it there."""
    if id(store) not in moved:
        moved[id(store)] = store.to(device, moved)
    return moved[id(store)]


@dataclass(frozen=True)
class TensorStore:
    """Examples in one tensor, which may be a memory-mapped file.

    Args:
        x: uint8 or float32, shape ``(N, ...)``.
        known: the checksum, if it is known already, so that a large file need not be read for it.
    """

    x: Tensor
    known: str | None = None
    streamed = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    def __len__(self) -> int:
        return len(self.x)

    def read(self, rows: Tensor) -> Tensor:
        rows = rows.to(self.x.device)
        if self.x.ndim == 4 and not self.x.is_contiguous():
            # Channels-last files: whole pixels of an image lie side by side, and index_select copies them at once.
            return self.x.permute(0, 2, 3, 1).index_select(0, rows).permute(0, 3, 1, 2)
        return self.x.index_select(0, rows)

    def to(self, device: torch.device, moved: MovedStores) -> "TensorStore":
        return TensorStore(self.x.to(device), self.known)

    def checksum(self) -> str:
        if self.known is not None:
            return self.known
        digest = hashlib.sha256(str(tuple(self.x.shape)).encode())
        digest.update(np.ascontiguousarray(self.x.cpu().numpy()).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class JoinedStore:
    """Several stores as one, their rows counted on from one to the next; nothing is copied."""

    parts: tuple[Store, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.parts[0].shape

    @property
    def streamed(self) -> bool:
        return any(part.streamed for part in self.parts)

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def read(self, rows: Tensor) -> Tensor:
        first, pieces, places = 0, [], []
        for part in self.parts:
            place = ((rows >= first) & (rows < first + len(part))).nonzero().flatten()
            if len(place):
                pieces.append(part.read(rows[place] - first))
                places.append(place)
            first += len(part)
        if len(pieces) == 1:
            return pieces[0]
        order = torch.cat(places).argsort()
        return torch.cat(pieces).index_select(0, order.to(pieces[0].device))

    def to(self, device: torch.device, moved: MovedStores) -> "JoinedStore":
        return JoinedStore(tuple(move_once(part, device, moved) for part in self.parts))

    def checksum(self) -> str:
        return hashlib.sha256("".join(part.checksum() for part in self.parts).encode()).hexdigest()


@dataclass(frozen=True)
class RgbStore:
    """Grey images of a store shown as RGB, converted as they are read."""

    grey: Store

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, *self.grey.shape[1:])

    @property
    def streamed(self) -> bool:
        return self.grey.streamed

    def __len__(self) -> int:
        return len(self.grey)

    def read(self, rows: Tensor) -> Tensor:
        return self.grey.read(rows).expand(-1, 3, -1, -1)

    def to(self, device: torch.device, moved: MovedStores) -> "RgbStore":
        return RgbStore(move_once(self.grey, device, moved))

    def checksum(self) -> str:
        return self.grey.checksum()


def join_stores(stores: Sequence[Store]) -> Store:
    """Join stores to one."""
    return stores[0] if len(stores) == 1 else JoinedStore(tuple(stores))
