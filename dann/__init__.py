"""Domain-adversarial training of neural networks and its baselines, compared on equal terms.

The package itself imports nothing, so that ``dann --help`` and ``dann table`` do not wait for torch.
"""

from collections.abc import Sequence
from importlib import import_module
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dann.estimators.adaptation_classifier import AdaptationClassifier as AdaptationClassifier
    from dann.estimators.adaptation_regressor import AdaptationRegressor as AdaptationRegressor
    from dann.estimators.dann_classifier import DANNClassifier as DANNClassifier
    from dann.estimators.pair_fitting import fit as fit
    from dann.inference.ensemble import Ensemble
    from dann.inference.model import Model

__version__ = "0.2.0"
ESTIMATORS = {
    "AdaptationClassifier": "adaptation_classifier",
    "AdaptationRegressor": "adaptation_regressor",
    "DANNClassifier": "dann_classifier",
    "fit": "pair_fitting",
}


def __getattr__(name: str) -> Any:
    """An estimator or ``fit``, imported when it is first used."""
    if name in ESTIMATORS:
        return getattr(import_module(f"dann.estimators.{ESTIMATORS[name]}"), name)
    raise AttributeError(f"module 'dann' has no attribute {name!r}")


def load(run: "str | PathLike[str]", device: str = "auto", use: "Sequence[str | PathLike[str]]" = ()) -> "Model":
    """The trained model in the folder of a finished run: see ``dann.inference.loading.load``."""
    from dann.inference.loading import load as load_model

    return load_model(run, device, use)


def ensemble(
    runs: "Sequence[str | PathLike[str]]", device: str = "auto", use: "Sequence[str | PathLike[str]]" = ()
) -> "Ensemble":
    """The models of several runs as one: see ``dann.inference.ensemble.Ensemble``; ``use`` as of ``load``."""
    from dann.inference.ensemble import Ensemble

    return Ensemble([load(run, device, use) for run in runs])
