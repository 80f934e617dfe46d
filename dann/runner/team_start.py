"""Start of the processes that train each run together: by ``--devices``, or by torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

from dann.errors import BadInput
from dann.runner.followers import HOST, Followers, follow
from dann.runner.planning import default_workers
from dann.runner.team import Team
from dann.training.device import choose_device


def launched_size() -> int:
    """The number of processes that torchrun started; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def follow_launched(device: str, local_norm: bool) -> int:
    """Follow rank 0 in a process that torchrun started; returns the exit status."""
    own = _launched_device(device)
    return follow(*_rendezvous(), own, local_norm)


def _launched_device(name: str) -> torch.device:
    return device_of(name, int(os.environ.get("LOCAL_RANK", "0")))


def _rendezvous() -> tuple[Any, int, int]:
    """The store of the processes that torchrun started, the rank of this one, and their number."""
    from torch.distributed.rendezvous import rendezvous  # which some builds of torch lack

    found: tuple[Any, int, int] = next(rendezvous("env://"))
    return found


@contextmanager
def lead_team(devices: int | None, device: str, local_norm: bool) -> Iterator[Team | None]:
    """The processes that this one leads; None if it trains alone. They have ended on exit.

    Args:
        devices: their number; None for as many as torchrun started.

    Raises:
        BadInput: the number is not torchrun's, there are fewer GPUs, or torch was built for one process.
    """
    launched = launched_size()
    if max(launched, devices or 1) > 1 and not dist.is_available():
        raise BadInput("--devices: this build of torch trains in one process alone: install another build")
    if launched > 1 and devices not in (None, launched):
        raise BadInput(f"--devices {devices}: torchrun started {launched} processes: leave out --devices")
    if launched > 1:
        own = _launched_device(device)  # first: a refusal need not wait for the others
        with _closing(Team(*_rendezvous(), own, local_norm)) as team:
            yield team
    elif devices is not None and devices > 1:
        with _lead_own([str(device_of(device, rank)) for rank in range(devices)], local_norm) as team:
            yield team
    elif local_norm:
        raise BadInput("--batch-norm local: is for several devices: add --devices, or leave it out")
    else:
        yield None


@contextmanager
def _lead_own(devices: list[str], local_norm: bool) -> Iterator[Team]:
    """The team of this process and of others that it starts on this machine."""
    threads = max(1, default_workers(torch.device("cpu")) // len(devices))
    torch.set_num_threads(threads)
    size, failed = len(devices), True
    store = dist.TCPStore(HOST, 0, size, True, wait_for_workers=False)  # type: ignore[attr-defined]
    followers = Followers(store.port, devices, threads, local_norm)
    try:
        with _closing(Team(store, 0, size, torch.device(devices[0]), local_norm)) as team:
            yield team
        failed = False
    finally:
        followers.close(failed)


@contextmanager
def _closing(team: Team) -> Iterator[Team]:
    """The team, whose followers are sent home at the end; after an error they are not waited for."""
    try:
        yield team
        team.share(None)
    except BaseException:
        if team.device.type != "cpu":  # an exchange between GPUs that has begun does not end
            raise
        dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def device_of(name: str, place: int) -> torch.device:
    """The device of one of several processes on a machine: the CPU, which they share, or the GPU of its number.

    Args:
        place: of the process among those of its machine, from 0 on.

    Raises:
        BadInput: there is no such GPU, or several processes cannot use this kind of device.
    """
    device = choose_device(name)
    if device.type == "cpu":
        return device
    if device.type != "cuda" or device.index is not None:
        raise BadInput(f"--device {name}: several devices are the CPU or GPUs from the first on: write cpu or cuda")
    if place >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise BadInput(f"--devices: this machine has {count} GPUs: ask for at most as many, or add --device cpu")
    return torch.device("cuda", place)
