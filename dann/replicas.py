"""Which runs train together as one stacked model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from dann.build import Setup
from dann.config import Config
from dann.experiment import Run
from dann.sparse import suits

LIGHT = 1e8  # floating-point operations of a step, above which a processor gains nothing from stacking


class Planned(NamedTuple):
    """A run that is to be made.

    Args:
        place: the folder in which it will lie.
    """

    run: Run
    config: Config
    place: Path


Unit = list[Planned]  # what one process makes at a time: runs that may be stacked


def units(planned: Sequence[Planned], workers: int) -> list[Unit]:
    """The runs in units: those that ``train.replicas`` lets train together, shared out evenly among the workers."""
    groups: dict[Any, Unit] = {}
    for number, each in enumerate(planned):
        alone = each.config.train.replicas == 1
        groups.setdefault(number if alone else _alike(each.config), []).append(each)
    result = []
    for group in groups.values():
        most = group[0].config.train.replicas
        size = -(-len(group) // workers) if most == "auto" else most
        ordered = sorted(group, key=lambda each: optimizer_key(each.config))
        result += [ordered[first : first + size] for first in range(0, len(ordered), size)]
    return result


def _alike(config: Config) -> str:
    """The same for two configurations that differ in no more than the optimiser and numbers of the method."""
    content = config.model_dump(mode="json", exclude={"optimizer"})
    numbers = _numbers(config)
    content["method"] = {key: value for key, value in content["method"].items() if key not in numbers}
    return json.dumps(content, sort_keys=True)


def optimizer_key(config: Config) -> str:
    """The same for two configurations with the same optimiser and options."""
    return config.optimizer.model_dump_json()


def _numbers(config: Config) -> dict[str, float]:
    return {key: value for key, value in config.method.options().items() if isinstance(value, float)}


def differing(unit: Unit) -> dict[str, list[float]]:
    """The numbers of the method that are not the same in all runs of a unit: each run's value, by name."""
    values = [_numbers(each.config) for each in unit]
    return {name: [each[name] for each in values] for name in values[0] if len({each[name] for each in values}) > 1}


def pays(setup: Setup) -> bool:
    """Whether a stack of runs like ``setup`` takes less time than they do one after another.

    It always does on a GPU, which a small network leaves idle. On a processor a stack saves what each operation
    costs beside its arithmetic, some 10 µs, so it gains where there is little arithmetic; stacked convolutions become
    grouped ones, which are 2 to 8 times slower. The measurements are in experiments/speed/README.md.
    """
    if any(side.store.streamed for side in (setup.stream.source, setup.stream.target)):
        return False  # each run would read its files in processes of its own
    if setup.device.type != "cpu":
        return True
    modules = list(setup.method.modules())
    if any(isinstance(module, nn.Conv1d | nn.Conv2d) for module in modules):
        return False
    layers = [module.weight.numel() for module in modules if isinstance(module, nn.Linear)]
    weights = sum(layers[suits([setup]) :])
    return 6 * weights * 2 * setup.stream.batch_size < LIGHT  # a product forward, two backward, for both domains
