"""Rules of selection on candidates made by hand."""

import pytest
from made_records import EVALUATIONS

from dann.cli.arguments import parser
from dann.errors import BadInput
from dann.evaluation.rules import RULES, rule_for
from dann.evaluation.selection import check_scores, choose, find_best

SCORES = ("entropy", "im", "snd", "bnm", "dev", "rankme", "mixval", "reverse")


def voting(*candidates: tuple[float, float, float, float, float]) -> list[dict[str, float]]:
    """Candidates of source validation accuracy, IM, SND, BNM and DEV."""
    names = ("source_validation", "score_im", "score_snd", "score_bnm", "score_dev")
    return [{"step": float(at), **dict(zip(names, values, strict=True))} for at, values in enumerate(candidates)]


def place(rule: str, candidates: list[dict[str, float]]) -> int:
    """Where the candidate that is chosen is."""
    return find_best(rule, candidates)[-1]


@pytest.mark.parametrize(("rule", "step"), [("last", 40), ("source_val", 30), ("oracle", 20)])
def test_rules_choose_their_step(rule: str, step: int) -> None:
    assert choose(rule, EVALUATIONS)["step"] == step


@pytest.mark.parametrize("rule", SCORES)
def test_a_score_is_larger_where_it_is_better(rule: str) -> None:
    values = [-0.9, -0.2, -0.2, -0.5]
    candidates = [{**entry, f"score_{rule}": value} for entry, value in zip(EVALUATIONS, values, strict=True)]
    assert place(rule, candidates) == 2  # of equals the latest
    assert place(rule, candidates[:2]) == 1 and place(rule, candidates[3:]) == 0


def test_all_equals_are_find_best() -> None:
    assert find_best("source_val", EVALUATIONS) == [1, 2] and find_best("last", EVALUATIONS) == [3]
    assert find_best("snd", EVALUATIONS) == [0, 1, 2, 3]
    equal = (0.9, 1.0, 1.0, 1.0, 1.0)
    assert find_best("vote", voting(equal, (0.1, 9.0, 9.0, 9.0, 9.0), equal)) == [0, 2]


def test_what_lacks_a_score_loses_and_without_any_the_last_is_chosen() -> None:
    candidates = [{**EVALUATIONS[0], "score_snd": -7.0}, *EVALUATIONS[1:]]
    assert place("snd", candidates) == 0 and RULES["snd"].has_score(candidates)
    assert place("snd", EVALUATIONS) == 3 and not RULES["snd"].has_score(EVALUATIONS)
    assert RULES["last"].has_score(EVALUATIONS)
    assert place("snd", [{**EVALUATIONS[0], "score_snd": float("nan")}, candidates[0], EVALUATIONS[1]]) == 1


def test_only_the_oracle_reads_target_labels() -> None:
    scored = [
        {**entry, **{f"score_{name}": at * (-1) ** at for name in SCORES}} for at, entry in enumerate(EVALUATIONS)
    ]
    blind = [{key: value for key, value in entry.items() if not key.startswith("target_test")} for entry in scored]
    for rule in (name for name, rule in RULES.items() if not rule.needs_target_labels):
        assert place(rule, blind) == place(rule, scored)


def test_the_vote_is_for_the_best_mean_rank() -> None:
    #                     source     IM   SND  BNM  DEV
    candidates = voting((0.90, 3.0, 1.0, 3.0, 1.0), (0.91, 2.0, 2.0, 2.0, 3.0), (0.92, 1.0, 3.0, 1.0, 2.0))
    # ranks 1 3 1 3 3 = 11, 2 2 2 1 2 = 9, 3 1 3 2 1 = 10
    assert place("vote", candidates) == 1
    assert place("vote", [candidates[2], candidates[0], candidates[1]]) == 2


