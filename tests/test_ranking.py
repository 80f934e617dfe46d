"""How well the rules choose: on candidates made by hand, against scipy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from test_tables import record_of
from tiny import TINY

from dann.experiment import Experiment
from dann.ranking import choices, correlation, ranking
from dann.records import Record
from dann.tables import make_tables

SCORES, TARGETS = [0.1, 0.4, 0.4, 0.9], [0.5, 0.7, 0.6, 0.3]
GROUP = [{"step": i, "score_snd": s, "target_test": t} for i, (s, t) in enumerate(zip(SCORES, TARGETS, strict=True))]


def test_the_correlation_is_spearmans() -> None:
    assert correlation("score_snd", GROUP) == pytest.approx(stats.spearmanr(SCORES, TARGETS).statistic)
    rng = np.random.default_rng(0)
    group = [{"score_im": s, "target_test": t} for s, t in rng.integers(0, 5, (30, 2)).astype(float).tolist()]
    expected = stats.spearmanr([each["score_im"] for each in group], [each["target_test"] for each in group]).statistic
    assert correlation("score_im", group) == pytest.approx(expected)


def test_a_constant_score_has_no_correlation_and_a_missing_one_ranks_last() -> None:
    assert correlation("score_snd", [{"score_snd": 1.0, "target_test": t} for t in TARGETS]) is None
    without = [{**GROUP[0]}, {"target_test": 0.1}]
    assert correlation("score_snd", without) == pytest.approx(1.0)


def test_regret_is_what_the_oracle_has_more() -> None:
    told = choices("snd", [GROUP, GROUP[:2]])
    assert told is not None
    assert told.regret == pytest.approx((0.7 - 0.3 + 0.0) / 2) and told.worst == pytest.approx(0.7 - 0.3)
    oracle = choices("oracle", [GROUP])
    assert oracle is not None and oracle.regret == 0.0 and oracle.correlation == pytest.approx(1.0)
    last = choices("last", [GROUP])
    assert last is not None and last.correlation is None and last.regret == pytest.approx(0.4)
    assert choices("mixval", [GROUP]) is None


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
    table = ranking(experiment, records)
    cells = dict(zip(table.columns, table.rows["snd"], strict=True))
    assert cells["steps: regret"].facts == pytest.approx((0.0 + 0.5) / 2)
    assert cells["rows: regret"].facts == 0.0 and cells["rows: rank correlation"].text == "+1.00"
    assert cells["both: regret"].facts == pytest.approx(0.5) and cells["both: worst regret"].text == "50.0"
    assert [cell.text for cell in table.rows["last"][3:]] == ["—"] * 6
    assert make_tables(experiment, records)[-1] == table
    assert table not in make_tables(experiment.model_copy(update={"compare_rules": False}), records)


def test_rows_that_train_on_the_target_are_no_candidates() -> None:
    experiment = Experiment(**{**TINY, "published": {}})
    upper = record_of("DANN", 0, 0.99)
    upper = replace(upper, data={**upper.data, "source": upper.data["target"]})
    alone = ranking(experiment, [record_of("source only", 0)])
    assert ranking(experiment, [record_of("source only", 0), upper]).rows == alone.rows
