"""What the guard's choices cost and forgo, by target labels, in finished experiments. Imports no torch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from dann.evaluation.guard import Comparison, Guard, RowEvidence, compare_rows, vote_among
from dann.reporting.guard_table import gather_evidence, has_evidence
from dann.reporting.scores import Outcomes

GOAL = 0.005  # of regret above the better of the vote and of never adapting, as a share of 1
DIGITS = ("mnist", "usps", "mnist_m", "digits_m", "svhn", "syn_digits")
FAMILIES = {  # by the name of the target's data set, before its first slash
    **dict.fromkeys(DIGITS, "digits"),
    **dict.fromkeys(("office_caltech10_features", "office_caltech10", "office31"), "photos"),
    "amazon_reviews": "reviews",
    "moons_rotated": "moons",
    "uci_har": "time series",
}


@dataclass(frozen=True)
class Case:
    """The rows of one task of an experiment.

    Args:
        family: of the target's data.
        source_only: the name of the row that never adapts.
    """

    family: str
    rows: Mapping[str, RowEvidence]
    source_only: str

    @cached_property
    def compared(self) -> Mapping[str, Comparison]:
        """The other rows compared with source only, once for all rules that are judged."""
        return compare_rows(self.rows, self.source_only)

    @cached_property
    def voted(self) -> list[str]:
        return vote_among(self.rows)

    @cached_property
    def accuracy(self) -> Mapping[str, float]:
        """The target test accuracy of each row, the mean over seeds."""
        return {name: row.mean["target_test"] for name, row in self.rows.items()}

    def choose(self, guard: Guard) -> list[str]:
        """The guard's choice."""
        return guard.choose(self.rows, self.compared, self.source_only)


@dataclass(frozen=True)
class Regret:
    """The regret of three ways to report a row, the mean over tasks, as shares of 1.

    Args:
        vote: of the row that the vote chooses among all.
        never: of source only.
        guard: of the guard's row.
        forgone: what the vote's row has more than the guard's, where it has more, the mean over all tasks.
        saved: what it has less, likewise; the guard's regret is the vote's plus what is forgone minus what is saved.
        adapted: number of tasks for which the guard reports an adapted row.
        below: number of these on which that row is worse than source only.
        tasks: their number.
    """

    vote: float
    never: float
    guard: float
    forgone: float
    saved: float
    adapted: int
    below: int
    tasks: int

    @property
    def excess(self) -> float:
        """The guard's regret above the better of the vote and of never adapting."""
        return self.guard - min(self.vote, self.never)

    @property
    def meets_goal(self) -> bool:
        return round(self.excess, 9) <= GOAL


def gather_cases(ours: Outcomes) -> list[Case]:
    """The tasks of an experiment on which the guard can decide and target labels can judge it."""
    source_only, cases = ours.experiment.find_source_only(), []
    targets = {record.task: str(record.data["target"]["name"]) for record in ours.records}
    for task, rows in gather_evidence(ours).items():
        labelled = {name: row for name, row in rows.items()
                    if all("target_test" in evaluation for evaluation in row.evaluations.values())}  # fmt: skip
        if source_only is not None and has_evidence(labelled, source_only):
            cases.append(Case(family_of(targets[task]), labelled, source_only))
    return cases


def family_of(target: str) -> str:
    """The family of a target's data; without one, the name of its data set."""
    name = target.split("/")[0]
    return FAMILIES.get(name, name)


def by_family(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """The cases of each family."""
    families: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        families[case.family].append(case)
    return dict(families)


def judge_guard(cases: Sequence[Case], guard: Guard) -> Regret:
    """The regret of the guard and of its alternatives over the tasks of one experiment."""
    judged = [_judge(case, guard) for case in cases]
    voted, never, guarded = (fmean(each[place] for each in judged) for place in range(3))
    forgone = fmean(max(0.0, guard - vote) for vote, _, guard, _ in judged)
    saved = fmean(max(0.0, vote - guard) for vote, _, guard, _ in judged)
    adapted = [(never, guard) for _, never, guard, is_adapted in judged if is_adapted]
    below = sum(guard > never for never, guard in adapted)
    return Regret(voted, never, guarded, forgone, saved, len(adapted), below, len(judged))


def _judge(case: Case, guard: Guard) -> tuple[float, float, float, bool]:
    """The regrets of the vote, of never adapting and of the guard on one task, and whether the guard adapts."""
    best, chosen = max(case.accuracy.values()), case.choose(guard)
    voted, guarded = (fmean(case.accuracy[name] for name in names) for names in (case.voted, chosen))
    return best - voted, best - case.accuracy[case.source_only], best - guarded, chosen != [case.source_only]
