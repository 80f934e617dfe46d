"""Where a table's numbers are from: test examples, and number, cost and hardware of the runs. Imports no torch."""

from collections.abc import Sequence
from typing import Any

from dann.evaluation.metric_definitions import METRICS
from dann.reporting.scores import Outcomes
from dann.runner.records import Record, has_source, has_target_labels


def provenance_notes(ours: Outcomes) -> list[str]:
    """The test examples; the number, cost and hardware of all runs, those of other settings included."""
    records = ours.records
    tests = sorted({_test_examples(record) for record in records})
    circumstances = sorted({_circumstances(record.environment) for record in records})
    minutes = sum(record.seconds for record in ours.all_records) / 60
    with_source = [record for record in records if has_source(record)]
    validated = with_source and all("source_test" not in record.evaluations[-1] for record in with_source)
    label = METRICS[ours.experiment.split_score].label
    source = f" Source {label} is measured on the source's validation split." if validated else ""
    return [
        f"Target test examples: {', '.join(tests)}.{source}",
        f"{len(ours.all_records)} runs, {minutes:.0f} minutes in total; {'; '.join(circumstances)}.",
    ]


def _test_examples(record: Record) -> str:
    labels = "" if has_target_labels(record) else " without labels"
    return f"{record.data['target']['test']} of {record.data['target']['name']}{labels}{_copies(record)}"


def _copies(record: Record) -> str:
    """How many test examples training holds too, where they were counted and left in."""
    found = record.data.get("duplicates", {})
    counts = {} if "dropped" in found else found.get("target_test", {})
    numbers = {count for count in counts.values() if count}
    apart = f"{counts.get('labelled')} labelled and {counts.get('unlabelled')} unlabelled"
    return f", {apart if len(numbers) > 1 else numbers.pop()} of them in training too" if numbers else ""


def _splits(records: Sequence[Record]) -> str:
    """Test splits, and whether training has examples that equal some of theirs."""
    if any(_copies(record) for record in records):
        return "test splits"
    counted = all("duplicates" in record.data for record in records)
    uncounted = " (whether they hold copies of training examples was not counted)"
    return f"test splits that training never sees{'' if counted else uncounted}"


def scored_examples(records: Sequence[Record]) -> str:
    """The target examples on which records are scored, naming the rows for which they are of the rarer kind."""
    kinds = {False: _splits(records), True: "the target examples trained on without labels (transductive)"}
    rows = {kind: [record.variant for record in records if _is_transductive(record) == kind] for kind in kinds}
    most = len(rows[True]) > len(rows[False])
    others = ", ".join(dict.fromkeys(rows[not most]))
    return kinds[most] + (f" or, for {others}, {kinds[not most]}" if others else "")


def _is_transductive(record: Record) -> bool:
    return bool(record.data.get("protocol", "").startswith("transductive"))


def _circumstances(environment: dict[str, Any]) -> str:
    several = f"{environment['devices']} processes on " if "devices" in environment else ""
    local = ", BatchNorm over each process's rows" if environment.get("batch_norm") == "local" else ""
    return (
        f"{several}{environment['device']}{local}, {environment['threads']} thread(s), {environment['precision']}, "
        f"torch {environment['torch']}, commit {environment['commit'] or 'unknown'}"
    )
