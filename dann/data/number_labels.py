"""Labels that are numbers: whether domains have them, and the scale on which a network learns them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dann.data.domain import Domain, Split, Task
from dann.errors import BadInput


@dataclass(frozen=True)
class LabelScale:
    """The mean and the standard deviation of the labels that are trained on.

    Networks learn standardised labels, (y − mean) / deviation, so that learning rates and weights of other losses do
    not depend on the unit of the labels.
    """

    mean: float
    deviation: float

    @classmethod
    def of(cls, y: Tensor) -> "LabelScale":
        """The scale of labels ``(N,)``, of which none is missing and two differ; the deviation divides by N."""
        values = y.double()
        return cls(float(values.mean()), float(values.std(correction=0)))

    @classmethod
    def restored(cls, described: Mapping[str, float]) -> "LabelScale":
        """The scale that the description of a pair has (``Pair.describe``), as records keep it."""
        return cls(described["mean"], described["deviation"])

    def standardise(self, y: Tensor) -> Tensor:
        """Labels ``(…)`` as a network learns them, of the same type."""
        return (y - self.mean) / self.deviation

    def restore(self, outputs: Tensor) -> Tensor:
        """The inverse, for a network's outputs."""
        return outputs * self.deviation + self.mean


def check_task(domains: Sequence[Domain], task: Task) -> list[Domain]:
    """The domains, checked to have labels of a task; those without any label get labels of its type.

    Raises:
        BadInput: the labels of a domain are of another kind; names it.
    """
    for domain in domains:
        if task == "classification" and domain.task == "regression":
            raise BadInput(f"data: the labels of {domain.name} are numbers: set data.task: regression")
        if task == "regression" and domain.classes:
            raise BadInput(
                f"data.task: regression is of numbers, but the labels of {domain.name} are classes: choose a data set "
                "with numbers, such as table, or leave task out"
            )
    return list(domains) if task == "classification" else [_without_classes(domain) for domain in domains]


def _without_classes(domain: Domain) -> Domain:
    """A domain whose examples have numbers, or no label at all."""
    if domain.task == "regression":
        return domain

    def convert(split: Split) -> Split:
        return replace(split, y=torch.full(split.y.shape, torch.nan))

    test = None if domain.test is None else convert(domain.test)
    return replace(domain, train=convert(domain.train), test=test)


def check_numbers(source: Domain) -> None:
    """Raise for a source without labels, or whose labels are all the same.

    Raises:
        BadInput: says which.
    """
    y = source.train.labelled.y
    if not len(y):
        raise BadInput(f"data.source: {source.name} has no labels: choose a labelled source, or leave that row out")
    if bool((y == y[0]).all()):
        raise BadInput(f"data.source: all labels of {source.name} are {float(y[0]):g}, so that nothing is to learn: "
                       "add examples with others")  # fmt: skip
