"""Summaries for ``dann data``: all data sets, the content of a domain, and the data of an experiment."""

import inspect
import math
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dann.cli.assignments import read_assignments
from dann.cli.docstrings import parse_docstring
from dann.cli.gallery import Panel, name_quarters
from dann.cli.shape_text import describe_axes, describe_shape
from dann.config.experiment import read_experiment
from dann.config.own_components import read_part
from dann.config.plug_ins import DATA_SET, OwnPart
from dann.config.schema import PACKAGED, Config, library_of
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.domain import Domain, Split
from dann.data.labels import count_classes, imbalance_ratio
from dann.data.loading.read_ahead import read_chunks
from dann.data.pair import Pair
from dann.data.storage.folders import find_dataset_folder
from dann.data.text_store import holds_texts, read_texts
from dann.networks.all_networks import RGB_ONLY
from dann.options import look_up
from dann.runner.source_free import read_absent_source, resolve_run
from dann.training.building import build_stream
from dann.training.earlier_runs import find_earlier_runs
from dann.training.inputs import prepare_inputs
from dann.training.pair_loading import load_pair

CHUNK = 1000
SHOWN = 100  # characters of a text
NO_SPLIT = "none defined: a share is held out, or the protocol is transductive"
FOLDERS = {"cifar9": "cifar10", "stl9": "stl10", "office_caltech10_features": "office_caltech10"}
MADE = {"diabetes", "digits", "digits_m", "moons", "moons_rotated", "rendered_digits", "turned_digits"}
OWN = {"folder", "csv", "arrays", "svmlight", "table", "series", "texts"}


@dataclass(frozen=True)
class DataSetSummary:
    """One line of ``dann data list``; ``state`` is whether the data set is on disk, made here or the user's."""

    name: str
    summary: str
    domains: tuple[str, ...]
    state: str


def summarise_data_sets() -> Iterator[DataSetSummary]:
    """All data sets, each with whether its files are on disk."""
    for name, function in DOMAINS.items():
        summary = parse_docstring(function.__doc__).summary
        yield DataSetSummary(name, summary, tuple(map(str, domain_choices(function))), _state(name))


def _state(name: str) -> str:
    if name in MADE:
        return "made here"
    if name in OWN:
        return "your files"
    folder = find_dataset_folder(FOLDERS.get(name, name))
    return "on disk" if folder is not None and any(folder.iterdir()) else "absent"


def domain_choices(function: Callable[..., Domain]) -> list[Any]:
    """The values of a data set's option ``domain``; empty if it has no such option."""
    if "domain" not in inspect.signature(function).parameters:
        return []
    hint = typing.get_type_hints(function, include_extras=True)["domain"]
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    bounds = {
        kind: getattr(part, kind)
        for part in hint.__metadata__[0].metadata
        for kind in ("ge", "le")
        if hasattr(part, kind)
    }
    return list(range(bounds["ge"], bounds["le"] + 1))


def load_domains(word: str, sets: list[str]) -> Iterator[Domain]:
    """The domains that ``pacs``, ``pacs/photo`` or ``mnist`` names, loaded one by one.

    Args:
        sets: options as ``size=64``.
    """
    name, _, chosen = word.partition("/")
    registry = PACKAGED.entries(DATA_SET)
    found = look_up(registry, name, DATA_SET.what, "dann data")
    domains = [] if isinstance(found, OwnPart) else domain_choices(found)
    options = {"name": name, **read_assignments(sets)}
    known = {str(domain): domain for domain in domains}
    for domain in [chosen] if chosen else (list(known) or [""]):
        own = {"domain": look_up(known, domain, "domain", f"dann data {name}")} if domain else {}
        yield read_part({**options, **own}, word, DATA_SET, PACKAGED, "dann data").build()


def summarise_domain(domain: Domain) -> dict[str, str]:
    """Origin, classes, shape and splits of a domain, one line each."""
    lines = {"origin": domain.origin, "classes": _classes(domain), "shape": _shape(domain)}
    for name, split in (("train", domain.train), ("test", domain.test)):
        lines[name] = NO_SPLIT if split is None else _contents(split, domain)
    for place, sentence in enumerate(domain.label_notes.sentences if domain.label_notes else ()):
        lines["labels" if place == 0 else f"labels {place + 1}"] = sentence
    if domain.notes:
        lines["notes"] = "; ".join(domain.notes)
    if domain.skipped:
        lines["skipped"] = f"{len(domain.skipped)} unreadable files: {', '.join(domain.skipped[:5])}"
    return lines


