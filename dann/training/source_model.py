"""The source model with which a source-free method begins: the network of a finished run."""

import hashlib
from pathlib import Path

from torch import nn

from dann.config.schema import Config
from dann.errors import BadInput
from dann.training.checkpoint import CHECKPOINT, read_method

NETWORK = "network."  # begins the names of the network's parameters and buffers in a checkpoint


def find_source_run(config: Config, seed: int, runs: Path | None = None) -> Path | None:
    """The folder that ``method.from`` names for a run of this seed; None where the method does not begin with one.

    Args:
        runs: the folder of the experiment's runs; None where there is no experiment.

    Raises:
        BadInput: it names a folder of the experiment, of which there is none.
    """
    named = config.method.options().get("from")
    return None if named is None else place_source_run(str(named), seed, runs)


def place_source_run(named: str, seed: int, runs: Path | None = None) -> Path:
    """The folder that a value of ``method.from`` names; arguments and errors as of ``find_source_run``."""
    if runs is None and "{runs}" in named:
        raise BadInput(f"method.from: {named}: there is no experiment, whose runs {{runs}} stands for: name a folder")
    return Path(named.replace("{runs}", str(runs)).replace("{seed}", str(seed))).expanduser()


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


def checksum_source_model(folder: Path) -> str | None:
    """16 hexadecimal digits of the weights of a finished run; None where there is none."""
    if not (folder / CHECKPOINT).is_file():
        return None
    digest = hashlib.sha256()
    for name, value in sorted(read_method(folder / CHECKPOINT).items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
