"""Runs that have no source, but begin with the network of a finished run: ``data`` names a target alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny import TINY, Silent, write_tiny

import dann
from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.errors import BadInput
from dann.runner.changed_runs import compare_inputs
from dann.runner.planning import launch, plan
from dann.runner.records import read_record
from dann.training.checkpoint import CHECKPOINT, read_method

CPU = torch.device("cpu")
MLP = {"name": "mlp", "hidden": 8, "batch_norm": True}
TARGET = {"name": "moons_rotated", "points": 20}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of source-only runs, one for each of two seeds, that normalise by statistics of the source."""
    folder = tmp_path_factory.mktemp("begun")
    base = {"network": MLP, "data": {"transform": {"normalise": "standard"}}, "diagnose": {"examples": 20}}
    file = write_tiny(folder / "models.yaml", base=base, published={})
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["source only"])), folder / "runs", CPU, Silent(), file)
    return folder / "runs/source-only"


def source_free(folder: Path, begun: Path, method: str = "nrc", **changes: Any) -> Path:
    """An experiment of one row that names no source, and neither network nor transform."""
    base = {key: TINY["base"][key] for key in ("optimizer", "train")}
    base |= {"data": {"target": TARGET}, "diagnose": {"examples": 20}}
    base |= changes.pop("base", {})
    content = {"title": "Without a source", "seeds": [0, 1], "base": base}
    entry = {"name": method, "from": f"{begun}/seed-{{seed}}"}
    content |= {"variants": {"adapted": {"method": entry}}} | changes
    file = folder / "free.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def make(file: Path, folder: Path) -> None:
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), folder, CPU, Silent(), file)


@pytest.mark.parametrize("method", ["shot", "nrc", "tent"])
def test_it_makes_the_run_that_has_the_source_at_hand(tmp_path: Path, begun: Path, method: str) -> None:
    """The same weights and predictions; what was measured on the source is left out."""
    make(source_free(tmp_path, begun, method), tmp_path / "free")
    named = {"name": method, "from": f"{begun}/seed-{{seed}}"}
    with_source = write_tiny(tmp_path / "with.yaml", variants={"adapted": {"method": named}}, published={},
                             base={"network": MLP, "data": {"transform": {"normalise": "standard"}},
                                   "diagnose": {"examples": 20}})  # fmt: skip
    experiment = read_experiment(with_source)
    launch(experiment, list(experiment.runs(only=["adapted"])), tmp_path / "with", CPU, Silent(), with_source)
    for seed in (0, 1):
        free, both = (tmp_path / name / f"adapted/seed-{seed}" for name in ("free", "with"))
        weights, expected = read_method(free / CHECKPOINT), read_method(both / CHECKPOINT)
        assert all(torch.equal(value, expected[name]) for name, value in weights.items())
        x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
        np.testing.assert_array_equal(dann.load(free, "cpu").predict(x), dann.load(both, "cpu").predict(x))
        record, other = read_record(free), read_record(both)
        last, reference = record.evaluations[-1], other.evaluations[-1]
        assert {key: reference[key] for key in last} == last
        left_out = set(reference) - set(last)
        assert {"source_validation", "source_test_macro_f1", "score_dev", "distance_linear"} & left_out or left_out
        assert not [key for key in last if key.startswith(("source", "distance", "features_source"))]
        assert {"target_test", "score_im", "features_target_rank", "share_distance"} <= set(last)
        assert record.classes == other.classes and record.config["data"]["source"] is None
        assert record.config["network"] == other.config["network"]
        assert record.data["prior"] == [round(each / sum(counts), 6) for counts in
                                        [other.data["class_counts"]["train"]] for each in counts]  # fmt: skip
        assert (record.data["trained_on"], record.data["validated_on"]) == (0, 0)


def test_tables_reports_and_pages_are_made_of_it(tmp_path: Path, begun: Path, capsys: Any) -> None:
    file, out = source_free(tmp_path, begun, seeds=[0]), tmp_path / "runs"
    run = ["run", str(file), "--out", str(out)]
    for command in ([*run, "--dry-run"], run, run, ["table", str(out)], ["verify", str(out)],
                    ["report", str(out), "--out", str(tmp_path / "report")], ["data", "show", str(file)]):  # fmt: skip
        assert main(command) == 0, capsys.readouterr().err
        shown = capsys.readouterr().out
        assert "nan" not in shown
    assert "no source examples" in shown


def test_a_search_among_their_settings_is_planned(tmp_path: Path, begun: Path, capsys: Any) -> None:
    search = {"budget": 2, "keys": {"method.affinity": [0.1, 0.2]}, "rule": "im"}
    file = source_free(tmp_path, begun, seeds=[0], search=search)
    assert main(["run", str(file), "--out", str(tmp_path / "runs"), "--dry-run"]) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    assert "2 runs: 0 finished" in shown and "hidden: 8" in shown


