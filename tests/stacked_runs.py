"""Helpers that train the same runs separately and as a stack, and compare them."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from dann.config.experiment_run import Run
from dann.config.schema import Config
from dann.data.loading.stream import Batch
from dann.data.pair import Pair
from dann.methods.all_methods import METHODS
from dann.methods.dann import Dann
from dann.methods.method import Method
from dann.networks.network import Network
from dann.training.building import build_trainer
from dann.training.stacking.grouping import Planned, differing_numbers, optimizer_key
from dann.training.stacking.stack import Stack
from dann.training.trainer import Trainer


def in_double_precision(trainer: Trainer) -> None:
    trainer.method.double()
    trainer.evaluated.double()
    for state in trainer.optimizer.state.values():
        state.update({key: value.double() for key, value in state.items()})


def close(double: bool) -> dict[str, float]:
    return {"rtol": 0, "atol": 1e-10 if double else 1e-5}


CPU = torch.device("cpu")


DIGITS: dict[str, Any] = {
    "data": {"source": {"name": "digits", "size": 16}, "target": {"name": "digits_m", "size": 16}, "batch_size": 8},
    "network": {"name": "mnist", "batch_norm": True, "dropout": 0.3},
    "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "schedule": "inverse"},
    "train": {"steps": 10, "precision": "fp32"},
    "method": {"name": "dann"},
}


class InTurn(Dann):
    """Steps the network, then the heads: phases whose parameters differ, one of which is never stepped."""

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self.temperature = nn.Parameter(torch.tensor(1.5))
        self.unused = nn.Parameter(torch.tensor(1.0))

    def phases(self, progress: float) -> tuple[str, ...]:
        return "network", "heads"

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, torch.Tensor]:
        terms = super().forward(batch, progress, phase)
        return {f"{phase} {name}": term * self.temperature**2 + self.unused for name, term in terms.items()}

    def phase_parameters(self, phase: str) -> list[nn.Parameter]:
        return [*(self.network if phase == "network" else self.discriminator).parameters(), self.temperature]


def name_of(kind: type[Method]) -> str:
    """The name by which an experiment file, and the list of what stacks, knows a method."""
    return next(name for name, method in METHODS.items() if method is kind)


def planned(configs: list[Config], seeds: list[int]) -> list[Planned]:
    pairs = zip(configs, seeds, strict=True)
    return [Planned(Run(None, str(number), seed, {}), config, Path(str(number)))
            for number, (config, seed) in enumerate(pairs)]  # fmt: skip


def in_both_ways(
    configs: list[Config], pair: Pair, steps: int, double: bool = True, device: torch.device = CPU
) -> tuple[Stack, list[Trainer]]:
    """A stack and separate trainers after the same steps; asserts that their losses are equal."""
    seeds = list(range(3, 3 + len(configs)))

    def trainers() -> list[Trainer]:
        made = [build_trainer(config, pair, seed, device) for config, seed in zip(configs, seeds, strict=True)]
        for trainer in made if double else []:
            in_double_precision(trainer)
        return made

    separate = trainers()
    stack = Stack(trainers(), differing_numbers(configs), [optimizer_key(config) for config in configs])
    for learner in (stack, *separate):
        learner.train()
    for step in range(steps):
        together = stack.step(step, step / 10)
        apart = [trainer.step(step, step / 10) for trainer in separate]
        for name, values in together.items():
            expected = torch.cat([terms[name] for terms in apart])
            torch.testing.assert_close(values, expected, **close(double))
        assert stack.rates() == [rate for trainer in separate for rate in trainer.rates()]
    return stack, separate


def assert_same_state(stack: Stack, separate: list[Trainer], double: bool = True) -> None:
    stack.hand_back()
    for ours, theirs in zip(stack.trainers, separate, strict=True):
        one, other = ours.method.state_dict(), theirs.method.state_dict()
        assert one.keys() == other.keys()
        for name in one:
            torch.testing.assert_close(one[name], other[name], **close(double))
        states = ours.optimizer.state_dict()["state"], theirs.optimizer.state_dict()["state"]
        assert states[0].keys() == states[1].keys()
        for place, state in states[0].items():
            assert state.keys() == states[1][place].keys()
            for key, value in state.items():
                torch.testing.assert_close(value, states[1][place][key], **close(double))
