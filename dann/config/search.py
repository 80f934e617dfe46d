"""Hyper-parameter search: the settings that every row of an experiment tries, as many for each. Imports no torch."""

import itertools
import math
import zlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from dann.errors import BadInput
from dann.evaluation.rules import RULES
from dann.options import one_of

Setting = dict[str, Any]  # dotted keys of a configuration and their values
SHOWN = 4  # significant digits of a drawn number, so that folders have short names


def _checked(values: Any) -> Any:
    """A list of values, or an interval that random search draws from, evenly or evenly in the logarithm."""
    if isinstance(values, list) and values:
        return values
    if not isinstance(values, dict) or len(values) != 1 or set(values) - {"uniform", "log"}:
        raise ValueError("should be a list of values, or {uniform: [low, high]}, or {log: [low, high]}")
    ((scale, ends),) = values.items()
    given = ends if isinstance(ends, list) and len(ends) == 2 else []
    numbers = [end for end in given if isinstance(end, int | float) and math.isfinite(end)]
    if len(numbers) != 2 or not numbers[0] < numbers[1] or (scale == "log" and numbers[0] <= 0):
        raise ValueError("should have a low end under its high one, both finite, of log above 0")
    return values


Values = Annotated[Any, AfterValidator(_checked)]


def _drawn_from(values: Any, share: float) -> Any:
    """What lies at a share in [0, 1) of the way through a list or an interval."""
    if isinstance(values, list):
        return values[int(share * len(values))]
    ((scale, (low, high)),) = values.items()
    number = low * (high / low) ** share if scale == "log" else low + share * (high - low)
    return float(f"{number:.{SHOWN}g}")


class Search(BaseModel):
    """What is searched; the runs of all settings are made, and a rule chooses when a table is.

    Args:
        kind: all combinations of the values, or ``budget`` draws.
        budget: settings of each row, baselines included; a grid that has more or fewer in a row is refused.
        keys: dotted keys and what is tried of each, for every row.
        rows: more keys of some rows, or other values.
        rule: chooses among a row's settings, of each task apart, by the mean over seeds of its score.
        seed: of the draws; a key that several rows share is drawn the same values in all.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["grid", "random"] = "grid"
    budget: int = Field(ge=1)
    keys: dict[str, Values] = {}
    rows: dict[str, dict[str, Values]] = {}
    rule: str = "source_val"
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _known_rule(self) -> "Search":
        known = [rule.name for rule in RULES.values() if rule.reads and not rule.needs_target_labels]
        if self.rule not in known:
            raise ValueError(f"search.rule should be one of {', '.join(known)}, not {self.rule!r}")
        return self

    def check(self, variants: Iterable[str], where: str) -> None:
        """Refuse a search in which rows try unlike numbers of settings, or the same one twice.

        Args:
            where: names the file in messages.

        Raises:
            BadInput: with the row and the remedy.
        """
        for variant in self.rows:
            one_of(dict.fromkeys(variants), variant, "variant under search.rows:", where)
        for variant in variants:
            try:
                found = self.settings(variant)
            except ValueError as error:
                raise BadInput(f"{where}: search: {error}") from error
            different = len(set(map(named, found)))
            if different != self.budget:
                raise BadInput(
                    f"{where}: search: {variant} has {different} settings, the budget is {self.budget} for each row, "
                    "baselines too: give it as many, or search ranges at random"
                )

    def settings(self, variant: str) -> list[Setting]:
        """The settings that a row tries."""
        keys = self.keys | self.rows.get(variant, {})
        return list(self._drawn(keys) if self.kind == "random" else _grid(keys))

    def _drawn(self, keys: dict[str, Values]) -> Iterator[Setting]:
        columns = {key: self._column(key, values) for key, values in keys.items()}
        return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))

    def _column(self, key: str, values: Values) -> list[Any]:
        shares = np.random.default_rng([self.seed, zlib.crc32(key.encode())]).random(self.budget)
        return [_drawn_from(values, share) for share in shares]


def _grid(keys: dict[str, Values]) -> Iterator[Setting]:
    for key, values in keys.items():
        if not isinstance(values, list):
            raise ValueError(f"{key}: a grid needs a list of values: give one, or set kind: random")
    return (dict(zip(keys, row, strict=True)) for row in itertools.product(*keys.values()))


def named(setting: Setting) -> str:
    """A setting in words, as in ``optimizer.lr = 0.01, method.weight = 1``."""
    return ", ".join(f"{key} = {value}" for key, value in setting.items())
