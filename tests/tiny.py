"""A small experiment on moons, about one second for each run, and silent run callbacks."""

from pathlib import Path
from typing import Any

import yaml

from dann.config.experiment_run import Run
from dann.config.merging import merge
from dann.config.schema import Config, resolve
from dann.errors import BadInput
from dann.runner.records import Record

TINY: dict[str, Any] = {
    "title": "Tiny moons",
    "seeds": [0, 1],
    "base": {
        "data": {"source": {"name": "moons", "points": 20}, "target": {"name": "moons_rotated", "points": 20}},
        "network": {"name": "mlp", "hidden": 8},
        "optimizer": {"name": "adamw", "lr": 0.01},
        "train": {"steps": 12, "evaluate_every": 4, "log_every": 2, "precision": "fp32"},
        "method": {"name": "dann"},
        "diagnose": {"examples": 0},
    },
    "variants": {"source only": {"method": {"name": "source_only"}}, "DANN": {}},
    "published": {"DANN": 0.9},
}
MOONS = TINY["base"]
TURNS: dict[str, Any] = {  # to be laid over it: two tasks
    "title": "Turns",
    "seeds": [0],
    "tasks": {f"{degrees:.0f}°": {"data": {"target": {"degrees": degrees}}} for degrees in (10.0, 30.0)},
    "variants": {"DANN, weak": {"method": {"weight": 0.1}}},
}
DIAGNOSED: dict[str, Any] = {"diagnose": {"examples": 20}}  # to be laid over it: takes longer than the training does


def write_tiny(path: Path, **changes: Any) -> Path:
    """The experiment, with ``changes`` laid over it, as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(merge(TINY, changes), sort_keys=False), encoding="utf-8")
    return path


def config_of(base: dict[str, Any], **changes: Any) -> Config:
    return resolve(merge(base, changes), "test")


class Silent:
    """An observer that stops the program, as Ctrl-C would, once ``stop_at`` steps are logged."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stop_at, self.new, self.starts = stop_at, 0, []
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)

    def loaded(self, data: dict[str, Any]) -> None:
        self.data = data

    def started(self, run: Run, done: int, steps: int) -> None:
        self.starts.append(done)

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
        if done == self.stop_at:
            raise KeyboardInterrupt

    def warned(self, run: Run, step: int, text: str) -> None:
        self.warnings.append(text)

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        """Break off: most tests want to see the error."""
        raise BadInput(reason)

    def waiting(self, owner: str) -> None:
        pass

    def finished(self, run: Run, record: Record, new: bool) -> None:
        self.new += new
