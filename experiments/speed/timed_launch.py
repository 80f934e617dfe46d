"""Timed launch: the runs of an experiment as `dann run` makes them, without table and figures, in a new process.

python experiments/speed/timed_launch.py FILE JOBS DEVICE OUT SEEDS [a.b=c …]     # SEEDS: 0,1,… or "all"
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contest import Child, Ended
from report import Plan

from dann.errors import BadInput


class Clock:
    """Run callbacks that record when training started and when it last advanced."""

    def __init__(self) -> None:
        self.moments: dict[str, float] = {}

    def loaded(self, data: dict[str, Any]) -> None:
        pass

    def started(self, run: Any, done: int, steps: int) -> None:
        self.moments.setdefault("started", time.time())

    def advanced(self, run: Any, done: int, terms: dict[str, float]) -> None:
        self.moments["trained"] = time.time()

    def warned(self, run: Any, step: int, text: str) -> None:
        pass

    def finished(self, run: Any, record: Any, new: bool) -> None:
        pass


def seconds(
    plan: Plan,
    content: dict[str, Any],
    jobs: int,
    seeds: str = "all",
    sets: Sequence[str] = (),
    threads: int | None = None,
) -> dict[str, float]:
    """Seconds that the runs of an experiment take.

    ``start`` lasts until the first step, ``training`` from then until the last step, ``whole`` is the process.

    Args:
        jobs: number of worker processes, each with one thread if there are several.
        threads: threads of a single process; all by default.

    Raises:
        BadInput: the runs cannot be made; states the reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "experiment.yaml", Path(folder) / "runs"
        file.write_text(json.dumps(content), encoding="utf-8")  # YAML holds JSON
        command = [sys.executable, __file__, str(file), str(jobs), plan.device, str(out), seeds, *sets]
        began = time.time()
        child = Child(command, threads or plan.threads)
        try:
            at = child.ready()
            child.process.wait()
            ended = time.time()
        except Ended as error:
            raise BadInput(str(error)) from None
        finally:
            child.close()
    return {
        "start": at["started"] - began,
        "training": at["trained"] - at["started"],
        "whole": ended - began,
        "after the start": ended - at["started"],
    }


def experiment(title: str, base: dict[str, Any], seeds: int, variants: dict[str, Any] | None = None) -> dict[str, Any]:
    """The content of an experiment file."""
    return {"title": title, "seeds": list(range(seeds)), "base": base, "variants": variants or {"DANN": {}}}


def main() -> None:
    file, jobs, device, out, seeds, *sets = sys.argv[1:]
    from dann.config.experiment import read_experiment
    from dann.runner.planning import launch
    from dann.training.device import choose_device

    read = read_experiment(Path(file), sets)
    runs = list(read.runs(seeds=None if seeds == "all" else [int(seed) for seed in seeds.split(",")]))
    clock = Clock()
    try:
        launch(read, runs, Path(out), choose_device(device), clock, Path(file), int(jobs))
    except BadInput as error:
        sys.exit(str(error))
    print("ready", json.dumps(clock.moments), flush=True)


if __name__ == "__main__":
    main()
