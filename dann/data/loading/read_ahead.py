"""Readers of examples: ahead of their use, in worker processes, where they lie in files."""

import itertools
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from multiprocessing import forkserver, resource_tracker

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dann.data.domain import Split
from dann.data.store import Store
from dann.errors import BadInput

WORKERS = min(8, os.cpu_count() or 1)
CHUNK = 1000  # examples at once
VALUES = 2**24  # of the examples at once, so that photos take no gigabytes
TERMINAL = signal.SIGINT, signal.SIGHUP  # signals that reach every process of a terminal
Rows = tuple[Tensor, ...]


class _Reader(Dataset[Rows | BadInput]):
    """Reads rows from each store; all that a worker process gets."""

    def __init__(self, stores: tuple[Store, ...]) -> None:
        self.stores = stores

    def __getitem__(self, rows: Rows) -> Rows | BadInput:
        try:
            return tuple(store.read(part) for store, part in zip(self.stores, rows, strict=True))
        except BadInput as error:  # raised in a worker, it would have the worker's trace in its message
            return error


def _read(stores: tuple[Store, ...], places: Iterator[Rows]) -> Iterator[Rows]:
    """Read the examples at each of ``places``, ahead in worker processes where a store is slow."""
    for examples in _read_or_error(stores, places):
        if isinstance(examples, BadInput):
            raise examples
        yield examples


def _read_or_error(stores: tuple[Store, ...], places: Iterator[Rows]) -> Iterator[Rows | BadInput]:
    reader = _Reader(stores)
    if not any(store.streamed for store in stores):
        return map(reader.__getitem__, places)
    start_fork_server([__name__])
    loader = DataLoader(
        reader,
        sampler=_Once(places),
        batch_size=None,
        num_workers=WORKERS,
        multiprocessing_context=multiprocessing.get_context("forkserver"),
        worker_init_fn=_begin_worker,
    )
    return iter(loader)


def start_fork_server(modules: list[str]) -> None:
    """Start the fork server, once, with the signals of a terminal blocked, which its processes inherit.

    Forking a process whose threads hold locks may hang it; a server that has only imported ``modules`` forks at once.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(modules)
    resource_tracker.ensure_running()  # the server needs it; starting it would end the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(worker: int) -> None:
    """Leave signals to the parent process, in which a worker that one ended would raise an error, and end with it."""
    for number in TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that reads has ended; torch's own watch sees the fork server as the parent."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


class _Once(torch.utils.data.Sampler[Rows]):
    def __init__(self, places: Iterator[Rows]) -> None:
        self.places = places

    def __iter__(self) -> Iterator[Rows]:
        return self.places


class ReadAhead:
    """``reader[i]`` is the examples at ``places(i)`` of each store; reading ahead lasts while i counts up by one.

    Args:
        stores: S of them; workers read those that are streamed, the others are read here.
        places: maps i to S tensors of rows.
        ahead: False for no workers at all.
    """

    def __init__(self, stores: tuple[Store, ...], places: Callable[[int], Rows], ahead: bool = True) -> None:
        self.stores, self.places = stores, places
        self.slow = [number for number, store in enumerate(stores) if store.streamed and ahead]
        self.coming: Iterator[Rows] = iter(())
        self.next = -1

    def __getitem__(self, index: int) -> Rows:
        rows = self.places(index)
        ahead: dict[int, Tensor] = {}
        if self.slow:
            if index != self.next:
                self.close()
                places = map(self._slow_places, itertools.count(index))
                self.coming = _read(tuple(self.stores[number] for number in self.slow), places)
            self.next = index + 1
            ahead = dict(zip(self.slow, next(self.coming), strict=True))
        return tuple(
            ahead[number] if number in ahead else store.read(rows[number]) for number, store in enumerate(self.stores)
        )

    def _slow_places(self, index: int) -> Rows:
        rows = self.places(index)
        return tuple(rows[number] for number in self.slow)

    def close(self) -> None:
        """End the workers now: left to the garbage collector, each would delay the program by seconds."""
        if isinstance(self.coming, Generator):
            self.coming.close()
        self.coming, self.next = iter(()), -1


def chunk_size(shape: tuple[int, ...]) -> int:
    """The number of examples of ``shape`` that are forwarded at once where nothing depends on it."""
    return max(1, min(CHUNK, VALUES // math.prod(shape)))


def read_chunks(split: Split, size: int | None = None) -> Iterator[Tensor]:
    """Read the raw examples of a split in order, ``size`` at a time, by default ``chunk_size`` of them."""
    places = ((rows,) for rows in torch.split(split.rows, size or chunk_size(split.store.shape)))
    return (x for (x,) in _read((split.store,), places))
