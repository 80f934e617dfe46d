from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from tiny import DIAGNOSED, MOONS, Silent, config_of, write_tiny
from torch import nn

import dann
from dann.config.experiment import read_experiment
from dann.data.domain import Split
from dann.errors import BadInput
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch
from dann.training.pair_loading import load_pair

TINY: dict[str, Any] = {
    "network": {"name": "mlp", "hidden": 8},
    "optimizer": {"name": "adamw", "lr": 0.01},
    "steps": 12,
    "train": {"evaluate_every": 4, "log_every": 2},
    "precision": "fp32",
    "device": "cpu",
}


def test_model_and_history_are_those_of_a_run(tmp_path: Path) -> None:
    pair = load_pair(config_of(MOONS).data)
    file = write_tiny(tmp_path / "tiny.yaml", base=DIAGNOSED, seeds=[0])
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["DANN"])), tmp_path / "runs", torch.device("cpu"), Silent(), file)
    (record,) = read_records(experiment, tmp_path / "runs").values()
    before = torch.random.get_rng_state()
    fitted = dann.fit(pair, **TINY, diagnose=DIAGNOSED["diagnose"])
    assert torch.equal(torch.random.get_rng_state(), before)
    x = pair.target_test.x
    run = dann.load(tmp_path / "runs/dann/seed-0", "cpu")
    assert np.array_equal(fitted.model.predict(x), run.predict(x))
    assert np.array_equal(fitted.model.features(x), run.features(x))
    assert fitted.history.losses() == record.losses and fitted.history.shares() == record.shares
    for own, recorded in zip(fitted.history.evaluations(), record.evaluations, strict=True):
        assert own == pytest.approx(recorded, rel=1e-5) and "score_snd" in own
    assert isinstance(fitted.history.plot(), Figure) and len(fitted.history.plot("DANN").axes) == 4


def test_a_source_model_of_other_classes_is_refused(tmp_path: Path) -> None:
    """In another order they would be predicted one for another."""
    pair = load_pair(config_of(MOONS).data)
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["source only"])), tmp_path, torch.device("cpu"), Silent(), file)
    method = {"name": "shot", "from": str(tmp_path / "source-only/seed-{seed}")}
    assert dann.fit(pair, method, **TINY).model.classes == pair.classes
    with pytest.raises(
        BadInput, match=r"method\.from: .*seed-0 has the classes upper moon, lower moon, these data lower moon, up"
    ):
        dann.fit(replace(pair, classes=pair.classes[::-1]), method, **TINY)


def test_a_module_and_options_of_batches() -> None:
    pair = load_pair(config_of(MOONS).data)
    options = {"data": {"transform": {"normalise": "standard"}}, "diagnose": {"examples": 0}}
    module = nn.Sequential(nn.Linear(2, 5), nn.ReLU())
    fitted = dann.fit(pair, "deep_coral", **{**TINY, "network": module}, **options)
    assert fitted.model.features(pair.target_test.x).shape == (40, 5) and len(fitted.history.plot().axes) == 2
    with pytest.raises(BadInput, match=r"dann\.fit: data\.validation is an argument, or has no meaning here"):
        dann.fit(pair, **TINY, data={"validation": 0.2})


def test_self_training_and_best_weights_are_measured() -> None:
    pair = load_pair(config_of(MOONS).data)
    more = TINY | {"train": {"evaluate_every": 6}, "diagnose": {"examples": 0}}
    rounds = dann.fit(pair, "source_only", **more, self_training={"rounds": 2, "neighbours": 3})
    assert 0 < rounds.history.evaluations()[-1]["self_training_share"] < 1
    best = dann.fit(pair, **{**more, "train": {"keep_best": 3}})
    assert best.history.evaluations()[-1]["best_step"] in (0, 3, 6, 9, 12)


def test_a_failure_is_one_line() -> None:
    pair = load_pair(config_of(MOONS).data)
    broken = pair.with_splits({**pair.splits, "train": Split.of(pair.train.x.clone().fill_(1e38), pair.train.y)})
    with pytest.raises(BadInput, match="training failed at step"):
        dann.fit(broken, **TINY | {"network": {"name": "mlp", "activation": "relu"}})