def test_the_vote_has_a_floor_of_source_accuracy() -> None:
    collapsed = (0.9499, 9.0, 9.0, 9.0, 9.0)
    assert place("vote", voting(collapsed, (1.0, 1.0, 1.0, 1.0, 1.0))) == 1
    at_the_floor = (0.95, 9.0, 9.0, 9.0, 9.0)
    assert place("vote", voting(at_the_floor, (1.0, 1.0, 1.0, 1.0, 1.0))) == 0
    # What the floor leaves out takes no rank: 2 2 1 1 1 = 7 beats 1 1 2 2 2 = 8, but with it 3 3 1 1 1 = 9 would not.
    assert place("vote", voting((1.0, 1.0, 1.0, 2.0, 2.0), (0.99, 2.0, 2.0, 1.0, 1.0), (0.5, 1.5, 1.5, 0.0, 0.0))) == 0


def test_equals_of_the_vote_share_ranks_and_the_latest_wins() -> None:
    assert place("vote", voting((0.9, 1.0, 1.0, 1.0, 1.0), (0.9, 1.0, 1.0, 1.0, 1.0))) == 1
    # Ranks of the first 1.5 + 1.5 + 1.5 + 1.5 + 2 = 8, of the second 7.
    assert place("vote", voting((0.9, 1.0, 1.0, 1.0, 1.0), (0.91, 1.0, 1.0, 1.0, 1.0), (0.1, 9.0, 9.0, 9.0, 9.0))) == 1
    # Three of equal IM share rank 2 each: 2 + 1 + 2 + 2 + 2 = 9 is best.
    assert place("vote", voting((1.0, 1.0, 3.0, 1.0, 1.0), (1.0, 1.0, 2.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0, 1.0))) == 0


def test_the_vote_does_without_a_score_that_no_candidate_has() -> None:
    candidates = voting((0.90, 2.0, 0.0, 2.0, 0.0), (0.91, 1.0, 0.0, 1.0, 0.0))
    for candidate in candidates:
        del candidate["score_snd"], candidate["score_dev"]
    assert place("vote", candidates) == 0
    del candidates[0]["score_im"], candidates[0]["score_bnm"]
    assert place("vote", candidates) == 1
    without = [{"source_validation": 0.91}, {"source_validation": 0.90}]
    assert place("vote", without) == 1  # none to go by: the last, as by every rule


@pytest.mark.parametrize(
    ("rule", "remedy"),
    [
        ("snd", "these runs have no such score: set diagnose: {examples: 500} and make them again"),
        ("mixval", "diagnose: {mixval: true}"),
        ("reverse", "diagnose: {reverse_steps: 200}"),
        ("vote", "these runs have no such score"),
    ],
)
def test_a_score_that_no_run_has_is_refused(rule: str, remedy: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_scores(rule, [EVALUATIONS, EVALUATIONS])
    assert str(caught.value).startswith(f"--selection {rule}: ") and remedy in str(caught.value)
    check_scores(rule, [EVALUATIONS, [{**EVALUATIONS[0], "score_im": 0.0, f"score_{rule}": 0.0}]])
    check_scores(rule, [])


@pytest.mark.parametrize("rule", ["source_val", "vote"])
def test_rules_of_the_source_need_some_of_it_held_out(rule: str) -> None:
    runs = [[{"step": 1, "target_test": 0.5, "score_im": 0.1}]]
    with pytest.raises(BadInput, match=f"--selection {rule}: these runs have no validation split: set data.validation"):
        check_scores(rule, runs)


def test_every_rule_is_described_in_one_line() -> None:
    for name, rule in RULES.items():
        assert rule.name == name and rule.sentence.endswith(".") and "\n" not in rule.sentence
        assert rule.sentence.startswith("Chooses the step with the ") or name == "last"
        assert not rule.moment.endswith(".")
    for command in (["table", "x"], ["report", "x", "--out", "y"]):
        assert [parser().parse_args([*command, "--selection", rule]).selection for rule in RULES] == list(RULES)


def test_the_oracle_alone_goes_by_the_metric_shown() -> None:
    by_error = rule_for("oracle", "calibration_error")
    assert by_error.reads == ("target_test_calibration_error",) and not by_error.higher_is_better
    assert "the lowest target test calibration error" in by_error.sentence
    assert rule_for("oracle", "accuracy") == RULES["oracle"]
    assert all(rule_for(name, "auc") is rule for name, rule in RULES.items() if name != "oracle")
    assert [name for name, rule in RULES.items() if rule.needs_target_labels] == ["oracle"]
