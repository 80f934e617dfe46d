"""Runs whose data, files or configuration changed: noticed before anything trains, and made again by one option."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from complaints import complaint
from made_records import record_of
from numpy.typing import NDArray
from tiny import MOONS, Silent, config_of, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment, write_experiment
from dann.errors import BadInput
from dann.runner.checksums import compute_checksums, differing
from dann.runner.planning import launch
from dann.runner.records import Record, read_record, write_record
from dann.training.checkpoint import CHECKPOINT, PREVIOUS
from dann.training.earlier_runs import EarlierRuns
from dann.training.pair_loading import load_pair

CPU = torch.device("cpu")
RUNS = Path("runs/my experiment")
SIDES = ("source", "target")


def write_arrays(path: Path, shift: float, change: Callable[[Any, Any], tuple[Any, Any]] | None = None) -> None:
    """60 examples of two classes; ``change`` makes other examples and labels of them."""
    y = np.arange(60) % 2
    x: NDArray[np.float32] = np.random.default_rng(3).normal(size=(60, 3)).astype(np.float32) + 4 * y[:, None] + shift
    x, y = (x.astype(np.float32), y) if change is None else change(x.astype(np.float32), y)
    np.savez(path, x=x, y=y)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment of four runs on the user's own arrays; the working directory is its folder, named with a space."""
    folder = tmp_path / "my work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for number, side in enumerate(SIDES):
        write_arrays(folder / f"{side}.npz", number / 2)
    file = write_tiny(Path("my experiment.yaml"), base={"train": {"steps": 4}})
    data = {side: {"name": "arrays", "path": f"{side}.npz"} for side in SIDES}
    content = read_experiment(file).model_dump(exclude_defaults=True)
    content["base"]["data"] = {**data, "batch_size": 8}
    file.write_text(json.dumps(content))
    return file


def run(*arguments: object) -> None:
    assert main(["run", "my experiment.yaml", *map(str, arguments)]) == 0


def launched(
    file: Path,
    only: list[str] | None = None,
    sets: list[str] | None = None,
    more: list[int] | None = None,
    **options: Any,
) -> Silent:
    """The runs, also those of ``more`` seeds, made as the command line makes them, but without figures."""
    experiment = read_experiment(file, sets, more)
    launch(experiment, list(experiment.runs(only)), RUNS, CPU, observer := Silent(), file, **options)
    return observer


def records(file: Path) -> list[Record]:
    return [read_record(RUNS / each.folder) for each in read_experiment(file).runs()]


