"""Groups of runs that may train as one stacked model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dann.config.experiment_run import Run
from dann.config.schema import Config
from dann.training.earlier_runs import EarlierRuns, find_earlier_runs
from dann.training.stacking.stackable import free_numbers, is_stackable


class Planned(NamedTuple):
    """A run that is to be made.

    Args:
        place: the folder that it leaves.
    """

    run: Run
    config: Config
    place: Path

    @property
    def runs(self) -> Path:
        """The folder of the experiment's runs."""
        return self.place.parents[len(self.run.folder.parts) - 1]

    @property
    def earlier(self) -> EarlierRuns:
        """The runs that it takes weights from."""
        return find_earlier_runs(self.config, self.run.seed, self.runs)


Unit = list[Planned]  # runs that one process makes at a time and that may be stacked


def group_runs(planned: Sequence[Planned], workers: int) -> list[Unit]:
    """The runs in units: those that ``train.replicas`` lets train together, shared evenly among the workers."""
    groups: dict[Any, Unit] = {}
    for number, each in enumerate(planned):
        alone = each.config.train.replicas == 1 or not is_stackable(each.config)
        groups.setdefault(number if alone else _shared_key(each.config), []).append(each)
    units = []
    for group in groups.values():
        most = group[0].config.train.replicas
        size = -(-len(group) // workers) if most == "auto" else most
        ordered = sorted(group, key=lambda each: optimizer_key(each.config))
        units += [ordered[first : first + size] for first in range(0, len(ordered), size)]
    return units


def _shared_key(config: Config) -> str:
    """The same for configurations that differ in no more than the optimiser and the free numbers of the method."""
    content = config.model_dump(mode="json", exclude={"optimizer"})
    numbers = free_numbers(config)
    content["method"] = {key: value for key, value in content["method"].items() if key not in numbers}
    return json.dumps(content, sort_keys=True)


def optimizer_key(config: Config) -> str:
    """The same for configurations with the same optimiser and options."""
    return config.optimizer.model_dump_json()


def differing_numbers(configs: Sequence[Config]) -> dict[str, list[float]]:
    """The hyper-parameters that are not the same in all runs of a unit: each run's value, by name."""
    values = [free_numbers(config) for config in configs]
    return {name: [each[name] for each in values] for name in values[0] if len({each[name] for each in values}) > 1}
