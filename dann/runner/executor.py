"""Making runs: data, training with its log and checkpoints, and what a finished run leaves behind."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dann.config.schema import DataSection
from dann.data.pair import Pair
from dann.diagnostics.measurements import diagnose
from dann.errors import BadInput
from dann.files import write_whole
from dann.runner.callbacks import Observer
from dann.runner.finishing import commit, finish
from dann.runner.log import RunLog
from dann.runner.records import UNFINISHED, read_record
from dann.training import checkpoint
from dann.training.checkpoint import CHECKPOINT
from dann.training.device import keep_memory
from dann.training.evaluate import Scores
from dann.training.loop import train
from dann.training.stacking.grouping import Planned, Unit, differing, optimizer_key, stacked
from dann.training.stacking.stack import Stack
from dann.training.trainer import Trainer, load_pair

CONFIGURATION, DATA = "config.json", "data.json"


@dataclass
class Active:
    """One run while it trains.

    Args:
        start: steps that were done when it was taken up.
        scores: of the last evaluation.
    """

    planned: Planned
    trainer: Trainer
    start: int
    run_log: RunLog
    scores: dict[str, Scores]

    @property
    def folder(self) -> Path:
        return unfinished(self.planned.place)


class Executor:
    """Makes the runs of one unit after another.

    Keeps the data of the last one, which the runs of a variant share, and the commit of the moment it was made.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.commit = device, commit()
        self.data: DataSection | None = None
        self.pair: Pair | None = None

    def __call__(self, unit: Unit, observer: Observer) -> None:
        """Make the runs of ``unit``, stacked where it pays; a run's folder appears when it is complete."""
        keep_memory()
        pair = self._loaded(unit[0].config.data, observer)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            # Of several runs the first is set up beforehand: to judge whether a stack pays, and to share its data.
            like = Trainer.of(unit[0].config, pair, unit[0].run.seed, self.device) if len(unit) > 1 else None
            together = like is not None and stacked(unit, like)
            for part in [unit] if together else [[each] for each in unit]:
                self._make(part, pair, like, observer)

    def _loaded(self, data: DataSection, observer: Observer) -> Pair:
        if self.pair is None or data != self.data:
            self.pair, self.data = load_pair(data), data
            observer.loaded(self.pair.describe())
        return self.pair

    def _make(self, unit: Unit, pair: Pair, like: Trainer | None, observer: Observer) -> None:
        """Make runs together; those that an interruption left at different steps, one group after another."""
        done = {each.place: checkpoint.steps_done(unfinished(each.place) / CHECKPOINT) for each in unit}
        for start in sorted(set(done.values())):
            group = [each for each in unit if done[each.place] == start]
            actives = [self._begun(each, pair, like, len(group)) for each in group]
            try:
                for active in actives:
                    observer.started(active.planned.run, start, active.planned.config.train.steps)
                _trained(actives, observer)
                for active in actives:
                    run, config, place = active.planned
                    made = {"commit": self.commit, "replicas": len(group)}
                    finish(run, config, pair, active.trainer, active.run_log, active.scores, active.folder, made)
                    active.folder.rename(place)
                    observer.finished(run, read_record(place), True)
            finally:
                for active in actives:
                    active.trainer.stream.reader.close()

    def _begun(self, planned: Planned, pair: Pair, like: Trainer | None, count: int) -> Active:
        """A run as it begins, or goes on from its last checkpoint.

        Args:
            like: a setup of the same data section, if there is one.
            count: of runs in the stack.
        """
        run, config, place = planned
        folder = unfinished(place)
        trainer = Trainer.of(config, pair, run.seed, self.device, like)  # first: what it refuses leaves no folder
        write_whole(folder / CONFIGURATION, config.model_dump_json().encode())
        _check_data(pair, trainer.backbone, folder)
        saved = folder / CHECKPOINT
        start = checkpoint.load(saved, trainer.method, trainer.optimizer) if saved.is_file() else 0
        tallied = pair.describe()["class_counts"]["train"]
        run_log = RunLog(
            folder,
            start,
            steps=config.train.steps,
            classes=pair.classes,
            prior=[count / sum(tallied) for count in tallied],
            share=1 / count,
            unseen=pair.unseen,
        )
        if start == 0:
            run_log.board.images(pair)
        return Active(planned, trainer, start, run_log, trainer.scores() if start == config.train.steps else {})


def _check_data(pair: Pair, backbone: str | None, folder: Path) -> None:
    """Refuse to go on with a run whose data, or whose pretrained backbone, changed since it began."""
    checksums = {side: pair.description[side]["checksum"] for side in ("source", "target")}
    checksums |= {} if backbone is None else {"backbone": backbone}
    if (folder / CHECKPOINT).is_file() and (folder / DATA).is_file():
        if read_json(folder / DATA) != checksums:
            raise BadInput(
                f"{folder} was begun with other data or weights: restore them, or remove that folder to begin again"
            )
    else:
        write_whole(folder / DATA, json.dumps(checksums).encode())


def _trained(actives: list[Active], observer: Observer) -> None:
    """Train runs that are at the same step to their end, logging, evaluating and saving as configured."""
    config, steps = actives[0].planned.config.train, actives[0].planned.config.train.steps
    stack = None
    if len(actives) > 1:
        unit = [active.planned for active in actives]
        keys = [optimizer_key(each.config) for each in unit]
        stack = Stack([active.trainer for active in actives], differing(unit), keys)

    def log(step: int, rates: list[float], terms: list[dict[str, float]]) -> None:
        for active, rate, losses in zip(actives, rates, terms, strict=True):
            coefficients = active.trainer.method.coefficients((step - 1) / steps)
            active.run_log.log(step, rate, coefficients, losses)
            observer.advanced(active.planned.run, step, losses)

    def evaluate_and_save(step: int) -> None:
        if stack is not None:
            stack.hand_back()
        for active in actives:
            active.scores = active.trainer.scores()
            diagnosed = diagnose(active.trainer, active.planned.config, step)
            for alarm in active.run_log.evaluation(step, active.scores, diagnosed):
                observer.warned(active.planned.run, step, f"{alarm.alarm}: {alarm.text}")
            checkpoint.save(active.folder / CHECKPOINT, active.trainer.method, active.trainer.optimizer, step)

    train(
        actives[0].trainer if stack is None else stack,
        steps=steps,
        start=actives[0].start,
        log_every=config.log_every,
        log=log,
        evaluate_every=config.evaluate_every,
        evaluate=evaluate_and_save,
    )


def unfinished(place: Path) -> Path:
    """The folder of a run until it is complete."""
    return place.with_name(place.name + UNFINISHED)


def read_json(path: Path) -> dict[str, Any]:
    """The content of a file of an unfinished run."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: damaged; remove its folder to make the run again") from error
    return content
