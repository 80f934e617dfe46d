"""Selection rules: what each reads, how it scores candidates, and its sentence for pages and command line.

A candidate is an evaluation. A rule chooses among the evaluations of a run, which gives the reported step, or among one
evaluation per setting of the hyper-parameters. Rules apply when a table is made, never during training. Imports nothing
that takes time.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS

Evaluation = dict[str, float]  # measurements after one step, by name
FLOOR = 0.95  # of the best source validation accuracy: what the vote requires of a candidate


def score_by_value(rule: "Rule", candidates: Sequence[Evaluation]) -> list[float]:
    """The value that a rule reads, negated where lower is better; −∞ for a candidate that lacks it."""
    sign = 1 if rule.higher_is_better else -1
    values = [sign * candidate.get(rule.reads[0], math.nan) for candidate in candidates]
    return [-math.inf if math.isnan(value) else value for value in values]


@dataclass(frozen=True)
class Rule:
    """A way to choose one of several candidates.

    Args:
        name: in experiment files and after ``--selection``.
        criterion: completes "the step with …"; empty where no step is selected.
        reads: keys of an evaluation; the rule applies to runs that have any of them.
        source: the paper.
        higher_is_better: of the value read.
        needs_target_labels: it is an upper bound, not a rule for use.
        needs_source: it reads source examples, which a run without a source has not.
        requires: rules whose scores it needs beside its own.
        diagnose: options under ``diagnose`` that must be on for runs to record the score.
        remedy: completes "these runs …", of runs without the score.
        scoring: gives each candidate a score; the highest is chosen.
        of_classes: it has a meaning where classes are predicted.
        of_numbers: the same of numbers, as in a regression.
    """

    name: str
    criterion: str
    reads: tuple[str, ...]
    source: str = ""
    higher_is_better: bool = True
    needs_target_labels: bool = False
    needs_source: bool = False
    requires: tuple["Rule", ...] = ()
    diagnose: tuple[str, ...] = ("examples",)
    remedy: str = "have no such score: set diagnose: {examples: 500} and make them again"
    scoring: Callable[["Rule", Sequence[Evaluation]], list[float]] = score_by_value
    of_classes: bool = True
    of_numbers: bool = False

    @property
    def sentence(self) -> str:
        """The rule in one line."""
        cited = f" ({self.source})" if self.source else ""
        return f"Chooses the step with {self.criterion}{cited}." if self.criterion else "Takes the last step."

    @property
    def moment(self) -> str:
        """When a run is scored, for captions."""
        return f"at the step with {self.criterion}" if self.criterion else "after the last step; no step is selected"

    def score(self, candidates: Sequence[Evaluation]) -> list[float]:
        """A score for each candidate, the higher the better."""
        return self.scoring(self, candidates)

    def has_score(self, candidates: Sequence[Evaluation]) -> bool:
        """Whether any candidate has what the rule reads; where none has, the last is chosen."""
        return not self.reads or any(key in candidate for candidate in candidates for key in self.reads)


def score_by_order(rule: Rule, candidates: Sequence[Evaluation]) -> list[float]:
    """The place of each candidate, so that the last is chosen."""
    return [float(place) for place in range(len(candidates))]


def score_by_vote(rule: Rule, candidates: Sequence[Evaluation]) -> list[float]:
    """Minus the sum of each candidate's ranks by several scores; −∞ below 95 % of the best source validation accuracy.

    The candidates above that floor are ranked by IM, SND, BNM, DEV and source validation accuracy; ties share a rank.
    All of this was fixed beforehand, because a single score can fail badly: in the results of SKADA-Bench (Lalou et al.
    2024) the step that SND chooses for DAN on Office-31 is 4.6 % accurate on the target, the oracle's 80.5 %. The floor
    guards against collapse.
    """
    if not rule.has_score(candidates):
        return score_by_order(rule, candidates)
    accuracies = SOURCE_VAL.score(candidates)
    floor = FLOOR * max(accuracies)
    kept = [place for place, accuracy in enumerate(accuracies) if accuracy >= floor]
    columns = [rank(voter.score([candidates[place] for place in kept])) for voter in (*VOTERS, SOURCE_VAL)]
    scores = [-math.inf] * len(candidates)
    for place, row in zip(kept, zip(*columns, strict=True), strict=True):
        scores[place] = -sum(row)
    return scores


def rank(values: Sequence[float]) -> list[float]:
    """The rank of each value, 1 for the largest; ties share the mean of their ranks."""
    ordered = sorted(values, reverse=True)
    count = Counter(values)
    return [ordered.index(value) + (count[value] + 1) / 2 for value in values]


LAST = Rule("last", "", (), diagnose=(), scoring=score_by_order, of_numbers=True)
SOURCE_VAL = Rule(
    "source_val",
    "the best source validation accuracy",
    ("source_validation",),
    needs_source=True,
    diagnose=(),
    remedy="have no validation split: set data.validation above 0 and make them again",
    of_numbers=True,
)
ENTROPY = Rule(
    "entropy", "the lowest entropy of the predictions on the target", ("score_entropy",), "Morerio et al. 2018"
)
IM = Rule("im", "the highest mutual information of target inputs and predictions", ("score_im",), "Krause et al. 2010")
SND = Rule("snd", "the highest soft neighbourhood density", ("score_snd",), "Saito et al. 2021")
BNM = Rule("bnm", "the largest nuclear norm of the predictions on the target", ("score_bnm",), "Cui et al. 2020")
DEV = Rule("dev", "the lowest deep embedded validation risk", ("score_dev",), "You et al. 2019",
           needs_source=True, of_numbers=True)  # fmt: skip
RANKME = Rule(
    "rankme",
    "the largest effective rank of the target features",
    ("score_rankme",),
    "Garrido et al. 2023",
    of_numbers=True,
)
MMD = Rule(
    "mmd",
    "the lowest maximum mean discrepancy of the two domains' features",
    ("score_mmd",),
    "Gretton et al. 2012",
    needs_source=True,
    of_classes=False,
    of_numbers=True,
)
CORAL = Rule(
    "coral",
    "the lowest CORAL distance of the two domains' standardised features",
    ("score_coral",),
    "Sun and Saenko 2016",
    needs_source=True,
    of_classes=False,
    of_numbers=True,
)
MIXVAL = Rule(
    "mixval",
    "the best accuracy on mixtures of target examples, labelled by its own predictions",
    ("score_mixval",),
    "Hu et al. 2023",
    diagnose=("examples", "mixval"),
    remedy="have no such score: set diagnose: {mixval: true} and make them again",
)
REVERSE = Rule(
    "reverse",
    "the best reverse validation accuracy",
    ("score_reverse",),
    "Zhong et al. 2010",
    needs_source=True,
    diagnose=("reverse_steps",),
    remedy="have no such score: set diagnose: {reverse_steps: 200} and make them again",
)
VOTERS = (IM, SND, BNM, DEV)  # and SOURCE_VAL, which the floor needs anyway
VOTE = Rule(
    "vote",
    "the best mean rank by im, snd, bnm, dev and source_val, of those with at least 95 % of the best source validation "
    "accuracy",
    tuple(voter.reads[0] for voter in VOTERS),
    needs_source=True,
    requires=(SOURCE_VAL,),
    scoring=score_by_vote,
)
ORACLE = Rule(
    "oracle",
    "the best target test accuracy, an upper bound that needs target labels",
    ("target_test",),
    needs_target_labels=True,
    diagnose=(),
    remedy="have no target test accuracy: make them again",
    of_numbers=True,
)
OWN = "own."  # before the name of a validator of the user's own, in the name of its rule
SCORE = "score_"  # before the name of a label-free score, in an evaluation


class _Rules(dict[str, Rule]):
    """The rules by name. That of a validator of the user's own is made when it is asked for, from the name alone.

    So tables know it without the code of the validator, which they never execute.
    """

    def __missing__(self, name: str) -> Rule:
        if name not in self:
            raise KeyError(name)
        own = name.removeprefix(OWN)
        remedy = f"have no such score: list {own} in diagnose.validators and make them again"
        criterion = f"the highest {own}, a score of the user's own"
        return Rule(name, criterion, (f"{SCORE}{name}",), remedy=remedy, of_numbers=True)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and name.startswith(OWN) and name != OWN)


RULES: dict[str, Rule] = _Rules(
    (rule.name, rule)
    for rule in (LAST, SOURCE_VAL, ENTROPY, IM, SND, BNM, DEV, RANKME, MIXVAL, REVERSE, MMD, CORAL, VOTE, ORACLE)
)


def refuse_rule(rule: Rule, of_numbers: bool, place: str) -> None:
    """Raise if a rule has no meaning for what is predicted.

    Args:
        of_numbers: whether numbers are predicted, not classes.
        place: where the rule is named, for the message.

    Raises:
        BadInput: names the rules that have one.
    """
    if rule.of_numbers if of_numbers else rule.of_classes:
        return
    known = ", ".join(name for name, each in RULES.items() if (each.of_numbers if of_numbers else each.of_classes))
    scores, task = ("classes", "regression") if of_numbers else ("numbers", "classification")
    raise BadInput(f"{place} {rule.name} is of predicted {scores}, but data.task is {task}: choose among {known}")


def rule_for(name: str, metric: str) -> Rule:
    """The rule of a name; the oracle goes by the metric shown, for it would be no upper bound of another.

    Of numbers, a split has one R² for each squared error: the rule that takes the best takes the lowest.
    """
    rule, shown = RULES[name], METRICS[metric]
    if rule.name == SOURCE_VAL.name and shown.of_numbers:
        return replace(rule, criterion="the lowest squared error on the source's validation split")
    if not rule.needs_target_labels:
        return rule
    best = "best" if shown.higher_is_better else "lowest"
    criterion = f"the {best} target test {shown.label}, an upper bound that needs target labels"
    return replace(rule, criterion=criterion, reads=(shown.reads,), higher_is_better=shown.higher_is_better)
