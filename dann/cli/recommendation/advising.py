"""The report of ``dann recommend``: from two domains to what to run next, and why."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from dann.cli.recommendation.domain_gap import Separation, describe_gap, judge, separate
from dann.cli.recommendation.findings import (
    BASELINE,
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
from dann.cli.recommendation.label_shift import estimate_shift
from dann.cli.recommendation.next_experiment import check_next, compose_next
from dann.cli.recommendation.overview import Overview, look_over
from dann.cli.recommendation.pilot import Budget, Pilot, build_shared, make_pilot
from dann.cli.recommendation.pilot_part import describe_pilot
from dann.cli.recommendation.representations import represent
from dann.cli.recommendation.subject import Subject, find_kind, make_pair
from dann.config.merging import Nested, merge
from dann.reporting.advice import Advice, Part, Statement

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
    row, why = recommend_row(kind, pilot, separations, candidates)
    made = [name for name in candidates.names if not pilot.rows[name].failure]
    names = sorted(made, key=lambda name: name != row)  # the recommended one first
    reasons = {BASELINE: "the baseline: no adaptation", row: "recommended: see the report"}
    text = compose_next(subject.title, merge(subject.declared, candidates.changes), subject.use, names, reasons, out)
    check_next(text, subject.library)
    parts = [
        overview.part,
        describe_gap(separations, classes),
        shift.part,
        describe_pilot(pilot, kind, candidates.findings, subject.config.train.steps, oracle),
        _describe_next(row, why, candidates, subject),
    ]
    summary = _summarise(row, separations, shift.is_likely)
    return Advice(
        subject.title, summary, parts, text, f"--steps {pilot.steps} --seeds {','.join(map(str, pilot.seeds))}"
    )


def _summarise(row: str, separations: list[Separation | None], is_label_shift_likely: bool) -> str:
    measured = [each for each in separations if each is not None]
    gap = f"By the {measured[-1].name}, {judge(measured[-1])}. " if measured else ""
    shift = "is likely" if is_label_shift_likely else "is not shown"
    return f"In short: run {row} next. {gap}Label shift {shift}. The parts below have the reasons and their limits."


def choose_candidates(kind: Kind, overview: Overview, is_label_shift_likely: bool, subject: Subject) -> Candidates:
    """The methods that the findings recommend for such data, and the changes that they call for."""
    names, findings, changes = METHODS[kind], [OF_KIND[kind]], Nested()
    if overview.is_partial:
        names, findings = PARTIAL, [OF_PARTIAL]
    data = subject.config.data
    is_free = not data.balancing and not data.unseen
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


def recommend_row(
    kind: Kind, pilot: Pilot, separations: list[Separation | None], candidates: Candidates
) -> tuple[str, list[Statement]]:
    """The recommended row, and why it is that one."""
    measured = [each for each in separations if each is not None]
    if measured and all(each.is_at_chance for each in measured):
        text = (
            "No difference between the domains could be shown, so that methods have nothing to align, whatever the "
            "vote chose (by definition; no page of results)."
        )
        return BASELINE, [Statement(text)]
    if pilot.is_short and not (kind in RELIABILITY and RELIABILITY[kind].favours_source_only):
        return _recommend_without_pilot(pilot, candidates)
    choice = pilot.choice or BASELINE
    alone = (
        f" ({pilot.agreeing} of {len(pilot.seeds)} seeds alone give the same choice)" if len(pilot.seeds) > 1 else ""
    )
    chosen = f"The vote chose {choice}{alone}."
    if kind not in RELIABILITY:
        text = f"{chosen} How reliable the vote is on such data has not been measured in this project."
        return choice, [Statement(text)]
    known = RELIABILITY[kind]
    regret = (
        f"Among finished runs of more methods on {known.on} its choice was {known.vote:.1f} points below the best on "
        f"average, source only {known.never:.1f}."
    )
    if known.favours_source_only:
        text = f"{chosen} {regret} So source only is recommended; the others need target labels to test them."
        return BASELINE, [Statement(text, known.page)]
    return choice, [Statement(f"{chosen} {regret}", known.page)]


def _recommend_without_pilot(pilot: Pilot, candidates: Candidates) -> tuple[str, list[Statement]]:
    """The row that was best in the results on such data, and source only where there are none."""
    short = "The pilot was too short for its choice to count (--minutes, --steps)."
    finding = candidates.findings[0]
    made = [name for name in candidates.names if not pilot.rows[name].failure]
    if not finding.quotes or not made:
        return BASELINE, [Statement(f"{short} No results are on such data, so source only is recommended.")]
    return made[0], [Statement(f"{short} {made[0]} was the best of these rows in the results.", finding.page)]


def _describe_next(row: str, why: list[Statement], candidates: Candidates, subject: Subject) -> Part:
    count = min(LABELLED, len(subject.target.train))
    half = 100 * 1.96 * math.sqrt(ACCURACY * (1 - ACCURACY) / count)
    statements = [Statement(f"Recommended: {row}."), *why]
    if candidates.changes:
        statements.append(Statement(
            "All rows of the file have balanced batches, for the reason given above. They serve balanced accuracy; "
            "plain accuracy on a target that a few classes dominate may fall."))  # fmt: skip
    statements.append(Statement(
        "How to know whether it helped: nothing here measures accuracy on the target. Label some of its examples, "
        f"drawn at random, to test all rows on: with {count}, an accuracy near {100 * ACCURACY:.0f} % is known to "
        f"within {half:.0f} points."))  # fmt: skip
    if subject.labelled_target.classes:
        statements.append(Statement("The target has labels: dann run on the file tests all rows by them."))
    return Part("What to run next", statements)
