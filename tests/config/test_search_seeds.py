"""A search with seeds of its own: what a file may ask for, and the runs that it plans."""

from pathlib import Path
from typing import Any

import pytest
from tiny import write_tiny

from dann.config import experiment as limits
from dann.config.experiment import Experiment, read_experiment, write_experiment
from dann.config.naming import name_setting, slug
from dann.config.schema import resolve
from dann.config.search import Search
from dann.errors import BadInput

LR = "optimizer.lr"
FRESH: dict[str, Any] = {"budget": 2, "keys": {LR: [0.02, 0.1]}, "seeds": [100, 101]}


def read(folder: Path, **changes: Any) -> Experiment:
    return read_experiment(write_tiny(folder / "tiny.yaml", search={**FRESH, **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": [100, 1]}, "search.seeds: 1 is one of the experiment's seeds too, which should be fresh: take"),
        ({"seeds": [100, 100]}, r"two runs would share the folder \S+seed-100"),
        ({"seeds": []}, "search.seeds"),
        ({"seeds": [-1]}, "search.seeds"),
        ({"seeds": ["a"]}, "search.seeds"),
        ({"seeds": 100}, "search.seeds"),
        ({"rule": "oracle"}, "search.rule: should be one of source_val"),
        ({"budget": 3}, "source only has 2 settings, the budget is 3"),
    ],
)  # fmt: skip
def test_what_is_no_search_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        read(tmp_path, **changes)


def test_seeds_of_the_command_line_are_fresh_too(tmp_path: Path) -> None:
    read(tmp_path)
    with pytest.raises(BadInput, match=r"search\.seeds: 101 is one of the experiment's seeds too"):
        read_experiment(tmp_path / "tiny.yaml", seeds=[101])


def test_settings_run_with_the_seeds_of_the_search_and_own_values_with_all(tmp_path: Path) -> None:
    experiment = read(tmp_path)
    first = [(run.setting, run.seed) for run in experiment.first_runs(["DANN"])]
    assert first == [({LR: lr}, seed) for lr in (0.02, 0.1) for seed in (100, 101)] + [
        ({}, seed) for seed in (100, 101, 0, 1)
    ]
    assert [run.seed for run in experiment.first_runs(["DANN"], [7]) if not run.setting] == [100, 101, 7]
    assert {run.folder.parts for run in experiment.first_runs(["DANN"], [7])} >= {
        ("dann", "seed-7"),
        ("dann", "optimizer.lr-0.02", "seed-100"),
    }
    possible = {(run.row, run.seed) for run in experiment.runs()}
    assert len(possible) == 2 * 3 * 4 and {(run.row, run.seed) for run in experiment.first_runs()} < possible


def test_without_seeds_of_its_own_a_search_plans_what_it_did(tmp_path: Path) -> None:
    experiment = read_experiment(write_tiny(tmp_path / "tiny.yaml", search={"budget": 2, "keys": {LR: [0.02, 0.1]}}))
    assert list(experiment.first_runs()) == list(experiment.runs()) and experiment.search_seeds == []
    assert [run.setting for run in experiment.runs(["DANN"], [0])] == [{LR: 0.02}, {LR: 0.1}]
    plain = read_experiment(write_tiny(tmp_path / "plain.yaml"))
    assert list(plain.first_runs(["DANN"], [4])) == list(plain.runs(["DANN"], [4]))
    both = plain.runs(["DANN", "source only"], [4])  # named in another order than the file's
    assert [run.variant for run in both] == ["source only", "DANN"]


def test_a_copy_keeps_the_seeds(tmp_path: Path) -> None:
    experiment = read(tmp_path)
    write_experiment(experiment, tmp_path / "copy.yaml")
    assert read_experiment(tmp_path / "copy.yaml") == experiment


def test_size_counts_the_search_and_three_settings_with_fresh_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"title": "t", "seeds": [0, 1, 2, 3, 4], "base": {}, "variants": {"a": {}, "b": {}}, "tasks": {"x": {}}}
    search = {"kind": "random", "budget": 6, "keys": {LR: {"log": [0.1, 1.0]}}, "seeds": [100, 101]}
    most = 2 * (7 * 2 + 3 * 5)
    monkeypatch.setattr(limits, "MOST_RUNS", most)
    experiment = Experiment(**content, search=search)
    assert len(list(experiment.first_runs())) == 2 * (7 * 2 + 5)
    monkeypatch.setattr(limits, "MOST_RUNS", most - 1)
    with pytest.raises(BadInput, match=f"{most} runs, more than the {most - 1} of the largest experiment"):
        list(experiment.first_runs())


WORDS = {"optimizer.schedule": ["constant", "inverse", "cosine"], "network.bottleneck": [None, {"width": 8}],
         "method.layer": ["features", "logits"]}  # fmt: skip


def test_words_and_mappings_are_drawn_named_and_trained(tmp_path: Path) -> None:
    """All kinds of values that an option may have: each draw is one of the list, and its folder is of its own."""
    rows = {"DANN": {"method.layer": WORDS["method.layer"]}}
    keys = {LR: {"log": [0.01, 0.1]}} | {key: WORDS[key] for key in ("optimizer.schedule", "network.bottleneck")}
    file = write_tiny(tmp_path / "tiny.yaml", search={"kind": "random", "budget": 12, "seeds": [100], "keys": keys,
                                                      "rows": rows})  # fmt: skip
    runs = list(read_experiment(file).first_runs(["DANN"], [0]))
    drawn = [run.setting for run in runs if run.setting]
    for key, values in WORDS.items():
        assert all(setting[key] in values for setting in drawn)
        assert all(any(setting[key] == value for setting in drawn) for value in values), key  # of twelve draws
    assert len({run.folder for run in runs}) == len(runs) == 14
    for run in runs:
        config = resolve(run.declared, "f")
        width = config.network.options()["bottleneck"]
        asked = run.setting.get("network.bottleneck")
        assert (width is None) == (asked is None) and (asked is None or width["width"] == 8)
        assert run.setting.get("method.layer", "features") == config.method.options()["layer"]


def test_a_setting_is_named_as_yaml_writes_it() -> None:
    setting = {"network.bottleneck": {"width": 8, "dropout": 0.5}, "a": ["x", 1], "b": "cosine", "c": 0.1}
    name = name_setting(setting)
    assert name == "network.bottleneck = {width: 8, dropout: 0.5}, a = [x, 1], b = cosine, c = 0.1"
    plain = ", ".join(f"{key} = {value}" for key, value in setting.items())  # of earlier versions
    assert slug(name) == slug(plain) == "network.bottleneck-width-8-dropout-0.5-a-x-1-b-cosine-c-0.1"


def test_a_searched_mapping_may_not_be_set_in_part_as_well(tmp_path: Path) -> None:
    file = write_tiny(
        tmp_path / "tiny.yaml", search={"budget": 2, "keys": {"network.bottleneck": [None, {"width": 8}]}}
    )
    with pytest.raises(BadInput, match=r"--set network.bottleneck.width: is searched in .*: leave one of them out"):
        read_experiment(file, ["network.bottleneck.width=4"])
    assert Search(budget=1).seeds == []
