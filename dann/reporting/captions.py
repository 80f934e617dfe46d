"""What is said under tables: of which runs they are, and how they were made of them. Imports no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from dann.config.experiment import Metric
from dann.evaluation.selection import DESCRIBED, LOWER_IS_BETTER, lacks
from dann.reporting.scores import Outcomes, without_choice
from dann.reporting.table import ALARMS, Cell
from dann.runner.records import Record

METRICS: dict[Metric, str] = {
    "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_precision": "macro-precision",
    "macro_f1": "macro-F1", "auc": "AUC", "calibration_error": "calibration error",
    "seen": "mean recall of seen classes", "unseen": "mean recall of unseen classes",
    "harmonic": "harmonic mean of both recalls", "zero_shot": "mean recall of unseen classes among themselves",
}  # fmt: skip
TESTS = {"paired_t": "paired t-test", "wilcoxon": "exact Wilcoxon signed-rank test"}


def notes_of_scores(ours: Outcomes, metric: Metric, columns: Mapping[str, Mapping[str, Cell]]) -> list[str]:
    """What the reader of a table of scores must know, and no more than its columns ask for."""
    records = ours.records
    if not records:
        return ["No finished runs yet."]
    shown = METRICS[metric]
    notes = [
        f"{shown[0].upper()}{shown[1:]} on {tested_on(records)}, {_spread(ours)}, {_described(ours.rule, metric)}."
    ]
    without = sum(lacks(ours.rule, record.evaluations) for record in records)
    if without:
        notes.append(f"{without} of {len(records)} runs have no such score and are shown after their last step.")
    if ours.rule != "oracle":
        best = _described("oracle", metric)
        notes.append(f"Oracle: {best.replace('step', 'setting and step') if ours.experiment.search else best}.")
    if any("− published" in name for name in columns):
        notes.append("− published: our mean less the published number, in points.")
    marked = [variant for variant, cell in columns.get(ALARMS, {}).items() if "▼" in cell.text]
    if baselines := {ours.experiment.source_only_beside(variant) for variant in marked}:
        baseline = baselines.pop() if len(baselines) == 1 else "the source-only row that it is held against"
        notes.append(f"▼: the 95 % t-interval of the paired difference from {baseline} lies wholly below 0.")
    if ALARMS in columns:
        notes.append("Alarms: in how many of a row's runs, or tasks; the README tells what raises them.")
    if unwatched := sum(not record.shares for record in records):
        some = "The runs" if unwatched == len(records) else f"{unwatched} of {len(records)} runs"
        notes.append(f"{some} were made before alarms of training were watched.")
    if (search := ours.experiment.search) is not None:
        rule = search.rule if ours.rule == "last" else ours.rule
        notes.append(f"Of the {search.budget} settings that each row tries the one {_by(rule, metric)} is shown.")
        if rows := without_choice(ours.experiment, ours.every, ours.rule, metric):
            notes.append(f"{', '.join(rows)}: no setting has such a score, and the last is shown.")
    return [*notes, *_made_of(records, ours.every)]


def notes_of_differences(ours: Outcomes, metric: Metric, several: bool) -> list[str]:
    """What the reader of a table of paired differences, from one baseline or several, must know."""
    experiment, rows = ours.experiment, ours.differences(metric)
    baseline = "the one it is held against" if several else experiment.compared_with(next(iter(rows)))
    of = f", averaged over {len(experiment.tasks)} tasks" if experiment.tasks else ""
    corrected = sum(difference.p is not None for difference in rows.values())
    notes = [
        f"Each row's target {METRICS[metric]} less that of {baseline} on the same seeds{of}, "
        f"{_described(ours.rule, metric)}{'; less is better' if metric in LOWER_IS_BETTER else ''}.",
        f"p: two-sided {TESTS[experiment.test]}, by Holm corrected for {corrected} row{'s' * (corrected != 1)}; "
        "d: mean over standard deviation of the differences; n: common seeds.",
    ]
    baselines = {experiment.compared_with(variant) for variant in rows}
    if bounds := [variant for variant in ours.upper_bounds if variant not in baselines]:
        notes.append(f"{', '.join(bounds)}: an upper bound, not compared.")
    return notes


def _spread(ours: Outcomes) -> str:
    seeds = ours.seeds
    over = " of the average" if ours.experiment.tasks else ""
    return f"mean ± standard deviation over {seeds} seeds, 95 % t-interval{over}" if seeds > 1 else "one seed"


def _described(rule: str, metric: Metric) -> str:
    """What a rule chooses; the oracle goes by the metric."""
    return DESCRIBED[rule] if rule != "oracle" else DESCRIBED[rule].replace("accuracy", METRICS[metric])


def _by(rule: str, metric: Metric) -> str:
    described = _described(rule, metric).removeprefix("at the step ").partition(":")[0]
    return f"{described} (mean over seeds; of equals the last)"


def _made_of(records: Sequence[Record], every: Sequence[Record]) -> list[str]:
    """The test examples, number and cost of runs, those of settings that are not shown too, and their hardware."""
    tests = sorted({f"{record.data['target']['test']} of {record.data['target']['name']}" for record in records})
    made = sorted({_made(record.environment) for record in records})
    minutes = sum(record.seconds for record in every) / 60
    validated = all("source_test" not in record.evaluations[-1] for record in records)
    source = " Source accuracy is that of its validation split." if validated else ""
    return [
        f"Target test examples: {', '.join(tests)}.{source}",
        f"{len(every)} runs, {minutes:.0f} minutes in all; {'; '.join(made)}.",
    ]


def tested_on(records: Sequence[Record]) -> str:
    """On which target examples the accuracies of ``records`` are, naming the rows that differ from most."""
    kinds = {False: "test splits that training never sees",
             True: "the target examples trained on without labels (transductive)"}  # fmt: skip
    rows = {kind: [record.variant for record in records if _transductive(record) == kind] for kind in kinds}
    most = len(rows[True]) > len(rows[False])
    others = ", ".join(dict.fromkeys(rows[not most]))
    return kinds[most] + (f" or, of {others}, {kinds[not most]}" if others else "")


def _transductive(record: Record) -> bool:
    return bool(record.data.get("protocol", "").startswith("transductive"))


def _made(environment: dict[str, Any]) -> str:
    return (
        f"{environment['device']}, {environment['threads']} thread(s), {environment['precision']}, "
        f"torch {environment['torch']}, commit {environment['commit'] or 'unknown'}"
    )
