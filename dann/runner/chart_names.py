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


def name_losses(
    learning_rate: float, coefficients: Mapping[str, float], terms: Mapping[str, float]
) -> dict[str, float]:
    """Losses and schedules by their names, with the domain loss at chance where there is a domain loss."""
    named = {f"loss/{name}": value for name, value in terms.items()}
    named |= {"loss/ln 2": math.log(2)} if "domain" in terms else {}
    schedules = {"learning rate": learning_rate, **coefficients}
    return named | {f"schedule/{name}": value for name, value in schedules.items()}


def name_evaluation(values: Evaluation) -> dict[str, float]:
    """Metrics and diagnostics by their names, without the step."""
    named = {}
    for name, value in values.items():
        group, _, rest = name.replace("self_training", "self-training").partition("_")
        if name != "step":
            named[f"{group}/{rest}" if group in GROUPS else f"accuracy/{name}"] = value
    return named
