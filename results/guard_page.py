"""The page on the guard: its regret in every experiment with a source-only row, and the frontier. Imports no torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean

from committed import Reader, published_files
from guard_text import CAPTION, FINDING, FRONTIER, HELD_OUT, INTRODUCTION

from dann.config.origin import relative
from dann.errors import BadInput
from dann.evaluation.guard import CONDITIONS, Guard
from dann.reporting.guard_regret import Case, Regret, by_family, gather_cases, judge_guard
from dann.reporting.locations import RESULTS
from dann.reporting.scores import apply_rule
from dann.reporting.table import Cell, Column, Columns, Table, format_points

PAGE, FIGURE, COMMAND = RESULTS / "guard.md", RESULTS / "guard.png", "make guard"
MARGINS, TOLERANCES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0), (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 1.0)
ABLATIONS = ", ablations"  # ends the name of a group of experiments that vary one method


@dataclass(frozen=True)
class Judged:
    """The tasks of one family in one experiment.

    Args:
        name: of the experiment's page below results/, without its suffix.
        title: of the experiment.
        group: family of the target's data, and whether the experiment compares methods or varies one.
    """

    name: str
    title: str
    group: str
    cases: Sequence[Case]

    @property
    def family(self) -> str:
        return self.group.removesuffix(ABLATIONS)


def gather_all(read: Reader) -> tuple[list[Judged], list[str]]:
    """What the guard can be judged on in the committed records, and the names of the experiments without scores."""
    judged, without = [], []
    for file in published_files():
        result, name = read(file), relative(file).as_posix()
        if result.experiment.find_source_only() is None:
            continue
        families = by_family(gather_cases(apply_rule(result.experiment, result.records)))
        without += [] if families else [name]
        kind = ABLATIONS if name.startswith("ablations/") else ""
        judged += [Judged(name, result.experiment.title, f"{family}{kind}", cases)
                   for family, cases in families.items()]  # fmt: skip
    return sorted(judged, key=lambda each: (each.group, each.name)), without


def render_guard(read: Reader) -> str:
    """The page, from committed records.

    Raises:
        BadInput: no experiment has what the guard needs.
    """
    judged, without = gather_all(read)
    if not judged:
        raise BadInput(f"{RESULTS}: no experiment has source only, another row and label-free scores: publish one")
    sections = [
        INTRODUCTION,
        _markdown(group_table(judged)),
        FINDING,
        f"![excess regret over margin and tolerance]({FIGURE.name})\n\n*{CAPTION}*",
        "## Every experiment",
        _markdown(experiment_table(judged)),
        *_absent(judged, without),
        "## The frontier",
        FRONTIER,
        _markdown(frontier_table(judged)),
        *_held_out(judged),
        f"`make pages` makes this page from the committed records; `{COMMAND}` draws the figure too.",
    ]
    return "\n\n".join(sections) + "\n"


def _markdown(table: Table) -> str:
    return table.markdown().strip()


def _absent(judged: Sequence[Judged], without: Sequence[str]) -> list[str]:
    """What the table of every experiment lacks."""
    pages = ", ".join(f"[{name}]({name}.md)" for name in without)
    text = (
        "The other experiments with a source-only row were recorded without label-free scores. There the guard reports "
        f"source only, for want of evidence: {pages}."
    )
    if all(each.family != "time series" for each in judged):
        text += " No experiment on time series has committed records yet."
    return [text] if without else []


def _held_out(judged: Sequence[Judged]) -> list[str]:
    """The section on values chosen on other families, where there are others."""
    if len({each.family for each in judged}) < 2:
        return []
    return ["## Margin and tolerance chosen on the other families", HELD_OUT, _markdown(held_out_table(judged))]


def experiment_table(judged: Sequence[Judged]) -> Table:
    """The fixed rule in each experiment."""
    rows = {f"{each.group}: [{each.title}]({each.name}.md)": judge_guard(each.cases, Guard()) for each in judged}
    columns = _regret_columns(rows)
    columns[Column("forgone", "forgone", "regret")] = {row: _points(each.forgone) for row, each in rows.items()}
    columns[Column("saved", "saved", "regret")] = {row: _points(each.saved) for row, each in rows.items()}
    columns[Column("adapted", "adapted", "runs")] = {
        row: Cell(f"{each.adapted} of {each.tasks}", each.adapted) for row, each in rows.items()
    }
    columns[Column("below", "below source only", "runs")] = {
        row: Cell(str(each.below), each.below) for row, each in rows.items()
    }
    notes = [
        "Columns as in the first table. Adapted: tasks for which another row than source only is reported; below",
        "source only: those of them on which that row is worse.",
    ]
    return Table.of_columns("The guard in every experiment", rows, columns, notes, "experiment")


def _regret_columns(rows: Mapping[str, Regret]) -> Columns:
    names = {"vote": "vote", "never": "never", "guard": "guard", "excess": "excess"}
    return {Column(key, title, "regret"): {row: _points(getattr(each, key), key == "excess")
            for row, each in rows.items()} for key, title in names.items()}  # fmt: skip


def _points(share: float, signed: bool = False) -> Cell:
    text = format_points(share)
    return Cell(text if signed else text.removeprefix("+"), share)


def _by_group(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = {}
    for each in judged:
        groups.setdefault(each.group, []).append(each)
    return groups


def group_table(judged: Sequence[Judged]) -> Table:
    """The fixed rule in each group of experiments."""
    groups = {name: [judge_guard(each.cases, Guard()) for each in members]
              for name, members in _by_group(judged).items()}  # fmt: skip
    columns: Columns = {
        Column(key, key, "regret"): {
            name: _points(fmean(getattr(each, key) for each in regrets), key == "excess")
            for name, regrets in groups.items()
        }
        for key in ("vote", "never", "guard", "excess", "forgone", "saved")
    }
    columns[Column("met", "goal met", "runs")] = {
        name: Cell(f"{sum(each.meets_goal for each in regrets)} of {len(regrets)}") for name, regrets in groups.items()
    }
    notes = [
        "Regret: the accuracy of the best row minus that of the reported one, in points, mean over tasks; a row's",
        "accuracy is the mean over seeds after the last step. Vote, never, guard: the regret of the vote, of source",
        "only and of the guard. Excess: the guard's regret minus the smaller of the others; the goal is at most 0.5.",
        "Forgone: what the vote's row has more than the guard's where it has more; saved: what it has less; means over",
        "all tasks. Here means over experiments.",
    ]
    return Table.of_columns("The guard", groups, columns, notes, "experiments on")


def excess_by_group(judged: Sequence[Judged], guard: Guard) -> dict[str, list[Regret]]:
    """The regrets of each group's experiments under a rule."""
    return {name: [judge_guard(each.cases, guard) for each in members] for name, members in _by_group(judged).items()}


