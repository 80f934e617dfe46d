"""The part of the report on the pilot."""

from collections.abc import Sequence

from dann.cli.recommendation.findings import IN_WORDS, Finding, Kind
from dann.cli.recommendation.pilot import RULE, Pilot, PilotRow
from dann.evaluation.rules import RULES
from dann.reporting.advice import Listing, Part, Statement

SCORES = {
    "source accuracy, %": ("source_validation", 100.0),
    "IM": ("score_im", 1.0),
    "SND": ("score_snd", 1.0),
    "BNM": ("score_bnm", 1.0),
    "DEV": ("score_dev", 1.0),
    "distance of features": ("distance_svm", 1.0),
}
ORACLE = {"target accuracy, oracle, %": ("target_test", 100.0)}


def describe_pilot(pilot: Pilot, kind: Kind, findings: Sequence[Finding], steps: int, oracle: bool) -> Part:
    """What was tried and why, what the vote chose, and what that does not show.

    Args:
        findings: the reasons for the rows.
        steps: of the recommended file.
        oracle: whether to show accuracies by target labels.
    """
    minutes = sum(row.seconds for row in pilot.rows.values()) / 60
    seeds = f"{len(pilot.seeds)} seeds" if len(pilot.seeds) > 1 else "one seed"
    statements = [
        Statement(f"The data count as {IN_WORDS[kind]}; the results on such data decide which rows are tried."),
        *(Statement(finding.text, finding.page) for finding in findings),
        Statement(f"{pilot.steps} steps for each row, {seeds}, {minutes:.1f} minutes of training in total; the file to "
                  f"run next has {steps} steps."),
    ]  # fmt: skip
    statements += [Statement(f"{name} was not made: {row.failure}") for name, row in pilot.rows.items() if row.failure]
    if pilot.choice is not None:
        text = f"The vote, fixed before any of these runs: {RULES[RULE].criterion}. It chose {pilot.choice}."
        statements.append(Statement(text))
    return Part("A pilot", statements, _list_rows(pilot, oracle), _list_limits(pilot, oracle))


def _list_limits(pilot: Pilot, oracle: bool) -> tuple[str, ...]:
    limits = [
        "The scores say how certain and how varied predictions on the target are, not whether they are right; higher "
        "is better. No target label is read for them or in training. The accuracy is on the source's validation split.",
        "The distance is the proxy A-distance of the learned features, by a linear classifier. "
        "Methods have their default options, without a search, and may come in another order after more steps.",
    ]
    if pilot.is_short:
        limits.append("So few steps show little: the vote's choice does not count below a quarter of the file's steps. "
                      "Allow more with --minutes.")  # fmt: skip
    if pilot.is_frozen:
        limits.append("The pretrained network is frozen, without augmentation, here and in the file to run next: "
                      "training it too may change the order.")  # fmt: skip
    if len(pilot.seeds) == 1:
        limits.append("One seed does not show how much of a difference is chance.")
    if oracle:
        limits.append("The oracle's column is by the labels that the target came with. The choice did not use it.")
    return tuple(limits)


def _list_rows(pilot: Pilot, oracle: bool) -> Listing:
    """The rows with the means over seeds of what the vote reads, and of the distance of their features."""
    columns = SCORES | (ORACLE if oracle else {})
    lines = []
    for name, row in pilot.rows.items():
        cells = [_mean(row, key, factor) for key, factor in columns.values()]
        alarms = ", ".join(f"{alarm} ({count} of {len(pilot.seeds)})" for alarm, count in row.alarms.items())
        lines.append([f"{name} (chosen)" if name == pilot.choice else name, *cells, alarms])
    return Listing(["row", *columns, "alarms of runs"], lines)


def _mean(row: PilotRow, key: str, factor: float) -> str:
    """The mean over seeds of a measurement; a dash where a run lacks it."""
    values = [each[key] * factor for each in row.evaluations if key in each]
    digits = 1 if factor > 1 else 2
    return f"{round(sum(values) / len(values), digits) + 0.0:.{digits}f}" if values else "—"  # no −0.00
