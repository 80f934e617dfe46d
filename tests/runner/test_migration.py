"""Folders of runs that version 0.1 wrote are read, and its unfinished runs go on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pretrained_runs import CPU, PHOTO
from tiny import TINY, Silent, write_tiny

import dann
from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.config.schema import resolve
from dann.runner.planning import launch
from dann.runner.records import read_record, write_record
from dann.runner.run_folder import find_other_configuration

NAMES = {"backbone": "trunk", "target_degradation": "target_lacks", "adamw": "adam"}
DECLARED: dict[str, Any] = {
    "title": "Fine-tuning as version 0.1 named it",
    "seeds": [0],
    "base": {
        "data": {
            "source": {"name": "one"},
            "target": {"name": "another"},
            "batch_size": 4,
            "validation": 0.3,
            "target_degradation": {"classes": {"1": 0.5}},
        },
        "network": {"name": "torchvision", "model": "resnet18"},
        "optimizer": {"name": "adamw", "lr": 0.001},
        "train": {"steps": 4, "evaluate_every": 2, "log_every": 1, "precision": "fp32"},
        "finetune": {"backbone": 0.5},
        "diagnose": {"examples": 0},
    },
    "variants": {"source only": {"method": {"name": "source_only"}}, "DANN": {"method": {"name": "dann"}}},
}


def in_old_names(content: Any) -> Any:
    """A configuration as version 0.1 wrote it: ``adam`` was its name of AdamW."""
    if isinstance(content, dict):
        return {NAMES.get(key, key): in_old_names(value) for key, value in content.items() if key != "written_by"}
    if isinstance(content, list):
        return [in_old_names(each) for each in content]
    return NAMES.get(content, content) if isinstance(content, str) else content


def rewrite(path: Path, read: Callable[[Path], Any], write: Callable[[Any, Path], object], change: Any) -> None:
    write(change(read(path)), path)


def make_old(folder: Path) -> None:
    """Rewrite the folder of an experiment's runs as version 0.1 left it."""

    def old_state(state: dict[str, Any]) -> dict[str, Any]:
        method = {name.replace(".backbone.", ".trunk."): value for name, value in state["method"].items()}
        return state | {"method": method}

    def old_record(record: dict[str, Any]) -> dict[str, Any]:
        record.pop("checksum")
        configs = {key: in_old_names(record[key]) for key in ("declared", "config")}
        old = {key: value for key, value in record.items() if key != "checksums"}
        return old | configs | {"environment": record["environment"] | {"dann": "0.1.0"}}

    def old_data(data: dict[str, str]) -> Any:
        return in_old_names({key: data[key] for key in ("source", "target", "backbone")})

    def read_json(path: Path) -> Any:
        return json.loads(path.read_text())

    def write_json(content: Any, path: Path) -> None:
        path.write_text(json.dumps(content))

    def read_state(path: Path) -> Any:
        return torch.load(path, weights_only=True)

    for path in folder.rglob("record.json"):
        rewrite(path, read_json, write_json, old_record)
    for name, change in (("config.json", in_old_names), ("data.json", old_data)):
        for path in folder.rglob(name):
            rewrite(path, read_json, write_json, change)
    for path in folder.rglob("checkpoint.pt"):
        rewrite(path, read_state, torch.save, old_state)
    for path in folder.rglob("inputs.pt"):
        rewrite(path, read_state, torch.save, in_old_names)
    copy = folder / "experiment.yaml"
    content = yaml.safe_load(copy.read_text())
    del content["origin"]
    copy.write_text(yaml.safe_dump(in_old_names(content), sort_keys=False))
    text = "".join(path.read_text() for path in folder.rglob("*.json")) + copy.read_text()
    assert "trunk" in text and "adam" in text and "backbone" not in text and "written_by" not in text


@pytest.fixture
def file(weights: str, domains: None, tmp_path: Path) -> Path:
    base = DECLARED["base"] | {"network": DECLARED["base"]["network"] | {"weights": weights}}
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(DECLARED | {"base": base}, sort_keys=False))
    return tmp_path / "old.yaml"


def launched(file: Path, folder: Path, observer: Silent) -> Silent:
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), folder, CPU, observer, file)
    return observer


def test_finished_runs_of_version_0_1_are_read(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, x = tmp_path / "runs", np.random.default_rng(0).integers(0, 256, (5, *PHOTO), dtype=np.uint8)
    launched(file, folder, Silent())
    records = [read_record(path.parent) for path in sorted(folder.rglob("record.json"))]
    expected = [dann.load(folder / record.run.folder, device="cpu").predict(x) for record in records]
    assert main(["table", str(folder)]) == 0
    table = capsys.readouterr().out
    make_old(folder)
    for record, probabilities in zip(records, expected, strict=True):
        again = read_record(folder / record.run.folder)
        assert again.environment["dann"] == "0.1.0"
        assert (again.config, again.declared) == (record.config, record.declared)
        assert np.array_equal(dann.load(folder / record.run.folder, device="cpu").predict(x), probabilities)
    assert main(["table", str(folder)]) == 0
    assert capsys.readouterr().out == table.replace(f"dann {dann.__version__}", "dann 0.1.0")
    assert launched(file, folder, Silent()).new == 0


def test_an_unfinished_run_of_version_0_1_goes_on(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with pytest.raises(KeyboardInterrupt):
        launched(file, folder, Silent(stop_at=3))
    make_old(folder)
    assert launched(file, folder, again := Silent()).starts == [2, 0]
    assert again.new == 2


def test_adam_of_version_0_1_is_not_continued_by_adam(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with pytest.raises(KeyboardInterrupt):
        launched(file, folder, Silent(stop_at=3))
    make_old(folder)
    file.write_text(file.read_text().replace("adamw", "adam"))
    with pytest.raises(dann.errors.BadInput, match=r'optimizer\.name: "adamw" there, "adam" now'):
        launched(file, folder, Silent())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": {"source_lacks": {"values": 0.3}}}, r"data\.source_lacks .*: write data\.source_degradation"),
        ({"data": {"target_lacks": {"values": 0.3}}}, r"data\.target_lacks .*: write data\.target_degradation"),
        ({"finetune": {"trunk": 0}}, r"finetune\.trunk .*: write finetune\.backbone"),
    ],
)
def test_an_old_key_in_a_users_file_is_named_with_its_new_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(dann.errors.BadInput, match=f"^file, variant DANN: {says}$"):
        resolve(merge(TINY["base"], changes), "file, variant DANN")


@pytest.mark.parametrize(("method", "changed"), [("dann", None), ("adda", "method.layer")])
def test_options_that_were_added_since_are_what_was_done_before(method: str, changed: str | None, tmp_path: Path
                                                                ) -> None:  # fmt: skip
    """A record without them is of the same configuration if their default is what was done before."""
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0], variants={"DANN": {"method": {"name": method}}})
    experiment = read_experiment(file)
    (run,) = experiment.runs(only=["DANN"])
    place = tmp_path / "runs" / run.folder
    launch(experiment, [run], tmp_path / "runs", CPU, Silent(), file)
    record = read_record(place)
    optimizer = {"name": "adamw", "lr": 0.01, "schedule": "constant"}
    old = {**record.config, "method": {"name": method}, "optimizer": optimizer}
    write_record(replace(record, config=old), place)
    found = find_other_configuration(place, resolve(run.declared, "test"))
    assert (found is None) == (changed is None)
    if found is not None:
        assert found[1] == 'method.layer: "features" there, "logits" now'
