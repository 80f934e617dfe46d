"""Kills: runs whose whole process group is killed, at any moment or within a write, end as undisturbed ones."""

import hashlib
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.append(str(Path(__file__).parent.parent))  # the forkserver's children start without it

from method_cases import resnet_weights
from outcome import Outcome
from races import CPU, Quiet
from tiny import write_tiny

from dann.config.experiment import read_experiment
from dann.runner.planning import launch

RIGHT = "weights, log and record of an undisturbed run, to the last bit"
LAST = 300.0  # seconds after which a process that still runs counts as hanging
WRITES = ("fsync", "replace", "rename")  # calls of the system within which a process is killed
MOST_WRITES = 12  # of which one is the last before the kill
TRAIN = {"steps": 24, "evaluate_every": 4, "log_every": 1, "precision": "fp32"}
GRADUAL: dict[str, Any] = {
    "data": {"source": {"name": "digits", "size": 16}, "target": {"name": "digits_m", "size": 16}, "batch_size": 4},
    "network": {"name": "torchvision", "model": "resnet18"},
    "finetune": {"start": 0.2, "gradual": 0.6},
    "train": {"steps": 8, "evaluate_every": 2},
}
KINDS: dict[str, dict[str, Any]] = {
    "DANN": {},
    "MCD": {"method": {"name": "mcd"}},
    "CDAN, randomized": {"method": {"name": "cdan", "randomized": "always", "random_dim": 16}},
    "SHOT": {"method": {"name": "shot", "refreshes": 4}},
    "ADDA": {"method": {"name": "adda"}},
    "gradual unfreezing": GRADUAL,
    "three stacked replicas": {"train": {"replicas": 3}},
}


def measure(cases: int, seed: int, folder: Path) -> list[Outcome]:
    """Kill runs of seven kinds ``cases`` times in all, each once or twice, and let the same command end them."""
    choices, wrong, killed = random.Random(seed), dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    whole: dict[str, tuple[dict[str, Any], float]] = {}
    _run(_write("DANN", folder), folder / "whole")  # starts the server, which takes seconds
    shutil.rmtree(folder / "whole")
    for kind in itertools.islice(itertools.cycle(KINDS), cases):
        file = _write(kind, folder)
        if kind not in whole:
            began = time.monotonic()
            _run(file, folder / "whole")
            whole[kind] = _results(folder / "whole"), time.monotonic() - began
            shutil.rmtree(folder / "whole")
        expected, seconds = whole[kind]
        for _ in range(choices.choice((1, 1, 2))):
            if choices.random() < 0.5:
                _run(file, folder / "killed", after=choices.uniform(0.0, seconds))
            else:
                _run(file, folder / "killed", within=(choices.choice(WRITES), choices.randint(1, MOST_WRITES)))
        _run(file, folder / "killed")
        killed[kind] += 1
        wrong[kind] += _results(folder / "killed") != expected
        shutil.rmtree(folder / "killed")
    return [Outcome(f"SIGKILL of the process group, {kind}", RIGHT, killed[kind], wrong[kind])
            for kind in KINDS if killed[kind]]  # fmt: skip


def _write(kind: str, folder: Path) -> Path:
    base = {**KINDS[kind], "train": TRAIN | KINDS[kind].get("train", {})}
    if kind == "gradual unfreezing":
        base["network"] = {**GRADUAL["network"], "weights": resnet_weights()}
    seeds = [0, 1, 2] if "replicas" in base["train"] else [0]
    return write_tiny(folder / f"{hashlib.sha256(kind.encode()).hexdigest()[:8]}.yaml", base=base, seeds=seeds)


def _run(file: Path, runs: Path, after: float | None = None, within: tuple[str, int] | None = None) -> None:
    """Make the runs in a process group of their own, and kill it after a time or within a write, if at all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dann.runner.planning", "torchvision.models", "sklearn.datasets"])
    process = context.Process(target=_make, args=(file, runs, within))
    process.start()
    process.join(LAST if after is None else after)
    if process.is_alive():
        assert process.pid is not None
        with suppress(ProcessLookupError):  # it has not come so far as to have a group
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
    process.close()


def _make(file: Path, runs: Path, within: tuple[str, int] | None) -> None:
    os.setpgid(0, 0)
    if within is not None:
        name, number = within
        setattr(os, name, partial(_killing, getattr(os, name), itertools.count(1), number))
    torch.set_num_threads(1)
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(["DANN"])), runs, CPU, Quiet(), file)


def _killing(
    call: Callable[..., Any], calls: "itertools.count[int]", last: int, *arguments: Any, **options: Any
) -> Any:
    """Call the system, but end the process group in place of, or just after, the call of number ``last``."""
    number = next(calls)
    if number == last and last % 2:
        os.killpg(0, signal.SIGKILL)
    result = call(*arguments, **options)
    if number == last:
        os.killpg(0, signal.SIGKILL)
    return result


def _results(folder: Path) -> dict[str, Any]:
    """Of each run its weights, log and record, without times, and what lies beside them."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.name == "record.json":
            record = json.loads(path.read_text())
            del record["seconds"], record["checksum"], record["environment"]["commit"]
            found[name] = record
        elif path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
        elif path.name == "checkpoint.pt":
            state = torch.load(path, weights_only=True)
            found[name] = {key: value.numpy().tobytes() for key, value in state["method"].items()}, state["step"]
        elif "tfevents" not in path.name and path.parent.name.startswith("seed-"):
            found[name] = "there"
    return found
