"""A stack: runs that train as one model, such as seeds of a variant, or variants that differ in numbers."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from dann.data.loading.stream import STEP, Batch, derive
from dann.training.device import autocast, reseed
from dann.training.finite import sum_gradients
from dann.training.stacking.dropout import replace_dropout
from dann.training.stacking.sparse_layer import AddedBias, SparseLayer, suits_sparse_layer
from dann.training.stacking.stacked_stream import StackedStream
from dann.training.staged_optimizer import set_rates
from dann.training.trainer import Trainer


class Part(NamedTuple):
    """Replicas ``first`` to ``last`` (exclusive), which share an optimiser because its options are the same.

    Args:
        views: their part of each stacked parameter, by name, which the optimiser steps.
    """

    first: int
    last: int
    views: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer


class Stack:
    """R runs of one architecture and data section as one model, each with its seed, batches, numbers and optimiser.

    A step equals the steps of the separate runs to rounding: ``torch.vmap`` over their stacked parameters. The methods
    of the trainers stay usable: their parameters are views of the stacked ones.

    Args:
        trainers: of the R runs.
        numbers: hyper-parameters of the method that differ, by name, a value for each run.
        optimizers: a key for each run; neighbours with the same key have the same optimiser and options.
    """

    def __init__(self, trainers: Sequence[Trainer], numbers: dict[str, list[float]], optimizers: Sequence[str]) -> None:
        self.trainers, self.template, self.device = trainers, deepcopy(trainers[0].method), trainers[0].device
        self.parameters, self.buffers = stack_module_state([trainer.method for trainer in trainers])
        self.sparse: SparseLayer | None = None
        if suits_sparse_layer(trainers):
            self.sparse = SparseLayer.of(trainers, self.parameters["network.features.0.weight"])
            AddedBias.replace_first(self.template.network.features)
        for replica, trainer in enumerate(trainers):
            for name, tensor in [*trainer.method.named_parameters(), *trainer.method.named_buffers()]:
                tensor.data = (self.parameters | self.buffers)[name].data[replica]
        kind = next(iter(self.parameters.values())).dtype
        self.numbers = {name: torch.tensor(values, dtype=kind, device=self.device) for name, values in numbers.items()}
        self.stream = StackedStream(
            [trainer.stream for trainer in trainers], None if self.sparse is None else self.sparse.forward
        )
        self.bounds = _bounds(optimizers)
        self.parts = [self._part(*bounds) for bounds in self.bounds]
        self.generators = [torch.Generator(self.device) for _ in trainers]
        self.has_dropout = replace_dropout(self.template, self.generators)

    def _part(self, first: int, last: int) -> Part:
        """An optimiser like those of the runs, over views of the stacked parameters, with their state."""
        optimizers = [trainer.optimizer for trainer in self.trainers[first:last]]
        views = {name: nn.Parameter(tensor.data[first:last]) for name, tensor in self.parameters.items()}
        names = {id(parameter): name for name, parameter in self.trainers[first].method.named_parameters()}
        groups = [group | {"params": [views[names[id(own)]] for own in group["params"]]}
                  for group in optimizers[0].param_groups]  # fmt: skip
        stacked: torch.optim.Optimizer = type(optimizers[0])(groups)  # type: ignore[call-arg]
        for view, *owns in zip(*map(_parameters, [stacked, *optimizers]), strict=True):
            states = [optimizer.state.get(own, {}) for optimizer, own in zip(optimizers, owns, strict=True)]
            for key, value in states[0].items():
                each = torch.stack([state[key] for state in states]) if _own(key, value) else value
                stacked.state[view][key] = each
        return Part(first, last, views, stacked)

    def train(self) -> None:
        """Go into training mode."""
        self.template.train()

    def step(self, step: int, progress: float) -> dict[str, Tensor]:
        """Make one step of all phases of all replicas; returns the detached loss terms, shape ``(R,)`` each."""
        begun = [trainer.optimizers.go_to(progress) for trainer in self.trainers]
        if begun[0]:  # as all others, since stages are no number in which the runs of a stack differ
            self.parts = [self._part(*bounds) for bounds in self.bounds]
        for part in self.parts:
            set_rates(part.optimizer, self.trainers[part.first].optimizers.factor(progress))
        batch = self.stream[step]
        reseed(self.device, derive(self.trainers[0].seed, STEP, step))  # for random operations other than dropout
        if self.has_dropout:
            for trainer, generator in zip(self.trainers, self.generators, strict=True):
                generator.manual_seed(derive(trainer.seed, STEP, step))
        terms: dict[str, Tensor] = {}
        for phase in self.template.phases(progress):
            terms.update(self._update(batch, progress, phase))
        for trainer in self.trainers:
            trainer.update_average(step)
        return terms

    def _update(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        with autocast(self.device, self.trainers[0].dtype):
            terms = self._losses(batch, progress, phase)
        for tensor in self.parameters.values():
            tensor.grad = None
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        stepped = self.template.phase_parameters(phase)
        kept = None if stepped is None else {id(parameter) for parameter in stepped}
        for name, own in self.template.named_parameters():
            if kept is not None and id(own) not in kept:
                self.parameters[name].grad = None
            gradient = self.parameters[name].grad
            for part in self.parts:
                part.views[name].grad = None if gradient is None else gradient[part.first : part.last]
        if self.sparse is not None:
            self.sparse.step(self.rates())
        for part in self.parts:
            part.optimizer.step()
        return {name: term.detach() for name, term in terms.items()}

    def _losses(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        """The loss terms of all replicas, shape ``(R,)`` each."""
        fixed = {name: getattr(self.template, name) for name in self.numbers}

        def one(state: tuple[dict[str, Tensor], ...], numbers: dict[str, Tensor], own: tuple[Any, ...]) -> Any:
            for name, value in numbers.items():
                setattr(self.template, name, value)
            return functional_call(self.template, state, (Batch(*own), progress, phase))

        dims = (0, 0, tuple(None if part is None else 0 for part in batch))
        names = {name for name, _ in self.template.named_parameters()}
        state = {name: tensor for name, tensor in self.parameters.items() if name in names}, self.buffers
        try:
            vmapped = torch.vmap(one, dims, randomness="different")
            terms: dict[str, Tensor] = vmapped(state, self.numbers, tuple(batch))
        finally:
            for name, number in fixed.items():
                setattr(self.template, name, number)
        return terms

    def refresh(self, before: float, progress: float, evaluating: bool) -> None:
        """Let the method of each replica pass over whole splits, where that is due."""
        for trainer in self.trainers:
            trainer.refresh(before, progress, evaluating)

    def check_gradients(self) -> Tensor:
        """For each replica the sum of the gradients' values in the last phase of the last step, shape ``(R,)``."""
        sums = sum_gradients(list(self.parameters.values()), len(self.trainers))
        return sums if self.sparse is None else sums + self.sparse.sum_gradients()

    def rates(self) -> list[float]:
        """The learning rate of each replica's last step, of the first group."""
        return [part.optimizer.param_groups[0]["lr"] for part in self.parts for _ in range(part.first, part.last)]

    def hand_back(self) -> None:
        """Give the optimiser of each run the state of its replica, so that it can be saved."""
        for part in self.parts:
            for replica in range(part.first, part.last):
                own = self.trainers[replica].optimizer
                for parameter, view in zip(_parameters(own), _parameters(part.optimizer), strict=True):
                    if state := part.optimizer.state.get(view):
                        place = replica - part.first
                        own.state[parameter] = {
                            key: value[place].clone() if _own(key, value) else value for key, value in state.items()
                        }


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _own(key: str, value: Any) -> bool:
    """Whether each replica has its own value of an entry of an optimiser's state; the step count is shared."""
    return isinstance(value, Tensor) and key != "step"


def _bounds(keys: Sequence[str]) -> list[tuple[int, int]]:
    """First and last (exclusive) places of each stretch of equal keys."""
    starts = [place for place, key in enumerate(keys) if place == 0 or key != keys[place - 1]]
    return list(zip(starts, [*starts[1:], len(keys)], strict=True))
