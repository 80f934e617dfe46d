"""The training of runs that are at the same step, as a stack or alone, up to their end or a stop."""

from dann.errors import Stopped
from dann.runner.active_run import ActiveRun
from dann.runner.callbacks import Observer
from dann.runner.stop_signals import StopSignals
from dann.runner.team import Team
from dann.training.finite import Failure
from dann.training.loop import train
from dann.training.stacking.grouping import differing_numbers, optimizer_key
from dann.training.stacking.stack import Stack


class RunGroup:
    """Runs that train together; a run that fails is neither logged, evaluated nor saved any more.

    Args:
        runs: at the same step; several of them train as one stack.
        observer: receives the progress of each.
        team: the processes that train the one run together, led by this one.
    """

    def __init__(self, runs: list[ActiveRun], observer: Observer, team: Team | None = None) -> None:
        self.runs, self.observer, self.team = runs, observer, team
        self.saved = runs[0].start  # the step of the last checkpoint
        self.signals = StopSignals()
        self.stack: Stack | None = None

    def train(self) -> None:
        """Train to the end, logging, evaluating and saving as configured.

        Raises:
            Stopped: a signal to stop came; the state after the last step is saved.
        """
        configs, trainers = [each.planned.config for each in self.runs], [each.trainer for each in self.runs]
        section = configs[0].train
        if len(self.runs) > 1:
            self.stack = Stack(trainers, differing_numbers(configs), [optimizer_key(config) for config in configs])
        for active in self.runs:
            self.observer.started(active.planned.run, active.start, section.steps)
        with self.signals:
            train(
                trainers[0] if self.stack is None else self.stack,
                steps=section.steps,
                start=self.runs[0].start,
                log_every=section.log_every,
                log=self._log,
                evaluate_every=section.evaluate_every,
                evaluate=self._evaluate,
                fail=self._fail,
                is_halt_due=self._is_halt_due,
                halt=self._halt,
            )

    def _log(self, step: int, rates: list[float], terms: list[dict[str, float]]) -> None:
        for active, rate, losses in zip(self.runs, rates, terms, strict=True):
            if active.failed is None:
                active.log(step, rate, losses, self.observer)

    def _evaluate(self, step: int) -> bool:
        for active in self._update_left():
            active.evaluate_and_save(step, self.observer)
        self.saved = step
        return self._is_any_left() if self.team is None else bool(self.team.share(self._is_any_left()))

    def _is_halt_due(self) -> bool:
        due = self.signals.received is not None
        return due if self.team is None else self.team.is_any(due)

    def _halt(self, step: int) -> None:
        for active in self._update_left():
            if step != self.saved and active.find_broken() is None:
                active.save(step)
        assert self.signals.received is not None
        raise Stopped(self.signals.received)

    def _fail(self, replica: int, failure: Failure) -> bool:
        self.runs[replica].fail(failure)
        return self._is_any_left()

    def _update_left(self) -> list[ActiveRun]:
        """The runs that have not failed, with the present state of the stack."""
        if self.stack is not None:
            self.stack.hand_back()
        return [active for active in self.runs if active.failed is None]

    def _is_any_left(self) -> bool:
        return any(active.failed is None for active in self.runs)
