"""Tables of scores from records made by hand: intervals, tasks, oracle, published numbers, alarms."""

import statistics
from dataclasses import replace

import pytest
from made_records import ORACLE, TARGET, column, record_of, scored, table_of, tables_of, tasked, texts, titles
from tiny import TINY

from dann.config.experiment import Experiment
from dann.errors import BadInput
from dann.reporting.experiment_tables import make_tables
from dann.reporting.table import FORMATS


def test_table_gives_mean_sample_deviation_and_interval() -> None:
    values = [0.6, 0.7, 0.65]
    records = [record_of("DANN", seed, value) for seed, value in enumerate(values)]
    records += [record_of("source only", seed) for seed in range(3)]
    table = table_of(Experiment(**TINY), records)
    assert titles(table) == [TARGET, "95 % interval", "published", "− published", ORACLE, "source accuracy, %"]
    # s is 0.05 and t with 2 degrees of freedom 4.302653: the half-width is 4.302653 × 0.05 / √3 = 0.124207
    assert [cell.text for cell in table.rows["DANN"]] == [
        "65.0 ± 5.0",
        "52.6–77.4",
        "90",
        "−25.0",
        "70.0 ± 0.0",
        "97.0 ± 0.0",
    ]
    facts = table.rows["DANN"][0].facts
    assert facts["values"] == values and facts["seeds"] == [0, 1, 2] and facts["n"] == 3
    assert facts["deviation"] == pytest.approx(statistics.stdev(values))
    assert facts["interval"] == pytest.approx([0.65 - 0.124207, 0.65 + 0.124207], abs=1e-6)
    assert [cell.text for cell in table.rows["source only"]][:4] == ["60.0 ± 0.0", "60.0–60.0", "—", "—"]
    assert "over 3 seeds, 95 % t-interval, after the last step; no step is selected." in table.markdown()
    assert "40 of moons_rotated" in table.markdown() and "minus the published number" in table.markdown()


def test_a_number_of_seeds_is_said_where_it_is_not_the_usual_one() -> None:
    experiment, records = scored({"source only": [0.6, 0.7], "DANN": [0.7], "MCD": [0.5, 0.6]})
    table = table_of(experiment, records)
    assert texts(table, TARGET) == {"source only": "65.0 ± 7.1", "DANN": "70.0 (n = 1)", "MCD": "55.0 ± 7.1"}
    assert texts(table, "95 % interval")["DANN"] == "—" and "over 2 seeds" in table.markdown()
    assert "one seed, after" in table_of(*scored({"DANN": [0.5]})).markdown()
    assert table_of(experiment, []).notes == ["No finished runs yet."]


def test_the_average_is_over_the_seeds_that_every_task_has() -> None:
    experiment = Experiment(**{**TINY, "published": {}, "tasks": {"a": {}, "b": {}}})
    given = {"a": [0.5, 0.6, 0.9], "b": [0.7, 0.8]}
    records = [record_of("DANN", seed, value, task) for task in given for seed, value in enumerate(given[task])]
    facts = column(table_of(experiment, records), "average")["DANN"].facts
    assert facts["seeds"] == [0, 1] and facts["values"] == pytest.approx([0.6, 0.7])


def test_the_oracle_has_a_column_that_says_so() -> None:
    table = table_of(Experiment(**TINY), [record_of("DANN", 0, 0.65), record_of("DANN", 1, 0.9)])
    assert column(table, TARGET)["DANN"].facts["values"] == [0.65, 0.9]
    assert column(table, ORACLE)["DANN"].facts["values"] == [0.7, 0.9]
    assert "Oracle: at the step with the best target test accuracy, an upper bound" in table.markdown()


def test_table_says_when_it_is_an_upper_bound() -> None:
    table = table_of(Experiment(**TINY), [record_of("DANN", 0)], "oracle")
    assert column(table, ORACLE)["DANN"].facts["values"] == [0.7]
    assert "an upper bound that needs target labels" in table.markdown() and "Oracle:" not in table.markdown()
    assert titles(table) == [ORACLE, "95 % interval", "published", "− published", "source accuracy, %"]
    assert "seed, at the step with the best target" in FORMATS["latex"](table)


