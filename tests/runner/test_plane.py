"""What is filed of networks with two inputs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from tiny import TINY, config_of
from torch import Tensor

from dann.data.pair import Pair
from dann.methods.all_methods import METHODS
from dann.networks.all_networks import NETWORKS
from dann.networks.bottleneck import Bottleneck
from dann.runner.plane import COLUMNS, ROWS, hidden_units, save_plane
from dann.runner.records import PLANE
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer

DANN, SOURCE_ONLY = {"method": {"name": "dann"}}, {"method": {"name": "source_only"}}


def built(**changes: Any) -> tuple[Pair, Trainer]:
    config = config_of(TINY["base"], **changes)
    pair = load_pair(config.data)
    return pair, build_trainer(config, pair, 0, torch.device("cpu"))


def filed(folder: Path, **changes: Any) -> tuple[Pair, Trainer, dict[str, Any]]:
    pair, trainer = built(**changes)
    save_plane(pair, trainer, folder)
    with np.load(folder / PLANE) as stored:
        return pair, trainer, dict(stored)


def on_grid(stored: dict[str, Any]) -> Tensor:
    """The points of the grid, row by row."""
    x, y = np.meshgrid(stored["x"], stored["y"])
    return torch.from_numpy(np.stack([x, y], axis=-1).reshape(-1, 2))


def test_predictions_lie_where_the_grid_has_them(tmp_path: Path) -> None:
    pair, trainer, stored = filed(tmp_path, **DANN)
    method = trainer.method.eval()
    with torch.no_grad():
        outputs = method.outputs(on_grid(stored))
        expected = outputs["logits"].softmax(1).T.reshape(2, ROWS, COLUMNS)
        as_target = method.domain_logits(outputs).sigmoid().reshape(ROWS, COLUMNS)
    np.testing.assert_allclose(stored["probabilities"], expected, atol=1e-3)
    np.testing.assert_allclose(stored["as_target"], as_target, atol=1e-3)
    assert np.array_equal(stored["source"], pair.train.x) and np.array_equal(stored["label"], pair.train.y)
    assert np.array_equal(stored["target"], pair.unlabelled.x) and bool(stored["discriminator"])
    inputs = np.concatenate([stored["source"], stored["target"]])
    assert stored["x"][0] < inputs[:, 0].min() and inputs[:, 1].max() < stored["y"][-1]


def test_the_plane_is_that_of_the_inputs_after_normalisation(tmp_path: Path) -> None:
    _, _, stored = filed(tmp_path, data={"transform": {"normalise": "standard"}}, **DANN)
    np.testing.assert_allclose(stored["source"].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(stored["source"].std(axis=0), 1, atol=1e-5)


def test_components_keep_the_distances_that_their_shares_of_variance_promise(tmp_path: Path) -> None:
    _, trainer, stored = filed(tmp_path, network={"hidden": 2}, **DANN)
    inputs = torch.from_numpy(np.concatenate([stored["source"], stored["target"]]))
    features = trainer.method.eval().outputs(inputs)["features"].detach()
    plane = np.concatenate([stored["source_plane"], stored["target_plane"]])
    np.testing.assert_allclose(pdist(plane), pdist(features), atol=1e-5)
    assert stored["shares"].sum() == pytest.approx(1.0) and stored["shares"][0] > stored["shares"][1]


def test_without_a_discriminator_a_logistic_regression_distinguishes_the_domains(tmp_path: Path) -> None:
    apart = {"target": {"name": "moons_rotated", "points": 20, "degrees": 90.0}}
    _, _, stored = filed(tmp_path, data=apart, network={"hidden": 40}, **SOURCE_ONLY)
    assert not stored["discriminator"]
    rates = []
    for name, is_target in (("source", False), ("target", True)):
        column, row = (np.abs(stored[axis] - stored[name][:, [i]]).argmin(1) for i, axis in enumerate("xy"))
        rates.append(np.mean((stored["as_target"][row, column] > 0.5) == is_target))
    assert np.mean(rates) > 0.6


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_hidden_unit_has_its_line_where_its_activation_turns(activation: str, batch_norm: bool) -> None:
    torch.manual_seed(0)
    network = NETWORKS["mlp"]((2,), 2, hidden=5, activation=activation, batch_norm=batch_norm)
    if batch_norm:
        network.train()(torch.randn(50, 2) + 1)
    method = METHODS["source_only"](network)
    units = torch.from_numpy(hidden_units(method))
    normal, bias = units[:, :2], units[:, 2:]
    on_lines = -bias * normal / normal.square().sum(1, keepdim=True)
    turns = network.eval().features(on_lines).diagonal()
    torch.testing.assert_close(turns, torch.full((5,), 0.5 if activation == "sigmoid" else 0.0), atol=1e-5, rtol=0)
    assert units.shape == (5, 3) and not network.training


@pytest.mark.parametrize(("hidden", "rows"), [(5, 0), (None, 4)])
def test_features_of_two_layers_have_no_lines_but_those_of_a_bottleneck_alone(hidden: int | None, rows: int) -> None:
    network = NETWORKS["mlp"]((2,), 2, hidden=hidden, bottleneck=Bottleneck(width=4))
    assert hidden_units(METHODS["source_only"](network)).shape == (rows, 3)


def test_nothing_is_filed_of_inputs_that_are_no_plane_of_many_classes_or_of_what_is_not_finite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_plane(*built(data={"msda": {"layers": 1}}), tmp_path)
    pair, trainer = built()
    with torch.no_grad():
        next(trainer.method.parameters()).fill_(math.inf)
    save_plane(pair, trainer, tmp_path)
    monkeypatch.setattr("dann.runner.plane.MOST_CLASSES", 1)
    save_plane(*built(), tmp_path)
    assert not (tmp_path / PLANE).exists()
