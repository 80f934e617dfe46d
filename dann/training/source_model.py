"""The source model with which a source-free method begins: the network of a finished run."""

import hashlib
from pathlib import Path

from torch import nn

from dann.errors import BadInput
from dann.training.checkpoint import CHECKPOINT, read_method

NETWORK = "network."  # begins the names of the network's parameters and buffers in a checkpoint


def load_source_model(network: nn.Module, folder: Path) -> None:
    """Copy the weights of a finished run, those that it was evaluated with, into a network.

    Args:
        folder: of the run.

    Raises:
        BadInput: there is no such run, or its network is another.
    """
    if not (folder / CHECKPOINT).is_file():
        raise BadInput(f"method.from: {folder} is no finished run: make it first, or name the folder of one")
    weights = {name.removeprefix(NETWORK): value for name, value in read_method(folder / CHECKPOINT).items()
               if name.startswith(NETWORK)}  # fmt: skip
    own = network.state_dict()
    differing = [name for name in {**own, **weights} if getattr(own.get(name), "shape", None)
                 != getattr(weights.get(name), "shape", None)]  # fmt: skip
    if differing:
        raise BadInput(f"method.from: {folder} has another network ({differing[0]} differs): give this run the network "
                       "and finetune sections of that one")  # fmt: skip
    network.load_state_dict(weights)


def checksum_weights(folder: Path) -> str | None:
    """16 hexadecimal digits of the weights of a finished run; None where there is none."""
    if not (folder / CHECKPOINT).is_file():
        return None
    digest = hashlib.sha256()
    for name, value in sorted(read_method(folder / CHECKPOINT).items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
