"""Experiment files: merging, baselines, names."""

from pathlib import Path
from typing import Any

import pytest
from tiny import TINY, write_tiny

from dann.config.experiment import Experiment, read_experiment, write_experiment
from dann.config.merging import flatten, merge
from dann.config.naming import slug
from dann.errors import BadInput


def test_the_baseline_is_the_first_that_trains_on_the_source_only(tmp_path: Path) -> None:
    source_only = {"method": {"name": "source_only"}}
    variants = {"train on target": {**source_only, "data": {"source": "target"}}, "DANN": {}, "plain": source_only,
                "source only": source_only}  # fmt: skip
    experiment = Experiment(**{**TINY, "variants": variants, "published": {}})
    assert experiment.find_baseline("DANN") == "plain" and experiment.find_baseline("plain") is None
    assert experiment.model_copy(update={"tasks": {"a": {}}}).find_baseline("DANN") == "plain"
    assert Experiment(**{**TINY, "variants": {"DANN": {}}, "published": {}}).find_baseline("DANN") is None
    assert read_experiment(write_tiny(tmp_path / "a.yaml", baseline="DANN")).find_baseline("source only") == "DANN"
    for changes, message in (
        ({"baseline": "DAN"}, "unknown variant under baseline: 'DAN'; did you mean DANN?"),
        ({"baseline": {"DANN": "source"}}, "unknown variant under baseline: 'source'; did you mean source only?"),
        ({"baseline": {"DAN": "source only"}}, "unknown variant under baseline: 'DAN'; did you mean DANN?"),
        ({"baseline": {"DANN": "DANN"}}, "baseline: DANN is named as its own: name another, or leave it out"),
        ({"baseline": {"DANN": 1}}, "baseline: should name a variant, or variants' own as in {DANN: source only}, not"),
        ({"baseline": ""}, "unknown variant under baseline: ''"),
        ({"test": "t"}, "test"),
    ):
        with pytest.raises(BadInput) as caught:
            read_experiment(write_tiny(tmp_path / "a.yaml", **changes))
        assert str(caught.value).startswith(str(tmp_path / "a.yaml")) and message in str(caught.value)


def test_merging_replaces_a_component_that_changes_its_name() -> None:
    base = {"method": {"name": "dann", "weight": 2.0}, "train": {"steps": 5, "log_every": 1}}
    assert merge(base, {"method": {"schedule": "constant"}})["method"] == {
        "name": "dann", "weight": 2.0, "schedule": "constant",
    }  # fmt: skip
    assert merge(base, {"method": {"name": "dann", "weight": 1.0}})["method"] == {"name": "dann", "weight": 1.0}
    assert merge(base, {"method": {"name": "source_only"}})["method"] == {"name": "source_only"}
    assert merge(base, {"train": {"steps": 6}})["train"] == {"steps": 6, "log_every": 1}
    assert base["method"] == {"name": "dann", "weight": 2.0}


def test_slug_and_flattened() -> None:
    assert slug("DANN, λ = 1") == "dann-λ-1" and slug("a → b") == "a-to-b" and slug("../..") == "unnamed"
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "d": [1]}


def test_source_target_is_the_tasks_own_target() -> None:
    tasks = {"a": {"data": {"target": "moons"}}, "b": {"data": {"target": {"name": "moons_rotated", "degrees": 9.0}}}}
    variants = {"train on target": {"data": {"source": "target"}}}
    experiment = Experiment(**{**TINY, "variants": variants, "tasks": tasks, "published": {}})
    first, second = (run.declared["data"] for run in experiment.runs(seeds=[0]))
    assert first["source"] == first["target"] == {"name": "moons"}
    assert second["source"] == second["target"] == {"name": "moons_rotated", "points": 20, "degrees": 9.0}


def test_experiment_file_keeps_its_meaning_when_copied(tmp_path: Path) -> None:
    sets = ["train.steps=7", "optimizer.lr=1e-3", "data.source=moons_rotated"]
    experiment = read_experiment(write_tiny(tmp_path / "a.yaml"), sets)
    run = next(iter(experiment.runs(["DANN"], [5])))
    assert run.declared["train"]["steps"] == 7 and run.declared["optimizer"]["lr"] == 0.001
    assert run.declared["data"]["source"] == {"name": "moons_rotated"} and run.seed == 5
    write_experiment(experiment, tmp_path / "b.yaml")
    assert read_experiment(tmp_path / "b.yaml") == experiment


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ({"variants": ["DAN"]}, "unknown variant under shown: 'DAN'; did you mean DANN?"),
        ({"tasks": ["turn"]}, "unknown task under shown: 'turn'; did you mean a turn?"),
        ({"variants": []}, "shown.variants: "),
        ({"rows": ["DANN"]}, "unknown key shown.rows"),
        ({"points": [[1, 2, 3]]}, "shown.points.0: "),
        ({"points": [[1, ".nan"]]}, "shown.points.0.1: "),
        ({"points": [[0, 0]] * 27}, "shown.points: "),
    ],
)
def test_shown_names_are_checked(shown: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "a.yaml", tasks={"a turn": {}}, shown=shown)
    with pytest.raises(BadInput) as caught:
        read_experiment(file)
    assert str(caught.value).startswith(f"{file}: ") and message in str(caught.value)


def test_all_is_shown_that_is_not_said_otherwise(tmp_path: Path) -> None:
    for shown, expected in (
        ({}, [True, True, True, True]),
        ({"variants": ["DANN"]}, [False, False, True, True]),
        ({"tasks": ["a"]}, [True, False, True, False]),
        ({"variants": ["DANN"], "tasks": ["a"]}, [False, False, True, False]),
    ):
        experiment = read_experiment(write_tiny(tmp_path / "a.yaml", tasks={"a": {}, "b": {}}, shown=shown))
        assert [experiment.shows(v, t) for v in ("source only", "DANN") for t in "ab"] == expected
        write_experiment(experiment, tmp_path / "b.yaml")
        assert read_experiment(tmp_path / "b.yaml").shown == experiment.shown
