"""A small experiment on moons that tests run whole, in about a second a run."""

from pathlib import Path
from typing import Any

import yaml

from dann.experiment import merged

TINY: dict[str, Any] = {
    "title": "Tiny moons",
    "seeds": [0, 1],
    "base": {
        "data": {"source": {"name": "moons", "points": 20}, "target": {"name": "moons_rotated", "points": 20}},
        "network": {"name": "mlp", "hidden": 8},
        "optimizer": {"name": "adam", "lr": 0.01},
        "train": {"steps": 12, "evaluate_every": 4, "log_every": 2},
        "method": {"name": "dann"},
    },
    "variants": {"source only": {"method": {"name": "source_only"}}, "DANN": {}},
    "published": {"DANN": 0.9},
}


def write_tiny(path: Path, **changes: Any) -> Path:
    """The experiment, with ``changes`` laid over it, as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(merged(TINY, changes), sort_keys=False), encoding="utf-8")
    return path
