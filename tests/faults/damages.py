"""Damages: each file of a run or of the cache, damaged in each way, is named, or made again with equal numbers."""

import itertools
import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.append(str(Path(__file__).parent.parent))

from image_folders import load_photos, write_photos
from outcome import Outcome
from races import CPU, Quiet
from tiny import write_tiny

from dann.config.experiment import read_experiment
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.inference.loading import load
from dann.runner.planning import launch

RIGHT = "named, or made again with equal numbers"
PLACE = Path("dann/seed-0")
Damage = Callable[[Path, Path, random.Random], None]  # of a file, given another of its kind


def _flip(path: Path, other: Path, choices: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[choices.randrange(len(content))] ^= 1 << choices.randrange(8)
    path.write_bytes(content)


DAMAGES: dict[str, Damage] = {
    "emptied": lambda path, other, choices: path.write_bytes(b"") and None,
    "cut short": lambda path, other, choices: os.truncate(path, choices.randrange(1, path.stat().st_size)),
    "zeroed": lambda path, other, choices: path.write_bytes(bytes(path.stat().st_size)) and None,
    "one bit flipped": _flip,
    "swapped for another of its kind": lambda path, other, choices: shutil.copy(other, path) and None,
    "removed": lambda path, other, choices: path.unlink(),
}
UNFINISHED = ("checkpoint.pt", "checkpoint.previous.pt", "metrics.jsonl", "config.json", "data.json")
FINISHED = ("record.json", "checkpoint.pt", "inputs.pt")


class Ending(Quiet):
    """An observer that may interrupt the runs, and keeps the reasons of runs that were not made."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__(stop_at)
        self.reasons: list[str] = []

    def missed(self, run: Run, reason: str, trace: Path | None) -> None:
        assert trace is None, reason  # an unexpected error
        self.reasons.append(reason)


class Bench:
    """Runs and a cache to damage, and their expected content.

    Args:
        folder: of all files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = write_tiny(folder / "tiny.yaml")
        self.experiment = read_experiment(self.file)
        self.make(folder / "whole", [0, 1])
        for seed in (0, 1):
            with suppress(KeyboardInterrupt):
                self.make(folder / "broken", [seed], stop_at=10)
        self.x = torch.rand(20, 2, generator=torch.Generator().manual_seed(0))
        self.photos = [write_photos(folder / name) for name in ("photos", "others")]
        with cache_in(folder / "cache"):
            self.pixels = load_photos(self.photos[0])[0]
            load_photos(self.photos[1][:4])

    def make(self, runs: Path, seeds: list[int], stop_at: int | None = None) -> list[str]:
        """Make runs; returns the reasons of those that were not made."""
        observer = Ending(stop_at)
        launch(self.experiment, list(self.experiment.runs(["DANN"], seeds)), runs, CPU, observer, self.file)
        return observer.reasons

    def resume(self, name: str, damage: Damage, choices: random.Random) -> bool:
        """Whether a run of which one file is damaged is refused by name, or ends as the undisturbed one."""
        with copied(self.folder / "broken") as runs:
            place = runs / PLACE.parent / "seed-0.unfinished"
            damage(place / name, place.with_name("seed-1.unfinished") / name, choices)
            try:
                said = self.make(runs, [0])
            except BadInput as error:
                said = [str(error)]
            if said:
                return str(place) in said[0]
            return results(runs / PLACE) == results(self.folder / "whole" / PLACE)

    def predict(self, name: str, damage: Damage, choices: random.Random) -> bool:
        """Whether a finished run of which one file is damaged is refused by name, or predicts the same."""
        with copied(self.folder / "whole") as runs:
            damage(runs / PLACE / name, runs / PLACE.parent / "seed-1" / name, choices)
            try:
                found = load(runs / PLACE, "cpu").predict(self.x)
            except BadInput as error:
                return str(runs / PLACE) in str(error)
            return np.array_equal(found, load(self.folder / "whole" / PLACE, "cpu").predict(self.x))

    def read_cache(self, suffix: str, damage: Damage, choices: random.Random) -> bool:
        """Whether images are the same although a file of their cache is damaged."""
        with copied(self.folder / "cache") as cache, cache_in(cache):
            first, *others = sorted((cache / "images").glob(f"*{suffix}"), key=lambda _: choices.random())
            damage(first, others[0], choices)
            return torch.equal(load_photos(self.photos[0])[0], self.pixels)


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A copy that is removed afterwards."""
    copy = folder.with_name(f"{folder.name} copied")
    shutil.copytree(folder, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    before = os.environ.get("DANN_CACHE")
    os.environ["DANN_CACHE"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("DANN_CACHE") if before is None else os.environ.update(DANN_CACHE=before)


def results(place: Path) -> Any:
    """The record of a run without times, and its weights."""
    record = json.loads((place / "record.json").read_text())
    state = torch.load(place / "checkpoint.pt", weights_only=True)["method"]
    weights = {name: value.numpy().tobytes() for name, value in state.items()}
    return {key: value for key, value in record.items() if key not in {"seconds", "checksum"}}, weights


def measure(cases: int, seed: int, folder: Path) -> list[Outcome]:
    """Damage the files of an unfinished run, of a finished run and of the image cache, ``cases`` times in all."""
    choices, bench = random.Random(seed), Bench(folder)
    tried = [
        *((f"{name} of an unfinished run", bench.resume, name) for name in UNFINISHED),
        *((f"{name} of a finished run", bench.predict, name) for name in FINISHED),
        *((f"{suffix} of the image cache", bench.read_cache, suffix) for suffix in (".npy", ".json")),
    ]
    every = list(itertools.product(tried, DAMAGES.values()))
    choices.shuffle(every)
    counts, wrong = dict.fromkeys((what for what, _, _ in tried), 0), dict.fromkeys((what for what, _, _ in tried), 0)
    for (what, attempt, name), damage in itertools.islice(itertools.cycle(every), cases):
        counts[what] += 1
        wrong[what] += not attempt(name, damage, choices)
    return [Outcome(f"damage to {what}", RIGHT, counts[what], wrong[what]) for what in counts if counts[what]]
