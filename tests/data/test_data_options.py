"""The data section from the file to the record, and what ``dann data`` says."""

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import TINY, Silent, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.schema import resolve
from dann.data.preprocessing.imputation import is_complete
from dann.errors import BadInput
from dann.runner.planning import launch
from dann.runner.records import read_record
from dann.training.trainer import Trainer, load_pair

CPU = torch.device("cpu")


def test_words_name_domains_of_a_data_set(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("""
title: words
seeds: [0]
base: {data: {dataset: {name: pacs, size: 64}, target: sketch}}
variants:
  one: {data: {source: photo}}
  several: {data: {source: [photo, {name: pacs, domain: cartoon, size: 32}]}}
  on target: {data: {source: target}}
  numbers: {data: {dataset: uci_har, source: 2, target: 11}}
  plain: {data: {source: {name: mnist}}}
""")
    experiment = read_experiment(file)
    photo, sketch = ({"name": "pacs", "size": 64, "domain": name} for name in ("photo", "sketch"))
    assert experiment.declared("one", None)["data"] == {"source": photo, "target": sketch}
    several = [photo, {"name": "pacs", "domain": "cartoon", "size": 32}]
    assert experiment.declared("several", None)["data"] == {"source": several, "target": sketch}
    assert experiment.declared("on target", None)["data"] == {"source": sketch, "target": sketch}
    numbers = {"source": {"name": "uci_har", "domain": 2}, "target": {"name": "uci_har", "domain": 11}}
    assert experiment.declared("numbers", None)["data"] == numbers
    assert experiment.declared("plain", None)["data"]["source"] == {"name": "mnist"}


@pytest.mark.parametrize("dataset", [5, {"size": 16}, ["pacs"]])
def test_a_data_set_without_a_name_is_refused(dataset: object, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"data.dataset should be the name of a data set"):
        read_experiment(write_tiny(tmp_path / "a.yaml", base={"data": {"dataset": dataset}}))


def own_vectors(tmp_path: Path, gaps: bool) -> dict[str, Any]:
    """Two .npz files of three classes, 30, 20 and 10 examples, some values missing; and a data section."""
    random = np.random.RandomState(0)
    for number, name in enumerate(("source", "target")):
        y = np.repeat([0, 1, 2], [30, 20, 10])
        x = random.randn(60, 4).astype(np.float32) + 3 * y[:, None] + number
        x_test, y_test = x[::2] + 0.1, y[::2]
        if gaps:
            x[::7, 1], x_test[3, 0] = np.nan, np.nan
        np.savez(tmp_path / f"{name}.npz", x=x, y=y, x_test=x_test, y_test=y_test)
    sides = {side: {"name": "arrays", "path": str(tmp_path / f"{side}.npz")} for side in ("source", "target")}
    return {**sides, "batch_size": 16}


def config_of(data: dict[str, Any]) -> Any:
    return resolve({**TINY["base"], "data": data}, "test")


@pytest.mark.parametrize("how", ["mean", "median", "knn"])
def test_missing_values_are_imputed_from_the_training_splits(tmp_path: Path, how: str) -> None:
    data = own_vectors(tmp_path, gaps=True)
    pair = load_pair(config_of({**data, "missing": how}).data)
    assert all(is_complete(split.x).all() for split in pair.splits.values())
    affected = pair.describe()["missing"]
    assert affected["how"] == how and affected["examples"]["target_test"] == 1
    raw = np.load(tmp_path / "target.npz")
    whole = ~np.isnan(raw["x_test"]).any(axis=1)
    assert np.array_equal(pair.target_test.x.numpy()[whole], raw["x_test"][whole].astype(np.float32))


def test_missing_values_are_an_error_or_dropped_by_choice(tmp_path: Path) -> None:
    data = own_vectors(tmp_path, gaps=True)
    with pytest.raises(BadInput, match=r"data: train split: \d+ of 54 examples have missing values .*drop, mean"):
        load_pair(config_of(data).data)
    pair = load_pair(config_of({**data, "missing": "drop"}).data)
    assert len(pair.target_test) == 29 and len(pair.unlabelled) == 60 - 9
    assert pair.describe()["missing"]["examples"]["unlabelled"] == 9


def test_options_for_other_kinds_of_examples_are_refused() -> None:
    images = {"source": {"name": "digits"}, "target": {"name": "digits_m"}}
    for options, says in (({"missing": "mean"}, "missing: mean is for vectors"), ({"msda": {}}, "msda computes"),
                          ({"resample": "smote"}, "smote makes vectors")):  # fmt: skip
        with pytest.raises(BadInput, match=says):
            load_pair(config_of({**images, **options}).data)


def test_msda_features_replace_the_vectors(tmp_path: Path) -> None:
    data = own_vectors(tmp_path, gaps=False)
    plain, pair = (load_pair(config_of({**data, **more}).data) for more in ({}, {"msda": {"layers": 2}}))
    assert pair.input_shape == (12,)
    assert torch.equal(pair.target_test.x[:, :4], plain.target_test.x)


@pytest.mark.parametrize("resample", ["over", "under", "balanced", "smote"])
def test_an_imbalanced_run_says_so_and_trains(tmp_path: Path, resample: str) -> None:
    data = own_vectors(tmp_path, gaps=False)
    file = write_tiny(tmp_path / "tiny.yaml", base={"data": {**data, "resample": resample}})
    experiment, watching = read_experiment(file), Silent()
    runs = list(experiment.runs("DANN", [0]))
    launch(experiment, runs, tmp_path / "runs", CPU, watching, file)
    recorded = read_record(tmp_path / "runs/dann/seed-0").data
    evened = resample == "smote"
    assert recorded["class_counts"]["train"] == ([27, 27, 27] if evened else [27, 18, 9])
    assert recorded["imbalance"] == (1.0 if evened else 3.0) and watching.data == recorded
    assert recorded.get("synthetic") == ({"examples": 27, "imbalance_without": 3.0} if evened else None)
    assert recorded["class_counts"]["target_test"] == [15, 10, 5]


def test_balanced_batches_of_a_run_hold_each_class_equally(tmp_path: Path) -> None:
    config = config_of({**own_vectors(tmp_path, gaps=False), "resample": "balanced", "batch_size": 12})
    stream = Trainer.of(config, load_pair(config.data), 0, CPU).stream
    assert all(torch.bincount(stream[i].source_y).tolist() == [4, 4, 4] for i in range(20))


def test_a_record_names_what_was_skipped_and_the_protocol(tmp_path: Path) -> None:
    for side in ("source", "target"):
        for label, name in enumerate(("cat", "dog")):
            folder = tmp_path / side / name
            folder.mkdir(parents=True)
            for i in range(10):
                Image.new("RGB", (30, 30), (100 * label, i, 50)).save(folder / f"{i}.png")
    (tmp_path / "source/cat/3.png").write_bytes(b"")
    sides = {
        s: {"name": "folder", "path": str(tmp_path / s), "size": 28, "on_bad": "skip"} for s in ("source", "target")
    }
    base = {"data": {**sides, "transductive": True}, "network": {"name": "mnist"}}
    file = tmp_path / "tiny.yaml"
    write_tiny(file, base=base)
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs("DANN", [0])), tmp_path / "runs", CPU, Silent(), file)
    record = read_record(tmp_path / "runs/dann/seed-0")
    assert record.data["source"]["skipped"] == ["cat/3.png"] and record.data["source"]["train"] == 19
    assert record.data["protocol"].startswith("transductive")
    assert "source_test" not in record.confusion and "source_validation" in record.evaluations[-1]
    assert main(["table", str(tmp_path / "runs")]) == 0 and main(["plot", str(tmp_path / "runs")]) == 0