def test_unlabelled_targets_of_the_users_own_train_and_predict(tmp_path: Path, begun: Path, capsys: Any) -> None:
    x = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    np.savez(tmp_path / "new.npz", x=x)
    file = source_free(
        tmp_path, begun, base={"data": {"target": {"name": "arrays", "path": str(tmp_path / "new.npz")}}}
    )
    assert main(["run", str(file), "--out", str(tmp_path / "runs")]) == 0, capsys.readouterr().err
    capsys.readouterr()
    (folder,) = tmp_path.glob("runs/**/seed-0")
    assert "target_test" not in read_record(folder).evaluations[-1]
    assert main(["predict", str(folder), str(tmp_path / "new.npz")]) == 0
    assert "and 20 more" in capsys.readouterr().out


def test_a_run_goes_on_changes_and_begins_another(tmp_path: Path, begun: Path) -> None:
    models = shutil.copytree(begun, tmp_path / "models")
    file, folder = source_free(tmp_path, models, seeds=[0]), tmp_path / "runs"
    experiment = read_experiment(file)
    with pytest.raises(KeyboardInterrupt):
        launch(experiment, list(experiment.runs()), folder, CPU, Silent(stop_at=10), file)
    make(file, folder)
    make(source_free(tmp_path, models, seeds=[0]), tmp_path / "whole")
    one, other = (read_method(each / "adapted/seed-0" / CHECKPOINT) for each in (folder, tmp_path / "whole"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    planned = plan(experiment, list(experiment.runs()), folder, file).runs
    assert compare_inputs(experiment, planned, folder).changes == []
    (models / "seed-0" / CHECKPOINT).write_bytes((begun / "seed-1" / CHECKPOINT).read_bytes())
    (change,) = compare_inputs(experiment, planned, folder).changes
    assert "the weights of the run that method.from names changed" in change.cause
    again = source_free(tmp_path, folder / "adapted", "shot", seeds=[0])
    make(again, tmp_path / "again")
    record = read_record(tmp_path / "again/adapted/seed-0")
    assert record.data["prior"] == read_record(folder / "adapted/seed-0").data["prior"]


NAMED = "data.source is missing"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": {"adapted": {"method": {"name": "dann"}}}}, f"variant adapted: {NAMED}: .*from: RUN"),
        ({"variants": {"adapted": {"method": {"name": "nrc"}}}}, f"variant adapted: {NAMED}: .*from: RUN"),
        ({"variants": {"adapted": {"method": {"name": "nrc", "from": "nowhere"}}}}, "nowhere is no finished run"),
        ({"variants": {"adapted": {"method": {"name": "dann", "from": "BEGUN"}}}}, "unknown key method.from"),
        ({"base": {"data": {"target": TARGET, "resample": "over"}}}, "data.resample: concerns the labelled side"),
        ({"base": {"data": {"target": TARGET, "bootstrap": True}}}, "data.bootstrap: concerns the labelled side"),
        ({"base": {"diagnose": {"examples": 20, "reverse_steps": 5}}}, "diagnose.reverse_steps: reads source examples"),
        ({"base": {"diagnose": {"distance_c": [1.0]}}}, "diagnose.distance_c: reads source examples"),
        ({"base": {"self_training": {}}}, "self_training: reads source examples"),
        ({"selections": ["last", "source_val"]}, "selections: source_val reads source examples"),
        ({"selections": ["last", "vote"]}, "selections: vote reads source examples"),
    ],
)  # fmt: skip
def test_what_needs_the_source_is_refused_in_one_line(
    tmp_path: Path, begun: Path, changes: dict[str, Any], message: str
) -> None:
    changes = json.loads(json.dumps(changes).replace("BEGUN", str(begun / "seed-0")))
    file = source_free(tmp_path, begun, **changes)
    with pytest.raises(BadInput, match=message) as refused:
        experiment = read_experiment(file)
        plan(experiment, list(experiment.runs()), tmp_path / "runs", file)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ({"data": {"target": TARGET, "transform": {"normalise": "none"}}}, "data.transform.normalise differs"),
        ({"network": {"name": "mlp", "hidden": 9}}, "has another network"),
        ({"data": {"target": {"name": "digits"}}}, "has classes that moons has not"),
    ],
)
def test_a_target_or_network_that_does_not_suit_is_refused(
    tmp_path: Path, begun: Path, base: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        make(source_free(tmp_path, begun, base=base), tmp_path / "runs")
