"""Domains and data sections that several tests of pairs build."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny import TINY

from dann.config.schema import resolve
from dann.data.domain import Domain, Split


def vectors(name: str, per_class: int = 20, classes: str = "abc", first: int = 0, test: int = 0) -> Domain:
    """Examples that are all different numbers, counted from ``first``; ``test`` of a class in a test split."""

    def split(count: int, start: int) -> Split:
        x = torch.arange(start, start + count * len(classes), dtype=torch.float32)[:, None]
        return Split.of(x, torch.arange(len(x)) % len(classes))

    start = first + per_class * len(classes)
    return Domain(name, split(per_class, first), split(test, start) if test else None, tuple(classes), "made")


def values(split: Split | None) -> set[float]:
    return set() if split is None else set(split.x.flatten().tolist())


def with_labels(domain: Domain, y: torch.Tensor) -> Domain:
    return replace(domain, train=replace(domain.train, y=y))


def own_vectors(tmp_path: Path, gaps: bool) -> dict[str, Any]:
    """Two .npz files of three classes, 30, 20 and 10 examples, some values missing; and a data section."""
    random = np.random.RandomState(0)
    for number, name in enumerate(("source", "target")):
        y = np.repeat([0, 1, 2], [30, 20, 10])
        x = random.randn(60, 4).astype(np.float32) + 3 * y[:, None] + number
        x_test, y_test = x[::2] + 0.1, y[::2]
        if gaps:
            x[::7, 1], x_test[3, 0] = np.nan, np.nan
        np.savez(tmp_path / f"{name}.npz", x=x, y=y, x_test=x_test, y_test=y_test)
    sides = {side: {"name": "arrays", "path": str(tmp_path / f"{side}.npz")} for side in ("source", "target")}
    return {**sides, "batch_size": 16}


def config_of(data: dict[str, Any]) -> Any:
    return resolve({**TINY["base"], "data": data}, "test")


def config_of_images(data: dict[str, Any]) -> Any:
    sized = {side: {**data[side], "size": 20} for side in ("source", "target")}
    return resolve({**TINY["base"], "data": {**data, **sized}, "network": {"name": "mnist"}}, "test")
