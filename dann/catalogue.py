"""What ``dann data`` says of data sets: which there are, what is in them, and how they look."""

import inspect
import math
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

from dann.config import component
from dann.data import DOMAINS, Domain, Split
from dann.data.disk import found
from dann.data.labels import counts, imbalance
from dann.data.prefetch import chunks
from dann.errors import BadInput
from dann.experiment import slug
from dann.reading import one_of, parse_yaml

GRID_ROWS, GRID_COLUMNS = 3, 12
SCATTERED = 1000  # vectors of a domain that are drawn
CHUNK = 1000
FOLDERS = {"cifar9": "cifar10", "stl9": "stl10", "office_caltech10_features": "office_caltech10", "usps": "usps"}
MADE = {"digits", "digits_m", "moons", "moons_rotated", "rendered_digits"}
OWN = {"folder", "csv", "arrays", "svmlight"}


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
    return "there" if found(FOLDERS.get(name, name)) else "not there"


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
    for x in chunks(domain.train, CHUNK):
        known = x[~x.isnan()] if x.is_floating_point() else x
        missing += x.numel() - known.numel()
        if known.numel():
            lowest, highest = min(lowest, float(known.min())), max(highest, float(known.max()))
    kind = {3: "images", 2: "series", 1: "vectors"}[len(domain.input_shape)]
    absent = f", {missing} values missing" if missing else ""
    return f"{kind} {' × '.join(map(str, domain.input_shape))}, values {lowest:g} to {highest:g}{absent}"


def _contents(split: Split, domain: Domain) -> str:
    tallied = counts(split, len(domain.classes))
    unlabelled = len(split) - sum(tallied)
    ratio = imbalance(tallied) if tallied else None
    each = ", ".join(map(str, tallied[:12])) + (", …" if len(tallied) > 12 else "")
    return (
        f"{len(split)} examples; a class: {each or 'no labels'}"
        + (f"; imbalance ratio {ratio:.2f}" if ratio else "; a class is empty" if tallied else "")
        + (f"; {unlabelled} without label" if unlabelled else "")
    )


def draw(domains: list[Domain], folder: Path) -> Path:
    """Draw examples of each domain one below the other: images in a grid, others along two principal axes."""
    figure = matplotlib.figure.Figure(figsize=(12, 3.6 * len(domains)), layout="constrained")
    for number, domain in enumerate(domains):
        axes = figure.add_subplot(len(domains), 1, number + 1)
        axes.set_title(f"{domain.name}: {domain.origin}", fontsize=10)
        places = (
            torch.linspace(0, len(domain.train) - 1, min(GRID_ROWS * GRID_COLUMNS, len(domain.train))).round().long()
        )
        if len(domain.input_shape) == 3:
            axes.imshow(tiled(domain.train.take(places).x.numpy()), cmap="gray", vmin=0, vmax=255)
            axes.set_axis_off()
        else:
            _scatter(axes, domain)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug(' '.join(domain.name for domain in domains))[:80]}.png"
    figure.savefig(path, dpi=110)
    return path


def tiled(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images ``(N, C, H, W)`` as one image of rows of ``GRID_COLUMNS``, ``(…, …, 3)`` or, of grey ones, ``(…, …)``."""
    count, channels, height, width = x.shape
    rows = -(-count // GRID_COLUMNS)
    sheet = np.zeros((rows * GRID_COLUMNS, channels, height, width), np.uint8)
    sheet[:count] = x
    grid = sheet.reshape(rows, GRID_COLUMNS, channels, height, width).transpose(0, 3, 1, 4, 2)
    image = grid.reshape(rows * height, GRID_COLUMNS * width, channels)
    return image[:, :, 0] if channels == 1 else image


def _scatter(axes: Axes, domain: Domain) -> None:
    places = torch.linspace(0, len(domain.train) - 1, min(SCATTERED, len(domain.train))).round().long()
    shown = domain.train.take(places)
    x = shown.x.flatten(1).double().nan_to_num(0.0)
    left, spread, _ = torch.linalg.svd(x - x.mean(dim=0), full_matrices=False)
    plane = (left * spread)[:, :2].numpy() if x.shape[1] > 2 else x.numpy()
    for label, name in enumerate(domain.classes[:10]):
        chosen = (shown.y == label).numpy()
        axes.plot(plane[chosen, 0], plane[chosen, -1], ".", label=name, markersize=4)
    axes.set_xlabel("first principal axis" if x.shape[1] > 2 else "x")
    axes.set_ylabel("second" if x.shape[1] > 2 else "y")
    axes.legend(fontsize=7)
