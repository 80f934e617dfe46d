"""The guard: each condition by hand, on numbers of three seeds."""

from dataclasses import replace

import numpy as np
import pytest

from dann.evaluation.guard import Guard, RowEvidence, compare_row, compare_rows, vote_among

SEEDS = (0, 1, 2)
SAFE = {"score_snd": 1.0, "score_dev": -0.1}


def row(im=(1.0, 1.0, 1.0), bnm=(0.5, 0.5, 0.5), source=0.9, reverse=None, alarms=(), n=400):
    """A row's evidence: scores by seed, accuracies that all seeds share."""
    values = [
        {"score_im": i, "score_bnm": b, "source_validation": source, **SAFE} for i, b in zip(im, bnm, strict=True)
    ]
    values = [{**each, "score_reverse": reverse} if reverse is not None else each for each in values]
    return RowEvidence(dict(zip(SEEDS, values, strict=True)), dict.fromkeys(SEEDS, frozenset(alarms)), n)


def choose(rows):
    """The rows that the guard reports."""
    return Guard().choose(rows, compare_rows(rows, "source only"), "source only")


SOURCE_ONLY = row()
BETTER = row(im=(1.2, 1.3, 1.25), bnm=(0.6, 0.65, 0.62))


def test_a_row_passes_that_both_validators_favour_and_that_keeps_the_source():
    assert Guard().objections(compare_row(BETTER, SOURCE_ONLY)) == []
    assert choose({"source only": SOURCE_ONLY, "DANN": BETTER}) == ["DANN"]


def test_the_margin_is_a_multiple_of_the_half_width_of_the_paired_t_interval():
    differences = np.array([0.02, 0.30, 0.25])
    noisy = row(im=tuple(1.0 + differences), bnm=(0.6, 0.65, 0.62))
    half_width = 4.302652729911275 * differences.std(ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom at 0.975
    largest = differences.mean() / half_width
    assert largest < 1
    assert Guard().objections(compare_row(noisy, SOURCE_ONLY)) == ["im"]
    assert Guard(margin=largest - 1e-6).objections(compare_row(noisy, SOURCE_ONLY)) == []
    assert Guard(margin=largest + 1e-6).objections(compare_row(noisy, SOURCE_ONLY)) == ["im"]


def test_one_validator_alone_is_no_evidence():
    assert Guard().objections(compare_row(row(im=(1.2, 1.3, 1.25)), SOURCE_ONLY)) == ["bnm"]
    assert Guard().objections(compare_row(row(bnm=(0.6, 0.65, 0.62)), SOURCE_ONLY)) == ["im"]


@pytest.mark.parametrize(("n", "allowed"), [(400, 0.015), (100_000, 0.01)])  # √(0.9 · 0.1 / 400) = 0.015
def test_the_source_may_lose_a_point_or_one_standard_error(n, allowed):
    baseline = replace(SOURCE_ONLY, validated_on=n)
    for lost, objections in ((allowed - 1e-4, []), (allowed + 1e-4, ["source_val"])):
        ours = row(im=(1.2, 1.3, 1.25), bnm=(0.6, 0.65, 0.62), source=0.9 - lost)
        assert Guard().objections(compare_row(ours, baseline)) == objections


def test_reverse_validation_counts_where_both_rows_have_it():
    fallen = row(im=(1.2, 1.3, 1.25), bnm=(0.6, 0.65, 0.62), reverse=0.8)
    assert Guard().objections(compare_row(fallen, row(reverse=0.9))) == ["reverse"]
    assert Guard().objections(compare_row(fallen, SOURCE_ONLY)) == []


def test_an_alarm_counts_unless_source_only_has_it_too():
    alarmed = replace(BETTER, alarms=dict.fromkeys(SEEDS, frozenset({"collapse"})))
    assert Guard().objections(compare_row(alarmed, SOURCE_ONLY)) == ["alarms"]
    assert Guard().objections(compare_row(alarmed, row(alarms=["collapse"]))) == []
    assert Guard(conditions=("im", "bnm")).objections(compare_row(alarmed, SOURCE_ONLY)) == []


def test_source_only_is_reported_where_nothing_passes_and_where_there_are_too_few_seeds():
    single = replace(BETTER, evaluations={0: BETTER.evaluations[0]})
    assert Guard().objections(compare_row(single, SOURCE_ONLY)) == ["seeds"]
    assert choose({"DANN": single, "source only": SOURCE_ONLY}) == ["source only"]
    without = RowEvidence({seed: {"source_validation": 0.9} for seed in SEEDS}, {}, 400)
    assert choose({"DANN": without, "source only": without}) == ["source only"]


def test_the_vote_chooses_among_the_rows_that_pass():
    best = row(im=(1.6, 1.7, 1.65), bnm=(0.8, 0.85, 0.82))
    lost = row(im=(1.9, 1.9, 1.8), bnm=(0.9, 0.9, 0.9), source=0.5)
    rows = {"source only": SOURCE_ONLY, "DANN": BETTER, "MCC": best, "collapsed": lost}
    assert choose(rows) == ["MCC"]
    assert vote_among({"one": BETTER, "same": BETTER}) == ["one", "same"]
