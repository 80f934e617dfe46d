"""A function called in several processes of one group, as tests need it, and what it returns in each."""

import multiprocessing
import os
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from dann.data.loading.read_ahead import start_fork_server

SECONDS = 120  # after which processes that wait for each other end


def in_processes(size: int, function: Callable[..., Any], *arguments: Any, folder: Path) -> list[Any]:
    """Call ``function(*arguments)`` in ``size`` processes of one gloo group; returns what each returned."""
    # What an optimiser imports when it is first made, too: each process would take seconds for it.
    start_fork_server(["dann.training.building", "dann.methods.all_methods", "torch._dynamo"])
    context = multiprocessing.get_context("forkserver")
    pipes, processes = [], []
    for rank in range(size):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(there, rank, size, str(folder / "store"), function, arguments))
        process.start()
        there.close()
        pipes.append(here)
        processes.append(process)
    try:
        results = []
        for rank, pipe in enumerate(pipes):
            assert pipe.poll(SECONDS), f"no answer of rank {rank}"
            results.append(pipe.recv())
        return results
    finally:
        for process in processes:
            process.join(5)
            process.kill()
            process.join()


def _serve(pipe: Connection, rank: int, size: int, store: str, function: Callable[..., Any], arguments: Any) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", store=dist.FileStore(store, size), rank=rank, world_size=size, timeout=timedelta(seconds=SECONDS)
    )
    try:
        pipe.send(function(*arguments))
        dist.barrier()
    finally:
        dist.destroy_process_group()
