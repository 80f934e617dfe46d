"""A resolved configuration → the objects that train."""

from dataclasses import dataclass

import torch

from dann.config import Config, DataSection
from dann.data import DOMAINS, Normalise, Pair, Split, Stream, derive
from dann.data.stream import WEIGHTS
from dann.device import chosen_dtype
from dann.errors import BadInput
from dann.evaluate import Scores, evaluate
from dann.methods import METHODS, Method
from dann.networks import NETWORKS
from dann.optimizers import OPTIMIZERS


def load_pair(data: DataSection) -> Pair:
    """Both domains of a configuration, read from disk."""
    return Pair.of(data.source.build(DOMAINS), data.target.build(DOMAINS), data.validation)


@dataclass(frozen=True)
class Setup:
    """All that one run trains and evaluates with, built from its configuration and seed."""

    method: Method
    optimizer: torch.optim.Optimizer
    stream: Stream
    transform: Normalise
    splits: dict[str, Split]
    dtype: torch.dtype

    @classmethod
    def of(cls, config: Config, pair: Pair, seed: int, device: torch.device) -> "Setup":
        """Networks, data and optimiser on ``device``; draws the initial weights from torch's generator."""
        torch.manual_seed(derive(seed, WEIGHTS))
        network = config.network.build(NETWORKS, pair.input_shape, len(pair.classes))
        method = config.method.build(METHODS, network)
        method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = config.optimizer.build(OPTIMIZERS, method.parameters())
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        transform = Normalise(pair.train.x).to(device)
        target_x = pair.target.train.x.to(device)
        if config.data.shift and pair.train.x.ndim != 4:
            raise BadInput("data.shift moves images, but the domains are vectors: leave it out")
        stream = Stream(
            pair.train.to(device),
            target_x,
            transform,
            batch_size=config.data.batch_size,
            seed=seed,
            shift=config.data.shift,
        )
        return cls(
            method,
            optimizer,
            stream,
            transform,
            pair.evaluated(device),
            chosen_dtype(config.train.precision, device),
        )

    def scores(self) -> dict[str, Scores]:
        """The scores on every evaluated split now."""
        return {name: evaluate(self.method, split, self.transform, self.dtype) for name, split in self.splits.items()}
