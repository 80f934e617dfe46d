"""One run while it trains: begun or resumed in its folder, logged, evaluated and saved."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from dann.data.labels import count_classes
from dann.data.pair import Pair
from dann.diagnostics.measurements import diagnose
from dann.errors import BadInput
from dann.runner.callbacks import Observer
from dann.runner.log import RunLog
from dann.runner.run_folder import prepare_folder, unfinished_folder
from dann.training import checkpoint
from dann.training.building import build_trainer
from dann.training.checkpoint import CHECKPOINT
from dann.training.evaluate import Scores, evaluate_splits
from dann.training.stacking.grouping import Planned
from dann.training.trainer import Trainer


@dataclass
class ActiveRun:
    """A run with all that it needs to train.

    Args:
        folder: in which it lies until it is complete.
        start: the number of steps done before, 0 unless it is resumed.
        scores: of the last evaluation.
    """

    planned: Planned
    folder: Path
    trainer: Trainer
    run_log: RunLog
    start: int
    scores: dict[str, Scores] = field(default_factory=dict)

    def log(self, step: int, rate: float, losses: dict[str, float], observer: Observer) -> None:
        """Log the learning rate and the losses after ``step`` steps."""
        progress = (step - 1) / self.planned.config.train.steps
        self.run_log.log(step, rate, self.trainer.method.coefficients(progress), losses)
        observer.advanced(self.planned.run, step, losses)

    def evaluate_and_save(self, step: int, observer: Observer) -> None:
        """Score and diagnose the run after ``step`` steps, raise alarms, and write a checkpoint."""
        self.scores = evaluate_splits(self.trainer)
        diagnosed = diagnose(self.trainer, self.planned.config, step)
        for alarm in self.run_log.log_evaluation(step, self.scores, diagnosed):
            observer.warned(self.planned.run, step, f"{alarm.alarm}: {alarm.text}")
        checkpoint.save(self.folder / CHECKPOINT, self.trainer.method, self.trainer.optimizer, step)


def build(planned: Planned, pair: Pair, device: torch.device, like: Trainer | None = None) -> Trainer:
    """The trainer of a planned run.

    Raises:
        BadInput: the configuration does not fit the data; names the run.
    """
    try:
        return build_trainer(planned.config, pair, planned.run.seed, device, like)
    except BadInput as error:
        raise BadInput(f"{planned.run.name}: {error}") from error


def begin(planned: Planned, pair: Pair, device: torch.device, like: Trainer | None, replicas: int) -> ActiveRun:
    """A run as it begins, or goes on from its last checkpoint.

    Args:
        like: the trainer of another run with the same data section, if there is one.
        replicas: the number of runs that train as one stack with it, itself included.

    Raises:
        BadInput: the configuration does not fit the data, or the data are not those of its checkpoint.
    """
    _, config, place = planned
    trainer = build(planned, pair, device, like)  # first: a refusal leaves no folder
    folder = unfinished_folder(place)
    prepare_folder(folder, config, pair, trainer.initial_backbone)
    saved = folder / CHECKPOINT
    start = checkpoint.load(saved, trainer.method, trainer.optimizer) if saved.is_file() else 0
    examples = count_classes(pair.train, len(pair.classes))
    run_log = RunLog(
        folder,
        start,
        steps=config.train.steps,
        classes=pair.classes,
        prior=[count / sum(examples) for count in examples],
        share=1 / replicas,
        unseen=pair.unseen,
    )
    if start == 0:
        run_log.board.add_images(pair)
    active = ActiveRun(planned, folder, trainer, run_log, start)
    if start == config.train.steps:  # interrupted between its last step and its record
        active.scores = evaluate_splits(trainer)
    return active
