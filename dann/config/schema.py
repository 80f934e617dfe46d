"""A declared configuration → validated objects with every default filled in.

The keyword-only arguments of a component (a domain, network, optimiser or method) are the schema of its YAML.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, SerializeAsAny, create_model

from dann.data.datasets.all_datasets import DOMAINS
from dann.data.loading.sampler import Resample
from dann.data.preprocessing.degradation import Degradation
from dann.data.preprocessing.imputation import Missing
from dann.data.preprocessing.resampling import ClassWeights
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.methods.all_methods import METHODS
from dann.networks.all_networks import NETWORKS
from dann.networks.finetuning import FineTuning
from dann.optim import OPTIMIZERS
from dann.options import Section, one_of, validated

Built = TypeVar("Built")
Registry = Mapping[str, Callable[..., Any]]


class Component(Section):
    """A named entry of a registry with its options."""

    name: str

    def build(self, registry: Mapping[str, Callable[..., Built]], *arguments: Any) -> Built:
        """The entry of ``registry`` called on ``arguments`` with the options."""
        try:
            return registry[self.name](*arguments, **self.options())
        except (ValueError, RuntimeError) as error:
            raise BadInput(f"{self.name}: {' '.join(str(error).split())} (options: {self.options()})") from error

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"name"})


class OptimizerSection(Component):
    """An optimiser and the schedule of its learning rate."""

    schedule: Literal["constant", "inverse"] = "constant"

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"name", "schedule"})


class Msda(Section):
    """Features of a marginalised stacked denoising autoencoder in place of vectors; the paper's values."""

    layers: int = Field(5, ge=1)
    corruption: float = Field(0.5, gt=0, lt=1)


class DataSection(Section):
    """The domains, how they are split, and what is done to their examples.

    Args:
        source: one domain, or a list of several.
        batch_size: examples of each side in a step; the paper's batches of 128 are 64 + 64.
        target_batch_size: examples of the target in a step, if other than of the source.
        validation: share of the source's training examples held out for validation, of each class.
        test: share held out for testing where a data set defines no test split.
        transductive: train on the target's test examples, without their labels: the convention of Office and PACS.
        partial: allow a target with a part of the source's classes.
        target_classes: cut the target down to these classes.
        target_labelled: labelled target examples a class that join the labelled side: few-shot adaptation.
        missing: what to do with NaN in vectors; imputation is fitted on both training splits.
        msda: features computed from vectors.
        resample: order of the labelled examples against class imbalance, or ``smote``.
        class_weights: in the label loss: ``inverse`` class frequency or ``effective`` number of examples.
        beta: β of the effective number.
        source_lacks: what each source is made to lack: examples of a class, or parts of every example.
        target_lacks: the same of the target.
        class_vectors: a CSV file of class names and numbers: the classifier scores features against these vectors.
        unseen: classes of which no labelled example is trained on, for zero-shot classification.
        calibration: what the logits of the other classes are reduced by in evaluation, which else nearly always win.
        transform: of both domains' examples.
        target_transform: what differs from it for the target's.
        target_view: what differs from that for a second view of the target's examples, for methods that compare two.
    """

    source: SerializeAsAny[Component] | list[SerializeAsAny[Component]]
    target: SerializeAsAny[Component]
    batch_size: int = Field(64, ge=1)
    target_batch_size: int | None = Field(None, ge=1)
    validation: float = Field(0.1, gt=0, lt=1)
    test: float = Field(0.2, gt=0, lt=1)
    transductive: bool = False
    partial: bool = False
    target_classes: list[str] | None = None
    target_labelled: int = Field(0, ge=0)
    missing: Missing = "error"
    msda: Msda | None = None
    resample: Resample = "none"
    class_weights: ClassWeights = "none"
    beta: float = Field(0.999, ge=0, lt=1)
    source_degradation: Degradation | None = None
    target_degradation: Degradation | None = None
    class_vectors: str | None = None
    unseen: list[str] = Field([])
    calibration: float = Field(0.0, ge=0)
    transform: TransformOptions = TransformOptions()
    target_transform: TransformOptions = TransformOptions()
    target_view: TransformOptions | None = None

    @property
    def sources(self) -> list[Component]:
        return self.source if isinstance(self.source, list) else [self.source]


def _auto_or_count(value: Any) -> Any:
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError("should be auto or a whole number from 1 on")
    return value


