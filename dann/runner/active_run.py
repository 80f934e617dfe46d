"""One run while it trains: begun or resumed in its folder, logged, evaluated and saved."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from dann.data.pair import Pair
from dann.diagnostics.measurements import measure
from dann.errors import BadInput
from dann.runner.callbacks import Observer
from dann.runner.generated_images import make_pictures
from dann.runner.log import RunLog
from dann.runner.records import unfinished_folder
from dann.runner.resuming import Start
from dann.runner.run_folder import prepare_folder
from dann.runner.source_run import check_earlier_runs, check_source_run
from dann.runner.trackers import Tracking
from dann.training import checkpoint
from dann.training.best_weights import BestWeights
from dann.training.building import build_trainer
from dann.training.checkpoint import CHECKPOINT, Facts
from dann.training.device import precision_name
from dann.training.evaluate import Scores, evaluate_splits, find_broken
from dann.training.finite import NUMERICAL, Failure
from dann.training.stacking.grouping import Planned
from dann.training.trainer import Trainer


@dataclass
class ActiveRun:
    """A run with all that it needs to train.

    Args:
        folder: in which it lies until it is complete.
        start: the number of steps done before, 0 unless it is resumed.
        together: the names of the runs that train as one stack with it, itself included.
        hidden_labels: of the target's training examples, for the purity of self-training, an oracle.
        scores: of the last evaluation.
        failed: the reason for which the run has stopped, if it has.
    """

    planned: Planned
    folder: Path
    trainer: Trainer
    run_log: RunLog
    start: int
    together: tuple[str, ...]
    hidden_labels: Tensor
    scores: dict[str, Scores] = field(default_factory=dict)
    failed: str | None = None

    def log(self, step: int, rate: float, losses: dict[str, float], observer: Observer) -> None:
        """Log learning rates and losses after ``step`` steps."""
        progress = (step - 1) / self.planned.config.train.steps
        coefficients = self.trainer.method.coefficients(progress) | self.trainer.optimizers.part_rates(progress)
        self.run_log.log(step, rate, coefficients, losses)
        if self.run_log.tracking is not None and (problem := self.run_log.tracking.take_problem()):
            observer.warned(self.planned.run, step, problem)
        observer.advanced(self.planned.run, step, losses)

    def evaluate_and_save(self, step: int, observer: Observer) -> None:
        """Score and diagnose the run after ``step`` steps, raise alarms, and write a checkpoint.

        A run whose weights or predictions are not finite fails instead, and its last checkpoint stays.
        """
        self.scores = evaluate_splits(self.trainer)
        if (broken := self.find_broken()) is not None:
            self.fail(Failure(step, broken, self.trainer.rates()[0], {}))
            return
        try:
            measured = measure(self.trainer, self.planned.config, step, self.hidden_labels)
        except NUMERICAL as error:
            self.fail(Failure(step, str(error).splitlines()[0], self.trainer.rates()[0], {}))
            return
        if self.trainer.evaluated.makes_images:
            self.run_log.board.add_pictures(make_pictures(self.trainer), step)
        for alarm in self.run_log.log_evaluation(step, self.scores, measured):
            observer.warned(self.planned.run, step, f"{alarm.alarm}: {alarm.text}")
        self.save(step)

    def save(self, step: int) -> None:
        """Write a checkpoint after ``step`` steps; the log is on the disk before it."""
        seconds = self.run_log.seconds()
        length, digest = self.run_log.sync()
        facts = Facts(
            fingerprint=self.planned.config.fingerprint(),
            seed=self.planned.run.seed,
            precision=precision_name(self.trainer.dtype),
            together=self.together,
            seconds=seconds,
            log_length=length,
            log_sha256=digest,
            best_step=self.trainer.average.step if isinstance(self.trainer.average, BestWeights) else 0,
        )
        trainer = self.trainer
        average = None if trainer.average is None else trainer.average.method
        moved = None if trainer.self_training is None else trainer.self_training.state()
        checkpoint.save(self.folder / CHECKPOINT, trainer.method, trainer.optimizer, step, facts, average, moved)

    def find_broken(self) -> str | None:
        """The weights or the predictions that are not finite, if there are any."""
        return find_broken(self.trainer, self.scores)

    def fail(self, failure: Failure) -> None:
        """Note and log why the run has stopped."""
        self.failed = str(failure)
        coefficients = self.trainer.method.coefficients((failure.step - 1) / self.planned.config.train.steps)
        self.run_log.log_failure(failure.step, failure.rate, coefficients, failure.terms, self.failed)


def build(planned: Planned, pair: Pair, device: torch.device, like: Trainer | None = None) -> Trainer:
    """The trainer of a planned run.

    Raises:
        BadInput: the configuration does not fit the data; names the run.
    """
    try:
        earlier = planned.earlier
        check_earlier_runs(earlier, pair)
        if earlier.source is not None:
            check_source_run(earlier.source, planned.config, pair)
        return build_trainer(planned.config, pair, planned.run.seed, device, like, earlier=earlier)
    except BadInput as error:
        raise BadInput(f"{planned.run.name}: {error}") from error


def begin(
    at: Start,
    pair: Pair,
    device: torch.device,
    like: Trainer | None,
    together: tuple[str, ...],
    log_to: str | None = None,
) -> ActiveRun:
    """A run as it begins, or goes on from a checkpoint.

    Args:
        like: the trainer of another run with the same data section, if there is one.
        together: the names of the runs that train as one stack with it, itself included.
        log_to: a tracker, beside TensorBoard.

    Raises:
        BadInput: the configuration does not fit the data, the data are not those of its checkpoint, or the tracker
            cannot begin.
    """
    planned, saved = at.planned, at.saved
    trainer = build(planned, pair, device, like)  # first: a refusal leaves no folder
    folder, config = unfinished_folder(planned.place), planned.config
    prepare_folder(folder, planned, pair, trainer.initial_backbone, resumed=saved is not None)
    if saved is not None:
        trainer.optimizers.go_to((saved.step - 1) / config.train.steps)  # the stage of the last step
        average = None if trainer.average is None else trainer.average.method
        checkpoint.load(saved.path, trainer.method, trainer.optimizer, average)
        if isinstance(trainer.average, BestWeights) and saved.facts is not None:
            trainer.average.step = saved.facts.best_step
        if trainer.self_training is not None:
            trainer.self_training.restore(checkpoint.read_moved(saved.path), trainer.stream)
    checkpoint.keep(folder, saved)
    facts = None if saved is None else saved.facts
    if facts is not None and at.step == config.train.steps:
        together = facts.together  # others of its stack may be finished
    run_log = RunLog(
        folder,
        at.step,
        facts=facts,
        steps=config.train.steps,
        classes=pair.classes,
        prior=pair.prior,
        share=1 / len(together),
        unseen=pair.unseen,
        tracking=None if log_to is None else _track(log_to, at, folder),
    )
    if at.step == 0:
        run_log.board.add_images(pair)
    active = ActiveRun(planned, folder, trainer, run_log, at.step, together, pair.hidden_labels)
    if at.step == config.train.steps:  # interrupted between its last step and its record
        active.scores = evaluate_splits(trainer)
    return active


def _track(log_to: str, at: Start, folder: Path) -> Tracking:
    """The run in a tracker, grouped by the folder of its experiment."""
    run, config, place = at.planned
    group = Path(str(place).removesuffix(str(run.folder)))
    return Tracking(log_to, folder, run.name, str(group), config.model_dump(mode="json"), at.step)
