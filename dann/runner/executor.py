"""Execution of runs: their data, their training as a stack or one by one, and their folders when complete."""

import torch

from dann.config.sections import DataSection
from dann.data.pair import Pair
from dann.runner.active_run import ActiveRun, begin, build
from dann.runner.callbacks import Observer
from dann.runner.finishing import finish, read_commit
from dann.runner.run_folder import unfinished_folder
from dann.training import checkpoint
from dann.training.building import load_pair
from dann.training.checkpoint import CHECKPOINT
from dann.training.device import keep_memory
from dann.training.loop import train
from dann.training.stacking.grouping import Unit, differing_numbers, optimizer_key
from dann.training.stacking.stack import Stack
from dann.training.stacking.stackable import should_stack
from dann.training.trainer import Trainer


class Executor:
    """Makes the runs of one unit after another.

    Keeps the data of the last unit, which the runs of a variant share, and the commit at the time of its own creation.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.commit = device, read_commit()
        self.data: DataSection | None = None
        self.pair: Pair | None = None

    def execute(self, unit: Unit, observer: Observer) -> None:
        """Make the runs of ``unit``, stacked where it pays; the folder of a run appears when it is complete."""
        keep_memory()
        pair = self._load(unit[0].config.data, observer)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            if len(unit) == 1:
                self._make(unit, pair, None, observer)
                return
            # One trainer of several runs is built beforehand, to judge whether a stack pays and to share its data.
            first = build(unit[0], pair, self.device)
            together = should_stack([each.config for each in unit], first)
            for group in [unit] if together else [[each] for each in unit]:
                self._make(group, pair, first, observer)

    def _load(self, data: DataSection, observer: Observer) -> Pair:
        if self.pair is None or data != self.data:
            self.pair, self.data = load_pair(data), data
            observer.loaded(self.pair.describe())
        return self.pair

    def _make(self, unit: Unit, pair: Pair, like: Trainer | None, observer: Observer) -> None:
        """Make runs together; those that an interruption left at different steps, one group after another."""
        done = {each.place: checkpoint.read_step(unfinished_folder(each.place) / CHECKPOINT) for each in unit}
        for start in sorted(set(done.values())):
            group = [each for each in unit if done[each.place] == start]
            runs = [begin(each, pair, self.device, like, len(group)) for each in group]
            try:
                _train(runs, observer)
                for active in runs:
                    record = finish(active, pair, {"commit": self.commit, "replicas": len(group)})
                    active.folder.rename(active.planned.place)
                    observer.finished(active.planned.run, record, True)
            finally:
                for active in runs:
                    active.trainer.stream.reader.close()


def _train(runs: list[ActiveRun], observer: Observer) -> None:
    """Train runs that are at the same step to their end, logging, evaluating and saving as configured."""
    configs, trainers = [each.planned.config for each in runs], [each.trainer for each in runs]
    section = configs[0].train
    stack = None
    if len(runs) > 1:
        stack = Stack(trainers, differing_numbers(configs), [optimizer_key(config) for config in configs])

    def log(step: int, rates: list[float], terms: list[dict[str, float]]) -> None:
        for active, rate, losses in zip(runs, rates, terms, strict=True):
            active.log(step, rate, losses, observer)

    def evaluate(step: int) -> None:
        if stack is not None:
            stack.hand_back()
        for active in runs:
            active.evaluate_and_save(step, observer)

    for active in runs:
        observer.started(active.planned.run, active.start, section.steps)
    train(
        trainers[0] if stack is None else stack,
        steps=section.steps,
        start=runs[0].start,
        log_every=section.log_every,
        log=log,
        evaluate_every=section.evaluate_every,
        evaluate=evaluate,
    )