def test_the_rule_is_applied_and_named() -> None:
    experiment, records = scored({"source only": [0.6], "DANN": [0.6]})
    for entry, score in zip(records[1].evaluations, (1.0, 3.0, 2.0, 0.0), strict=True):
        entry["score_snd"] = score
    table = table_of(experiment, records, "snd")
    assert texts(table, TARGET) == {"source only": "60.0", "DANN": "70.0"}
    assert "one seed, at the step with the highest soft neighbourhood density." in table.markdown()
    assert "1 of 2 runs have no such score and are shown after their last step." in table.markdown()
    with pytest.raises(BadInput, match="--selection dev: these runs have no such score: set diagnose"):
        table_of(experiment, records, "dev")


def test_tasks_are_columns_with_their_average_over_seeds() -> None:
    experiment = Experiment(**{**TINY, "tasks": {"a → b": {}, "b → a": {}}, "published": {"DANN": {"b → a": 0.8}}})
    values = {("a → b", 0): 0.5, ("a → b", 1): 0.6, ("b → a", 0): 0.7, ("b → a", 1): 0.9, ("b → a", 2): 0.1}
    records = [record_of("DANN", seed, value, task) for (task, seed), value in values.items()]
    table = table_of(experiment, records)
    assert titles(table) == ["a → b", "b → a", "b → a, published", "b → a, − published", "average", "95 % interval",
                             "average, oracle (upper bound)"]  # fmt: skip
    average = column(table, "average")["DANN"].facts
    assert average["values"] == pytest.approx([0.6, 0.75]) and average["seeds"] == [0, 1]
    # t with one degree of freedom is 12.7062, s is 0.15 / √2, so that the half-width is 12.7062 × 0.15 / 2
    assert column(table, "95 % interval")["DANN"].facts == pytest.approx([0.675 - 0.952966, 0.675 + 0.952966], rel=1e-5)
    assert texts(table, "95 % interval")["DANN"] == "−27.8–162.8" and texts(table, "average")["source only"] == "—"
    assert texts(table, "b → a, − published")["DANN"] == "−23.3"
    assert "95 % t-interval of the average" in table.markdown()


def test_published_numbers_of_all_tasks_have_an_average() -> None:
    given = {"DANN": {"a": 0.8, "b": 0.6}, "source only": 0.5}
    experiment = Experiment(**{**TINY, "tasks": {"a": {}, "b": {}}, "published": given})
    records = [record_of(variant, 0, 0.72, task) for variant in TINY["variants"] for task in "ab"]
    table = table_of(experiment, records)
    assert texts(table, "average, published") == {"source only": "50", "DANN": "70"}
    assert texts(table, "average, − published") == {"source only": "+22.0", "DANN": "+2.0"}
    assert texts(table, "a, published") == {"source only": "—", "DANN": "80"}


def test_of_tasks_each_metric_has_a_table() -> None:
    given = {**TINY, "tasks": {"a → b": {}, "b → a": {}}, "metrics": ["macro_f1", "accuracy"], "published": {}}
    experiment = Experiment(**given)
    records = [record_of("DANN", 0, 0.5, task) for task in experiment.tasks]
    for record in records:
        for entry in record.evaluations:
            entry["target_test_macro_f1"] = 0.4
    first, second = make_tables(experiment, records)
    assert (first.corner, second.corner) == ("macro-F1, %", "accuracy, %")
    assert titles(first) == titles(second) and titles(first)[:3] == ["a → b", "b → a", "average"]
    assert texts(first, "average")["DANN"] == "40.0" and texts(second, "average")["DANN"] == "50.0"
    assert first.markdown().startswith("| macro-F1, % | a → b") and "Macro-F1 on test splits" in first.markdown()


def test_every_metric_has_a_table_whose_oracle_goes_by_it() -> None:
    experiment, records = scored(
        {"source only": [0.5], "DANN": [0.6]}, metrics=["accuracy", "auc", "calibration_error"]
    )
    for record in records:
        for place, entry in enumerate(record.evaluations):
            entry |= {"target_test_calibration_error": 0.1 + 0.01 * place, "target_test_auc": 0.8 - 0.1 * place}
    accuracy, auc, calibration = tables_of(experiment, records)
    assert titles(accuracy) == [TARGET, "95 % interval", ORACLE, "source accuracy, %"]
    assert texts(auc, "target AUC, oracle (upper bound), %")["DANN"] == "80.0"  # at the first step
    name = "target calibration error, %"
    last = 100 * records[0].evaluations[-1]["target_test_calibration_error"]
    assert texts(calibration, name)["DANN"] == f"{last:.1f}"
    assert texts(calibration, "target calibration error, oracle (upper bound), %")["DANN"] == "10.0"  # less is better
    assert "the lowest target test calibration error, an upper bound" in " ".join(calibration.notes)
    (_, by_auc, _) = tables_of(experiment, records, "oracle")
    assert texts(by_auc, "target AUC, oracle (upper bound), %")["DANN"] == "80.0"


