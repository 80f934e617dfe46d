"""What ``dann data`` says of data sets: which there are, what is in them, and what an experiment makes of them."""

import inspect
import math
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dann.cli.gallery import Panel
from dann.config.experiment import read_experiment
from dann.config.schema import Config, component, resolve
from dann.config.yaml_files import parse_yaml
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.domain import Domain, Split
from dann.data.labels import count_classes, imbalance_ratio
from dann.data.loading.read_ahead import read_chunks
from dann.data.pair import Pair
from dann.data.storage.folders import find_dataset_folder
from dann.errors import BadInput
from dann.options import one_of
from dann.training.building import build_trainer, load_pair

CHUNK = 1000
FOLDERS = {"cifar9": "cifar10", "stl9": "stl10", "office_caltech10_features": "office_caltech10"}
MADE = {"digits", "digits_m", "moons", "moons_rotated", "rendered_digits"}
OWN = {"folder", "csv", "arrays", "svmlight", "texts"}


@dataclass(frozen=True)
class Entry:
    """One line of ``dann data list``."""

    name: str
    summary: str
    domains: tuple[str, ...]
    state: str


def entries() -> Iterator[Entry]:
    """All data sets, with whether their folder is there."""
    for name, function in DOMAINS.items():
        summary = (function.__doc__ or "").strip().splitlines()[0]
        yield Entry(name, summary, tuple(map(str, choices(function))), _state(name))


def _state(name: str) -> str:
    if name in MADE:
        return "made here"
    if name in OWN:
        return "your files"
    folder = find_dataset_folder(FOLDERS.get(name, name))
    return "there" if folder is not None and any(folder.iterdir()) else "not there"


def choices(function: Callable[..., Domain]) -> list[Any]:
    """The values that a data set's option ``domain`` takes; none where it has no such option."""
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


def requested(word: str, sets: list[str]) -> Iterator[Domain]:
    """The domains that ``pacs``, ``pacs/photo`` or ``mnist`` names, loaded one by one.

    Args:
        sets: options as ``size=64``.
    """
    name, _, chosen = word.partition("/")
    domains = choices(one_of(DOMAINS, name, "data set", "dann data"))
    options: dict[str, Any] = {"name": name}
    for assignment in sets:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise BadInput(f"--set {assignment}: write a=b, for example --set size=64")
        options[key] = parse_yaml(value, f"--set {assignment}")
    known = {str(domain): domain for domain in domains}
    for domain in [chosen] if chosen else (list(known) or [""]):
        own = {"domain": one_of(known, domain, "domain", f"dann data {name}")} if domain else {}
        yield component({**options, **own}, word, DOMAINS, "data set", "dann data").build(DOMAINS)


def described(domain: Domain) -> dict[str, str]:
    """What is in a domain, line by line."""
    lines = {"origin": domain.origin, "classes": _classes(domain), "shape": _shape(domain)}
    for name, split in (("train", domain.train), ("test", domain.test)):
        lines[name] = "none defined: one is held out, or transductive" if split is None else _contents(split, domain)
    if domain.skipped:
        lines["skipped"] = f"{len(domain.skipped)} unreadable files: {', '.join(domain.skipped[:5])}"
    return lines


def _classes(domain: Domain) -> str:
    shown = ", ".join(domain.classes[:12]) + (", …" if len(domain.classes) > 12 else "")
    return f"{len(domain.classes)}: {shown}"


def _shape(domain: Domain) -> str:
    lowest, highest, missing = math.inf, -math.inf, 0
    for x in read_chunks(domain.train, CHUNK):
        known = x[~x.isnan()] if x.is_floating_point() else x
        missing += x.numel() - known.numel()
        if known.numel():
            lowest, highest = min(lowest, float(known.min())), max(highest, float(known.max()))
    kind = {3: "images", 2: "series", 1: "vectors"}[len(domain.input_shape)]
    absent = f", {missing} values missing" if missing else ""
    return f"{kind} {' × '.join(map(str, domain.input_shape))}, values {lowest:g} to {highest:g}{absent}"


def _contents(split: Split, domain: Domain) -> str:
    tallied = count_classes(split, len(domain.classes))
    unlabelled = len(split) - sum(tallied)
    ratio = imbalance_ratio(tallied) if tallied else None
    each = ", ".join(map(str, tallied[:12])) + (", …" if len(tallied) > 12 else "")
    return (
        f"{len(split)} examples; a class: {each or 'no labels'}"
        + (f"; imbalance ratio {ratio:.2f}" if ratio else "; a class is empty" if tallied else "")
        + (f"; {unlabelled} without label" if unlabelled else "")
    )


def pairs(file: Path) -> Iterator[tuple[str, Config, Pair]]:
    """The pairs of domains of an experiment file, each once, with the task and variant that asks for it first."""
    seen: list[Any] = []
    for run in read_experiment(file).runs(seeds=[0]):
        config = resolve(run.declared, f"{file}, variant {run.variant}")
        if config.data.model_dump() not in seen:
            seen.append(config.data.model_dump())
            yield run.name.removesuffix(", seed 0"), config, load_pair(config.data)


def fed(config: Config, pair: Pair) -> list[Panel]:
    """What the network sees in the first training batch: the transformed examples of both sides."""
    batch = build_trainer(config, pair, 0, torch.device("cpu")).stream[0]
    source, target = (pair.description[side]["name"] for side in ("source", "target"))
    names = [pair.classes[y] for y in batch.source_y.tolist()]
    return [
        Panel(f"{source}, labelled, as the network sees it in training", batch.source_x, names),
        Panel(f"{target}, unlabelled, likewise", batch.target_x, [""] * len(batch.target_x)),
    ]
