"""Training in memory, without a folder: what it logs, and how far it came."""

from dann.config.schema import Config
from dann.data.pair import Pair
from dann.diagnostics.measurements import measure
from dann.errors import BadInput, Stopped
from dann.estimators.training_bar import Advance
from dann.estimators.training_history import TrainingHistory
from dann.runner.stop_signals import StopSignals
from dann.training.evaluate import evaluate_splits, find_broken
from dann.training.finite import NUMERICAL, Failure
from dann.training.loop import train
from dann.training.trainer import Trainer


class QuietTraining:
    """The training of one model by the loop of ``dann run``, with its evaluations.

    Args:
        trainer: at its first step.
        config: of which the trainer was built.
        pair: that it is trained on.
        advance: called with the number of steps done and their last losses whenever these are logged.

    Attributes:
        steps: the number of steps done when something was last logged.
        history: what was logged so far.
    """

    def __init__(
        self, trainer: Trainer, config: Config, pair: Pair, advance: Advance = lambda done, terms: None
    ) -> None:
        self.trainer, self.config, self.hidden_labels = trainer, config, pair.hidden_labels
        self.advance = advance
        self.steps, self.failure = 0, ""
        self.history = TrainingHistory(steps=config.train.steps, prior=pair.prior, unseen=pair.unseen)

    def train(self) -> None:
        """Train to the end.

        Raises:
            BadInput: losses, gradients, weights or predictions are not finite.
            Stopped: a signal to stop came, such as Ctrl-C's; the trainer is as it was after ``steps`` steps.
        """
        section, signals = self.config.train, StopSignals()
        try:
            with signals:
                train(
                    self.trainer,
                    steps=section.steps,
                    log_every=section.log_every,
                    log=self._log,
                    evaluate_every=section.evaluate_every,
                    evaluate=self._evaluate,
                    fail=self._fail,
                    is_halt_due=lambda: signals.received is not None,
                    halt=lambda done: self._halt(done, signals),
                )
        finally:
            self.trainer.stream.reader.close()
        if self.failure:
            raise BadInput(f"training failed at {self.failure}: lower the learning rate, or scale the examples")

    def _log(self, step: int, rates: list[float], terms: list[dict[str, float]]) -> None:
        self.steps, progress = step, (step - 1) / self.config.train.steps
        coefficients = self.trainer.method.coefficients(progress) | self.trainer.optimizers.part_rates(progress)
        self.history.log(step, rates[0], coefficients, terms[0])
        self.advance(step, terms[0])

    def _evaluate(self, step: int) -> bool:
        self.steps, scores = step, evaluate_splits(self.trainer)
        broken = find_broken(self.trainer, scores)
        try:
            measured = {} if broken else measure(self.trainer, self.config, step, self.hidden_labels)
        except NUMERICAL as error:
            broken = str(error).splitlines()[0]
        if broken:
            return self._fail(0, Failure(step, broken, self.trainer.rates()[0], {}))
        self.history.log_evaluation(step, scores, measured)
        return True

    def _fail(self, replica: int, failure: Failure) -> bool:
        self.failure = str(failure)
        return False

    def _halt(self, step: int, signals: StopSignals) -> None:
        self.steps = step
        assert signals.received is not None
        raise Stopped(signals.received)
