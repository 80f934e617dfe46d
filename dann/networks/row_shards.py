"""Division of a batch among processes that train one run: each computes the features of its own rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class RowShards:
    """The rows whose features this process computes: every ``count``-th row of a batch, from row ``rank`` on.

    Each process has the whole batch, and computes the whole loss from features that are gathered from all processes: so
    the loss is that of one process, whether it is a mean over examples or, as a nuclear norm, not. Outside of a divided
    module each process has the gradient of the whole loss. Inside, it has ``count`` times the part that comes from its
    own rows. In both cases the mean over the processes is the gradient of the whole loss, also of a parameter that is
    used inside and outside. Rows are dealt in turn, so that a share of a batch of two domains has both.

    Args:
        group: of the processes; None for all.
        generator: from which modules draw on this process's device.

    Attributes:
        active: whether divided modules compute their own rows alone; otherwise they are as they were.
        passes: forward passes of divided modules in this step, from whose number the random numbers within follow.
    """

    def __init__(self, group: "dist.ProcessGroup | None", generator: torch.Generator) -> None:
        self.group, self.generator = group, generator
        self.rank, self.count = dist.get_rank(group), dist.get_world_size(group)
        self.active, self.rows, self.passes = False, 0, 0
        self.state = torch.empty(0)

    def __deepcopy__(self, memo: dict[int, Any]) -> "RowShards":
        return self  # a copy of a divided module belongs to the same processes

    @contextmanager
    def divided(self) -> Iterator[None]:
        """A context in which divided modules compute their own rows alone."""
        self.active = True
        try:
            yield
        finally:
            self.active = False

    def divide(self, module: nn.Module) -> None:
        """Let ``module`` compute its own rows and return all rows, while this is active; inputs and outputs are whole.

        What ``capture_outputs`` finds inside is whole too.
        """
        for part in module.modules():
            part.__dict__["row_shards"] = self
        module.register_forward_pre_hook(self._begin)
        module.register_forward_hook(self._end)

    def _begin(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not self.active:
            return None
        x, *others = inputs
        self.rows, self.passes = len(x), self.passes + 1
        # Random numbers within differ by process; those outside, of whole batches, must be equal in all processes.
        self.state = self.generator.get_state()
        self.generator.manual_seed(self.generator.initial_seed() + 1_000_003 * (self.passes * self.count + self.rank))
        return _Take.apply(x, self), *others

    def _end(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if not self.active:
            return None
        self.generator.set_state(self.state)
        return self.gather(output)

    def own(self, x: Tensor) -> Tensor:
        """This process's rows of a tensor that all have whole."""
        return x[self.rank :: self.count]

    def gather(self, own: Tensor) -> Tensor:
        """All rows of the batch that is being forwarded, in order, from those that each process has."""
        whole: Tensor = _Gather.apply(own, self)
        return whole

    def sum(self, x: Tensor) -> Tensor:
        """The sum over the processes of a tensor within a divided module, of which each has a part."""
        total: Tensor = _Sum.apply(x, self)
        return total

    def collect(self, own: Tensor, rows: int) -> Tensor:
        """The rows of all processes in order, without a gradient."""
        share = -(-rows // self.count)
        if len(own) < share:  # a collective needs equal sizes
            own = torch.cat([own, own.new_zeros(share - len(own), *own.shape[1:])])
        dealt = own.new_empty(self.count, share, *own.shape[1:])
        dist.all_gather(list(dealt), own.contiguous(), group=self.group)
        return dealt.transpose(0, 1).flatten(0, 1)[:rows]


class _Take(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shards: RowShards) -> Tensor:
        ctx.shards, ctx.rows = shards, len(x)
        return shards.own(x).clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.shards.collect(gradient, ctx.rows) / ctx.shards.count, None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, shards: RowShards) -> Tensor:
        ctx.shards = shards
        return shards.collect(own, shards.rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.shards.own(gradient) * ctx.shards.count, None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, shards: RowShards) -> Tensor:
        ctx.shards = shards
        return _reduce(x, shards)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _reduce(gradient, ctx.shards), None


def _reduce(x: Tensor, shards: RowShards) -> Tensor:
    total = x.clone()
    dist.all_reduce(total, group=shards.group)
    return total