def frontier_table(judged: Sequence[Judged]) -> Table:
    """The mean excess of each group under other margins, tolerances and conditions than the fixed ones."""
    rules = {"**fixed: margin 1, tolerance 1 point**": Guard()}
    rules |= {f"margin {margin:g}": Guard(margin=margin) for margin in MARGINS if margin != 1}
    rules |= {f"tolerance {_tolerance(each)}": Guard(tolerance=each) for each in TOLERANCES if each != 0.01}
    for left_out in CONDITIONS:
        kept = tuple(each for each in CONDITIONS if each != left_out)
        rules[f"without {left_out}"] = Guard(conditions=kept)
    rules["no condition but another row"] = Guard(conditions=())
    found = {name: excess_by_group(judged, rule) for name, rule in rules.items()}
    columns: Columns = {
        Column(group, group, "regret"): {
            name: _points(fmean(each.excess for each in groups[group]), True) for name, groups in found.items()
        }
        for group in _by_group(judged)
    }
    every = {name: [each for regrets in groups.values() for each in regrets] for name, groups in found.items()}
    columns[Column("worst", "worst", "worst")] = {
        name: _points(max(each.excess for each in regrets), True) for name, regrets in every.items()
    }
    columns[Column("met", "goal met", "runs")] = {
        name: Cell(f"{sum(each.meets_goal for each in regrets)} of {len(regrets)}") for name, regrets in every.items()
    }
    notes = ["Excess of regret in points, mean over the experiments of a group; worst: of a single experiment."]
    return Table.of_columns("The frontier", rules, columns, notes, "rule")


def _tolerance(share: float) -> str:
    return "of any loss" if share == 1 else f"{100 * share:g} points" if share != 0.01 else "1 point"


def held_out_table(judged: Sequence[Judged]) -> Table:
    """Each family under the margin and the tolerance that are best on the other families."""
    rules = [Guard(margin, tolerance) for margin, tolerance in product(MARGINS, TOLERANCES)]
    found = [(rule, excess_by_group(judged, rule)) for rule in rules]
    families = list(dict.fromkeys(each.family for each in judged))
    rows: dict[str, tuple[Guard, list[Regret]]] = {}
    for family in families:
        rule, groups = min(found, key=lambda each: (_mean_excess(each[1], without=family), -each[0].margin))
        regrets = [each for name, group in groups.items() if name.removesuffix(ABLATIONS) == family for each in group]
        rows[family] = rule, regrets
    columns: Columns = {
        Column("margin", "margin", "setting"): {name: Cell(f"{rule.margin:g}") for name, (rule, _) in rows.items()},
        Column("tolerance", "tolerance", "setting"): {
            name: Cell(_tolerance(rule.tolerance)) for name, (rule, _) in rows.items()
        },
    }
    for key in ("vote", "never", "guard", "excess"):
        columns[Column(key, key, "regret")] = {
            name: _points(fmean(getattr(each, key) for each in regrets), key == "excess")
            for name, (_, regrets) in rows.items()
        }
    columns[Column("met", "goal met", "runs")] = {
        name: Cell(f"{sum(each.meets_goal for each in regrets)} of {len(regrets)}")
        for name, (_, regrets) in rows.items()
    }
    notes = ["Means over the experiments of a family, in points, under the rule chosen on the others."]
    return Table.of_columns("Held out", rows, columns, notes, "held out")


def _mean_excess(groups: Mapping[str, Sequence[Regret]], without: str) -> float:
    """The mean over groups of the mean excess of their experiments, without those of one family."""
    return fmean(fmean(each.excess for each in regrets) for name, regrets in groups.items()
                 if name.removesuffix(ABLATIONS) != without)  # fmt: skip
