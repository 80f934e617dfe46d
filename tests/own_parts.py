"""A file with a part of one's own of each kind, and an experiment that uses it."""

from pathlib import Path
from typing import Any

import yaml
from tiny import TINY

FILE = "my_parts.py"
TEXT = '''"""Parts of my own."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from dann.data.domain import Domain, Split
from dann.functional.predictions import label_loss
from dann.methods.method import Method


class Variances(Method):
    """Features of equal variances.

    Args:
        weight: of the distance.
    """

    def __init__(self, network, *, weight: float = 0.1) -> None:
        super().__init__(network)
        self.weight = weight

    def forward(self, batch, progress, phase):
        source, target = self.both(batch, ("features", "logits"))
        distance = (source["features"].var(0) - target["features"].var(0)).square().sum()
        label = label_loss(source["logits"], batch.source_y, batch.source_weight)
        return {"label": label, "distance": self.weight * distance}


class Small(nn.Module):
    """Two layers.

    Args:
        width: of the first one.
    """

    def __init__(self, input_shape, num_classes, *, width: int = 8) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(*input_shape, width), nn.ReLU(), nn.Dropout(0.1))
        self.last = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.last(self.body(x))


def rings(*, points: int = 60, radius: float = 1.0) -> Domain:
    """Two rings.

    Args:
        points: their number.
        radius: of the inner one.
    """
    generator = torch.Generator().manual_seed(points)
    y = torch.arange(points) % 2
    angle = 2 * torch.pi * torch.rand(points, generator=generator)
    x = torch.stack([angle.cos(), angle.sin()], dim=1) * (radius + y)[:, None]
    return Domain("rings", Split.of(x, y), None, ("inner", "outer"), "drawn")


def jolt(x, generator, *, size: float = 0.1):
    """Moves all examples of a batch alike.

    Args:
        size: standard deviation of the move.
    """
    return x + size * torch.randn(1, *x.shape[1:], generator=generator)


def margin(train, validation, validation_y, target, *, power: float = 1.0) -> float:
    """The mean margin of the predictions on the target.

    Args:
        power: its exponent.
    """
    top = np.sort(target.logits, axis=1)
    return ((top[:, -1] - top[:, -2]) ** power).mean()


METHODS = {"variances": Variances}
NETWORKS = {"small": Small}
DATASETS = {"rings": rings}
TRANSFORMS = {"jolt": jolt}
VALIDATORS = {"margin": margin}
'''
BASE: dict[str, Any] = TINY["base"] | {
    "data": {
        "source": {"name": "rings"},
        "target": {"name": "rings", "radius": 1.5},
        "transform": {"own": {"name": "jolt", "size": 0.2}},
    },
    "network": {"name": "small", "features": "body"},
    "method": {"name": "variances", "weight": 0.5},
    "diagnose": {"examples": 20, "validators": [{"name": "margin", "power": 2.0}]},
}
METHOD_ONLY: dict[str, Any] = {"method": {"name": "variances"}}  # to be laid over the tiny experiment's base


def write_own(folder: Path, text: str = TEXT, **changes: Any) -> Path:
    """An experiment file with ``changes`` at its top level, and beside it the file with the parts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(text, encoding="utf-8")
    content = TINY | {"use": [FILE], "seeds": [0], "base": BASE, "variants": {"own": {}}, "published": {}} | changes
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file
