"""Bounds of an experiment: its number of runs, counted before any is listed, and the ranges of options."""

from pathlib import Path
from typing import Any

import pytest
from tiny import MOONS, config_of, write_tiny

from dann.config.experiment import Experiment, read_experiment
from dann.errors import BadInput
from dann.options import shown

MANY = {f"row {number}": {} for number in range(1000)}


@pytest.mark.parametrize(
    "changes",
    [
        {"search": {"budget": 10**9, "keys": {f"method.x{key}": list(range(10)) for key in range(9)}}},
        {"search": {"kind": "random", "budget": 10**9, "keys": {"method.weight": {"uniform": [0, 1]}}}},
        {"variants": MANY, "tasks": MANY},
        {"variants": MANY, "seeds": list(range(100))},
    ],
)
def test_more_runs_than_can_be_planned_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="runs, more than the 100,000"):
        read_experiment(write_tiny(tmp_path / "file.yaml", published={}, **changes))


def test_seeds_of_the_command_line_count_as_well(tmp_path: Path) -> None:
    experiment = read_experiment(write_tiny(tmp_path / "file.yaml"))
    with pytest.raises(BadInput, match="200,002 runs"):
        next(experiment.runs(seeds=list(range(100_001))))


def test_baselines_of_many_rows_take_time_linear_in_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = read_experiment(write_tiny(tmp_path / "file.yaml", variants=MANY | {"source only": None}))
    merged: list[str] = []
    monkeypatch.setattr(Experiment, "merge_configuration", lambda self, variant, *_: merged.append(variant) or {})
    assert {experiment.find_baseline(variant) for variant in experiment.variants} == {None}
    assert len(merged) == len(experiment.variants)


def test_a_source_only_row_is_found_anew_in_a_copy(tmp_path: Path) -> None:
    experiment = read_experiment(write_tiny(tmp_path / "file.yaml"))
    assert experiment.find_source_only() == "source only"
    copy: Experiment = experiment.model_copy(update={"variants": {"DANN": {}}})
    assert copy.find_source_only() is None


@pytest.mark.parametrize("section", ["data", "method", "network"])
def test_a_word_in_place_of_a_section_is_refused(section: str, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "file.yaml", base={section: "dann"}, metrics=["unseen_accuracy"])
    with pytest.raises(BadInput):
        config_of(next(read_experiment(file).runs()).declared)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"network": {"name": "mnist", "dropout": 2.0}}, "network.dropout"),
        ({"network": {"name": "cnn1d", "kernel": 0}}, "network.kernel"),
        ({"network": {"hidden": 10**9}}, "network.hidden"),
        ({"optimizer": {"name": "sgd", "momentum": 1.0}}, "optimizer.momentum"),
        ({"optimizer": {"lr": -0.1}}, "optimizer.lr"),
        ({"optimizer": {"weight_decay": -1.0}}, "optimizer.weight_decay"),
        ({"method": {"weight": -1.0}}, "method.weight"),
        ({"method": {"name": "mcc", "temperature": 0.0}}, "method.temperature"),
        ({"method": {"name": "mdan", "gamma": 0.0}}, "method.gamma"),
        ({"method": {"name": "mdan", "sources": 10**9}}, "method.sources"),
        ({"data": {"batch_size": 10**12}}, "data.batch_size"),
        ({"data": {"source": {"points": 10**12}}}, "data.source.points"),
        ({"data": {"target": {"name": "digits", "size": 10**6}}}, "data.target.size"),
        ({"data": {"transform": {"shift": 10**9}}}, "shift"),
        ({"train": {"steps": 10**15}}, "train.steps"),
        ({"diagnose": {"reverse_steps": 10**15}}, "diagnose.reverse_steps"),
    ],
)
def test_a_number_out_of_range_is_found_when_the_file_is_read(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        config_of(MOONS, **changes)


def test_a_long_value_is_shortened_in_messages() -> None:
    assert shown("a" * 5000).count("a") < 100 and len(shown({str(key): [key] for key in range(9999)})) < 100
    assert shown({"name": 5}) == "{'name': 5}"


def test_a_long_list_of_known_names_is_cut(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "file.yaml", variants=MANY, published={"x": 0.5})
    with pytest.raises(BadInput, match=r"row 97 and 902 more\)"):
        read_experiment(file)