# What the network must get, seen through the whole data section


def test_what_is_fitted_sees_no_example_held_out(tmp_path: Path) -> None:
    """Imputed values and mSDA features stay as they are when the target's test examples change."""
    data = own_vectors(tmp_path, gaps=True)
    held = {"imputed": {"missing": "mean"}, "features": {"missing": "mean", "msda": {"layers": 1}}}
    before = {name: load_pair(config_of({**data, **more}).data) for name, more in held.items()}
    stored = dict(np.load(tmp_path / "target.npz"))
    stored["x_test"] = stored["x_test"] * 100 + 7
    np.savez(tmp_path / "target.npz", **stored)
    for name, more in held.items():
        after = load_pair(config_of({**data, **more}).data)
        assert torch.equal(after.unlabelled.x, before[name].unlabelled.x)
        assert torch.equal(after.train.x, before[name].train.x)
    stored["x"] = stored["x"] + 1  # the target's training examples do count
    np.savez(tmp_path / "target.npz", **stored)
    for name, more in held.items():
        after = load_pair(config_of({**data, **more}).data)
        assert not torch.equal(after.train.x, before[name].train.x), name


def test_each_side_is_evaluated_with_its_own_transform() -> None:
    images = {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "transform": {"normalise": "domain"}}
    config = config_of_images(images)
    trainer = Trainer.of(config, load_pair(config.data), 0, CPU)
    source, target = trainer.stream.transforms
    assert not torch.equal(source.offset, target.offset)
    assert trainer.transform("target_test") is target
    assert trainer.transform("source_test") is source and trainer.transform("source_validation") is source


