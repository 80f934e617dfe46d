"""Types of the smaller fields of an experiment file."""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES
from dann.options import shown

Share = Annotated[float, Field(ge=0, le=1)]


FigureKind = Literal[
    "bars",
    "curves",
    "errors",
    "diagnosis",
    "distances",
    "discriminator",
    "confusion",
    "reliability",
    "tsne",
    "plane",
    "generated",
    "axis",
]


Place = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2, max_length=2)]


class Shown(BaseModel):
    """What figures show: some variants and tasks, where all would be too many; an empty list stands for all.

    Args:
        variants: rows of all figures but bars and lines over an axis; of planes, by default, the first row on the
            source only and the first with DANN. Distances are drawn in this order.
        tasks: columns of the same.
        figures: kinds that the page in results/ keeps; ``dann run`` and ``dann plot`` draw all. With ``discriminator``
            goes its table.
        points: places in the plane of the network's inputs; the example next to each has a letter, A to Z, in the
            figure ``plane``. By default there are four, see ``dann.reporting.figures.plane_figure``.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    variants: list[str] = Field([], min_length=1)
    tasks: list[str] = Field([], min_length=1)
    figures: list[FigureKind] = Field(["bars", "curves", "diagnosis", "distances"], min_length=1)
    points: list[Place] = Field([], min_length=1, max_length=26)


class Axis(BaseModel):
    """A numeric axis on which rows are the points of lines, such as a number of labelled examples.

    Args:
        name: what the values are of.
        values: of the axis, increasing.
        lines: by name, the row of each value; a table shows at which value the first line is as good as each other line
            is at the first value.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str
    values: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(min_length=2)
    lines: dict[str, list[str]] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.values)):
            raise ValueError("values should increase")
        for name, rows in self.lines.items():
            if len(rows) != len(self.values):
                raise ValueError(f"lines: {name} has {len(rows)} rows for {len(self.values)} values: name one for each")
        return self


def _check_baseline(baseline: Any) -> str | dict[str, str]:
    """A variant, or the baselines of some variants; of a plain union, pydantic would report the wrong alternative."""
    names = [*baseline, *baseline.values()] if isinstance(baseline, dict) else [baseline]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"should name a variant, or variants' own as in {{DANN: source only}}, not {shown(baseline)}")
    checked: str | dict[str, str] = baseline
    return checked


Baseline = Annotated[Any, AfterValidator(_check_baseline)]


def _check_metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"should be one of {', '.join(METRICS)}")
    return name


def _check_selection(name: str) -> str:
    if name not in RULES:
        raise ValueError(f"should be one of {', '.join(RULES)}")
    return name


SelectionName = Annotated[str, AfterValidator(_check_selection)]
MetricName = Annotated[str, AfterValidator(_check_metric)]


class Resources(BaseModel):
    """What each run gets on a cluster; ``dann run`` without ``--on`` does not read it.

    Args:
        cpus: cores, and so threads.
        gpus: GPUs; on Ray also a share of one, which several runs then have together.
        memory: GiB; by default that of the cluster's own rules.
        hours: on Slurm the time of a job, after which it is submitted again and goes on.
        slurm: further options of Slurm's jobs by submitit's names, such as ``{partition: gpu, account: mine}``.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    cpus: Annotated[int, Field(ge=1, le=1024)] = 1
    gpus: Annotated[float, Field(ge=0, le=1024)] = 0
    memory: Annotated[float, Field(gt=0, le=65536)] | None = None
    hours: Annotated[float, Field(gt=0, le=8784)] = 24
    slurm: dict[str, str | int] = {}
