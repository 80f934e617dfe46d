"""Hyper-parameter search: the settings that each row of an experiment tries, equally many per row. Imports no torch."""

import itertools
import math
import zlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dann.config.naming import name_setting
from dann.errors import BadInput
from dann.evaluation.rules import OWN, RULES
from dann.options import look_up, shown

Setting = dict[str, Any]  # dotted keys of a configuration and their values
DIGITS = 4  # significant digits of a drawn number, so that folders have short names
STEPS = "train.steps"  # the key by which rungs of successive halving differ


def _check_values(values: Any) -> Any:
    """A list of values, or an interval that random search draws from uniformly or log-uniformly."""
    if isinstance(values, list) and values:
        return values
    if not isinstance(values, dict) or len(values) != 1 or set(values) - {"uniform", "log"}:
        raise ValueError("should be a list of values, or {uniform: [low, high]}, or {log: [low, high]}")
    ((scale, ends),) = values.items()
    pair = ends if isinstance(ends, list) and len(ends) == 2 else []
    numbers = [end for end in pair if isinstance(end, int | float) and math.isfinite(end)]
    if len(numbers) != 2 or not numbers[0] < numbers[1] or (scale == "log" and numbers[0] <= 0):
        raise ValueError("should have a low end under its high one, both finite, of log above 0")
    return values


def _check_rule(name: str) -> str:
    known = [rule.name for rule in RULES.values() if rule.reads and not rule.needs_target_labels]
    if name not in known and not (name.startswith(OWN) and name in RULES):
        raise ValueError(f"should be one of {', '.join(known)}")
    return name


def _check_budget(budget: Any) -> int | dict[str, int]:
    """A number for all rows, or one for each; of a plain union, pydantic would report the wrong alternative."""
    numbers = list(budget.values()) if isinstance(budget, dict) else [budget]
    if not numbers or not all(type(number) is int and number >= 1 for number in numbers):
        raise ValueError(f"should be a whole number from 1 on, or one for each row, not {shown(budget)}")
    checked: int | dict[str, int] = budget
    return checked


Budget = Annotated[Any, AfterValidator(_check_budget)]
Values = Annotated[Any, AfterValidator(_check_values)]
RuleName = Annotated[str, AfterValidator(_check_rule)]


def _pick(values: Any, share: float) -> Any:
    """The value at a share in [0, 1) of the way through a list or an interval."""
    if isinstance(values, list):
        return values[int(share * len(values))]
    ((scale, (low, high)),) = values.items()
    number = low * (high / low) ** share if scale == "log" else low + share * (high - low)
    return float(f"{number:.{DIGITS}g}")


