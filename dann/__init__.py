"""Domain-adversarial training of neural networks and its baselines, compared on equal terms.

The package imports nothing by itself, so that ``dann --help`` and ``dann table`` never wait for torch.
"""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dann.using import Ensemble, Model

__version__ = "0.1.0"


def load(run: "str | PathLike[str]", device: str = "auto") -> "Model":
    """The trained model of a finished run's folder: see ``dann.using.load``."""
    from dann.using import load as loaded

    return loaded(run, device)


def ensemble(runs: "Sequence[str | PathLike[str]]", device: str = "auto") -> "Ensemble":
    """The models of several runs as one: see ``dann.using.Ensemble``."""
    from dann.using import Ensemble

    return Ensemble([load(run, device) for run in runs])