def test_augmentation_differs_from_step_to_step_and_from_side_to_side() -> None:
    images = {"source": {"name": "digits"}, "target": {"name": "digits"}, "transform": {"erase": 1.0}}
    stream = Trainer.of(config_of_images(images), load_pair(config_of_images(images).data), 0, CPU).stream
    x = stream.source.x[:8]
    seen = [stream._inputs(x, stream.transforms[side], side, step) for side in (0, 1) for step in (0, 1)]
    assert all(not torch.equal(one, other) for i, one in enumerate(seen) for other in seen[:i])
    assert torch.equal(stream._inputs(x, stream.transforms[1], 1, 1), seen[3])


def test_a_second_view_shows_the_same_target_examples_otherwise() -> None:
    data = {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "target_transform": {"normalise": "half"}}
    declared = config_of_images(data).model_dump()
    declared["data"]["target_view"] = {"erase": 1.0}
    config = resolve(declared | {"method": {"name": "fixmatch"}}, "test")
    pair = load_pair(config.data)
    stream = Trainer.of(config, pair, 0, CPU).stream
    batch = stream[3]
    view = batch.target_view
    assert view is not None and torch.equal(view, stream[3].target_view)
    assert not torch.equal(view, stream[4].target_view)
    changed = view != batch.target_x
    assert changed.flatten(1).any(dim=1).all() and (view[changed] == 0).all()  # what is not given is the target's
    without = Trainer.of(resolve(declared, "test"), pair, 0, CPU).stream[3]  # a method that asks for none gets none
    assert without.target_view is None and torch.equal(without.target_x, batch.target_x)


def config_of_images(data: dict[str, Any]) -> Any:
    sized = {side: {**data[side], "size": 20} for side in ("source", "target")}
    return resolve({**TINY["base"], "data": {**data, **sized}, "network": {"name": "mnist"}}, "test")


def test_class_weights_follow_the_counts_of_training(tmp_path: Path) -> None:
    config = config_of({**own_vectors(tmp_path, gaps=False), "class_weights": "inverse"})
    stream = Trainer.of(config, load_pair(config.data), 0, CPU).stream
    batch = stream[0]
    assert batch.source_weight is not None
    for y, weight in zip(batch.source_y.tolist(), batch.source_weight.tolist(), strict=True):
        assert weight == pytest.approx(54 / 3 / (27, 18, 9)[y])