def test_a_row_that_trains_on_the_target_has_no_source_accuracy() -> None:
    record = record_of("DANN", 0)
    on_target = replace(record, data={"source": record.data["target"], "target": record.data["target"]})
    assert table_of(Experiment(**TINY), [on_target]).rows["DANN"][-1].text == "—"


def test_negative_transfer_is_flagged_beyond_the_interval_only() -> None:
    # Each variant's mean difference is −0.02; those of the first lie close enough together for t = 4.302653.
    shares = {"source only": [0.60, 0.70, 0.65], "surely": [0.579, 0.680, 0.631], "perhaps": [0.55, 0.71, 0.63],
              "gains": [0.65, 0.75, 0.70]}  # fmt: skip
    table = table_of(*scored(shares))
    assert texts(table, "alarms") == {"source only": "", "surely": "▼ negative transfer", "perhaps": "", "gains": ""}
    assert "▼: the 95 % t-interval of the paired difference from source only lies entirely below 0." in table.markdown()
    experiment, records = scored(shares)
    plain = {"method": {"name": "source_only"}, "optimizer": {"lr": 1.0}}
    other = experiment.model_copy(update={"variants": {**experiment.variants, "surely": plain}})
    assert "alarms" not in titles(table_of(other, records))  # it is worse, but adapts to nothing
    without = table_of(*scored({name: shares[name] for name in ("source only", "perhaps", "gains")}))
    assert "alarms" not in titles(without) and "▼" not in without.markdown()


def test_less_calibration_error_is_no_negative_transfer() -> None:
    shares = {"source only": [0.5, 0.5], "DANN": [0.6, 0.61]}
    experiment, records = scored(shares, metrics=["calibration_error"])
    for record in records:
        for entry in record.evaluations:
            entry["target_test_calibration_error"] = 1 - record.evaluations[-1]["target_test"]
    table, differences = make_tables(experiment, records)
    assert "alarms" not in titles(table) and texts(differences, "difference, points") == {"DANN": "−10.5"}
    assert "lower is better" in differences.markdown()


def test_alarms_are_counted_over_runs_but_negative_transfer_is_reported_when_the_table_is_made() -> None:
    experiment, records = scored({"source only": [0.7, 0.7, 0.7], "DANN": [0.5, 0.51, 0.5], "MCD": [0.8, 0.9, 0.7]})
    fallen = {"alarm": "collapse", "step": 10, "text": "one class"}
    records[3].alarms.extend([fallen, {**fallen, "step": 20}])
    records[4].alarms.append(fallen)
    records[8].alarms.append({"alarm": "label shift", "step": 40, "text": ""})
    records[8].alarms.append({"alarm": "negative transfer", "step": 40, "text": "from another baseline, once"})
    table = table_of(experiment, records)
    assert texts(table, "alarms") == {"source only": "", "DANN": "▼ negative transfer; collapse (2 of 3)",
                                      "MCD": "label shift (1 of 3)"}  # fmt: skip
    assert column(table, "alarms")["DANN"].facts == [
        {"alarm": "negative transfer"}, {"alarm": "collapse", "runs": 2, "of": 3}
    ]  # fmt: skip
    assert "The runs predate the alarms of training." in table.markdown()
    watched = [replace(record, shares=[[1.0]]) for record in records[1:]]
    assert "1 of 9 runs predate the alarms" in table_of(experiment, [records[0], *watched]).markdown()


def test_negative_transfer_on_some_tasks_is_reported_with_their_number() -> None:
    experiment, records = tasked([0, 1, 2])
    named = {"row 0": {"method": {"name": "source_only"}}, "row 1": {}}
    experiment = experiment.model_copy(update={"variants": named})
    for record in records:
        lost = record.variant == "row 1" and record.task == "task 0"
        gained = record.variant == "row 1" and record.task == "task 1"
        record.evaluations[-1]["target_test"] = 0.5 - 0.1 * lost + 0.2 * gained + 0.01 * record.seed
    table = table_of(experiment, records)
    assert texts(table, "alarms") == {"row 0": "", "row 1": "negative transfer (1 of 2 tasks)"}
    assert column(table, "alarms")["row 1"].facts == [{"alarm": "negative transfer", "tasks": 1, "of": 2}]
