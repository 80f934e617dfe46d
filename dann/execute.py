"""Making runs: data, training with its log and checkpoints, and what a finished run leaves behind."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dann import checkpoint
from dann.build import Setup, load_pair
from dann.checkpoint import CHECKPOINT
from dann.config import DataSection
from dann.data import Pair
from dann.device import keep_memory
from dann.diagnose import diagnose
from dann.errors import BadInput
from dann.evaluate import Scores
from dann.files import write_whole
from dann.finish import commit, finish
from dann.journal import Journal
from dann.observer import Observer
from dann.records import UNFINISHED, read_record
from dann.replicas import Planned, Unit, differing, optimizer_key, stacked
from dann.stack import Stack
from dann.train import train

CONFIGURATION, DATA = "config.json", "data.json"


@dataclass
class Active:
    """One run while it trains.

    Args:
        start: steps that were done when it was taken up.
        scores: of the last evaluation.
    """

    planned: Planned
    setup: Setup
    start: int
    journal: Journal
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
            like = Setup.of(unit[0].config, pair, unit[0].run.seed, self.device) if len(unit) > 1 else None
            together = like is not None and stacked(unit, like)
            for part in [unit] if together else [[each] for each in unit]:
                self._make(part, pair, like, observer)

    def _loaded(self, data: DataSection, observer: Observer) -> Pair:
        if self.pair is None or data != self.data:
            self.pair, self.data = load_pair(data), data
            observer.loaded(self.pair.reported())
        return self.pair

    def _make(self, unit: Unit, pair: Pair, like: Setup | None, observer: Observer) -> None:
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
                    finish(run, config, pair, active.setup, active.journal, active.scores, active.folder, made)
                    active.folder.rename(place)
                    observer.finished(run, read_record(place), True)
            finally:
                for active in actives:
                    active.setup.stream.reader.close()

    def _begun(self, planned: Planned, pair: Pair, like: Setup | None, count: int) -> Active:
        """A run as it begins, or goes on from its last checkpoint.

        Args:
            like: a setup of the same data section, if there is one.
            count: of runs in the stack.
        """
        run, config, place = planned
        folder = unfinished(place)
        setup = Setup.of(config, pair, run.seed, self.device, like)  # first: what it refuses leaves no folder
        write_whole(folder / CONFIGURATION, config.model_dump_json().encode())
        _check_data(pair, setup.trunk, folder)
        saved = folder / CHECKPOINT
        start = checkpoint.load(saved, setup.method, setup.optimizer) if saved.is_file() else 0
        tallied = pair.reported()["class_counts"]["train"]
        journal = Journal(
            folder,
            start,
            steps=config.train.steps,
            classes=pair.classes,
            prior=[count / sum(tallied) for count in tallied],
            share=1 / count,
            unseen=pair.unseen,
        )
        if start == 0:
            journal.board.images(pair)
        return Active(planned, setup, start, journal, setup.scores() if start == config.train.steps else {})


def _check_data(pair: Pair, trunk: str | None, folder: Path) -> None:
    """Refuse to go on with a run whose data, or whose pretrained trunk, changed since it began."""
    checksums = {side: pair.described[side]["checksum"] for side in ("source", "target")}
    checksums |= {} if trunk is None else {"trunk": trunk}
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
        stack = Stack([active.setup for active in actives], differing(unit), keys)

    def log(step: int, rates: list[float], terms: list[dict[str, float]]) -> None:
        for active, rate, losses in zip(actives, rates, terms, strict=True):
            coefficients = active.setup.method.coefficients((step - 1) / steps)
            active.journal.log(step, rate, coefficients, losses)
            observer.advanced(active.planned.run, step, losses)

    def evaluate_and_save(step: int) -> None:
        if stack is not None:
            stack.hand_back()
        for active in actives:
            active.scores = active.setup.scores()
            diagnosed = diagnose(active.setup, active.planned.config, step)
            for alarm in active.journal.evaluation(step, active.scores, diagnosed):
                observer.warned(active.planned.run, step, f"{alarm.alarm}: {alarm.text}")
            checkpoint.save(active.folder / CHECKPOINT, active.setup.method, active.setup.optimizer, step)

    train(
        actives[0].setup if stack is None else stack,
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
