"""Hyper-parameter search: as many settings for every row, and which of them a table shows."""

import json
from dataclasses import replace
from math import floor, log10
from pathlib import Path
from typing import Any

import publish
import pytest
import torch
from made_records import record_of, table_of, texts
from tiny import DIAGNOSED, TINY, Silent, write_tiny

from dann.cli.main import main
from dann.config.experiment import Experiment, read_experiment, write_experiment
from dann.config.experiment_run import Run
from dann.config.naming import name_setting
from dann.config.schema import resolve
from dann.config.search import Search
from dann.errors import BadInput
from dann.reporting.setting_selection import select_settings
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch
from dann.runner.records import Record

LR = "optimizer.lr"
GRID: dict[str, Any] = {"budget": 2, "keys": {LR: [0.01, 0.1]}}


def test_a_grid_tries_every_combination_and_a_row_its_own_values() -> None:
    keys = {LR: [0.01, 0.1], "method.weight": [1.0, 2.0]}
    search = Search(budget=4, keys=keys, rows={"source only": {"method.weight": [1.0], LR: [1e-3, 0.01, 0.1, 1.0]}})
    assert search.settings("DANN") == [{LR: lr, "method.weight": w} for lr in (0.01, 0.1) for w in (1.0, 2.0)]
    assert [setting[LR] for setting in search.settings("source only")] == [1e-3, 0.01, 0.1, 1.0]
    search.check(["source only", "DANN"], "f")


def test_a_key_that_rows_share_is_drawn_the_same_values() -> None:
    rows = {"DANN": {"method.weight": {"uniform": [0.0, 2.0]}}}
    search = Search(kind="random", budget=20, keys={LR: {"log": [1e-3, 1e-1]}}, rows=rows)
    plain, more = search.settings("source only"), search.settings("DANN")
    assert [setting[LR] for setting in plain] == [setting[LR] for setting in more]
    assert all(1e-3 <= setting[LR] <= 1e-1 and 0.0 <= setting["method.weight"] <= 2.0 for setting in more)
    assert search.settings("DANN") == more != search.model_copy(update={"seed": 1}).settings("DANN")


