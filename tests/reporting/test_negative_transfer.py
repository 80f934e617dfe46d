"""Negative transfer is reported and flagged once, and taken out when more seeds refute it."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from made_records import record_of, scored
from tiny import TINY

from dann.config.experiment import Experiment
from dann.diagnostics.alarms import Alarm
from dann.reporting.negative_transfer import flag_negative_transfer, negative_transfer
from dann.reporting.scores import apply_rule
from dann.runner.experiment_records import PACKED, pack_records, read_records
from dann.runner.records import Record, read_record, write_record


def written(shares: dict[str, list[float]], folder: Path) -> Experiment:
    experiment, records = scored(shares)
    for record in records:
        place = folder / record.run.folder
        place.mkdir(parents=True, exist_ok=True)
        write_record(record, place)
    return experiment


def flags(experiment: Experiment, folder: Path) -> dict[str, list[str]]:
    records = read_records(experiment, folder).values()
    return {f"{record.variant} {record.seed}": [alarm["alarm"] for alarm in record.alarms] for record in records}


def test_only_what_lies_below_beyond_the_interval_is_flagged_and_once(tmp_path: Path) -> None:
    shares = {"source only": [0.7, 0.72, 0.71], "low": [0.6, 0.61, 0.62], "noisy": [0.5, 0.9, 0.6], "high": [0.9] * 3}
    experiment = written(shares, tmp_path)
    reported = list(flag_negative_transfer(experiment, tmp_path))
    assert [(record.variant, record.seed) for record, _ in reported] == [("low", 0), ("low", 1), ("low", 2)]
    assert reported[0][1].text == "−10.0 points from source only on 3 equal seeds (95 % interval −12.5 to −7.5)"
    assert list(flag_negative_transfer(experiment, tmp_path)) == []
    flagged = {name for name, alarms in flags(experiment, tmp_path).items() if alarms == ["negative transfer"]}
    assert flagged == {"low 0", "low 1", "low 2"} and sum(map(bool, flags(experiment, tmp_path).values())) == 3


def test_more_seeds_take_a_flag_out_and_leave_other_alarms(tmp_path: Path) -> None:
    experiment = written({"source only": [0.7, 0.7], "low": [0.6, 0.61]}, tmp_path)
    place = tmp_path / "low/seed-0"
    other = Alarm("collapse", 5, "few classes").entry()
    write_record(Record(**{**vars(read_record(place)), "alarms": [other]}), place)
    assert len(list(flag_negative_transfer(experiment, tmp_path))) == 2
    assert [alarm["alarm"] for alarm in read_record(place).alarms] == ["collapse", "negative transfer"]
    experiment = written({"source only": [0.7, 0.7, 0.7], "low": [0.6, 0.61, 0.95]}, tmp_path)
    write_record(Record(**{**vars(read_record(place)), "alarms": [other]}), place)
    assert list(flag_negative_transfer(experiment, tmp_path)) == []
    assert [alarm["alarm"] for alarm in read_record(place).alarms] == ["collapse"]


def test_each_row_is_judged_by_its_own_baseline(tmp_path: Path) -> None:
    shares = {"source only": [0.7, 0.72], "source only, 8": [0.5, 0.52], "low": [0.6, 0.62], "low, 8": [0.4, 0.421]}
    experiment = written(shares, tmp_path)
    own = {"low": "source only, 8", "low, 8": "source only, 8"}
    reported = list(flag_negative_transfer(experiment.model_copy(update={"baseline": own}), tmp_path))
    assert {record.variant for record, _ in reported} == {"low, 8"}
    assert {alarm.text for _, alarm in reported} == {
        "−10.0 points from source only, 8 on 2 equal seeds (95 % interval −10.6 to −9.3)"
    }


def test_a_baseline_that_adapts_does_not_hide_negative_transfer(tmp_path: Path) -> None:
    experiment = written(
        {"source only": [0.7, 0.72, 0.71], "DANN": [0.8, 0.81, 0.82], "low": [0.6, 0.61, 0.62]}, tmp_path
    )
    reported = list(flag_negative_transfer(experiment.model_copy(update={"baseline": "DANN"}), tmp_path))
    assert {record.variant for record, _ in reported} == {"low"} and "from source only on 3" in reported[0][1].text


def test_two_equal_differences_make_no_interval(tmp_path: Path) -> None:
    few = written({"source only": [0.7, 0.725], "low": [0.675, 0.7]}, tmp_path / "two")
    assert list(flag_negative_transfer(few, tmp_path / "two")) == []
    more = written({"source only": [0.7, 0.725, 0.7], "low": [0.675, 0.7, 0.675]}, tmp_path / "three")
    assert len(list(flag_negative_transfer(more, tmp_path / "three"))) == 3


def test_rows_on_the_target_are_not_judged(tmp_path: Path) -> None:
    experiment, records = scored({"source only": [0.7, 0.72, 0.71], "train on target": [0.6, 0.61, 0.62]})
    assert set(negative_transfer(apply_rule(experiment, records), "accuracy")) == {(None, "train on target")}
    on_target = [replace(record, data={**record.data, "source": record.data["target"]}) for record in records[3:]]
    assert negative_transfer(apply_rule(experiment, [*records[:3], *on_target]), "accuracy") == {}


def test_what_is_below_on_average_alone_is_flagged_on_every_task(tmp_path: Path) -> None:
    """Each task by itself is noise that the average takes out."""
    experiment, _ = scored({"source only": [], "low": []}, seeds=[0, 1, 2], tasks={"a": {}, "b": {}})
    noise = {("low", "a"): [0.5, 0.7, 0.6], ("low", "b"): [0.7, 0.51, 0.6]}
    for variant, task, seed in product(experiment.variants, experiment.tasks, range(3)):
        record = record_of(variant, seed, noise.get((variant, task), [0.7] * 3)[seed], task)
        write_record(record, tmp_path / record.run.folder)
    reported = list(flag_negative_transfer(experiment, tmp_path))
    assert [(record.variant, record.task) for record, _ in reported] == [
        ("low", task) for task in "ab" for _ in range(3)
    ]


def test_of_a_search_only_the_runs_that_are_shown_are_flagged(tmp_path: Path) -> None:
    search = {"budget": 2, "keys": {"optimizer.lr": [0.01, 0.1]}}
    experiment, _ = scored({"source only": [], "low": []}, seeds=[0, 1, 2], search=search)
    for variant, lr, seed in product(experiment.variants, (0.01, 0.1), range(3)):
        record = replace(record_of(variant, seed, (0.7 if variant == "source only" else 0.5) + seed / 100),
                         setting={"optimizer.lr": lr})  # fmt: skip
        record.evaluations[-1]["source_validation"] = lr
        write_record(record, tmp_path / record.run.folder)
    reported = list(flag_negative_transfer(experiment, tmp_path))
    assert [(record.variant, record.setting["optimizer.lr"]) for record, _ in reported] == [("low", 0.1)] * 3


def test_the_flag_uses_the_first_metric_that_measures_transfer(tmp_path: Path) -> None:
    experiment = written({"source only": [0.7, 0.72], "low": [0.1, 0.13]}, tmp_path)
    experiment = experiment.model_copy(update={"metrics": ["calibration_error", "accuracy"]})
    assert {record.variant for record, _ in flag_negative_transfer(experiment, tmp_path)} == {"low"}


@pytest.mark.parametrize("metrics", [["calibration_error"], ["zero_shot"]])
def test_other_metrics_measure_no_transfer(metrics: list[str], tmp_path: Path) -> None:
    experiment = written({"source only": [0.7, 0.72], "low": [0.1, 0.12]}, tmp_path)
    experiment = experiment.model_copy(update={"metrics": metrics})
    assert list(flag_negative_transfer(experiment, tmp_path)) == []


def test_packed_records_stay_as_they_are(tmp_path: Path) -> None:
    experiment, records = scored({"source only": [0.7, 0.72], "low": [0.1, 0.12]})
    pack_records(records, tmp_path)
    before = (tmp_path / PACKED).read_bytes()
    assert list(flag_negative_transfer(experiment, tmp_path)) == []
    assert (tmp_path / PACKED).read_bytes() == before
    assert list(flag_negative_transfer(Experiment(**TINY), tmp_path / "nothing")) == []
