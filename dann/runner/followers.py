"""Processes that follow rank 0 in its runs: their start, their work and their end."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, NoReturn

import torch
import torch.distributed as dist

from dann.config.sections import DataSection
from dann.data.loading.read_ahead import start_fork_server
from dann.data.pair import Pair
from dann.errors import STOPPING
from dann.runner.active_run import build
from dann.runner.run_errors import TeamFailure
from dann.runner.source_free import read_absent_source
from dann.runner.team import Team
from dann.runner.worker_process import end_with_parent, enter
from dann.runner.workers import PRELOADED, end_processes
from dann.training.device import keep_memory
from dann.training.loop import train
from dann.training.pair_loading import load_pair
from dann.training.stacking.grouping import Planned

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store  # which some builds of torch lack

HOST = "127.0.0.1"
INTERFACE = "GLOO_SOCKET_IFNAME"  # the variable that names the network interface of exchanges between CPUs
GRACE = 10.0  # seconds in which a process must end by itself
PAUSE = 2.0  # seconds in which rank 0 reports an error before this process ends, after which torchrun ends rank 0
LOST = 2  # the exit status after another process has ended unexpectedly


class Followers:
    """The processes of ranks 1 to ``size`` − 1 on this machine, which end with this one, however it ends.

    Args:
        port: of the store on this machine.
        devices: of all ranks.
        threads: of each process on a CPU.
    """

    def __init__(self, port: int, devices: Sequence[str], threads: int, local_norm: bool) -> None:
        loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), "lo")
        os.environ.setdefault(INTERFACE, loopback)
        start_fork_server(PRELOADED)
        context = multiprocessing.get_context("forkserver")
        self.closing, self.processes = False, []
        self.lifeline, self.own_end = context.Pipe(duplex=False)
        for rank in range(1, len(devices)):
            place = rank, len(devices), devices[rank], threads, local_norm
            arguments = (self.lifeline, port, place, os.getcwd(), dict(os.environ))
            # Not daemonic: it may read examples in processes of its own.
            process = context.Process(target=_serve, args=arguments, daemon=False)
            process.start()
            self.processes.append(process)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """End this process if a follower has ended and an exchange does not notice it, as on GPUs."""
        wait([process.sentinel for process in self.processes])
        time.sleep(GRACE)
        if not self.closing:
            print("\ndann: a process that trained with this one has ended unexpectedly", file=sys.stderr, flush=True)
            os._exit(LOST)

    def close(self, failed: bool) -> None:
        """Wait for the followers to end, or end them at once after an error."""
        self.closing = True
        deadline = time.monotonic() + (0.0 if failed else GRACE)
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        end_processes(self.processes)
        self.lifeline.close()
        self.own_end.close()


Place = tuple[int, int, str, int, bool]  # rank, size, device, threads, whether BatchNorm is local


def _serve(lifeline: Connection, port: int, place: Place, folder: str, environment: dict[str, str]) -> None:
    """The body of a follower's process."""
    os.setpgid(0, 0)  # so that its child processes can be ended with it
    threading.Thread(target=end_with_parent, args=(lifeline,), daemon=True).start()
    enter(folder, environment)
    rank, size, device, threads, local_norm = place
    torch.set_num_threads(threads)
    sys.exit(follow(dist.TCPStore(HOST, port, size, False), rank, size, torch.device(device), local_norm))  # type: ignore[attr-defined]


def follow(store: "Store", rank: int, size: int, device: torch.device, local_norm: bool) -> int:
    """Train in the runs of rank 0 until it has no more; returns the exit status. Rank 0 reports errors and stops."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    keep_memory()
    try:
        _follow_runs(Team(store, rank, size, device, local_norm))
    except KeyboardInterrupt:
        return 1
    except TeamFailure:
        failed = True
    else:
        failed = False
    if dist.is_initialized() and (device.type == "cpu" or not failed):  # an exchange between GPUs may not end
        dist.destroy_process_group()  # by which rank 0 notices an error
    if failed:
        time.sleep(PAUSE)
    return int(failed)


def _follow_runs(team: Team) -> None:
    data: DataSection | None = None
    pair: Pair | None = None
    planned: Planned | None
    while (planned := team.share()) is not None:
        try:
            with team.checked():
                if pair is None or data != planned.config.data or not planned.config.data.sources:
                    data = pair = None
                    absent = read_absent_source(planned.config, planned.earlier.source)
                    data, pair = planned.config.data, load_pair(planned.config.data, absent)
                trainer = team.divide(build(planned, pair, team.device))
        except Exception as error:
            if isinstance(error, TeamFailure):
                raise
            continue  # rank 0 has the same error and reports it
        section = planned.config.train
        start = team.begin(trainer, section.steps)
        try:
            with team.together():
                train(
                    trainer,
                    steps=section.steps,
                    start=start,
                    log_every=section.log_every,
                    log=lambda step, rates, terms: None,
                    evaluate_every=section.evaluate_every,
                    evaluate=lambda step: bool(team.share()),
                    fail=lambda replica, failure: False,
                    is_halt_due=lambda: team.is_any(False),
                    halt=_halt,
                )
        finally:
            trainer.stream.reader.close()


def _halt(step: int) -> NoReturn:
    raise KeyboardInterrupt