@pytest.mark.parametrize("seed", range(5))
def test_each_part_of_the_values_is_drawn_from_once(seed: int) -> None:
    keys = {LR: {"log": [1e-3, 1e-1]}, "method.weight": {"uniform": [0.0, 6.0]}, "optimizer.schedule": ["a", "b", "c"]}
    drawn = Search(kind="random", budget=6, keys=keys, seed=seed).settings("any")
    assert sorted(int(setting["method.weight"]) for setting in drawn) == [0, 1, 2, 3, 4, 5]
    assert sorted(floor(3 * log10(setting[LR] / 1e-3)) for setting in drawn) == [0, 1, 2, 3, 4, 5]
    assert sorted(setting["optimizer.schedule"] for setting in drawn) == ["a", "a", "b", "b", "c", "c"]


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"budget": 3, "keys": {LR: [0.01, 0.1]}}, "source only has 2 settings, the budget is 3 for each row"),
        ({**GRID, "rows": {"DANN": {LR: [1.0]}}}, "DANN has 1 settings, the budget is 2"),
        ({**GRID, "rows": {"DAN": {LR: [1.0, 2.0]}}}, "unknown variant under search.rows: 'DAN'; did you mean DANN"),
        ({"budget": 2, "keys": {LR: {"log": [0.1, 1.0]}}}, f"{LR}: a grid needs a list of values"),
        ({"budget": 2, "keys": {LR: {"log": [0.0, 1.0]}}}, "should have a low end under its high one"),
        ({"budget": 2, "keys": {LR: {"log": [0.1, float("inf")]}}}, "both finite"),
        ({"budget": 2, "keys": {LR: {"uniform": [0.1, 1.0, "x"]}}}, "should have a low end under its high one"),
        ({"budget": 2, "keys": {LR: {}}}, "should be a list of values, or"),
        ({**GRID, "rule": "last"}, "search.rule: should be one of source_val"),
        ({**GRID, "rule": "oracle"}, "search.rule: should be one of source_val"),
        ({"kind": "random", "budget": 9, "keys": {LR: [0.01]}}, "has 1 settings, the budget is 9"),
    ],
)
def test_an_unfair_or_impossible_search_is_refused(search: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        read_experiment(write_tiny(tmp_path / "tiny.yaml", search=search))


def test_a_search_keeps_its_meaning_when_its_file_is_copied(tmp_path: Path) -> None:
    keys = {LR: {"log": [0.01, 0.1]}, "network.hidden": [4, 8]}
    experiment = read_experiment(
        write_tiny(tmp_path / "tiny.yaml", search={"kind": "random", "budget": 3, "keys": keys})
    )
    write_experiment(experiment, tmp_path / "copy.yaml")
    assert read_experiment(tmp_path / "copy.yaml") == experiment


def test_every_setting_is_a_run_of_its_own(tmp_path: Path) -> None:
    experiment = read_experiment(write_tiny(tmp_path / "tiny.yaml", search=GRID))
    runs = list(experiment.runs(only=["DANN"]))
    assert [(run.setting[LR], run.seed) for run in runs] == [(0.01, 0), (0.01, 1), (0.1, 0), (0.1, 1)]
    assert runs[-1].folder == Path("dann/optimizer.lr-0.1/seed-1") and runs[-1].name == f"DANN, {LR} = 0.1, seed 1"
    assert [resolve(run.declared, "f").optimizer.options()["lr"] for run in runs] == [0.01, 0.01, 0.1, 0.1]


def test_what_is_searched_may_name_a_domain_and_not_be_set_as_well(tmp_path: Path) -> None:
    search = {"budget": 2, "keys": {"data.target": ["moons", "moons_rotated"]}}
    file = write_tiny(tmp_path / "tiny.yaml", search=search)
    targets = [run.declared["data"]["target"] for run in read_experiment(file).runs(only=["DANN"], seeds=[0])]
    assert targets == [{"name": "moons"}, {"name": "moons_rotated"}]
    with pytest.raises(BadInput, match=r"--set data.target: is searched in .*tiny.yaml: leave one of them out"):
        read_experiment(file, ["data.target=moons"])


def tried(validation: float, target: float, lr: float, seed: int = 0, variant: str = "DANN") -> Record:
    """A record of a setting whose last evaluation has these accuracies."""
    record = record_of(variant, seed, target)
    last = {**record.evaluations[-1], "source_validation": validation}
    return replace(record, evaluations=[*record.evaluations[:-1], last], setting={LR: lr})


def searched(rule: str = "source_val") -> Experiment:
    return Experiment(**{**TINY, "published": {}, "search": {**GRID, "rule": rule}})


def test_the_mean_over_seeds_decides_and_no_target_label() -> None:
    records = [tried(0.9, 0.3, 0.01, 0), tried(0.7, 0.3, 0.01, 1), tried(0.5, 0.9, 0.1, 0), tried(1.0, 0.9, 0.1, 1)]
    assert {record.setting[LR] for record in select_settings(searched(), records)} == {0.01}
    assert {record.setting[LR] for record in select_settings(searched(), records, "oracle")} == {0.1}


def test_the_table_shows_the_chosen_setting_and_what_the_oracle_would_have() -> None:
    records = [tried(0.9, 0.3, 0.01), tried(0.5, 0.9, 0.1)]
    table = table_of(searched(), records)
    assert texts(table, "target accuracy, %")["DANN"] == "30.0"
    assert texts(table, "target accuracy, oracle (upper bound), %")["DANN"] == "90.0"
    assert texts(table, "chosen")["DANN"] == f"{LR} = 0.01"
    assert "Each row tries 2 settings; shown is the one with the best source validation" in " ".join(table.notes)
    assert "2 runs, 2 minutes" in " ".join(table.notes)  # what was not chosen was paid for, too


def test_a_setting_that_lacks_seeds_is_no_candidate() -> None:
    records = [tried(0.6, 0.3, 0.01, 0), tried(0.6, 0.3, 0.01, 1), tried(0.9, 0.9, 0.1, 0)]
    assert {record.setting[LR] for record in select_settings(searched(), records)} == {0.01}


def test_the_oracle_goes_by_the_metric_within_a_run_and_among_settings() -> None:
    records = [tried(0.9, 0.3, 0.01), tried(0.9, 0.9, 0.1)]
    for record, f1 in zip(records, ([0.2, 0.8, 0.1, 0.1], [0.7, 0.2, 0.2, 0.2]), strict=True):
        for evaluation, value in zip(record.evaluations, f1, strict=True):
            evaluation["target_test_macro_f1"] = value
    assert select_settings(searched(), records, "oracle") == records[1:]
    assert select_settings(searched(), records, "oracle", "macro_f1") == records[:1]
    for record in records:  # at the steps of the best accuracy macro-F1 is 0.2 and 0.7
        record.evaluations[0]["target_test"] = 1.0
    assert select_settings(searched(), records, "oracle", "macro_f1") == records[:1]


def test_a_setting_of_which_a_seed_lacks_the_score_comes_last_and_a_row_without_any_is_named() -> None:
    records = [tried(0.5, 0.3, lr, seed) for lr in (0.01, 0.1) for seed in (0, 1)]
    for record, score in zip(records, (0.1, 0.2, 0.9, None), strict=True):
        record.evaluations[-1] |= {} if score is None else {"score_dev": score}
    assert select_settings(searched("dev"), records) == records[:2]
    assert "no setting has such a score" not in table_of(searched("dev"), records).markdown()
    bare = [tried(0.5, 0.3, lr, variant="source only") for lr in (0.01, 0.1)]
    assert select_settings(searched("dev"), [*records, *bare]) == [*records[:2], bare[1]]
    notes = " ".join(table_of(searched("dev"), [*records, *bare]).notes)
    assert "risk (mean over seeds; the last of those that tie)." in notes
    assert "source only: no setting has such a score, and the last is shown." in notes


@pytest.mark.slow
def test_a_search_runs_publishes_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    changes: dict[str, Any] = {"search": {**GRID, "rule": "vote"}, "seeds": [0], "published": {}}
    file = write_tiny(tmp_path / "experiments/tiny.yaml", **changes)
    with pytest.raises(BadInput, match=r"search.rule: vote needs diagnose.examples, which is off: set it"):
        launch(read_experiment(file), [*read_experiment(file).runs()], tmp_path, torch.device("cpu"), Silent(), file)
    assert not list(tmp_path.rglob("record.json"))
    write_tiny(file, base=DIAGNOSED, **changes)
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), tmp_path / "runs/tiny", torch.device("cpu"), Silent(), file)
    records = read_records(experiment, tmp_path / "runs/tiny")
    assert [(record.variant, record.setting[LR]) for record in records.values()] == [
        (variant, lr) for variant in experiment.variants for lr in (0.01, 0.1)
    ]
    assert publish.main([str(file)]) == 0
    packed = read_records(experiment, tmp_path / "results/tiny")
    assert all(record.reliability for record in records.values())  # which the page has no plots of
    assert list(packed.values()) == [replace(record, reliability={}) for record in records.values()]
    assert main(["table", str(file), "--format", "json"]) == 0
    tables = json.loads(capsys.readouterr().out.split("\n", 1)[1])
    assert tables[0]["rows"]["DANN"]["chosen"][0]["setting"][LR] in (0.01, 0.1)