def _classes(domain: Domain) -> str:
    if domain.task == "regression":
        return "none: labels are numbers, for data.task: regression"
    shown = ", ".join(domain.classes[:12]) + (", …" if len(domain.classes) > 12 else "")
    return f"{len(domain.classes)}: {shown}"


def _shape(domain: Domain) -> str:
    if holds_texts(domain.train.store):
        return _describe_texts(read_texts(domain.train.store, domain.train.rows))
    lowest, highest, missing = math.inf, -math.inf, 0
    for x in read_chunks(domain.train, CHUNK):
        known = x[~x.isnan()] if x.is_floating_point() else x
        missing += x.numel() - known.numel()
        if known.numel():
            lowest, highest = min(lowest, float(known.min())), max(highest, float(known.max()))
    absent = f", {missing} values missing" if missing else ""
    axes = describe_axes(domain.input_shape)
    return f"{describe_shape(domain.input_shape)}, values {lowest:g} to {highest:g}{absent} ({axes})"


def _describe_texts(texts: list[str]) -> str:
    lengths = sorted(len(text.split()) for text in texts)
    first = next((" ".join(text.split()) for text in texts if text.strip()), "")
    shown = first if len(first) <= SHOWN else f"{first[:SHOWN]}…"
    return (
        f"raw texts for data.vocabulary, {lengths[0]} to {lengths[-1]} words between blanks, median "
        f"{lengths[len(lengths) // 2]}, {lengths.count(0)} empty; the first: {shown}"
    )


def _contents(split: Split, domain: Domain) -> str:
    tallied = count_classes(split, len(domain.classes))
    unlabelled = len(split) - len(split.labelled)
    ratio = imbalance_ratio(tallied) if tallied else None
    each = ", ".join(map(str, tallied[:12])) + (", …" if len(tallied) > 12 else "")
    labelled = len(split) - unlabelled
    if domain.task == "regression" and labelled:
        y = split.labelled.y.double()
        return (
            f"{len(split)} examples, {labelled} labelled; {float(y.min()):.4g} to {float(y.max()):.4g}, "
            f"mean {float(y.mean()):.4g}, standard deviation {float(y.std(correction=0)):.4g}"
        )
    return (
        f"{len(split)} examples, {labelled} labelled; per class: {each or 'no labels'}"
        + (f"; imbalance ratio {ratio:.2f}" if ratio else "; a class is empty" if tallied and labelled else "")
        + (f"; {unlabelled} without label" if unlabelled else "")
    )


def load_pairs(file: Path) -> Iterator[tuple[str, Config, Pair]]:
    """The different pairs of domains of an experiment file, each with the first task and variant that uses it."""
    seen: list[Any] = []
    experiment = read_experiment(file)
    library = library_of(experiment, str(file))
    for run in experiment.runs(seeds=[0]):
        config = resolve_run(run, f"{file}, variant {run.variant}", library)
        if config.data.model_dump() not in seen:
            seen.append(config.data.model_dump())
            absent = (
                None if config.data.sources else read_absent_source(config, find_earlier_runs(config, run.seed).source)
            )
            yield run.row_name, config, load_pair(config.data, absent)


def first_batch(config: Config, pair: Pair) -> list[Panel]:
    """The transformed examples of both sides in the first training batch, whatever a frozen backbone makes of them."""
    device = torch.device("cpu")
    inputs = prepare_inputs(config.data, pair, device, config.network.name in RGB_ONLY)
    batch = build_stream(config.data, pair, inputs, 0, device)[0]
    source, target = (pair.description[side]["name"] for side in ("source", "target"))
    scale = pair.label_scale
    if scale is None:
        names = [pair.classes[y] for y in batch.source_y.tolist()]
    else:
        names = name_quarters(scale.restore(batch.source_y))
    return [
        *([Panel(f"{source}, labelled, as the network sees it in training", batch.source_x, names)] if names else []),
        Panel(f"{target}, unlabelled, as the network sees it in training", batch.target_x, [""] * len(batch.target_x)),
    ]
