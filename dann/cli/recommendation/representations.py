"""Examples of two domains as vectors: the inputs of the network, and the features of a frozen pretrained backbone."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dann.config.candidates import name_features
from dann.config.schema import Config
from dann.data.loading.read_ahead import read_chunks
from dann.data.pair import Pair
from dann.networks.all_networks import RGB_ONLY
from dann.training.candidate_features import take_sample
from dann.training.inputs import prepare_inputs
from dann.training.trainer import Trainer

SIDE = 32  # pixels to which larger images are averaged as inputs
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Representation:
    """Training examples of both domains as vectors.

    Args:
        name: completes "by the …".
        source: shape ``(N, D)``.
        labels: class indices of the source examples, shape ``(N,)``.
        target: shape ``(M, D)``.
    """

    name: str
    source: Features
    labels: NDArray[np.int64]
    target: Features


def represent(config: Config, trainer: Trainer, pair: Pair, examples: int) -> list[Representation]:
    """The inputs and, where a backbone is frozen, its features; of at most about ``examples`` of each domain.

    Args:
        config: of which the trainer was built.
        trainer: of source only on the pair, at its first step.
    """
    inputs = prepare_inputs(config.data, pair, trainer.device, config.network.name in RGB_ONLY)
    sides = []
    for split, transform in zip((pair.train, pair.unlabelled), inputs.transforms, strict=True):
        taken = take_sample(split, examples)
        sides.append(torch.cat([_shrink(transform(x.to(trainer.device))).cpu() for x in read_chunks(taken)]))
    shrunk = f", averaged to {SIDE} × {SIDE} pixels" if _is_large(inputs.raw.output_shape(pair.input_shape)) else ""
    labels = take_sample(pair.train, examples).y.numpy()
    found = [Representation(f"inputs{shrunk}", sides[0].numpy(), labels, sides[1].numpy())]
    if trainer.constant_backbone is not None:
        source, target = (take_sample(split, examples) for split in (trainer.stream.source, trainer.stream.target))
        name = f"features of the pretrained {name_features(config.network)}"
        found.append(Representation(name, source.x.cpu().numpy(), source.y.cpu().numpy(), target.x.cpu().numpy()))
    return found


def _is_large(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and max(shape[1:]) > SIDE


def _shrink(x: Tensor) -> Tensor:
    """Inputs as vectors, float32 of shape ``(N, D)``."""
    if _is_large(tuple(x.shape[1:])):
        x = F.adaptive_avg_pool2d(x.float(), SIDE)
    return x.flatten(1).float()
