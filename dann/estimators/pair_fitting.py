"""Training on a pair from Python, in one call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from dann.config.sections import DataSection
from dann.data.pair import Pair
from dann.estimators.declaration import declare_config, read_section
from dann.estimators.quiet_training import QuietTraining
from dann.estimators.training_bar import training_bar
from dann.estimators.training_history import TrainingHistory
from dann.inference.loading import of_trainer
from dann.inference.model import Model
from dann.training.building import build_trainer
from dann.training.device import choose_device, keep_random_state
from dann.training.earlier_runs import find_earlier_runs

Section = Mapping[str, Any]
# Options of the section data that act on batches; all others make the pair, which is made already.
OF_BATCHES = ("huber", "target_batch_size", "resample", "generator", "bootstrap", "class_weights", "beta", "transform",
              "target_transform", "target_view")  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """What ``fit`` returns.

    Args:
        model: after the last step.
        history: losses, evaluations with metrics and diagnostics, and alarms; ``plot()`` draws it.
    """

    model: Model
    history: TrainingHistory


def fit(
    pair: Pair,
    method: str | Section = "dann",
    network: str | Section | nn.Module = "mlp",
    *,
    optimizer: str | Section = "adam",
    steps: int = 1000,
    batch_size: int = 64,
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    data: Section | None = None,
    train: Section | None = None,
    finetune: Section | None = None,
    self_training: Section | None = None,
    diagnose: Section | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: bool | None = None,
) -> Fit:
    """Train a method on a pair, as ``dann run`` does with the same configuration and seed.

    Args:
        pair: of ``dann.data.pair_builder.build_pair`` or ``dann.training.pair_loading.prepare_pair``.
        method: a name or a mapping with options, as in an experiment file.
        network: likewise, or a module that maps ``(N, ...)`` to features.
        optimizer: likewise.
        data: options of the section ``data`` for batches and transforms.
        train: further options of the section ``train``, such as ``{"evaluate_every": 100}``.
        finetune: the section of that name.
        self_training: the section of that name.
        diagnose: the section of that name.
        device: ``cpu``, ``cuda``, …; ``auto`` is a GPU if there is one.
        progress: whether a bar shows step and losses; by default in a notebook alone.

    Raises:
        BadInput: a section does not fit the schema or the pair, or the training fails.
        KeyboardInterrupt: by Ctrl-C, at the end of the step; estimators keep what was trained.
    """
    given = {"method": method, "network": network, "optimizer": optimizer, "steps": steps, "batch_size": batch_size,
             "precision": precision, "train": train, "finetune": finetune, "self_training": self_training,
             "diagnose": diagnose}  # fmt: skip
    taken = set(DataSection.model_fields) - {*OF_BATCHES}
    section = {**read_section(data, "data", taken, "dann.fit"), "task": pair.task}
    sources = len(torch.unique(pair.train.domain)) - (pair.description["target_labelled_examples"] > 0)
    config, place = declare_config(given, section, sources, "dann.fit"), choose_device(device, "device=")
    module = network if isinstance(network, nn.Module) else None
    with keep_random_state(place):
        trainer = build_trainer(config, pair, seed, place, module=module, earlier=find_earlier_runs(config, seed))
        with training_bar(config.train.steps, progress) as advance:
            training = QuietTraining(trainer, config, pair, advance)
            training.train()
    return Fit(of_trainer(training.trainer, pair, config), training.history)
