"""Execution of runs: their data, their training as a stack or one by one, and their folders when complete."""

from contextlib import nullcontext, suppress
from pathlib import Path

import torch

from dann.config.sections import DataSection
from dann.data.pair import Pair
from dann.errors import BadInput
from dann.files.atomic_files import sync_folder
from dann.runner.active_run import ActiveRun, begin, build
from dann.runner.callbacks import Observer
from dann.runner.finishing import finish, read_commit
from dann.runner.locks import Held, Locks
from dann.runner.records import ERROR, read_record
from dann.runner.resuming import Start, find_starts
from dann.runner.run_errors import TeamFailure, name_trace, report_error, stops_all
from dann.runner.run_folder import is_finished
from dann.runner.run_group import RunGroup
from dann.runner.source_free import read_absent_source
from dann.runner.team import Team
from dann.runner.tensorboard import quiet_writers
from dann.training.device import choose_dtype, keep_memory, keep_random_state, precision_name, release_memory
from dann.training.pair_loading import load_pair
from dann.training.stacking.grouping import Planned, Unit
from dann.training.stacking.stackable import should_stack
from dann.training.trainer import Trainer


class Executor:
    """Makes the runs of one unit after another.

    Keeps the data of the last unit, which the runs of a variant share, and the commit at the time of its own creation.

    Args:
        team: the processes that train each run together, led by this one; they do not stack runs.
        log_to: the tracker that runs log to beside TensorBoard, if there is one.
    """

    def __init__(self, device: torch.device, team: Team | None = None, log_to: str | None = None) -> None:
        self.log_to = log_to
        self.device, self.commit, self.locks, self.team = device, read_commit(), Locks(), team
        self.data: tuple[DataSection, Path | None] | None = None
        self.pair: Pair | BadInput | None = None  # or why there is none

    def execute(self, unit: Unit, observer: Observer) -> str | None:
        """Make the runs of ``unit``; one that fails is reported and does not stop the others.

        Returns:
            None, or which process makes one of them now; then nothing was done.

        Raises:
            OSError: the disk is full, or the folder of runs cannot be written, which would stop the other runs too.
        """
        try:
            with self.locks.hold([each.place for each in unit]):
                left = [each for each in unit if not is_finished(each.place)]
                for each in unit:
                    if each not in left:  # another process has made it
                        observer.finished(each.run, read_record(each.place), False)
                if left:
                    self._make_all(left, observer)
        except Held as held:
            return str(held)
        except OSError as error:
            error.filename = error.filename or str(unit[0].place)  # an error of writing names no file
            raise
        return None

    def _make_all(self, unit: Unit, observer: Observer) -> None:
        """Make the runs of ``unit``, stacked where it pays."""
        keep_memory()
        try:
            pair = self._load(unit[0], observer)
        except Exception as error:
            if stops_all(error):
                raise
            for each in unit:
                report_error(error, each, observer)
            return
        with keep_random_state(self.device):
            groups, first = [[each] for each in unit], None
            # One trainer of several runs is built beforehand, to judge whether a stack pays and to share its data.
            with suppress(Exception):  # an error is reported when this run is made
                first = build(unit[0], pair, self.device) if len(unit) > 1 and self.team is None else None
                groups = [unit] if first and should_stack([each.config for each in unit], first) else groups
            for group in groups:
                self._isolate(group, pair, first, observer)

    def _isolate(self, group: Unit, pair: Pair, like: Trainer | None, observer: Observer, again: bool = True) -> None:
        """Make runs together; if they raise, those of a stack are made one by one, and a single run once more."""
        try:
            self._make(group, pair, like, observer)
        except Exception as error:
            if stops_all(error):
                raise
            if len(group) > 1:
                for each in group:
                    if not is_finished(each.place):
                        self._isolate([each], pair, like, observer)
            elif again and not isinstance(error, BadInput):
                self._isolate(group, pair, like, observer, again=False)
            else:
                report_error(error, group[0], observer)

    def _load(self, planned: Planned, observer: Observer) -> Pair:
        # Without a source, classes and preparation are those of the run that the network is of.
        data = planned.config.data, None if planned.config.data.sources else planned.earlier.source
        if data != self.data:
            self.data = self.pair = None
            release_memory()
            try:
                self.pair = load_pair(data[0], read_absent_source(planned.config, planned.earlier.source))
                observer.loaded(self.pair.describe())
            except BadInput as error:
                self.pair = error  # for the other runs with these data, which may be many
            self.data = data
        if not isinstance(self.pair, Pair):
            assert self.pair is not None
            raise self.pair
        return self.pair

    def _make(self, unit: Unit, pair: Pair, like: Trainer | None, observer: Observer) -> None:
        """Make runs together; those that an interruption left at different steps, one group after another."""
        precisions = [precision_name(choose_dtype(each.config.train.precision, self.device)) for each in unit]
        for group in find_starts(unit, precisions):
            with quiet_writers():
                self._train(group, pair, like, observer)

    def _train(self, group: list[Start], pair: Pair, like: Trainer | None, observer: Observer) -> None:
        """Train runs that are at the same step to their end, and finish them."""
        together = tuple(at.planned.run.name for at in group)
        runs: list[ActiveRun] = []
        try:
            for at in group:
                self._begin(runs, at, pair, like, together)
                if at.notes:
                    text = f"{'; '.join(at.notes)}: the run goes on from this step"
                    observer.warned(at.planned.run, at.step, text)
            with nullcontext() if self.team is None else self.team.together():
                RunGroup(runs, observer, self.team).train()
            facts = {"commit": self.commit} | ({} if self.team is None else self.team.describe())
            for active in runs:
                record, place = finish(active, pair, facts), active.planned.place
                (active.folder / ERROR).unlink(missing_ok=True)
                active.folder.rename(place)
                sync_folder(place.parent)
                observer.finished(active.planned.run, record, True)
        except TeamFailure as failure:
            raise name_trace(failure, group[0].planned) from failure
        finally:
            for active in runs:
                active.trainer.stream.reader.close()
                active.run_log.close("interrupted")  # unless it is finished

    def _begin(
        self, runs: list[ActiveRun], at: Start, pair: Pair, like: Trainer | None, together: tuple[str, ...]
    ) -> None:
        """Begin a run, or go on with it, in all processes of the team, and append it to ``runs``."""
        if self.team is None:
            runs.append(begin(at, pair, self.device, like, together, self.log_to))
            return
        self.team.share(at.planned)
        with self.team.checked():
            self.team.check_sizes(at.planned.config.data)  # first: a refusal leaves no folder
            runs.append(begin(at, pair, self.device, like, together, self.log_to))
            runs[-1].trainer = self.team.divide(runs[-1].trainer)
        self.team.begin(runs[-1].trainer, at.planned.config.train.steps, at.step)