def test_a_run_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", base={"data": own_vectors(tmp_path, gaps=False)})
    experiment = read_experiment(file)
    runs = list(experiment.runs("DANN", [0]))
    with pytest.raises(KeyboardInterrupt):
        launch(experiment, runs, tmp_path / "runs", CPU, Silent(stop_at=6), file)
    stored = dict(np.load(tmp_path / "target.npz"))
    np.savez(tmp_path / "target.npz", **{**stored, "x": stored["x"] + 1})
    with pytest.raises(BadInput, match=r"seed-0.unfinished was begun with other data"):
        launch(experiment, runs, tmp_path / "runs", CPU, Silent(), file)
    np.savez(tmp_path / "target.npz", **stored)
    launch(experiment, runs, tmp_path / "runs", CPU, Silent(), file)


def test_numbers_of_examples_are_those_that_are_left(tmp_path: Path) -> None:
    reported = load_pair(config_of({**own_vectors(tmp_path, gaps=True), "missing": "drop"}).data).describe()
    assert (reported["target"]["train"], reported["target"]["test"]) == (51, 29)


# dann data


def test_data_list_names_every_set(capsys: pytest.CaptureFixture[str], data_folder: Path) -> None:
    from dann.data.datasets.all_datasets import DOMAINS

    (data_folder / "pacs128").mkdir()
    assert main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == set(DOMAINS)
    assert " there " in lines["pacs"] and "not there" in lines["svhn"] and "made here" in lines["moons"]
    assert "art_painting, cartoon, photo, sketch" in lines["pacs"] and "… 30" in lines["uci_har"]


def test_data_show_and_prepare(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["digits", "digits_m", "moons", "--out", str(tmp_path)]
    assert main(["data", "show", *command]) == 0
    out = capsys.readouterr().out
    assert "images 3 × 16 × 16, values 0 to 255" in out and "674 examples; a class:" in out and "imbalance ratio" in out
    with Image.open(tmp_path / "digits-digits_m-moons.png") as image:
        assert image.width > 1000 and len(set(image.convert("L").tobytes())) > 100
    assert main(["data", "prepare", "digits", "--set", "size=20"]) == 0
    assert "images 1 × 20 × 20" in capsys.readouterr().out
    np.savez(tmp_path / "a.npz", x=np.array([[1.0, np.nan], [2.0, 3.0], [0.0, 1.0]]), y=np.array([0, 1, -1]))
    assert main(["data", "show", "arrays", "--set", f"path={tmp_path / 'a.npz'}", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "1 values missing" in out and "1 without label" in out and "values 0 to 3" in out


def test_data_show_of_an_experiment_shows_what_its_network_sees(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "transform": {"erase": 1.0}}
    file = write_tiny(tmp_path / "tiny.yaml", base={"data": data, "network": {"name": "mnist"}})
    assert main(["data", "show", str(file), "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("digits → digits_m: 607 labelled (66, 60") == 1 and "imbalance ratio 1.49" in out
    assert (tmp_path / "tiny.png").is_file()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["show"], "name a data set"),
        (["show", "mnits"], "unknown data set 'mnits'; did you mean mnist"),
        (["show", "pacs/foto"], "unknown domain 'foto'; did you mean photo"),
        (["show", "moons", "--set", "points"], "write a=b"),
        (["show", "moons", "--set", "dots=3"], "unknown key moons.dots; did you mean points? (known: name, points)"),
        (["show", "folder"], "folder.path is missing"),
        (["prepare", "svhn"], "svhn"),
    ],
)
def test_bad_data_commands(
    command: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    assert main(["data", *command]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_every_data_set_is_documented() -> None:
    from dann.data.datasets.all_datasets import DOMAINS

    own = {"folder", "csv", "arrays", "svmlight", "texts"}
    for name, function in DOMAINS.items():
        text = " ".join((function.__doc__ or "").split())
        said = {"values": r"[Vv]alues|float32", "shape": r"×|`\(N"}
        said |= {} if name in own else {"licence": r"[Ll]icence", "citation": r"(19|20)\d\d"}
        for what, pattern in said.items():
            assert re.search(pattern, text), f"{name} says nothing of its {what}"
        for option in inspect.signature(function).parameters:
            assert option in text, f"{name} says nothing of its option {option}"
