"""Intervals over test examples beside those over seeds."""

import json

import pytest
from made_records import TARGET, column, record_of, scored, table_of, tables_of, texts, titles
from tiny import TINY

from dann.config.experiment import Experiment
from dann.evaluation.statistics import ExampleSet, bootstrap_interval
from dann.reporting.example_intervals import INTERVAL_TITLE, find_example_sets
from dann.reporting.scores import apply_rule
from dann.reporting.table import FORMATS


def test_the_column_stands_beside_the_interval_over_seeds() -> None:
    experiment, records = scored({"source only": [0.6, 0.7], "DANN": [0.9]}, intervals="test_examples")
    table = table_of(experiment, records)
    assert titles(table)[:3] == [TARGET, "95 % interval", INTERVAL_TITLE]
    expected = bootstrap_interval([ExampleSet(0.65, 40, 1.0)])  # 40 test examples
    assert column(table, INTERVAL_TITLE)["source only"].facts == pytest.approx(expected)
    assert texts(table, "95 % interval")["DANN"] == "—"
    assert texts(table, INTERVAL_TITLE)["DANN"] == "80.0–97.5"  # a single seed has one too: 32 and 39 of 40
    assert "percentile bootstrap over the test examples" in table.markdown()
    assert json.loads(FORMATS["json"](table))["rows"]["DANN"][INTERVAL_TITLE] == pytest.approx([0.8, 0.975])


def test_there_is_none_unless_it_is_asked_for_and_of_accuracy_alone() -> None:
    experiment, records = scored({"source only": [0.6, 0.7]})
    assert INTERVAL_TITLE not in titles(table_of(experiment, records))
    for record in records:
        record.evaluations[-1]["target_test_macro_f1"] = 0.4
    both = experiment.model_copy(update={"metrics": ["accuracy", "macro_f1"], "intervals": "test_examples"})
    first, second = tables_of(both, records)
    assert INTERVAL_TITLE in titles(first) and INTERVAL_TITLE not in titles(second)
    assert "percentile bootstrap" not in second.markdown()


def test_tasks_with_the_same_test_examples_share_one_set() -> None:
    tasks = {name: {} for name in ("a", "b", "c")}
    experiment = Experiment(**{**TINY, "published": {}, "tasks": tasks, "intervals": "test_examples"})
    scores = {"a": (0.5, 0.7), "b": (0.8, 0.6), "c": (0.9, 0.9)}
    records = [record_of("DANN", seed, scores[task][seed], task) for task in scores for seed in (0, 1)]
    for record in records:
        if record.task == "c":
            record.data["target"].update(checksum="3", test=400)
    found = find_example_sets(apply_rule(experiment, records), "DANN")
    assert [(each.examples, each.weight) for each in found] == [(40, pytest.approx(2 / 3)), (400, pytest.approx(1 / 3))]
    assert [each.accuracy for each in found] == pytest.approx([0.65, 0.9])
    assert find_example_sets(apply_rule(experiment, records), "source only") == []
    ends = column(table_of(experiment, records), INTERVAL_TITLE)["DANN"].facts
    assert ends[0] < (0.65 * 2 + 0.9) / 3 < ends[1] and ends == bootstrap_interval(found)


def test_copies_of_test_examples_in_training_are_stated() -> None:
    experiment, records = scored({"source only": [0.6], "DANN": [0.7]})
    assert "on test splits that training never sees" in table_of(experiment, records).markdown()
    for record in records:
        record.data["duplicates"] = {"target_test": {"labelled": 0, "unlabelled": 5}}
    text = table_of(experiment, records).markdown()
    assert "never sees" not in text and "40 of moons_rotated, 5 of them in training too." in text
    records[1].data["duplicates"] = {"target_test": {"labelled": 2, "unlabelled": 5}}
    assert ", 2 labelled and 5 unlabelled of them in training too" in table_of(experiment, records).markdown()
    for record in records:
        record.data["duplicates"]["dropped"] = {"unlabelled": 5}
    assert "on test splits that training never sees" in table_of(experiment, records).markdown()