def test_named() -> None:
    assert name_setting({LR: 0.1, "method.weight": 1}) == f"{LR} = 0.1, method.weight = 1" and name_setting({}) == ""
    assert name_setting({"method.entropy": True, "network": {"name": "mnist", "batch_norm": False}}) == (
        "method.entropy = true, network = {name: mnist, batch_norm: false}"
    )
    assert Run(None, "a", 0, {}).row == (None, "a", "")


def test_a_grid_may_have_a_budget_of_each_row(tmp_path: Path) -> None:
    rows = {"source only": {LR: [0.1, 0.2, 0.3]}, "DANN": {LR: [0.1]}}
    search = {"budget": {"source only": 3, "DANN": 1}, "rows": rows}
    read = read_experiment(write_tiny(tmp_path / "tiny.yaml", search=search)).search
    assert read is not None and read.budget_text == "source only 3, DANN 1" and read.row_budget("DANN") == 1
    for budget, says in (
        ({"source only": 3}, "search.budget: has no number for DANN"),
        ({"source only": 3, "DANN": 2}, "DANN has 1 settings, the budget is 2 for it"),
        ({"source only": 3, "DAN": 1}, "unknown variant under search.budget: 'DAN'"),
        ({"source only": 0, "DANN": 1}, "budget: should be a whole number from 1 on, or one for each row"),
    ):
        with pytest.raises(BadInput, match=says):
            read_experiment(write_tiny(tmp_path / "bad.yaml", search={**search, "budget": budget}))
    with pytest.raises(BadInput, match=r"search\.budget: kind: random draws as often for every row"):
        read_experiment(write_tiny(tmp_path / "bad.yaml", search={**search, "kind": "random"}))


def test_the_runs_of_the_search_alone_have_its_diagnosis(tmp_path: Path) -> None:
    search = {**GRID, "seeds": [100], "rule": "reverse", "diagnose": {"reverse_steps": 2}}
    file = write_tiny(tmp_path / "tiny.yaml", search=search)
    experiment = read_experiment(file)
    steps = {run.seed: resolve(run.declared, "f").diagnose.reverse_steps for run in experiment.runs()}
    assert steps == {100: 2, 0: 0, 1: 0}
    runs = [run for run in experiment.first_runs(only=["DANN"], seeds=[0]) if run.seed in {0, 100} and not run.setting]
    launch(experiment, runs, tmp_path / "runs", torch.device("cpu"), Silent(), file)
    scores = {each.seed: "score_reverse" in each.evaluations[-1]
              for each in read_records(experiment, tmp_path / "runs").values()}  # fmt: skip
    assert scores == {100: True, 0: False}
    with pytest.raises(BadInput, match=r"search\.diagnose: is for the runs with search\.seeds alone"):
        read_experiment(write_tiny(tmp_path / "bad.yaml", search={**GRID, "diagnose": {"reverse_steps": 2}}))
