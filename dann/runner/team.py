"""The processes that train each run together, one on each device: rank 0 leads, the others follow."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils._pytree import tree_map_only

from dann.config.sections import DataSection
from dann.errors import BadInput
from dann.runner.run_errors import TeamFailure, stops_all
from dann.training.data_parallel import DataParallel
from dann.training.trainer import Trainer

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store  # which some builds of torch lack

PATIENCE = timedelta(days=7)  # that processes wait for rank 0 while it evaluates; one that ends is noticed at once
FAILURE = "failure"  # the key of the store under which the first process that fails says why


class Beginning(NamedTuple):
    """The state in which all processes begin or resume a run, beside the method's, which is shared apart.

    Args:
        step: the number of steps done.
        optimizer: the state of the optimiser of the current stage.
        moved: that of self-training, if there is any.
    """

    step: int
    optimizer: dict[str, Any]
    moved: dict[str, Tensor] | None


class Team:
    """The processes that train each run together, as one of them sees them; all make the same calls in the same order.

    Args:
        store: through which the processes find each other.
        rank: of this process.
        size: the number of processes.
        device: on which this one computes.
        local_norm: normalise each process's rows by their own statistics, as ``DataParallel`` says.
    """

    def __init__(self, store: "Store", rank: int, size: int, device: torch.device, local_norm: bool = False) -> None:
        self.store, self.rank, self.size, self.device, self.local_norm = store, rank, size, device, local_norm
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        if device.type == "cuda":
            torch.cuda.set_device(device)
        with self.together():
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)

    def share(self, value: Any = None) -> Any:
        """The value that rank 0 gives, in all processes."""
        values = [value]
        with self.together():
            dist.broadcast_object_list(values, src=0)
        return values[0]

    def is_any(self, condition: bool) -> bool:
        """Whether the condition holds in any process."""
        value = torch.tensor([int(condition)])
        dist.all_reduce(value, op=dist.ReduceOp.MAX)
        return bool(value)

    @contextmanager
    def checked(self) -> Iterator[None]:
        """A context without exchanges; an error that one process raises in it is raised by all.

        Raises:
            BadInput: in the other processes.
        """
        failed: Exception | None = None
        try:
            yield
        except Exception as error:
            failed = error
        texts: list[str | None] = [None] * self.size
        with self.together():
            dist.all_gather_object(texts, None if failed is None else self._describe(failed))
        if failed is not None:
            raise failed
        if text := next(filter(None, texts), None):
            raise BadInput(text)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A context with exchanges, in which an error of one process ends all: the others wait for it in vain.

        Raises:
            TeamFailure: in every process, with the first error of any.
        """
        try:
            yield
        except Exception as error:
            if isinstance(error, TeamFailure) or stops_all(error):
                raise
            own = "\n".join([self._describe(error), *traceback.format_exception(error)])
            try:
                first = self.store.compare_set(FAILURE, "", own).decode()
            except Exception:  # the process that keeps the store has ended
                first = own
            text, _, trace = first.partition("\n")
            raise TeamFailure(text, trace) from error

    def _describe(self, error: Exception) -> str:
        if isinstance(error, BadInput):
            return str(error)
        text = next(iter(str(error).splitlines()), "no details")
        if isinstance(error, dist.DistError) or "onnection" in text:
            return f"one of the {self.size} processes that train together has ended unexpectedly, perhaps out of memory"
        return f"process {self.rank} of 0 to {self.size - 1}: {type(error).__name__}: {text}"

    def check_sizes(self, data: DataSection) -> None:
        """Refuse batches that have fewer examples of a domain than there are processes."""
        sizes = {"batch_size": data.batch_size, "target_batch_size": data.target_batch_size or data.batch_size}
        for key, size in sizes.items():
            if size < self.size:
                raise BadInput(
                    f"data.{key}: {size} examples cannot be divided among {self.size} devices: set it to {self.size} "
                    "or more"
                )

    def divide(self, trainer: Trainer) -> Trainer:
        """The trainer of a run whose features the processes compute together; only rank 0 keeps averaged weights.

        Raises:
            BadInput: a layer cannot be divided.
        """
        parallel = DataParallel(trainer.method, self.device, local_norm=self.local_norm)
        trainer.stream.divide(parallel.shards)
        return replace(trainer, parallel=parallel, average=trainer.average if parallel.leads else None)

    def begin(self, trainer: Trainer, steps: int, step: int = 0) -> int:
        """Give all processes the state of rank 0; returns the number of steps done.

        Args:
            steps: of the whole run.
            step: the number of steps done, which rank 0 knows.
        """
        with self.together():
            rounds, parallel = trainer.self_training, trainer.parallel
            assert parallel is not None
            moved = None if rounds is None else rounds.state()
            beginning: Beginning = self.share(_on_cpu(Beginning(step, trainer.optimizer.state_dict(), moved)))
            if self.rank and beginning.step:
                trainer.optimizers.go_to((beginning.step - 1) / steps)  # the stage of the last step
                trainer.optimizer.load_state_dict(beginning.optimizer)
                if rounds is not None and beginning.moved is not None:
                    rounds.restore(beginning.moved, trainer.stream)
            parallel.share_method()
        return beginning.step

    def describe(self) -> dict[str, Any]:
        """The facts for the records of runs."""
        return {"devices": self.size} | ({"batch_norm": "local"} if self.local_norm else {})


def _on_cpu(beginning: Beginning) -> Beginning:
    moved: Beginning = tree_map_only(Tensor, Tensor.cpu, beginning)
    return moved
