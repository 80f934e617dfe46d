"""Training in memory, without a folder: what it logs, and how far it came."""

from typing import Any

from dann.config.schema import Config
from dann.errors import BadInput, Stopped
from dann.runner.stop_signals import StopSignals
from dann.training.evaluate import evaluate
from dann.training.finite import Failure, find_broken_weights
from dann.training.loop import train
from dann.training.trainer import Trainer


class QuietTraining:
    """The training of one model by the loop of ``dann run``.

    Args:
        trainer: at its first step.
        config: of which the section ``train`` holds.

    Attributes:
        steps: the number of steps done.
        history: a row for every ``train.log_every`` steps, with the learning rate and the loss terms, and one for every
            ``train.evaluate_every``, with the accuracy on the source's validation split.
    """

    def __init__(self, trainer: Trainer, config: Config) -> None:
        self.trainer, self.section = trainer, config.train
        self.steps, self.history = 0, list[dict[str, Any]]()
        self.failure: str | None = None

    def train(self) -> None:
        """Train to the end.

        Raises:
            BadInput: losses, gradients or weights are not finite.
            Stopped: a signal to stop came, such as Ctrl-C's; the trainer is as it was after ``steps`` steps.
        """
        signals = StopSignals()
        try:
            with signals:
                train(
                    self.trainer,
                    steps=self.section.steps,
                    log_every=self.section.log_every,
                    log=self._log,
                    evaluate_every=self.section.evaluate_every,
                    evaluate=self._evaluate,
                    fail=self._fail,
                    is_halt_due=lambda: signals.received is not None,
                    halt=lambda done: self._halt(done, signals),
                )
        finally:
            self.trainer.stream.reader.close()
        if self.failure is not None:
            raise BadInput(f"training failed at {self.failure}: lower the learning rate, or scale the examples")

    def _log(self, step: int, rates: list[float], terms: list[dict[str, float]]) -> None:
        self.steps = step
        self.history.append({"step": step, "lr": rates[0], **terms[0]})

    def _evaluate(self, step: int) -> bool:
        self.steps = step
        if (broken := find_broken_weights(self.trainer.method)) is not None:
            return self._fail(0, Failure(step, broken, self.trainer.rates()[0], {}))
        split, transform = self.trainer.splits["source_validation"], self.trainer.transform("source_validation")
        scores = evaluate(self.trainer.evaluated, split, transform, self.trainer.dtype)
        self.history.append({"step": step, "source_validation": scores.accuracy})
        return True

    def _fail(self, replica: int, failure: Failure) -> bool:
        self.failure = str(failure)
        return False

    def _halt(self, step: int, signals: StopSignals) -> None:
        self.steps = step
        assert signals.received is not None
        raise Stopped(signals.received)
