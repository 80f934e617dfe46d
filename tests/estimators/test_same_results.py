"""An estimator has the weights of ``dann run``, bit by bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from made_sides import SMALL, make_sides, small
from tiny import Silent

import dann
from dann.config.experiment import read_experiment
from dann.runner.planning import launch

METHODS: list[tuple[Any, dict[str, Any]]] = [
    ({"name": "dann", "weight": 0.5}, {"train": {"evaluate_every": 4, "log_every": 2}}),
    ({"name": "mcd"}, {"data": {"resample": "balanced", "transform": {"normalise": "standard", "noise": 0.1}}}),
    ({"name": "adabn"}, {"network": {"name": "mlp", "hidden": 8, "batch_norm": True}}),
    ({"name": "dann"}, {"train": {"ema": 0.9}, "precision": "bf16", "data": {"missing": "mean"}}),
]


@pytest.mark.parametrize(("method", "more"), METHODS, ids=["dann", "mcd", "adabn", "ema"])
def test_the_weights_are_those_of_a_run(method: Any, more: dict[str, Any], tmp_path: Path) -> None:
    x, y, x_target = make_sides()
    if "missing" in more.get("data", {}):
        x[5, 0] = np.nan
    np.savez(tmp_path / "source.npz", x=x, y=y)
    np.savez(tmp_path / "target.npz", x=x_target)
    given = SMALL | more
    paths = {side: {"name": "arrays", "path": str(tmp_path / f"{side}.npz")} for side in ("source", "target")}
    base = {
        "data": {**paths, "batch_size": given["batch_size"], "transductive": True, **more.get("data", {})},
        "network": given["network"],
        "optimizer": given["optimizer"],
        "train": {"steps": given["steps"], "precision": given.get("precision", "fp32"), **more.get("train", {})},
        "method": method,
    }
    file = tmp_path / "same.yaml"
    variants = {"source only": {"method": {"name": "source_only"}}, "row": {}}
    file.write_text(yaml.safe_dump({"title": "Same", "seeds": [3], "base": base, "variants": variants}))
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["row"])), tmp_path / "runs", torch.device("cpu"), Silent(), file)
    model = dann.load(tmp_path / "runs/row/seed-3", "cpu")
    before = torch.random.get_rng_state()
    fitted = small(method, **more).fit(x, y, X_target=x_target)
    assert torch.equal(torch.random.get_rng_state(), before)
    own, theirs = fitted.model_.method.state_dict(), model.method.state_dict()
    assert own.keys() == theirs.keys() and all(torch.equal(own[name], theirs[name]) for name in own)
    assert np.array_equal(fitted.predict_proba(x_target), model.predict(x_target))
    resolved = model.config.model_dump(mode="json")
    assert {name for name in resolved if resolved[name] != fitted.config_[name]} == {"data", "diagnose"}
    places = {side: {**resolved["data"][side], "path": "memory"} for side in ("source", "target")}
    assert {**resolved["data"], **places} == fitted.config_["data"]
