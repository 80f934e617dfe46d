"""Pairs: no test example leaks, and the record describes the data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_domains import own_vectors, values, vectors
from PIL import Image
from streams import CPU
from tiny import TINY, Silent, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.schema import resolve
from dann.data.pair_builder import PairOptions, build_pair
from dann.errors import BadInput
from dann.runner.planning import launch
from dann.runner.records import read_record
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair


@pytest.mark.parametrize("options", [{}, {"target_labelled": 3}, {"target_classes": ["a", "c"]}, {"test": 0.5}])
@pytest.mark.parametrize("defined", [0, 5])
@pytest.mark.parametrize("on_target", [False, True])
def test_no_target_test_example_is_ever_trained_on(options: dict[str, object], defined: int, on_target: bool) -> None:
    target = vectors("target", first=1000, test=defined)
    sources = [target] if on_target else [vectors("source")]
    pair = build_pair(sources, target, PairOptions(**options))  # type: ignore[arg-type]
    trained = values(pair.train) | values(pair.unlabelled) | values(pair.validation)
    assert values(pair.target_test) and not values(pair.target_test) & trained
    assert not values(pair.train) & values(pair.validation)


def test_target_labels_cannot_be_reached_from_what_trains() -> None:
    pair = build_pair([vectors("source")], vectors("target", first=1000), PairOptions())
    assert set(pair.unlabelled.y.tolist()) == {-1}
    config = resolve(TINY["base"], "test")
    stream = build_trainer(config, load_pair(config.data), 0, torch.device("cpu")).stream
    assert set(stream.target.y.tolist()) == {-1}


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
    launch(experiment, list(experiment.runs(["DANN"], [0])), tmp_path / "runs", CPU, Silent(), file)
    record = read_record(tmp_path / "runs/dann/seed-0")
    assert record.data["source"]["skipped"] == ["cat/3.png"] and record.data["source"]["train"] == 19
    assert record.data["protocol"].startswith("transductive")
    assert "source_test" not in record.confusion and "source_validation" in record.evaluations[-1]
    assert main(["table", str(tmp_path / "runs")]) == 0 and main(["plot", str(tmp_path / "runs")]) == 0


def test_a_run_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", base={"data": own_vectors(tmp_path, gaps=False)})
    experiment = read_experiment(file)
    runs = list(experiment.runs(["DANN"], [0]))
    with pytest.raises(KeyboardInterrupt):
        launch(experiment, runs, tmp_path / "runs", CPU, Silent(stop_at=6), file)
    stored = dict(np.load(tmp_path / "target.npz"))
    np.savez(tmp_path / "target.npz", **{**stored, "x": stored["x"] + 1})
    with pytest.raises(BadInput, match=r"seed-0.unfinished: DANN, seed 0 was begun with other data"):
        launch(experiment, runs, tmp_path / "runs", CPU, Silent(), file)
    np.savez(tmp_path / "target.npz", **stored)
    launch(experiment, runs, tmp_path / "runs", CPU, Silent(), file)
