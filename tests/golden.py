"""Weights and records of short runs, to compare two versions of the code to the last bit.

A change that is meant to leave every number as it is (a move, a renaming, a simplification) is held to that:

    python tests/golden.py record before.json      # at the commit before, in a clean tree
    python tests/golden.py compare before.json     # after the change: names runs and parts that differ, exit status 1

Runs of 20 steps in float32 with one thread: every method on moons, stacked runs, runs in worker processes, a network
with convolutions, BatchNorm and dropout under augmentation, and one run resumed after ten steps. The values depend on
processor and library versions, so both commands belong on one machine and no values are committed.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from tiny import TINY, Silent

from dann.config.experiment import Experiment
from dann.config.merging import merge
from dann.methods.all_methods import METHODS
from dann.runner.planning import launch

Values = dict[str, dict[str, Any]]
OPTIONS: dict[str, dict[str, Any]] = {"weighted_dann": {"estimate": "bbse"}}
LEFT_OUT = {"environment", "seconds", "fingerprint", "declared", "config", "checksum"}  # keys of a record
# Methods that need images, a pretrained backbone, BatchNorm, a second view, several sources.
ELSEWHERE = {"rotation", "pixel_da", "l2_sp", "delta", "co_tuning", "adabn", "tent", "fixmatch", "mdan"}
TRAIN = {"train": {"steps": 20, "evaluate_every": 10, "log_every": 1}, "diagnose": {"examples": 20}}
DIGITS = {
    "data": {
        "source": {"name": "digits", "size": 28},
        "target": {"name": "digits_m", "size": 28},
        "batch_size": 16,
        "transform": {"shift": 2, "jitter": {"brightness": 0.4, "hue": 0.1}, "erase": 0.5},
    },
    "network": {"name": "mnist", "batch_norm": True, "dropout": 0.5},
    "optimizer": {"name": "sgd", "lr": 0.01},
}


def experiments() -> dict[str, tuple[Experiment, int]]:
    """Each experiment by its name, with the number of worker processes that execute it."""
    few_shot = {"multitask": {"data": {"target_labelled": 2}}}
    methods = {
        name: {"method": {"name": name, **OPTIONS.get(name, {})}, **few_shot.get(name, {})}
        for name in METHODS
        if name not in ELSEWHERE
    }
    two = {"source only": {"method": {"name": "source_only"}}, "DANN": {}}
    return {
        "methods": (_experiment({}, methods, [0]), 1),
        "stacked": (_experiment({"train": {"replicas": 4}}, two, [0, 1]), 1),
        "workers": (_experiment({}, two, [0, 1]), 2),
        "digits": (_experiment(DIGITS, two, [0]), 1),
        "resumed": (_experiment(DIGITS, two, [0]), 1),
    }


def _experiment(base: dict[str, Any], variants: dict[str, Any], seeds: list[int]) -> Experiment:
    content = TINY | {"base": merge(merge(TINY["base"], TRAIN), base), "variants": variants, "seeds": seeds}
    return Experiment(**content | {"published": {}})


def values(folder: Path) -> Values:
    """Of each finished run its losses, and hashes of its weights and of each key of its record."""
    result: Values = {}
    for file in sorted(folder.rglob("record.json")):
        record = {key: value for key, value in json.loads(file.read_text()).items() if key not in LEFT_OUT}
        state = torch.load(file.with_name("checkpoint.pt"), weights_only=True)["method"]
        weights = hashlib.sha256(b"".join(tensor.contiguous().numpy().tobytes() for tensor in state.values()))
        digests = {
            f"record.{key}": hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
            for key, value in record.items()
        }
        result[file.parent.relative_to(folder).as_posix()] = {
            "weights": weights.hexdigest(),
            **digests,
        }
    return result


def execute() -> Values:
    """Execute all experiments in a folder that is removed afterwards."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, (experiment, workers) in experiments().items():
            runs, place = list(experiment.runs()), Path(folder, name)
            for run in runs if name == "resumed" else []:
                try:
                    launch(experiment, [run], place, torch.device("cpu"), Silent(stop_at=11), Path(name))
                except KeyboardInterrupt:
                    continue
            launch(experiment, runs, place, torch.device("cpu"), Silent(), Path(name), workers)
        return values(Path(folder))


def main(command: str, file: Path) -> int:
    if command == "record":
        file.write_text(json.dumps(execute()))
        return 0
    before, after = json.loads(file.read_text()), execute()
    differing = {name: _differing(before.get(name, {}), after.get(name, {})) for name in {**before, **after}}
    lines = [f"{name}: {', '.join(parts)}" for name, parts in differing.items() if parts]
    print("\n".join(lines) if lines else f"{len(after)} runs are equal to the last bit")
    return 1 if lines else 0


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [part for part in {**one, **other} if one.get(part) != other.get(part)]


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in {"record", "compare"}:
        sys.exit("usage: python tests/golden.py record|compare FILE")
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
