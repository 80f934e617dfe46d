"""The names under which the values of a run's log are charted, in TensorBoard and elsewhere. Imports no torch."""

import math
from collections.abc import Mapping

from dann.evaluation.rules import Evaluation

GROUPS = (
    "discriminator",
    "score",
    "distance",
    "features",
    "gradient",
    "update",
    "share",
    "self-training",
)  # first words of names
SPLITS = ("source_validation", "source_test", "target_test")  # of numbers, the score under the name of a split is R²


def name_losses(
    learning_rate: float, coefficients: Mapping[str, float], terms: Mapping[str, float]
) -> dict[str, float]:
    """Losses and schedules by their names, with the domain loss at chance where there is a domain loss."""
    named = {f"loss/{name}": value for name, value in terms.items()}
    named |= {"loss/ln 2": math.log(2)} if "domain" in terms else {}
    schedules = {"learning rate": learning_rate, **coefficients}
    return named | {f"schedule/{name}": value for name, value in schedules.items()}


def name_evaluation(values: Evaluation, of_numbers: bool) -> dict[str, float]:
    """Metrics and diagnostics by their names, without the step.

    Args:
        of_numbers: whether the run is a regression.
    """
    named = {}
    for name, value in values.items():
        group, _, rest = name.replace("self_training", "self-training").partition("_")
        if name != "step":
            named[f"{group}/{rest}" if group in GROUPS else _name_score(name, of_numbers)] = value
    return named


def _name_score(name: str, of_numbers: bool) -> str:
    if not of_numbers:
        return f"accuracy/{name}"
    return f"regression/{name}{'_r2' if name in SPLITS else ''}"
