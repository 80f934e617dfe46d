"""The comparison of selection rules, on candidates made by hand, against scipy."""

from dataclasses import replace

import numpy as np
import pytest
from made_records import record_of
from scipy import stats
from tiny import TINY

from dann.config.experiment import Experiment
from dann.reporting.experiment_tables import make_tables
from dann.reporting.rule_comparison import correlation, judge_random, judge_row, judge_rule, rule_table
from dann.runner.records import Record

SCORES, TARGETS = [0.1, 0.4, 0.4, 0.9], [0.5, 0.7, 0.6, 0.3]
GROUP = [{"step": i, "score_snd": s, "target_test": t} for i, (s, t) in enumerate(zip(SCORES, TARGETS, strict=True))]


def test_the_correlation_is_spearmans() -> None:
    assert correlation(SCORES, GROUP) == pytest.approx(stats.spearmanr(SCORES, TARGETS).statistic)
    rng = np.random.default_rng(0)
    group = [{"score_im": s, "target_test": t} for s, t in rng.integers(0, 5, (30, 2)).astype(float).tolist()]
    expected = stats.spearmanr([each["score_im"] for each in group], [each["target_test"] for each in group]).statistic
    assert correlation([each["score_im"] for each in group], group) == pytest.approx(expected)


def test_a_constant_score_has_no_correlation_and_a_missing_one_ranks_last() -> None:
    assert correlation([1.0] * 4, GROUP) is None
    reported = judge_rule("snd", [named([GROUP[0], {"target_test": 0.1}])])
    assert reported is not None and reported.correlation == pytest.approx(1.0)


def named(group: list[dict[str, float]], row: str = "DANN") -> list[tuple[str, dict[str, float]]]:
    return [(row, evaluation) for evaluation in group]


def test_regret_is_what_the_oracle_has_more() -> None:
    reported = judge_rule("snd", [named(GROUP), named(GROUP[:2])])
    assert reported is not None
    assert reported.regret == pytest.approx((0.7 - 0.3 + 0.0) / 2) and reported.worst == pytest.approx(0.7 - 0.3)
    oracle = judge_rule("oracle", [named(GROUP)])
    assert oracle is not None and oracle.regret == 0.0 and oracle.correlation == pytest.approx(1.0)
    last = judge_rule("last", [named(GROUP)])
    assert last is not None and last.correlation is None and last.regret == pytest.approx(0.4)
    assert judge_rule("mixval", [named(GROUP)]) is None


def test_of_equal_steps_of_a_row_the_latest_is_chosen_and_over_equal_rows_the_mean_counts() -> None:
    equals = [
        *named(GROUP[1:2], "source only"),
        *named(GROUP[2:3], "source only"),
        *named(GROUP[1:2]),
        *named(GROUP[:1]),
    ]
    reported = judge_rule("snd", [equals])  # 0.6 of source only, 0.7 of DANN
    assert (
        reported is not None
        and reported.regret == pytest.approx(0.05)
        and reported.most == (["source only", "DANN"], 0.5, 1)
    )
    steps = judge_rule("snd", [named(GROUP[1:3])])
    assert steps is not None and steps.regret == pytest.approx(0.1) and steps.most == (["DANN"], 1.0, 1)


def test_a_row_taken_always_and_a_blind_choice() -> None:
    groups = [[*named(GROUP[:2], "source only"), *named(GROUP[2:])], [*named(GROUP[3:], "source only"), *named(GROUP)]]
    always, blind = judge_row("source only", groups), judge_random(groups)
    assert always is not None and always.regret == pytest.approx((0.0 + 0.4) / 2) and always.worst == pytest.approx(0.4)
    assert always.most is None
    assert judge_row("source only", [named(GROUP)]) is None
    expected = [0.7 - np.mean(TARGETS), 0.7 - np.mean([0.3, *TARGETS])]
    assert blind is not None and blind.regret == pytest.approx(np.mean(expected))
    assert blind.worst is None and blind.most is None


def with_scores(record: Record, scores: list[float], targets: list[float]) -> Record:
    evaluations = [
        {**record.evaluations[0], "step": float(i), "score_snd": s, "target_test": t}
        for i, (s, t) in enumerate(zip(scores, targets, strict=True))
    ]
    return replace(record, evaluations=evaluations)


def test_the_table_has_steps_rows_and_both() -> None:
    experiment = Experiment(**{**TINY, "published": {}, "compare_rules": True})
    records = [
        with_scores(record_of("source only", 0), [0.1, 0.2], [0.5, 0.6]),
        with_scores(record_of("DANN", 0), [0.9, 0.3], [0.4, 0.9]),
    ]
    table = rule_table(experiment, records)
    cells = dict(zip((column.title for column in table.columns), table.rows["snd"], strict=True))
    assert cells["steps: regret"].facts == pytest.approx((0.0 + 0.5) / 2)
    assert cells["rows: regret"].facts == 0.0 and cells["rows: rank correlation"].text == "+1.00"
    assert cells["both: regret"].facts == pytest.approx(0.5) and cells["both: worst regret"].text == "50.0"
    assert cells["both: row chosen most"].text == "DANN (1 of 1)" and "steps: row chosen most" not in cells
    assert [cell.text for cell in table.rows["last"][3:]] == ["—"] * 8
    assert table.rows["always source only"][4].facts == pytest.approx(0.9 - 0.6)
    assert make_tables(experiment, records)[-1] == table
    assert table not in make_tables(experiment.model_copy(update={"compare_rules": False}), records)


def test_rows_chosen_equally_often_are_all_named_and_their_names_left_as_they_are() -> None:
    experiment = Experiment(**{**TINY, "published": {}, "variants": {"v 1.0 x": {}, "b": {}, "c": {}}})
    one, other, third = (record_of(name, 0) for name in experiment.variants)
    two = [with_scores(one, [0.1, 0.2], [0.5, 0.6]), with_scores(other, [0.2, 0.2], [0.5, 0.7])]
    assert rule_table(experiment, two).column("both:most")["snd"].text == "v 1.0 x and b (0.5 of 1, each)"
    three = rule_table(experiment, [*two, with_scores(third, [0.2, 0.0], [0.5, 0.7])])
    assert three.column("both:most")["snd"].text == "3 rows (0.3 of 1, each)"


def test_a_seed_that_one_row_alone_has_leaves_no_choice() -> None:
    experiment = Experiment(**{**TINY, "published": {}})
    both = [with_scores(record_of("source only", 0), [0.1], [0.6]), with_scores(record_of("DANN", 0), [0.2], [0.7])]
    alone = with_scores(record_of("source only", 1), [0.1], [0.7])
    assert rule_table(experiment, [*both, alone]).rows == rule_table(experiment, both).rows


def test_rows_that_train_on_the_target_are_no_candidates() -> None:
    experiment = Experiment(**{**TINY, "published": {}})
    upper = record_of("DANN", 0, 0.99)
    upper = replace(upper, data={**upper.data, "source": upper.data["target"]})
    alone = rule_table(experiment, [record_of("source only", 0)])
    assert rule_table(experiment, [record_of("source only", 0), upper]).rows == alone.rows
