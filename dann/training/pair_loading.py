"""Loads the pair of domains that a configuration names: read from disk, split and preprocessed."""

import inspect
from collections.abc import Sequence

from dann.config.compatibility import check_data
from dann.config.components import Component
from dann.config.sections import DataSection
from dann.data.absent_source import AbsentSource
from dann.data.domain import Domain, Task
from dann.data.pair import Pair
from dann.data.pair_builder import PairOptions, build_pair, build_target
from dann.data.pair_preprocessing import preprocess_as_before, preprocess_pair
from dann.data.zero_shot import make_zero_shot
from dann.errors import BadInput


def load_pair(data: DataSection, absent: AbsentSource | None = None) -> Pair:
    """The domains of a configuration, read from disk, split and prepared.

    Args:
        absent: what is known of the source of a configuration without one.
    """
    return _preprocess(read_pair(data, absent), data)


def read_pair(data: DataSection, absent: AbsentSource | None = None) -> Pair:
    """The same before any preprocessing of the examples."""
    check_data(data)
    if absent is not None:
        return build_target(absent, data.target.build(), _pair_options(data))
    if not data.sources:
        raise BadInput("data.source is missing, whose examples are read here: name a domain")
    domains: dict[str, Domain] = {}
    for component in (*data.sources, data.target):  # a target that is a source too is read once
        if (key := component.model_dump_json()) not in domains:
            domains[key] = build_domain(component, data.task)
    sources = [domains[source.model_dump_json()] for source in data.sources]
    return _split(sources, domains[data.target.model_dump_json()], data)


def build_domain(component: Component, task: Task) -> Domain:
    """Read a domain; data sets whose labels may be classes or numbers take the task, before their options."""
    parameters = inspect.signature(type(component).constructor).parameters.values()
    takes_task = any(parameter.kind is parameter.POSITIONAL_ONLY for parameter in parameters)
    domain: Domain = component.build(task) if takes_task else component.build()
    return domain


def prepare_pair(sources: Sequence[Domain], target: Domain, data: DataSection) -> Pair:
    """Domains that are at hand, split and prepared as a configuration says; none is read from disk.

    Args:
        sources: in the order of ``data.sources``.
        target: in the place of ``data.target``.
    """
    check_data(data)
    return _preprocess(_split(sources, target, data), data)


def _split(sources: Sequence[Domain], target: Domain, data: DataSection) -> Pair:
    pair = build_pair(sources, target, _pair_options(data))
    return make_zero_shot(pair, data.class_vectors, data.unseen)


def _pair_options(data: DataSection) -> PairOptions:
    return PairOptions(
        task=data.task,
        validation=data.validation,
        test=data.test,
        transductive=data.transductive,
        partial=data.partial,
        target_classes=data.target_classes,
        target_labelled=data.target_labelled,
        disjoint=data.disjoint,
        drop_duplicates=data.drop_duplicates,
        source_degradation=data.source_degradation,
        target_degradation=data.target_degradation,
    )


def _preprocess(pair: Pair, data: DataSection) -> Pair:
    if pair.absent is not None:
        return preprocess_as_before(pair, pair.absent.preprocessor)
    return preprocess_pair(
        pair,
        vocabulary=data.vocabulary,
        missing=data.missing,
        terms=data.terms,
        msda=data.msda,
        smote=data.resample == "smote",
    )
