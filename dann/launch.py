"""Where and how the runs of an experiment execute: here, one after another."""

import json
from pathlib import Path
from typing import Any, Protocol

import torch

from dann import checkpoint
from dann.build import Setup, load_pair
from dann.config import Config, resolve
from dann.data import Pair
from dann.errors import BadInput
from dann.evaluate import Scores
from dann.experiment import EXPERIMENT, Experiment, Run, write_experiment
from dann.files import write_whole
from dann.finish import commit, finish
from dann.journal import Journal
from dann.records import RECORD, UNFINISHED, Record, difference, read_record
from dann.schedules import LEARNING_RATE_SCHEDULES
from dann.tables import checked_records
from dann.train import train

CHECKPOINT, CONFIGURATION, DATA = "checkpoint.pt", "config.json", "data.json"


class Observer(Protocol):
    """Who watches the runs: the command line's progress bar, or a test."""

    def loaded(self, data: dict[str, Any]) -> None: ...

    def started(self, run: Run, done: int, steps: int) -> None: ...

    def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None: ...

    def finished(self, run: Run, record: Record, new: bool) -> None: ...


def launch(
    experiment: Experiment, runs: list[Run], folder: Path, device: torch.device, observer: Observer, file: Path
) -> None:
    """Execute ``runs``, a selection of the experiment's, in its ``folder``; finished ones are not repeated.

    Args:
        file: the experiment's, for messages.

    Raises:
        BadInput: before anything is trained or written, when a configuration is not valid or when ``folder`` holds a
            run of the same variant and seed with another configuration.
    """
    commit()
    configs = [resolve(run.declared, f"{file}, variant {run.variant}") for run in runs]
    for run, config in zip(runs, configs, strict=True):
        _check_same(folder / run.folder, config)
    checked_records(experiment, folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_experiment(experiment, folder / EXPERIMENT)
    pair, loaded = None, None
    for run, config in zip(runs, configs, strict=True):
        place = folder / run.folder
        new = not (place / RECORD).is_file()
        if new:
            if pair is None or config.data.model_dump() != loaded:  # the runs of a variant share their data
                pair, loaded = load_pair(config.data), config.data.model_dump()
                observer.loaded(pair.reported())
            execute(run, config, pair, place, device, observer)
        observer.finished(run, read_record(place), new)


def _check_same(place: Path, config: Config) -> None:
    if place.exists() and not (place / RECORD).is_file():
        raise BadInput(f"{place} holds no {RECORD}: remove that folder to make the run again")
    for folder, file in ((place, RECORD), (_unfinished(place), CONFIGURATION)):
        if (folder / file).is_file():
            recorded = read_record(folder).config if file == RECORD else _read_configuration(folder / file)
            if changed := difference(recorded, config.model_dump(mode="json")):
                raise BadInput(
                    f"{folder} is of another configuration ({changed}): give another --out or remove that folder"
                )


def _read_configuration(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: damaged; remove its folder to make the run again") from error
    return content


def _unfinished(place: Path) -> Path:
    return place.with_name(place.name + UNFINISHED)


def execute(run: Run, config: Config, pair: Pair, place: Path, device: torch.device, observer: Observer) -> None:
    """Train one run, from its last checkpoint if it has one; ``place`` appears when it is complete."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        folder = _unfinished(place)
        write_whole(folder / CONFIGURATION, config.model_dump_json().encode())
        _check_data(pair, folder)
        setup = Setup.of(config, pair, run.seed, device)
        saved = folder / CHECKPOINT
        start = checkpoint.load(saved, setup.method, setup.optimizer) if saved.is_file() else 0
        journal = Journal(folder, start)
        if start == 0:
            journal.board.images(pair)
        observer.started(run, start, config.train.steps)
        try:
            scores = _train(run, config, setup, journal, start, saved, observer)
        finally:
            setup.stream.reader.close()
        finish(run, config, pair, setup, journal, scores, folder)
        folder.rename(place)


def _check_data(pair: Pair, folder: Path) -> None:
    """Refuse to go on with a run whose data changed since it began."""
    checksums = {side: pair.described[side]["checksum"] for side in ("source", "target")}
    if (folder / CHECKPOINT).is_file() and (folder / DATA).is_file():
        if _read_configuration(folder / DATA) != checksums:
            raise BadInput(f"{folder} was begun with other data: restore them, or remove that folder to begin again")
    else:
        write_whole(folder / DATA, json.dumps(checksums).encode())


def _train(
    run: Run, config: Config, setup: Setup, journal: Journal, start: int, saved: Path, observer: Observer
) -> dict[str, Scores]:
    """Train from step ``start``, logging, evaluating and saving as configured; returns the scores at the end."""
    method, steps = setup.method, config.train.steps
    scores = setup.scores() if start == steps else {}

    def log(step: int, learning_rate: float, terms: dict[str, float]) -> None:
        journal.log(step, learning_rate, method.coefficients((step - 1) / steps), terms)
        observer.advanced(run, step, terms)

    def evaluate_and_save(step: int) -> None:
        scores.update(setup.scores())
        journal.evaluation(step, scores)
        checkpoint.save(saved, method, setup.optimizer, step)

    train(
        method,
        setup.stream,
        setup.optimizer,
        LEARNING_RATE_SCHEDULES[config.optimizer.schedule],
        steps=steps,
        seed=run.seed,
        start=start,
        dtype=setup.dtype,
        log_every=config.train.log_every,
        log=log,
        evaluate_every=config.train.evaluate_every,
        evaluate=evaluate_and_save,
    )
    return scores