class TrainSection(Section):
    """The training loop.

    Args:
        steps: updates in all; progress is the share of them done.
        evaluate_every: steps between evaluations, each followed by a checkpoint; there is one after the last step.
        log_every: steps between readings of the losses.
        precision: ``bf16`` autocast, ``fp32``, or ``auto``: bf16 where the device has matrix units for it.
        replicas: how many runs at most train together as one stacked model: seeds of a variant, and variants that
            differ only in numbers of the method or in the optimiser. ``auto``: all, where that is faster.
    """

    steps: int = Field(ge=1)
    evaluate_every: int = Field(1000, ge=1)
    log_every: int = Field(50, ge=1)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    replicas: Annotated[Literal["auto"] | int, PlainValidator(_auto_or_count)] = 1


def _none_or_enough(examples: int) -> int:
    if examples != 0 and examples < 10:
        raise ValueError("should be 0, for no diagnosis, or from 10 on")
    return examples


class DiagnoseSection(Section):
    """What each evaluation measures without target labels: scores to select by, and how the adversary is doing.

    Args:
        examples: of each of the source's training and held-out and the target's unlabelled examples, on which features
            are looked at, from 10 on; 0 for no diagnosis.
        mixval: MixVal's score too, which forwards mixed target examples.
        reverse_steps: steps of the training in reverse that reverse validation takes; 0 for none.
    """

    examples: Annotated[int, AfterValidator(_none_or_enough)] = 500
    mixval: bool = False
    reverse_steps: int = Field(0, ge=0)


class Config(Section):
    """A run's configuration, resolved: every default is filled in."""

    data: DataSection
    network: SerializeAsAny[Component]
    optimizer: SerializeAsAny[OptimizerSection]
    train: TrainSection
    method: SerializeAsAny[Component]
    finetune: FineTuning | None = None
    diagnose: DiagnoseSection = DiagnoseSection()

    def __reduce__(self) -> Any:
        """Sections are made from signatures, so that pickle cannot name their classes: they are made again."""
        return resolve, (self.model_dump(), "a configuration that was valid before")

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change whenever a value does, other than how many runs train together."""
        text = json.dumps(self.model_dump(exclude={"train": {"replicas"}}), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def resolve(declared: Mapping[str, Any], where: str) -> Config:
    """The configuration that the mapping ``declared`` means.

    Args:
        where: names the file and the variant in messages.

    Raises:
        BadInput: an unknown key or name, a wrong type or a value out of range; one line.
    """
    data = dict(_mapping(declared.get("data", {}), "data", where))

    source = data.get("source", {})
    if isinstance(source, list) and source:
        data["source"] = [component(entry, "data.source", DOMAINS, "data set", where) for entry in source]
    else:
        data["source"] = component(source, "data.source", DOMAINS, "data set", where)
    data["target"] = component(data.get("target", {}), "data.target", DOMAINS, "data set", where)
    shared = _mapping(data.get("transform", {}), "data.transform", where)
    data["target_transform"] = {**shared, **_mapping(data.get("target_transform", {}), "data.target_transform", where)}
    if (view := data.get("target_view")) is not None:
        data["target_view"] = {**data["target_transform"], **_mapping(view, "data.target_view transform", where)}
    built = {
        "data": data,
        "network": component(declared.get("network", {}), "network", NETWORKS, "network", where),
        "optimizer": component(
            declared.get("optimizer", {}), "optimizer", OPTIMIZERS, "optimizer", where, OptimizerSection
        ),
        "method": component(declared.get("method", {}), "method", METHODS, "method", where),
    }
    return validated(Config, {**declared, **built}, where)


def component(
    entry: Any, path: str, registry: Registry, what: str, where: str, base: type[Component] = Component
) -> Component:
    """The component that a mapping with a name and options means.

    Args:
        path: the dotted path of ``entry``, for messages.
        what: the kind of component, likewise.
        where: names the file, likewise.
        base: has the options that all components of the registry share.
    """
    name = _mapping(entry, path, where).get("name")
    model = _schema(str(name), one_of(registry, name, what, f"{where}: {path}.name"), base)
    return validated(model, entry, where, path)


def _mapping(value: Any, path: str, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadInput(
            f"{where}: {path} should be a mapping{'' if 'transform' in path else ' with a name'}, not {value!r}"
        )
    return value


@cache  # so that sections of the same content are equal, and the runs that share data load them once
def _schema(name: str, component: Callable[..., Any], base: type[Component]) -> type[Component]:
    """``base`` with a field for each keyword-only argument of ``component``."""
    fields: dict[str, Any] = {
        parameter.name: (
            parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in inspect.signature(component).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return create_model(name, __base__=base, **fields)
