"""Notes under tables: what was measured, on which examples, and how it was aggregated. Imports no torch."""

from dann.config.search import Search
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES, rule_for
from dann.reporting.alarm_column import is_below_on_average
from dann.reporting.circumstances import provenance_notes, scored_examples
from dann.reporting.example_intervals import INTERVAL_KEY, INTERVAL_TITLE
from dann.reporting.label_free import label_free_rules
from dann.reporting.scores import Outcomes
from dann.reporting.search_notes import tuned_notes
from dann.reporting.self_training_notes import self_training_notes
from dann.reporting.setting_selection import rows_without_score
from dann.reporting.table import Columns
from dann.runner.records import Record, has_source, has_target_labels

NAMED = 3  # failed runs of a row whose reasons are given
TESTS = {"paired_t": "paired t-test", "wilcoxon": "exact Wilcoxon signed-rank test"}


def score_notes(ours: Outcomes, metric: str, columns: Columns) -> list[str]:
    """What the reader of a table of scores must know of the columns that it has."""
    records, label = ours.records, METRICS[metric].label
    if not records:
        waiting = tuned_notes(ours, metric) if ours.all_records else []
        return [*failure_notes(ours), *waiting] or ["No finished runs yet."]
    moment = rule_for(ours.rule, metric).moment
    scored = [record for record in records if has_target_labels(record)]
    notes = _label_free_notes(ours, moment, metric)
    if scored:
        unit = ", in the unit of the labels," if metric in ("rmse", "mae") else ""
        notes.insert(0, f"{label[0].upper()}{label[1:]}{unit} on {scored_examples(scored)}, {_spread(ours)}, {moment}.")
    without = sum(not RULES[ours.rule].has_score(record.evaluations) for record in records)
    if without:
        notes.append(f"{without} of {len(records)} runs have no such score and are shown after their last step.")
    if ours.rule != "oracle" and scored and not ours.experiment.search_seeds:
        candidate = "setting and step" if ours.experiment.search else "step"
        notes.append(f"Oracle: at the {candidate} with {rule_for('oracle', metric).criterion}.")
    if any(column.key == INTERVAL_KEY for column in columns):
        notes.append(f"{INTERVAL_TITLE}: percentile bootstrap over the test examples, for these networks; the other is "
                     "over seeds, for these test examples.")  # fmt: skip
    if any(column.kind == "gap" for column in columns):
        notes.append("− published: our mean minus the published number, in points.")
    return [
        *notes,
        *failure_notes(ours),
        *self_training_notes(records),
        *_alarm_notes(ours, columns),
        *_search_notes(ours, metric),
        *provenance_notes(ours),
    ]


def failure_notes(ours: Outcomes) -> list[str]:
    """For each row the runs that failed, and why; they are not part of any number."""
    rows: dict[str, list[Record]] = {}
    for record in ours.failed:
        rows.setdefault(record.run.row_name, []).append(record)
    notes = []
    for row, runs in rows.items():
        made = sum(record.run.row_name == row for record in ours.all_records)
        reasons = [f"seed {record.seed} failed at {record.failed}" for record in runs[:NAMED]]
        reasons += [f"{len(runs) - NAMED} more failed"] if len(runs) > NAMED else []
        notes.append(f"{row}: {made} of {made + len(runs)} seeds; {'; '.join(reasons)}.")
    return notes


def _label_free_notes(ours: Outcomes, moment: str, metric: str) -> list[str]:
    """A note that the target, or that of some rows or tasks, has no test labels, and on what is shown instead."""
    without = [record for record in ours.records if not has_target_labels(record)]
    if not without:
        return []
    every = len(without) == len(ours.records)
    rows = dict.fromkeys(_without_labels(ours, record) for record in without)
    whose = "The target has no test labels" if every else f"The target of {', '.join(rows)} has no test labels"
    notes = [
        f"{whose}: no {METRICS[metric].label} on it, no oracle, and no comparison with baselines, published numbers or "
        "among rules."
    ]
    if metric != ours.experiment.metrics[0]:
        return notes
    scores = label_free_rules(without)
    of_source = [f"source {METRICS[ours.experiment.split_score].label}"] if any(map(has_source, without)) else []
    of_target = ["label-free scores of the predictions on the target"] if scores else []
    shown = " and ".join([*of_source, *of_target]) or "nothing"
    larger = f" Scores: larger is better; dann describe rule {scores[0].name} defines one." if scores else ""
    spread = f"mean ± standard deviation over {ours.seeds} seeds" if ours.seeds > 1 else "one seed"
    return [*notes, f"Shown: {shown}, {spread}, {moment}.{larger}"]


