"""A pilot: a few methods trained under one stated budget, and the fixed vote's choice among them, label-free."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch

from dann.cli.recommendation.findings import BASELINE, ROWS
from dann.cli.recommendation.subject import Subject
from dann.config.merging import Nested, merge
from dann.config.schema import Config
from dann.data.pair import Pair
from dann.diagnostics.measurements import measure
from dann.errors import BadInput
from dann.estimators.quiet_training import QuietTraining
from dann.evaluation.rules import Evaluation
from dann.evaluation.selection import find_best, mean_evaluation
from dann.training.building import build_trainer
from dann.training.device import keep_random_state
from dann.training.evaluate import evaluate_splits
from dann.training.trainer import Trainer

RULE = "vote"
UNTIMED, TIMED = 2, 6  # steps of a trial, of which the first ones are slower
QUARTER = 0.25  # of the steps of the whole training: with fewer, the vote's choice does not count
Report = Callable[[str], None]


@dataclass(frozen=True)
class Budget:
    """What a pilot may take.

    Args:
        minutes: for all runs together, if ``steps`` is None.
        steps: of each run.
        seeds: of each row.
    """

    minutes: float
    steps: int | None
    seeds: list[int]


@dataclass
class PilotRow:
    """A row of the pilot: its last evaluations, one for each seed, and its alarms, or why there are none."""

    evaluations: list[Evaluation] = field(default_factory=list)
    alarms: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Pilot:
    """What the pilot gave.

    Args:
        rows: by name, source only among them.
        steps: of each run.
        choice: the row that the vote chooses by the means over seeds; None if no row was made.
        agreeing: the number of seeds with which it alone is chosen too.
        is_short: less than a quarter of the steps that the configuration has.
        is_frozen: a pretrained backbone was frozen.
    """

    rows: dict[str, PilotRow]
    steps: int
    seeds: list[int]
    choice: str | None
    agreeing: int
    is_short: bool = False
    is_frozen: bool = False


def build_shared(subject: Subject, pair: Pair, device: torch.device) -> Trainer:
    """A trainer of source only, whose inputs all rows share."""
    with keep_random_state(device):
        return build_trainer(subject.config, pair, 0, device)


def make_pilot(
    subject: Subject, pair: Pair, shared: Trainer, names: Sequence[str], changes: Nested, budget: Budget, report: Report
) -> Pilot:
    """Train rows on a pair whose training sees no target label, and let the vote choose by the last evaluations.

    Args:
        shared: a trainer on the pair, whose inputs all rows share.
        names: of the methods beside source only.
        changes: laid over every row, source only included.
        report: is called with what is done next.

    Raises:
        BadInput: source only cannot be trained.
    """
    declared = {name: merge(changes, ROWS[name]) for name in (BASELINE, *names)}
    rows = {name: PilotRow() for name in declared}
    seconds = []
    for name, row in declared.items():
        report(f"pilot: timing {name}")
        try:
            seconds.append(_time_step(_configure(subject, row, UNTIMED + TIMED), pair, shared))
        except BadInput as error:
            if name == BASELINE:
                raise
            rows[name].failure = str(error)
    whole = subject.config.train.steps
    evaluation = _time_evaluation(_configure(subject, declared[BASELINE], UNTIMED + TIMED), pair, shared)
    steps, seeds = (budget.steps, budget.seeds) if budget.steps else _plan(budget, seconds, evaluation, whole)
    for name, seed in ((name, seed) for name in declared for seed in seeds):
        if not rows[name].failure:
            report(f"pilot: {name}, seed {seed}, {steps} steps")
            _make_run(rows[name], _configure(subject, declared[name], steps), pair, seed, shared)
    is_frozen = shared.constant_backbone is not None
    return replace(_choose(rows, steps, seeds), is_short=steps < QUARTER * whole, is_frozen=is_frozen)


def _configure(subject: Subject, row: Nested, steps: int) -> Config:
    return subject.configure(merge(row, {"train": {"steps": steps, "evaluate_every": steps, "replicas": 1}}))


def _time_step(config: Config, pair: Pair, shared: Trainer) -> float:
    """The seconds of a step, of a trainer that is thrown away."""
    with keep_random_state(shared.device):
        trainer = build_trainer(config, pair, 0, shared.device, like=shared)
        trainer.train()
        start = time.perf_counter()
        for step in range(UNTIMED + TIMED):
            if step == UNTIMED:
                start = time.perf_counter()
            trainer.step(step, step / (UNTIMED + TIMED))
        trainer.stream.reader.close()
    return (time.perf_counter() - start) / TIMED


def _time_evaluation(config: Config, pair: Pair, shared: Trainer) -> float:
    """The seconds of an evaluation, which each run has one of."""
    start = time.perf_counter()
    evaluate_splits(shared)
    measure(shared, config, 1, pair.hidden_labels)
    return time.perf_counter() - start


def _plan(budget: Budget, seconds: Sequence[float], evaluation: float, most: int) -> tuple[int, list[int]]:
    """The steps of each run and the seeds: all seeds if each run then has a quarter of the steps, else the first alone.

    Args:
        seconds: of a step of each row.
        evaluation: the seconds of an evaluation.
        most: steps of the whole training.
    """

    def afford(seeds: list[int]) -> int:
        left = 60 * budget.minutes - evaluation * len(seeds) * len(seconds)
        return min(most, int(left / (len(seeds) * sum(seconds))))

    seeds = budget.seeds if afford(budget.seeds) >= QUARTER * most else budget.seeds[:1]
    return max(1, afford(seeds)), seeds


def _make_run(row: PilotRow, config: Config, pair: Pair, seed: int, shared: Trainer) -> None:
    """Train one run; a failure in training is noted in its row, whose other seeds are then left out."""
    start = time.perf_counter()
    try:
        with keep_random_state(shared.device):
            training = QuietTraining(build_trainer(config, pair, seed, shared.device, like=shared), config, pair)
            training.train()
    except BadInput as error:
        row.failure = str(error)
        return
    row.evaluations.append(training.history.evaluations()[-1])
    row.alarms.update(alarm["alarm"] for alarm in training.history.alarms())
    row.seconds += time.perf_counter() - start


def _choose(rows: dict[str, PilotRow], steps: int, seeds: list[int]) -> Pilot:
    """The vote's choice by the means over seeds, and with how many seeds alone it is the same.

    Ties go to source only.
    """
    made = [name for name, row in rows.items() if not row.failure]
    order = [name for name in made if name != BASELINE] + [name for name in made if name == BASELINE]
    if not order:
        return Pilot(rows, steps, seeds, None, 0)

    def vote(evaluations: list[Evaluation]) -> str:
        return order[find_best(RULE, evaluations)[-1]]

    choice = vote([mean_evaluation(rows[name].evaluations) for name in order])
    single = [vote([rows[name].evaluations[place] for name in order]) for place in range(len(seeds))]
    return Pilot(rows, steps, seeds, choice, single.count(choice))
