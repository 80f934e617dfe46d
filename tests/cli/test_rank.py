"""``dann rank``: sources and networks in order, without training and without a label of the target."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from complaints import complaint
from image_folders import write_classes
from tiny import TINY, write_tiny

from dann.cli.main import main
from dann.config.merging import merge

TABLE = ["rank", "LogME", "H-score", "H-score, shrunk", "A-distance", "features, s"]


def write_vectors(path: Path, shift: float, seed: int, count: int = 90) -> Path:
    """Vectors of three classes, moved by ``shift`` in a direction that is not theirs."""
    random, y = np.random.default_rng(seed), np.arange(count) % 3
    x = random.normal(size=(count, 6)) + 3 * np.eye(6)[y]
    x[:, 5] += shift
    np.savez(path, x=x.astype(np.float32), y=y)
    return path


def arrays(path: Path) -> dict[str, Any]:
    return {"name": "arrays", "path": str(path)}


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """An experiment file with a near and a far source for one target."""
    target = write_vectors(tmp_path / "target.npz", 0.0, 0)
    tasks = {name: {"data": {"source": arrays(write_vectors(tmp_path / f"{name}.npz", shift, seed))}}
             for name, shift, seed in (("far", 4.0, 1), ("near", 0.3, 2))}  # fmt: skip
    content = TINY | {"base": TINY["base"] | {"data": {"target": arrays(target)}}, "tasks": tasks, "published": {}}
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


def ranked(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    """The tables of a command, without seconds."""
    assert main(["rank", *map(str, arguments), "--format", "json", "--device", "cpu"]) == 0
    tables: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    for table in tables:
        for row in table["rows"].values():
            del row["features, s"]
            for facts in row.values():
                if isinstance(facts, dict):
                    assert facts.pop("seconds") >= 0
    return tables


def test_the_near_source_comes_first(
    own_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own_file.parent)
    before = sorted(own_file.parent.iterdir())
    (table,) = ranked(capsys, own_file)
    assert list(table["rows"]) == ["near", "far"] and table["target"] == "target"
    assert [row["rank"] for row in table["rows"].values()] == [1, 2]
    distances = [row["A-distance"]["score"] for row in table["rows"].values()]
    assert distances[0] < 0.8 < 1.5 < distances[1]
    assert table["candidates"]["near"]["rows"] == [["near", "source only"], ["near", "DANN"]]
    assert sorted(own_file.parent.iterdir()) == before  # nothing is trained or written


def test_a_table_for_people(own_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank", str(own_file), "--examples", "30", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Candidates for target\n\n| candidate | " + " | ".join(TABLE) + " |\n")
    assert "\n| near | 1 | " in out and "its inputs are scored" in out and "Labelled examples scored: 30. " in out
    assert main(["rank", str(own_file), "--format", "latex"]) == 0
    assert "\\toprule" in capsys.readouterr().out


def test_no_label_of_the_target_is_read(own_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = ranked(capsys, own_file)
    file = own_file.parent / "target.npz"
    with np.load(file) as stored:
        x, y = stored["x"], stored["y"]
    np.savez(file, x=x, y=np.full_like(y, -1))
    without = ranked(capsys, own_file, "--set", "data.test=0.2")
    np.savez(file, x=x, y=y)
    assert ranked(capsys, own_file) == before
    assert [list(table["rows"]) for table in without] == [list(table["rows"]) for table in before]
    logme = [[row["LogME"] for row in tables[0]["rows"].values()] for tables in (before, without)]
    assert logme[0] == logme[1]


def test_each_target_has_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tasks = {f"{degrees:.0f}°": {"data": {"target": {"degrees": degrees}}} for degrees in (10.0, 30.0)}
    tables = ranked(capsys, write_tiny(tmp_path / "turns.yaml", tasks=tasks))
    assert [list(table["rows"]) for table in tables] == [["moons, inputs"]] * 2
    assert "LogME" not in " ".join(tables[0]["notes"]) and "LogME" in " ".join(tables[1]["notes"])


@pytest.mark.slow
def test_pretrained_networks_are_compared(weights: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("photo", "sketch"):
        write_classes(tmp_path / name, ["cat", "dog"], 12, "png")
    sides = {side: {"name": "folder", "path": str(tmp_path / name), "size": 32}
             for side, name in (("source", "photo"), ("target", "sketch"))}  # fmt: skip
    network = {"name": "torchvision", "model": "resnet18", "weights": weights}
    base = TINY["base"] | {"data": {**sides, "transform": {"normalise": "imagenet"}}, "network": network}
    content = TINY | {"base": base, "variants": {
        "pretrained": {}, "frozen": {"finetune": {"backbone": 0}}, "untrained": {"network": {"weights": "none"}},
        "pixels": {"network": {"name": "mnist"}}}, "published": {}}  # fmt: skip
    file = tmp_path / "photos.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    (table,) = ranked(capsys, file)
    assert table["title"] == "Candidates for sketch, source photo"
    assert set(table["rows"]) == {"resnet18 (weights resnet18.pt)", "resnet18 (weights none)", "inputs"}
    assert table["rows"]["resnet18 (weights resnet18.pt)"]["LEEP"]["score"] < 0
    assert table["rows"]["inputs"]["LEEP"] is None and sorted(row["rank"] for row in table["rows"].values()) == [
        1,
        2,
        3,
    ]
    assert ranked(capsys, file) == [table]  # from the cache


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.yaml"], "none.yaml"),
        (["own.yaml", "--examples", "3"], "--examples: write at least 10: fewer examples give chance results"),
        (["own.yaml", "--set", "network.name=mpl"], "unknown network 'mpl'; did you mean mlp"),
        (["own.yaml", "--device", "tpu9"], "--device tpu9: torch cannot use it here; try --device cpu"),
        (["own.yaml", "--set", "data.target.path=gone.npz"], "far, source only: "),
        ([], "the following arguments are required: FILE"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], says: str, own_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own_file.parent)
    assert says in complaint(capsys, "rank", *arguments)


def test_inputs_that_are_too_wide_name_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("photo", "sketch"):
        write_classes(tmp_path / name, ["cat", "dog"], 6, "png")
    sides = {side: {"name": "folder", "path": str(tmp_path / name), "size": 128}
             for side, name in (("source", "photo"), ("target", "sketch"))}  # fmt: skip
    file = tmp_path / "photos.yaml"
    base = merge(TINY["base"], {"network": {"name": "svhn"}}) | {"data": sides}
    file.write_text(yaml.safe_dump(TINY | {"base": base}, sort_keys=False))
    message = complaint(capsys, "rank", file)
    assert "svhn is not pretrained, and its inputs have 49152 values" in message
    assert "name a pretrained network" in message


def test_a_row_without_a_source_has_none_to_rank(own_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = yaml.safe_load(own_file.read_text())
    del content["tasks"]
    content["variants"] = {"SHOT": {"method": {"name": "shot", "from": "runs/models/seed-0"}}}
    own_file.write_text(yaml.safe_dump(content, sort_keys=False))
    assert "SHOT: data.source is missing, whose examples are read here: name a domain" in complaint(
        capsys, "rank", own_file
    )


def test_too_few_examples_are_refused(own_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(own_file.parent / "near.npz", x=np.eye(6, dtype=np.float32)[:4], y=np.array([0, 1, 2, 2]))
    assert "near: 3 training example(s), but at least 4 are needed" in complaint(
        capsys, "rank", own_file, "--set", "data.validation=0.3"
    )


def test_features_that_are_not_finite_are_refused(own_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(own_file.parent / "near.npz") as stored:
        x, y = stored["x"].copy(), stored["y"]
    x[0, 0] = np.inf
    np.savez(own_file.parent / "near.npz", x=x, y=y)
    assert "near" in complaint(capsys, "rank", own_file)