def _without_labels(ours: Outcomes, record: Record) -> str:
    """The name of a record's task where that has no target labels at all, else of its row."""
    if record.task is None:
        return record.variant
    return f"{record.task}: {record.variant}" if record.task in ours.scored_tasks else record.task


def _alarm_notes(ours: Outcomes, columns: Columns) -> list[str]:
    alarms = next((cells for column, cells in columns.items() if column.kind == "alarms"), {})
    notes = []
    marked = [variant for variant, cell in alarms.items() if any(map(is_below_on_average, cell.facts))]
    if baselines := {ours.experiment.find_source_only_baseline(variant) for variant in marked}:
        baseline = baselines.pop() if len(baselines) == 1 else "its source-only baseline"
        notes.append(f"▼: the 95 % t-interval of the paired difference from {baseline} lies entirely below 0.")
    if alarms:
        notes.append("Alarms: number of runs (or tasks) affected; experiments/README.md lists the triggers.")
    if unwatched := sum(not record.shares for record in ours.records):
        some = "The runs" if unwatched == len(ours.records) else f"{unwatched} of {len(ours.records)} runs"
        notes.append(f"{some} predate the alarms of training.")
    return notes


def _search_notes(ours: Outcomes, metric: str) -> list[str]:
    search = ours.experiment.search
    if search is None:
        return []
    if search.seeds:
        return tuned_notes(ours, metric) + _blind_notes(ours, metric)
    rule = rule_for(search.rule if ours.rule == "last" else ours.rule, metric)
    notes = [f"{_tried(search)}; shown is the one with {rule.criterion} "
             "(mean over seeds; the last of those that tie)."]  # fmt: skip
    return notes + _blind_notes(ours, metric)


def _tried(search: Search) -> str:
    """How many settings the rows try, as the beginning of a sentence."""
    if isinstance(search.budget, int):
        return f"Each row tries {search.budget} settings"
    return f"Rows try these numbers of settings: {search.budget_text}"


def _blind_notes(ours: Outcomes, metric: str) -> list[str]:
    rows = rows_without_score(ours.experiment, [*ours.all_records, *ours.failed], ours.rule, metric)
    return [f"{', '.join(rows)}: no setting has such a score, and the last is shown."] if rows else []


def difference_notes(ours: Outcomes, metric: str, several: bool) -> list[str]:
    """What the reader of a table of paired differences, from one baseline or several, must know."""
    experiment, rows = ours.experiment, ours.differences(metric)
    baselines = {experiment.find_baseline(variant) for variant in rows}
    baseline = "the row's baseline" if several else next(iter(baselines))
    over = f", averaged over {len(ours.scored_tasks)} tasks" if experiment.tasks else ""
    corrected = sum(difference.p is not None for difference in rows.values())
    lower = "" if METRICS[metric].higher_is_better else "; lower is better"
    notes = [
        f"Target {METRICS[metric].label} minus that of {baseline} on the same seeds{over}, "
        f"{rule_for(ours.rule, metric).moment}{lower}.",
        f"p: two-sided {TESTS[experiment.test]}, Holm-corrected for {corrected} row{'s' * (corrected != 1)}; "
        "d: mean over standard deviation of the differences; n: common seeds.",
    ]
    if bounds := [variant for variant in ours.upper_bounds if variant not in baselines]:
        notes.append(f"{', '.join(bounds)}: an upper bound, not compared.")
    return notes


def _spread(ours: Outcomes) -> str:
    fewer = len(ours.scored_tasks) < len(ours.experiment.tasks)
    tasks = f" over {', '.join(ours.scored_tasks)}" if fewer else ""
    over = f" of the average{tasks}" if ours.experiment.tasks else ""
    many = f"mean ± standard deviation over {ours.seeds} seeds, 95 % t-interval{over}"
    return many if ours.seeds > 1 else "one seed"
