"""The report of ``dann recommend``: from two domains to what to run next, and why."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from dann.cli.recommendation.domain_gap import Separation, describe_gap, estimate_shift, separate
from dann.cli.recommendation.findings import (
    BASELINE,
    IN_WORDS,
    METHODS,
    OF_KIND,
    OF_LABEL_SHIFT,
    OF_MISSING,
    OF_PARTIAL,
    OF_RARE_CLASS,
    OF_SOURCES,
    PARTIAL,
    RELIABILITY,
    Finding,
    Kind,
)
from dann.cli.recommendation.next_experiment import check_next, compose_next
from dann.cli.recommendation.overview import Overview, look_over
from dann.cli.recommendation.pilot import TOO_FEW, Budget, Pilot, build_shared, make_pilot
from dann.cli.recommendation.representations import represent
from dann.cli.recommendation.subject import Subject, find_kind, make_pair
from dann.config.merging import Nested, merge
from dann.evaluation.rules import RULES
from dann.reporting.advice import Advice, Listing, Part, Statement

LABELLED, ACCURACY = 200, 0.8  # an example of how many labels tell how much
Report = Callable[[str], None]


@dataclass(frozen=True)
class Candidates:
    """The methods to try on data, beside source only.

    Args:
        changes: laid over every row.
        findings: the reasons.
    """

    names: tuple[str, ...]
    changes: Nested
    findings: list[Finding]


def advise(
    subject: Subject, budget: Budget, examples: int, device: torch.device, oracle: bool, out: Path, report: Report
) -> Advice:
    """Look at two domains, make a pilot and compose the report.

    Args:
        examples: largest number of examples of either domain that distances and class shares are measured on.
        oracle: whether the pilot's table shows accuracies by the labels that the target came with.
        out: where the recommended experiment file will lie.
        report: is called with what is done next.

    Raises:
        BadInput: the data cannot be trained on; says what to change.
    """
    report("counting examples")
    overview, pair = look_over(subject), make_pair(subject, oracle)
    report("features")
    shared, classes = build_shared(subject, pair, device), pair.classes
    found = represent(subject.config, shared, pair, examples)
    report("distances and class shares")
    separations = [separate(each.name, each.source, each.labels, each.target) for each in found]
    shift = estimate_shift(found[-1], classes)
    kind = find_kind(subject, pair)
    candidates = choose_candidates(kind, overview, shift.is_likely, subject)
    pilot = make_pilot(subject, pair, shared, candidates.names, candidates.changes, budget, report)
    shared.stream.reader.close()
    row, why = recommend_row(kind, pilot, separations)
    names = [row, *(name for name in candidates.names if name != row)] if row != BASELINE else candidates.names
    reasons = {BASELINE: "the baseline: no adaptation", row: "recommended: see the report"}
    text = compose_next(subject.title, merge(subject.declared, candidates.changes), subject.use, names, reasons, out)
    check_next(text, subject.library)
    parts = [
        overview.part,
        describe_gap(separations, classes),
        shift.part,
        _describe_pilot(pilot, kind, candidates, subject, oracle),
        _describe_next(row, why, candidates, subject),
    ]
    return Advice(subject.title, parts, text, f"--steps {pilot.steps} --seeds {','.join(map(str, pilot.seeds))}")


def choose_candidates(kind: Kind, overview: Overview, is_label_shift_likely: bool, subject: Subject) -> Candidates:
    """The methods that the findings recommend for such data, and the changes that they call for."""
    names, findings, changes = METHODS[kind], [OF_KIND[kind]], Nested()
    if overview.is_partial:
        names, findings = PARTIAL, [OF_PARTIAL]
    data = subject.config.data
    is_free = (data.resample, data.class_weights) == ("none", "none") and not data.unseen
    for applies, finding in ((overview.has_rare_class, OF_RARE_CLASS), (is_label_shift_likely, OF_LABEL_SHIFT)):
        if applies:
            findings.append(finding)
            changes = {"data": {"resample": "balanced"}} if is_free else changes
    if overview.has_missing:
        findings.append(OF_MISSING)
    if overview.has_missing or is_label_shift_likely:
        names = tuple(name for name in names if name != "DANN")
    if len(subject.sources) > 1:
        findings.append(OF_SOURCES)
    return Candidates(names, changes, findings)


def recommend_row(kind: Kind, pilot: Pilot, separations: list[Separation | None]) -> tuple[str, list[Statement]]:
    """The recommended row, and why it is that one."""
    measured = [each for each in separations if each is not None]
    if measured and all(each.is_at_chance for each in measured):
        text = (
            "Source only, whatever the vote chose: no difference between the domains could be shown, and methods that "
        )
        return BASELINE, [Statement(text + "align domains have nothing to align (by definition; no page of results).")]
    choice = pilot.choice or BASELINE
    chosen = f"The vote chose {choice} ({pilot.agreeing} of {len(pilot.seeds)} seeds alone choose it too)."
    if kind not in RELIABILITY:
        text = f"{chosen} How reliable the vote is on such data has not been measured in this project."
        return choice, [Statement(text)]
    known = RELIABILITY[kind]
    measured_text = (
        f"Among finished runs on {known.on} its choice was {known.vote:.1f} points below the best row on average, source "
        f"only {known.never:.1f}."
    )
    if known.favours_source_only:
        text = (
            f"{chosen} {measured_text} So source only is recommended, and the other rows only with labels to test them."
        )
        return BASELINE, [Statement(text, known.page)]
    return choice, [Statement(f"{chosen} {measured_text}", known.page)]


def _describe_pilot(pilot: Pilot, kind: Kind, candidates: Candidates, subject: Subject, oracle: bool) -> Part:
    whole, minutes = subject.config.train.steps, sum(row.seconds for row in pilot.rows.values()) / 60
    seeds = f"{len(pilot.seeds)} seeds" if len(pilot.seeds) > 1 else "one seed"
    statements = [
        Statement(f"The data count as {IN_WORDS[kind]}; what this project has found on such data decides which rows are "
                  "tried."),
        *(Statement(finding.text, finding.page) for finding in candidates.findings),
        Statement(f"{pilot.steps} steps for each row and {seeds}, {minutes:.1f} minutes of training; the recommended file "
                  f"has {whole} steps."),
    ]  # fmt: skip
    statements += [Statement(f"{name} was not made: {row.failure}") for name, row in pilot.rows.items() if row.failure]
    if pilot.choice is not None:
        statements.append(Statement(
            f"The vote, fixed before any of these runs: {RULES['vote'].criterion}. It chose {pilot.choice}."))  # fmt: skip
    limits = [
        "No target label was read. Scores say how certain and how varied predictions on the target are, not whether they "
        "are right; the accuracy is on validation examples of the source.",
        "Methods have their default options, without a search, and may come in another order after more steps.",
    ]
    if pilot.steps < TOO_FEW:
        limits.append(f"{pilot.steps} steps are too few to show much: allow more with --minutes.")
    if len(pilot.seeds) == 1:
        limits.append("One seed does not show how much of a difference is chance.")
    if oracle:
        limits.append("The oracle's column is by the labels that the target came with. The choice did not use it.")
    return Part("A pilot", statements, _list_rows(pilot, oracle), tuple(limits))


SCORES = {"source accuracy, %": ("source_validation", 100.0), "IM": ("score_im", 1.0), "SND": ("score_snd", 1.0),
          "BNM": ("score_bnm", 1.0), "DEV": ("score_dev", 1.0), "A-distance of features": ("distance_svm", 1.0)}  # fmt: skip
ORACLE = {"target accuracy, oracle, %": ("target_test", 100.0)}


def _list_rows(pilot: Pilot, oracle: bool) -> Listing:
    """The rows with the means over seeds of what the vote reads."""
    columns = SCORES | (ORACLE if oracle else {})
    lines = []
    for name, row in pilot.rows.items():
        values = [[each[key] * factor for each in row.evaluations if key in each] for key, factor in columns.values()]
        cells = [f"{sum(some) / len(some):.{1 if factor > 1 else 2}f}" if some else "—"
                 for some, (_, factor) in zip(values, columns.values(), strict=True)]  # fmt: skip
        alarms = ", ".join(f"{alarm} ({count} of {len(pilot.seeds)})" for alarm, count in row.alarms.items())
        lines.append([f"{name} (chosen)" if name == pilot.choice else name, *cells, alarms])
    return Listing(["row", *columns, "alarms"], lines)


def _describe_next(row: str, why: list[Statement], candidates: Candidates, subject: Subject) -> Part:
    half = 100 * 1.96 * math.sqrt(ACCURACY * (1 - ACCURACY) / LABELLED)
    statements = [Statement(f"Recommended: {row}."), *why]
    if candidates.changes:
        statements.append(Statement("All rows of the file have data.resample: balanced, for the reason given above."))
    statements.append(Statement(
        f"How to know whether it helped: nothing here measures accuracy on the target. Label {LABELLED} of its examples, "
        f"drawn at random: an accuracy near {100 * ACCURACY:.0f} % is then known to within {half:.0f} points, and all rows "
        "can be compared on the same examples."))  # fmt: skip
    if subject.labelled_target.classes:
        statements.append(Statement("The target has labels: dann run on the file tests all rows by them."))
    return Part("What to run next", statements)
