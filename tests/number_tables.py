"""Two tables of numbers to be predicted, and an experiment on them: half a second for each run."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dann.config.merging import merge
from dann.config.schema import Config, resolve

BASE: dict[str, Any] = {
    "data": {"task": "regression", "batch_size": 16, "validation": 0.2, "test": 0.25,
             "transform": {"normalise": "standard"}},
    "network": {"name": "mlp", "hidden": 8},
    "optimizer": {"name": "adamw", "lr": 0.02},
    "train": {"steps": 12, "evaluate_every": 4, "log_every": 2, "precision": "fp32"},
    "method": {"name": "dann"},
    "diagnose": {"examples": 20},
}  # fmt: skip


def write_tables(folder: Path, rows: int = 60, unlabelled: bool = False) -> dict[str, Any]:
    """Write two tables of three features and a label around 50; returns ``BASE`` with them as source and target."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    entries = {}
    for side, shift in (("source", 0.0), ("target", 1.0)):
        x = random.normal(size=(rows, 3))
        y = 50 + 10 * x[:, 0] + 5 * np.sin(x[:, 1]) + random.normal(size=rows)
        x[:, 2] += shift
        lines = [",".join(f"{value:.5f}" for value in (*row, label)) for row, label in zip(x, y, strict=True)]
        header = "a,b,c,yield"
        if unlabelled and side == "target":
            header, lines = "a,b,c", [line.rpartition(",")[0] for line in lines]
        (folder / f"{side}.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        named = {} if unlabelled and side == "target" else {"label": "yield"}
        entries[side] = {"name": "table", "path": str(folder / f"{side}.csv"), **named}
    return merge(BASE, {"data": entries})


def number_config(folder: Path, **changes: Any) -> Config:
    return resolve(merge(write_tables(folder), changes), "test")


def write_numbers(folder: Path, base: dict[str, Any], **changes: Any) -> Path:
    """An experiment on the tables as a file: source only, DANN and train on target, with ``changes`` laid over it."""
    content: dict[str, Any] = {
        "title": "Numbers",
        "seeds": [0, 1],
        "base": base,
        "variants": {
            "source only": {"method": {"name": "source_only"}},
            "DANN": {},
            "train on target": {"method": {"name": "source_only"}, "data": {"source": base["data"]["target"]}},
        },
    }
    file = folder / "numbers.yaml"
    file.write_text(yaml.safe_dump(merge(content, changes), sort_keys=False), encoding="utf-8")
    return file