CHANGES: dict[str, tuple[str, Callable[[Any, Any], tuple[Any, Any]], str]] = {
    "labels": ("target", lambda x, y: (x, 1 - y), "the target's labels changed (target: 60 examples then, 60 now)"),
    "examples": ("source", lambda x, y: (x + 1, y), "the source's examples changed (source: 60 examples then, 60 now)"),
    "fewer": ("target", lambda x, y: (x[:40], y[:40]), "(target: 60 examples then, 40 now)"),
    "names": ("both", lambda x, y: (x, np.array(["cat", "dog"])[y]), "the names of the classes changed"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_changed_data_are_named_and_made_again(kind: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    side, change, named = CHANGES[kind]
    assert launched(file).new == 4 and launched(file).new == 0
    before = records(file)
    for number, each in enumerate(SIDES):
        if side in (each, "both"):
            write_arrays(Path(f"{each}.npz"), number / 2, change)
    message = complaint(capsys, "run", file)
    assert named in message and "; so did 3 more" in message
    assert message.startswith("dann: runs/my experiment/source-only/seed-0: source only, seed 0 was made with other")
    for more in (["--seeds", "5"], ["--only", "DANN"], ["--only", "DANN", "--redo", "changed"], ["--dry-run"]):
        assert named in complaint(capsys, "run", file, *more)
    assert records(file) == before
    command = shlex.split(re.findall(r"changed.*?: (dann run .*? --redo changed) makes", message)[0])
    assert command == ["dann", "run", "my experiment.yaml", "--redo", "changed"]
    assert main([*command[1:], "--dry-run"]) == 0
    assert "4 runs: 0 finished, 0 unfinished, 0 to make, 4 to make again" in capsys.readouterr().out
    assert launched(file, redo="changed").new == 4
    assert all(one.checksums != other.checksums for one, other in zip(before, records(file), strict=True))
    assert not list(RUNS.rglob("*.stale")) and launched(file, redo="changed").new == 0


@pytest.mark.slow
def test_the_command_keeps_row_seeds_values_and_folder(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--seeds", "7", "--set", "method.weight=0.5", "--out", "other runs", "--only", "DANN"]
    run(*options)
    write_arrays(Path("target.npz"), 0.5, lambda x, y: (x, 1 - y))
    message = complaint(capsys, "run", file, *options)
    words = shlex.split(re.findall(r"(dann run .*?) makes", message)[0])
    assert words == ["dann", "run", "my experiment.yaml", "--only", "DANN", "--seeds", "0,1,7",
                     "--set", "method.weight=0.5", "--out", "other runs", "--redo", "changed"]  # fmt: skip
    assert main(words[1:]) == 0
    assert read_record(Path("other runs/my experiment/dann/seed-7")).declared["method"]["weight"] == 0.5


def test_a_changed_configuration_is_made_again_too(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launched(file)
    line = complaint(capsys, "run", file, "--set", "train.steps=6")
    assert "train.steps: 4 there, 6 now" in line and "--set train.steps=6 --redo changed makes changed" in line
    assert launched(file, sets=["train.steps=6"], redo="changed").new == 4
    assert {record.config["train"]["steps"] for record in records(file)} == {6}


def test_nothing_is_lost_when_making_again_is_interrupted(file: Path) -> None:
    experiment, folder = read_experiment(file), RUNS
    runs = list(experiment.runs(["DANN"], [0]))
    launch(experiment, runs, folder, CPU, Silent(), file)
    place = folder / "dann/seed-0"
    old = (place / "record.json").read_bytes()
    write_arrays(Path("target.npz"), 0.5, lambda x, y: (x, 1 - y))
    with pytest.raises(KeyboardInterrupt):
        launch(experiment, runs, folder, CPU, Silent(stop_at=2), file, redo="changed")
    assert (folder / "dann/seed-0.stale/record.json").read_bytes() == old and not place.exists()
    launch(experiment, runs, folder, CPU, again := Silent(), file)
    assert again.new == 1 and not (folder / "dann/seed-0.stale").exists()


def test_seeds_left_out_when_others_were_made_again_can_be_made_again_later(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launched(file, ["DANN"], more=[5]).new == 3
    write_arrays(Path("source.npz"), 1.0)
    assert launched(file, ["DANN"], redo="changed").new == 2
    line = complaint(capsys, "run", file, "--only", "DANN", "--seeds", "5")
    assert "seed-5" in line and "the source's examples changed" in line and "--redo changed makes" in line
    assert launched(file, ["DANN"], more=[5], redo="changed").new == 1


@pytest.mark.parametrize("killed_between_renames", [False, True])
def test_an_unfinished_run_begun_with_other_data_is_made_again(file: Path, killed_between_renames: bool) -> None:
    experiment, folder = read_experiment(file, ["train.evaluate_every=2"]), RUNS
    runs = list(experiment.runs(["DANN"], [0]))
    with pytest.raises(KeyboardInterrupt):
        launch(experiment, runs, folder, CPU, Silent(stop_at=4), file)
    if killed_between_renames:  # of its checkpoint: the previous one is all there is
        unfinished = folder / "dann/seed-0.unfinished"
        (unfinished / CHECKPOINT).replace(unfinished / PREVIOUS)
    edited = read_experiment(file, ["train.evaluate_every=2", "train.steps=6"])
    with pytest.raises(BadInput, match=r"train\.steps: 4 there, 6 now.* --redo changed makes"):
        launch(edited, list(edited.runs(["DANN"], [0])), folder, CPU, Silent(), file)
    write_arrays(Path("source.npz"), 0, lambda x, y: (x + 1, y))
    with pytest.raises(BadInput, match=r"seed-0\.unfinished: DANN, seed 0 was begun .* the source's examples changed"):
        launch(experiment, runs, folder, CPU, Silent(), file)
    launch(experiment, runs, folder, CPU, again := Silent(), file, redo="changed")
    assert again.starts == [0] and [path.name for path in (folder / "dann").iterdir()] == ["seed-0"]


def test_data_that_are_not_at_hand_leave_the_records(file: Path) -> None:
    launched(file)
    Path("target.npz").unlink()
    (note,) = (observer := launched(file)).notes
    assert "source-only/seed-0 and 3 more: not compared with the data (target.npz is not there" in note
    assert observer.new == 0


def test_data_of_other_rows_are_not_read(file: Path) -> None:
    """A row on other data is left alone: only what the runs of this command read is compared."""
    content = json.loads(file.read_text())
    content["variants"]["elsewhere"] = {"data": {"source": {"path": "other.npz"}}}
    file.write_text(json.dumps(content))
    write_arrays(Path("other.npz"), 0)
    launched(file)
    Path("other.npz").unlink()
    assert launched(file, ["DANN"]).notes == []


@pytest.mark.slow
def test_removed_seeds_and_rows_are_not_shown_and_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launched(file, more=[2])
    content = json.loads(file.read_text())
    del content["variants"]["source only"]
    content["seeds"] = [1]
    file.write_text(json.dumps(content))
    for command in (["table", file], ["plot", file], ["report", file, "--out", "page"], ["run", file]):
        assert main([str(word) for word in command]) == 0
        captured = capsys.readouterr()
        assert captured.err.count("not shown, as the experiment names no such row or seed") == 1, command
        assert "dann/seed-0 and 4 more" in captured.err
        if command[0] in ("table", "run"):
            assert "one seed" in captured.out and "source only" not in captured.out


def test_the_table_of_a_folder_notes_that_the_file_has_changed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = read_experiment(file)
    write_experiment(experiment, RUNS / "experiment.yaml", file)
    for run in experiment.runs():
        write_record(replace(record_of(run.variant, run.seed), declared=run.declared), RUNS / run.folder)
    assert main(["table", str(RUNS)]) == 0 and capsys.readouterr().err == ""
    content = json.loads(file.read_text())
    content["base"]["train"]["steps"] = 5
    del content["variants"]["source only"]
    file.write_text(json.dumps(content))
    assert main(["table", str(RUNS)]) == 0
    noted = capsys.readouterr().err
    assert "has changed since (base.train.steps: 4 there, 5 now): dann run" in noted and "--redo changed" in noted
    assert "train.steps: 4 there, 5 now" in complaint(capsys, "table", file)


def test_a_replaced_file_of_class_vectors_is_noticed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("vectors.csv").write_text("0,1,0\n1,0,1\n")
    sets = ["data.class_vectors=vectors.csv"]
    launched(file, ["DANN"], sets)
    Path("vectors.csv").write_text("0,1,0.5\n1,0,1\n")
    assert "other data or weights: data.class_vectors changed; so" in complaint(capsys, "run", file, "--set", *sets)


def test_two_files_of_one_name_do_not_share_a_folder(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launched(file, ["DANN"])
    other = Path("elsewhere") / file.name
    other.parent.mkdir()
    other.write_text(file.read_text().replace("Tiny moons", "Another"))
    message = complaint(capsys, "run", other)
    assert f"runs/my experiment has the runs of another file of this name, {file.resolve()}" in message
    assert "--out runs/elsewhere" in message
    assert "another file of this name" in complaint(capsys, "table", other)
    assert main(["run", str(other), "--out", "runs/elsewhere", "--only", "DANN", "--seeds", "0"]) == 0
    assert main(["table", "runs/elsewhere"]) == 0 and "Another" in capsys.readouterr().out
    third = Path("below/elsewhere") / file.name
    third.parent.mkdir(parents=True)
    third.write_text(other.read_text().replace("Another", "A third"))
    assert "--out runs/elsewhere-2 " in complaint(capsys, "run", third)
    assert "--out runs/elsewhere-2 " in complaint(capsys, "run", third, "--out", "runs/elsewhere")


def test_a_file_that_was_edited_moved_or_copied_keeps_its_runs(file: Path) -> None:
    launched(file, ["DANN"])
    file.write_text(file.read_text().replace("Tiny moons", "Another title"))
    copy, moved = Path("copy") / file.name, Path("moved") / file.name
    for each in (copy, moved):
        each.parent.mkdir()
    copy.write_text(file.read_text())
    assert launched(file, ["DANN"]).new == launched(copy, ["DANN"]).new == 0
    for old in (file, copy):
        old.replace(moved)
    moved.write_text(moved.read_text().replace("Another title", "A third title"))
    assert launched(moved, ["DANN"]).new == 0


def test_a_replaced_weights_file_is_noticed(tmp_path: Path) -> None:
    """Of a state dict, and of a folder with a Hugging Face model; names of weights and models are no files."""
    pair = load_pair(config_of(MOONS).data)

    def checksums(**network: str) -> dict[str, str]:
        return compute_checksums(
            config_of(MOONS, network={"name": "torchvision", "model": "resnet18", **network}), pair, EarlierRuns()
        )

    weights, model = tmp_path / "weights.pt", tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    weights.write_bytes(b"one")
    plain, before = checksums(), checksums(weights=str(weights), model=str(model))
    assert not [key for key in plain if key.startswith("network")]
    assert differing(before, checksums(weights=str(weights), model=str(model))) == []
    weights.write_bytes(b"two")
    (model / "model.safetensors").write_bytes(b"more")
    after = checksums(weights=str(weights), model=str(model))
    assert differing(before, after) == ["the file of network.weights", "the files of network.model"]
    assert differing(before, plain) == []  # what is not at hand is not compared
