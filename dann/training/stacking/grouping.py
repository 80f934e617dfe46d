"""Which runs train together as one stacked model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dann.config.experiment import Run
from dann.config.schema import Config
from dann.methods.all_methods import METHODS
from dann.training.stacking.sparse_layer import suits
from dann.training.trainer import Trainer

LIGHT, LIGHT_ON_GPU = 1e8, 1e10  # floating-point operations of a step, above which stacking gains nothing


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
    """The numbers of the method in which the runs of a stack may differ."""
    fixed = METHODS[config.method.name].branches
    options = config.method.options().items()
    return {key: value for key, value in options if isinstance(value, float) and key not in fixed}


def differing(unit: Unit) -> dict[str, list[float]]:
    """The numbers of the method that are not the same in all runs of a unit: each run's value, by name."""
    values = [_numbers(each.config) for each in unit]
    return {name: [each[name] for each in values] for name in values[0] if len({each[name] for each in values}) > 1}


def stacked(unit: Unit, trainer: Trainer) -> bool:
    """Whether the runs of ``unit`` train together; ``setup`` is the first one's.

    Not where examples are read from files as training goes: each run would read them in processes of its own. Nor where
    a backbone is fine-tuned, which happens block by block.
    """
    tuned = trainer.finetune is not None and trainer.method.network.backbone is not None
    streamed = trainer.stream.source.store.streamed or trainer.stream.target.store.streamed
    wanted = unit[0].config.train.replicas != "auto" or pays(unit, trainer)
    return len(unit) > 1 and trainer.method.stackable and not streamed and not tuned and wanted


def pays(unit: Unit, trainer: Trainer) -> bool:
    """Whether a stack takes less time than its runs one after another.

    A stack saves what each operation costs beside its arithmetic, so it gains where there is little arithmetic. On a
    processor stacked convolutions become grouped ones, which are slower. The measurements are in
    experiments/speed/README.md; the bound for GPUs is an estimate.
    """
    layers = list(trainer.method.modules())
    work = _arithmetic(trainer)
    if trainer.device.type != "cpu":
        return work < LIGHT_ON_GPU
    if any(isinstance(layer, nn.Conv1d | nn.Conv2d) for layer in layers):
        return False
    if suits([trainer]) and all(_plain(each.config) for each in unit):
        first = next(layer for layer in layers if isinstance(layer, nn.Linear))
        work -= 3 * sum(trainer.stream.sizes) * 2 * first.weight.numel()
    return work < LIGHT


def _plain(config: Config) -> bool:
    """Whether the optimiser is plain gradient descent, which a ``SparseLayer`` needs of all runs in its stack."""
    options = config.optimizer.options()
    return config.optimizer.name == "sgd" and not (options["momentum"] or options["weight_decay"])


def _arithmetic(trainer: Trainer) -> float:
    """Floating-point operations of a step, about: products forward, and twice as many backward, for both domains."""
    side, transform = trainer.stream.source, trainer.stream.transforms[0]
    training = trainer.method.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        trainer.method.eval().predict(transform(side.spread(1).x.to(trainer.device)))
    trainer.method.train(training)
    return 3.0 * sum(trainer.stream.sizes) * int(counter.get_total_flops())
