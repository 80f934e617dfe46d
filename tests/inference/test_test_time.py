"""Adaptation at prediction: AdaBN and TENT on the inputs, from Python and the command line."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from complaints import complaint
from tiny import Silent, write_tiny
from torch import Tensor, nn

import dann
from dann.cli.arguments import ADAPTATIONS as OFFERED
from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.errors import BadInput
from dann.inference.ensemble import Ensemble
from dann.inference.model import Model
from dann.inference.predict import predict
from dann.inference.test_time import ADAPTATIONS, BATCH, RATE
from dann.runner.planning import launch

SHIFTED = np.random.default_rng(0).normal(2.0, 3.0, (200, 2)).astype(np.float32)


def run(folder: Path, network: dict[str, Any]) -> Path:
    base = {"network": {"name": "mlp", "hidden": 8, **network}}
    file = write_tiny(folder / "tiny.yaml", base=base, seeds=[0, 1])
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["source only"])), folder, torch.device("cpu"), Silent(), file)
    return folder / "source-only"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("normalised"), {"batch_norm": True})


def norms_of(network: nn.Module) -> list[nn.BatchNorm1d]:
    return [part for part in network.modules() if isinstance(part, nn.BatchNorm1d)]


def test_the_command_line_offers_every_adaptation() -> None:
    assert tuple(ADAPTATIONS) == OFFERED


def test_adabn_predicts_with_the_statistics_of_the_inputs_and_leaves_the_model(runs: Path) -> None:
    model = dann.load(runs / "seed-0", "cpu")
    before = {name: value.clone() for name, value in model.method.state_dict().items()}
    adapted = model.predict(SHIFTED, adapt="adabn")
    wanted = deepcopy(model.method.network)
    x = model.inputs(torch.from_numpy(SHIFTED))
    (norm,) = norms_of(wanted)
    seen = wanted.features[0](x).detach()
    norm.running_mean, norm.running_var = seen.mean(0), seen.var(0)
    np.testing.assert_allclose(adapted, wanted(x).softmax(1).detach().numpy(), atol=1e-5)
    assert all(torch.equal(before[name], value) for name, value in model.method.state_dict().items())
    assert not np.allclose(adapted, model.predict(SHIFTED), atol=1e-3)
    order = np.random.default_rng(1).permutation(len(SHIFTED))
    np.testing.assert_allclose(model.predict(SHIFTED[order], adapt="adabn"), adapted[order], atol=1e-5)


def entropy_of(logits: Tensor) -> Tensor:
    return -(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean()


def test_tent_predicts_each_batch_and_then_steps_scales_and_shifts_down_its_entropy(runs: Path) -> None:
    """The first step of Adam is −rate · g / (|g| + ε), as both moments are those of one gradient g."""
    model = dann.load(runs / "seed-0", "cpu")
    network = deepcopy(model.method.network)
    (norm,) = norms_of(network)
    norm.train()
    order = torch.randperm(len(SHIFTED), generator=torch.Generator().manual_seed(0))
    first, second = torch.chunk(model.inputs(torch.from_numpy(SHIFTED))[order], 2)
    assert len(SHIFTED) > BATCH
    logits = network(first)
    gradients = torch.autograd.grad(entropy_of(logits), [norm.weight, norm.bias])
    with torch.no_grad():
        for parameter, gradient in zip((norm.weight, norm.bias), gradients, strict=True):
            parameter -= RATE * gradient / (gradient.abs() + 1e-8)
        wanted = torch.cat([logits, network(second)]).softmax(1)
    adapted = model.predict(SHIFTED, adapt="tent")
    np.testing.assert_allclose(adapted[order.numpy()], wanted.numpy(), atol=1e-5)
    again = model.predict(SHIFTED, adapt="tent")
    assert np.array_equal(again, adapted)
    assert all(parameter.requires_grad for parameter in model.method.parameters())


def test_files_are_adapted_to_together(tmp_path: Path, runs: Path) -> None:
    for name, part in (("a.npy", SHIFTED[:50]), ("b.npy", SHIFTED[50:])):
        np.save(tmp_path / name, part)
    model = dann.load(runs / "seed-0", "cpu")
    paths = [tmp_path / "a.npy", tmp_path / "nothing.npy", tmp_path / "b.npy"]
    for adapt in ADAPTATIONS:
        predicted = predict(model, paths, adapt=adapt)
        np.testing.assert_array_equal(predicted.values, model.predict(SHIFTED, adapt=adapt))
        assert len(predicted.names) == 200 and "nothing.npy" in predicted.skipped[0]


def test_each_model_of_an_ensemble_is_adapted(runs: Path) -> None:
    models: list[Model] = [dann.load(runs / f"seed-{seed}", "cpu") for seed in (0, 1)]
    mean = np.mean([model.predict(SHIFTED, adapt="tent") for model in models], axis=0)
    np.testing.assert_array_equal(Ensemble(models).predict(SHIFTED, adapt="tent"), mean)


def test_a_single_input_and_a_network_without_batch_norm_are_refused(tmp_path: Path, runs: Path) -> None:
    model = dann.load(runs / "seed-0", "cpu")
    with pytest.raises(BadInput, match="inputs: tent takes statistics over all inputs, of which there is one: give"):
        model.predict(SHIFTED[:1], adapt="tent")
    plain = dann.load(run(tmp_path, {}) / "seed-0", "cpu")
    with pytest.raises(BadInput, match=r"adapt: adabn adapts BatchNorm, but this network has none: set .*, and train"):
        plain.predict(SHIFTED, adapt="adabn")


def test_the_command(tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", SHIFTED)
    out = tmp_path / "out.csv"
    command = ["predict", str(runs / "seed-0"), str(tmp_path / "x.npy"), "--device", "cpu", "--out", str(out)]
    assert main([*command, "--adapt", "adabn"]) == 0
    wanted = dann.load(runs / "seed-0", "cpu").predict(SHIFTED, adapt="adabn")
    first = out.read_text().splitlines()[1].split(",")
    assert [float(each) for each in first[3:]] == pytest.approx(wanted[0].tolist(), rel=1e-4)
    np.save(tmp_path / "x.npy", SHIFTED[:1])
    capsys.readouterr()
    assert "of which there is one: give several" in complaint(capsys, *command, "--adapt", "adabn")
