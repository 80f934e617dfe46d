"""Rules that choose the reported step of a run, applied when a table is made, never when training."""

from collections.abc import Callable

from dann.errors import BadInput
from dann.records import Evaluation


def last(evaluations: list[Evaluation]) -> Evaluation:
    """The last evaluation: no selection at all."""
    return evaluations[-1]


def source_val(evaluations: list[Evaluation]) -> Evaluation:
    """The best accuracy on the held-out part of the source's training split; of equals the latest."""
    if "source_validation" not in evaluations[-1]:
        raise BadInput("--selection source_val: these runs held nothing out: set data.validation above 0")
    return _best(evaluations, "source_validation")


def oracle(evaluations: list[Evaluation]) -> Evaluation:
    """The best accuracy on the target's test labels: an upper bound, never a result."""
    return _best(evaluations, "target_test")


def _best(evaluations: list[Evaluation], key: str) -> Evaluation:
    return max(evaluations, key=lambda evaluation: (evaluation[key], evaluation["step"]))


RULES: dict[str, Callable[[list[Evaluation]], Evaluation]] = {
    "last": last,
    "source_val": source_val,
    "oracle": oracle,
}
