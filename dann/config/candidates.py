"""The candidates of ``dann rank``: the pairs of a source and a network that an experiment file would train."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dann.config.components import Component
from dann.config.experiment import Experiment
from dann.config.schema import Config, library_of, resolve
from dann.config.sections import DataSection
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.evaluation.candidate_order import INPUTS

HEADS = ("head", "dropout")  # options of a pretrained network of the layers behind it
SEEN = ("crop", "normalise")  # options of a transform that evaluation has too
# Options of ``data`` that concern training or tests, not which examples there are to train on.
TRAINING = ("batch_size", "target_batch_size", "target_labelled", "resample", "generator", "bootstrap", "class_weights",
            "beta", "calibration", "target_view", "drop_duplicates")  # fmt: skip
Row = tuple[str | None, str]  # task and variant


@dataclass(frozen=True)
class Candidate:
    """A source and a network for one target.

    Args:
        config: of the first row that would train it.
        rows: all tasks and variants that would, in the order of the file.
        network: the name of its features.
    """

    config: Config
    rows: list[Row]
    network: str

    @property
    def features(self) -> str:
        """A text that is equal for candidates whose features of the target are the same."""
        network = self.config.network if is_pretrained(self.config.network) else INPUTS
        return str((network, self.config.data.target, self.config.data.target_transform))

    @property
    def has_target_as_source(self) -> bool:
        """Whether it reads the target's own training labels."""
        return self.config.data.target in self.config.data.sources


@dataclass
class CandidateGroup:
    """The candidates for one target, of one task of the file or of several that share it."""

    tasks: set[str | None] = field(default_factory=set)
    targets: list[Component] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)


def group_candidates(experiment: Experiment, file: Path) -> list[CandidateGroup]:
    """The different candidates for each target of an experiment.

    Rows whose difference is in training alone, such as the method or the batch size, are one candidate. Those that
    train on the target itself are left out, unless all rows do.

    Args:
        file: of the experiment, for messages.
    """
    found: dict[str, Candidate] = {}
    for row, config in _configurations(experiment, file):
        reduced = _reduce(config)
        candidate = Candidate(reduced, [], name_features(reduced.network))
        found.setdefault(f"{candidate.features} {reduced.data}", candidate).rows.append(row)
    others = [candidate for candidate in found.values() if not candidate.has_target_as_source]
    groups: list[CandidateGroup] = []
    for candidate in others or found.values():
        _find_group(groups, candidate).candidates.append(candidate)
    return groups


def _configurations(experiment: Experiment, file: Path) -> Iterator[tuple[Row, Config]]:
    library = library_of(experiment, str(file))
    for task in experiment.tasks or [None]:
        for variant in experiment.variants:
            declared = experiment.merge_configuration(variant, task)
            config = resolve(declared, f"{file}, variant {variant}", library)
            if config.data.task == "regression":
                raise BadInput(f"{file}: data.task: dann rank scores features by classes, but this is a regression: "
                               "compare rows with dann run")  # fmt: skip
            yield (task, variant), config


def _reduce(config: Config) -> Config:
    """A configuration with the defaults for all that has no influence on the features of its examples."""
    data = config.data
    defaults: dict[str, Any] = {name: DataSection.model_fields[name].default for name in TRAINING}
    for side in ("transform", "target_transform"):
        kept = {name: getattr(getattr(data, side), name) for name in SEEN}
        defaults[side] = TransformOptions(**kept)
    given = config.network.options()
    kept = {name: value for name, value in given.items() if is_pretrained(config.network) and name not in HEADS}
    network = type(config.network)(name=config.network.name, **kept) if kept else config.network
    return config.model_copy(update={"data": data.model_copy(update=defaults), "network": network})


def is_pretrained(network: Component) -> bool:
    """Whether a network has a backbone with weights of its own."""
    return "weights" in network.options()


def name_features(network: Component) -> str:
    """The name of a network's features: that of its pretrained model, or that of the inputs without one."""
    if not is_pretrained(network):
        return INPUTS
    options = network.options()
    weights = "" if options["weights"] == "default" else f" (weights {Path(options['weights']).name or 'none'})"
    return f"{options.get('model', network.name)}{weights}"


def _find_group(groups: list[CandidateGroup], candidate: Candidate) -> CandidateGroup:
    """The group of a candidate's target: that of its tasks, or of another task with the same target."""
    tasks, target = {task for task, _ in candidate.rows}, candidate.config.data.target
    found = next((group for group in groups if group.tasks & tasks or target in group.targets), None)
    if found is None:
        groups.append(found := CandidateGroup())
    found.tasks |= tasks
    found.targets.append(target)
    return found