class Search(BaseModel):
    """A search of hyper-parameters: as many settings for every row, of which a rule chooses one for each task.

    Without ``seeds`` every setting is run with the experiment's seeds, and the rule chooses when a table is made. With
    them the settings, and the row's own values as one more, are run with these seeds alone; the rule chooses by their
    runs, after the last step, and the experiment's seeds, which are fresh, train the choice, the row's own values and
    what an oracle would have chosen.

    Args:
        kind: ``grid``, all combinations of the values, or ``random``, ``budget`` draws, spread evenly over the
            values of each key and combined at random (a Latin hypercube, McKay et al. 1979), or ``halving``: such draws
            by successive halving (Jamieson and Talwalkar 2016).
        budget: settings per row, baselines included; a grid with more or fewer settings in a row is an error. A grid
            may have a mapping with the budget of each row, as papers have grids of different sizes.
        keys: dotted keys, each with the values or the interval to try, for every row.
        rows: for some rows, further keys, or other values for the same keys.
        rule: the selection rule, by the mean of its score over seeds, for each row and task separately.
        seed: of the random draws; rows that share a key try the same values of it.
        seeds: of the runs by which settings are chosen, none of them the experiment's; empty where there are no others.
        diagnose: options of ``diagnose`` for the runs with these seeds, so that the experiment's seeds need not pay for
            what only the rule reads, such as ``{reverse_steps: 800}``.
        rungs: of ``halving``: the first trains all settings for a small share of the row's steps, each further one the
            best of the one before, by the rule, for ``factor`` times as many; the last for all steps. Each trains anew,
            its whole schedules within its own steps.
        factor: by which the number of settings falls, and that of steps grows, from rung to rung.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: Literal["grid", "random", "halving"] = "grid"
    budget: Budget
    keys: dict[str, Values] = {}
    rows: dict[str, dict[str, Values]] = {}
    rule: RuleName = "source_val"
    seed: int = Field(0, ge=0)
    seeds: list[Annotated[int, Field(ge=0)]] = Field([], min_length=1)
    diagnose: dict[str, Any] = {}
    rungs: int = Field(3, ge=2, le=10)
    factor: int = Field(3, ge=2, le=10)

    def check(self, variants: Iterable[str], where: str) -> None:
        """Check that rows try as many settings as the budget says, all different.

        Args:
            where: the file, for messages.

        Raises:
            BadInput: with the row and the remedy.
        """
        known = dict.fromkeys(variants)
        self._check_options(known, where)
        for variant in self.rows:
            look_up(known, variant, "variant under search.rows:", where)
        for variant in variants:
            try:
                settings = self.settings(variant)
            except ValueError as error:
                raise BadInput(f"{where}: search: {error}") from error
            different = len(set(map(name_setting, settings)))
            if different != (budget := self.row_budget(variant)):
                every = "it" if isinstance(self.budget, dict) else "each row, baselines too"
                raise BadInput(
                    f"{where}: search: {variant} has {different} settings, the budget is {budget} for {every}: "
                    "give it as many, or search ranges at random"
                )

    def _check_options(self, variants: dict[str, None], where: str) -> None:
        """Check the options that need one another, and the rows of a budget."""
        if self.diagnose and not self.seeds:
            raise BadInput(f"{where}: search.diagnose: is for the runs with search.seeds alone: set these too")
        self._check_halving(where)
        if not isinstance(self.budget, dict):
            return
        if self.kind != "grid":
            raise BadInput(f"{where}: search.budget: kind: {self.kind} draws as often for every row: give one number")
        for variant in self.budget:
            look_up(variants, variant, "variant under search.budget:", where)
        if missing := [variant for variant in variants if variant not in self.budget]:
            raise BadInput(f"{where}: search.budget: has no number for {missing[0]}: add it, or give one for all rows")

    def _check_halving(self, where: str) -> None:
        """Check that successive halving, and nothing else, has what it needs."""
        if self.kind != "halving":
            if given := self.model_fields_set & {"rungs", "factor"}:
                raise BadInput(f"{where}: search.{min(given)}: is of kind: halving: set that, or leave it out")
            return
        if not self.seeds:
            raise BadInput(f"{where}: search.kind: halving chooses between runs: give it seeds of its own")
        if isinstance(self.budget, int) and self.rung_sizes[-1] < 1:
            least = self.factor ** (self.rungs - 1)
            raise BadInput(f"{where}: search.budget: {self.budget} settings leave none for the last of {self.rungs} "
                           f"rungs: give at least {least}")  # fmt: skip
        if STEPS in {*self.keys, *(key for keys in self.rows.values() for key in keys)}:
            raise BadInput(f"{where}: search: {STEPS} is set by the rungs of halving: leave it out")

    @property
    def rung_sizes(self) -> list[int]:
        """The number of settings of each rung; a single rung of all unless the search halves."""
        if self.kind != "halving":
            return [self.budget]
        budget: int = self.budget
        return [budget // self.factor**rung for rung in range(self.rungs)]

    def rung_settings(self, variant: str, steps: int) -> list[list[Setting]]:
        """The settings of a row by rungs, all of which the first trains, and each other one some.

        Args:
            steps: of the row.
        """
        drawn = self.settings(variant)
        if self.kind != "halving":
            return [drawn]
        shares = [max(1, steps // self.factor ** (self.rungs - 1 - rung)) for rung in range(self.rungs - 1)]
        return [*([{**setting, STEPS: share} for setting in drawn] for share in shares), drawn]

    def row_budget(self, variant: str) -> int:
        """The number of settings that a row should try."""
        budget: int = self.budget[variant] if isinstance(self.budget, dict) else self.budget
        return budget

    @property
    def budget_text(self) -> str:
        """The number of settings of each row in words, as "6" or "DANN 18, SVM 10"."""
        if isinstance(self.budget, dict):
            return ", ".join(f"{variant} {number}" for variant, number in self.budget.items())
        return str(self.budget)

    @property
    def rung_text(self) -> str:
        """The rungs in words; empty unless the search halves."""
        if self.kind != "halving":
            return ""
        shares = [f"1/{self.factor ** (self.rungs - 1 - rung)} of the steps" for rung in range(self.rungs - 1)]
        first, *others = zip(self.rung_sizes, [*shares, "all"], strict=True)
        texts = [
            f"{first[0]} train for {first[1]}",
            *(f"the best {size} of them for {share}" for size, share in others),
        ]
        return f"{', '.join(texts)} (successive halving, Jamieson and Talwalkar 2016)"

    def count(self, variant: str) -> int:
        """The number of settings that a row tries, of all rungs, equal ones included; lists none."""
        if self.kind == "halving" and isinstance(self.budget, int):
            return sum(self.rung_sizes)
        if self.kind != "grid":
            return self.row_budget(variant)
        values = (self.keys | self.rows.get(variant, {})).values()
        return math.prod(len(each) for each in values if isinstance(each, list))

    def settings(self, variant: str) -> list[Setting]:
        """The settings that a row tries, but for their rungs."""
        keys = self.keys | self.rows.get(variant, {})
        return list(_grid(keys) if self.kind == "grid" else self._draw(keys))

    def _draw(self, keys: dict[str, Values]) -> Iterator[Setting]:
        columns = {key: self._draw_values(key, values) for key, values in keys.items()}
        return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))

    def _draw_values(self, key: str, values: Values) -> list[Any]:
        # The stream depends on the key alone, so that rows that share it draw the same values. As in a Latin hypercube
        # (McKay et al. 1979), each of `budget` equal parts of the values is drawn from once.
        random = np.random.default_rng([self.seed, zlib.crc32(key.encode())])
        budget: int = self.budget
        shares = (random.permutation(budget) + random.random(budget)) / budget
        return [_pick(values, share) for share in shares]


def _grid(keys: dict[str, Values]) -> Iterator[Setting]:
    for key, values in keys.items():
        if not isinstance(values, list):
            raise ValueError(f"{key}: a grid needs a list of values: give one, or set kind: random")
    return (dict(zip(keys, row, strict=True)) for row in itertools.product(*keys.values()))
