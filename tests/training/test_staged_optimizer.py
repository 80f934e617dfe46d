"""Stages of training, each with an optimiser of its own, and parameter groups by part."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from stacked_runs import assert_same_state, in_both_ways
from tiny import MOONS, config_of

from dann.config.optimizer_section import read_optimizer
from dann.errors import BadInput
from dann.methods.all_methods import METHODS
from dann.methods.method import Method, Stage
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.staged_optimizer import StagedOptimizer, parameter_groups, set_rates

GRADIENTS = np.random.default_rng(0).normal(size=(6, 8))


class Staged(METHODS["source_only"]):  # type: ignore[name-defined, misc]
    """Source only in three stages, of which two share a name."""

    stages = (Stage("first", 0.0), Stage("round", 0.5), Stage("round", 0.75))


def staged(**options: Any) -> tuple[torch.nn.Parameter, StagedOptimizer]:
    """The first weights of a method, and its optimiser."""
    method = Staged(mlp((2,), 3, hidden=4)).double()
    return method.network.features[0].weight, StagedOptimizer(method, read_optimizer({"name": "adam", **options}, "f"))


def adam(w: np.ndarray, gradients: np.ndarray, rates: Sequence[float], beta1: float) -> np.ndarray:
    """Kingma and Ba 2015, Algorithm 1, from no state."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        m, v = beta1 * m + (1 - beta1) * g, 0.999 * v + 0.001 * g**2
        w = w - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


def test_each_stage_begins_with_no_state_and_its_own_options_and_schedule() -> None:
    own = {"lr": 0.02, "beta1": 0.5, "schedule": {"name": "inverse", "gamma": 3.0, "power": 2.0}}
    weight, optimizers = staged(lr=0.1, schedule="cosine", stages={"round": own})
    expected = weight.detach().numpy().reshape(-1)
    expected = adam(expected, GRADIENTS[:2], [0.1 * (1 + np.cos(np.pi * p)) / 2 for p in (0.0, 0.5)], 0.9)
    for steps in (slice(2, 4), slice(4, 6)):  # progress 0 and 0.5 within the stage
        expected = adam(expected, GRADIENTS[steps], [0.02 * (1 + 3 * p) ** -2 for p in (0.0, 0.5)], 0.5)
    begun = []
    for progress, gradient in zip((0.0, 0.25, 0.5, 0.625, 0.75, 0.875), GRADIENTS, strict=True):
        begun.append(optimizers.go_to(progress))
        set_rates(optimizers.current, optimizers.factor(progress))
        weight.grad = torch.from_numpy(gradient.reshape(4, 2))
        optimizers.current.step()
    assert begun == [False, False, True, False, True, False]
    np.testing.assert_allclose(weight.detach().numpy().reshape(-1), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1, 1, 1]),
        ("inverse", [1, 6**-0.75, 11**-0.75]),
        ({"name": "cosine", "end": 0.2}, [1, 0.6, 0.2]),
        ({"name": "step", "at": [0.5, 0.9], "factor": 0.5}, [1, 0.5, 0.25]),
        ({"name": "constant", "warmup": 0.8}, [0, 0.625, 1]),
    ],
)
def test_schedules(schedule: Any, factors: list[float]) -> None:
    function = read_optimizer({"name": "sgd", "schedule": schedule}, "f").schedule.function()
    assert [function(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx(factors, rel=1e-12)


def groups_of(method: Method, **options: Any) -> list[tuple[set[str], float | None, float | None]]:
    """The names of each group's parameters, its learning rate and weight decay."""
    names = {id(parameter): name for name, parameter in method.named_parameters()}
    section = read_optimizer({"name": "sgd", **options}, "f")
    groups = parameter_groups(method, section, None)
    return [
        ({names[id(each)] for each in group["params"]}, group.get("lr"), group.get("weight_decay")) for group in groups
    ]


def test_parts_have_groups_of_their_own() -> None:
    network = mlp((2,), 3, hidden=4)
    parts = {"features": {"lr": 0.1}, "discriminator": {"lr": 1.0, "weight_decay": 0.5}}
    features = {"network.features.0.weight", "network.features.0.bias"}
    classifier = {"network.classifier.weight", "network.classifier.bias"}
    discriminator = {"discriminator.layers.0.weight", "discriminator.layers.0.bias"}
    dann = METHODS["dann"](network)
    assert groups_of(dann) == [(features | classifier | discriminator, None, None)]
    assert groups_of(dann, parts=parts) == [(classifier, None, None), (features, 0.1, None), (discriminator, 1.0, 0.5)]
    assert groups_of(METHODS["source_only"](network), parts=parts) == [(classifier, None, None), (features, 0.1, None)]
    second = {f"second_classifier.{name}" for name in ("weight", "bias")}
    assert groups_of(METHODS["mcd"](network), parts={"classifier": {"lr": 0.2}})[1] == (classifier | second, 0.2, None)
    pixel_da = METHODS["pixel_da"](NETWORKS["mnist"]((1, 28, 28), 3), filters=2, blocks=0)
    of_images = {name for name, _ in pixel_da.named_parameters() if name.startswith("image_discriminator.")}
    assert groups_of(pixel_da, parts={"discriminator": {"lr": 0.3}})[1:] == [(of_images, 0.3, None)]


def test_a_stage_that_the_method_does_not_have_is_refused() -> None:
    config = config_of(MOONS, method={"name": "adda"}, optimizer={"stages": {"adapted": {"lr": 0.1}}})
    with pytest.raises(BadInput, match=r"optimizer.stages: adda has no stage adapted \(known: pretrain, adapt\)"):
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))


def test_a_stage_with_another_optimiser_has_that_ones_options() -> None:
    base = {"name": "sgd", "momentum": 0.9, "lr": 1.0, "schedule": "cosine", "parts": {"features": {"lr": 0.5}}}
    section = read_optimizer({**base, "stages": {"adapt": {"name": "adam", "beta1": 0.5}, "more": {"lr": 2.0}}}, "f")
    adapt, more = section.stage("adapt"), section.stage("more")
    assert adapt.options() == {**read_optimizer({"name": "adam"}, "f").options(), "beta1": 0.5}
    assert (adapt.schedule.name, adapt.parts["features"].lr) == ("cosine", 0.5)
    assert (more.options()["momentum"], more.options()["lr"]) == (0.9, 2.0)


def test_nesterov_without_momentum_is_refused_in_a_stage_too() -> None:
    for optimizer, path in (({"nesterov": True}, ""), ({"stages": {"adapt": {"nesterov": True}}}, "stages.adapt.")):
        config = config_of(MOONS, method={"name": "adda"}, optimizer={"name": "sgd", "momentum": 0.0, **optimizer})
        with pytest.raises(BadInput, match=rf"optimizer.{path}nesterov: needs a momentum"):
            build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))


def test_the_rates_of_parts_are_those_of_their_groups() -> None:
    parts = {"features": {"lr": 0.5}, "discriminator": {"lr": 0.2}}
    config = config_of(MOONS, optimizer={"name": "sgd", "lr": 1.0, "schedule": "cosine", "parts": parts})
    trainer = build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
    trainer.step(3, 0.5)
    assert [group["lr"] for group in trainer.optimizer.param_groups] == pytest.approx([0.5, 0.25, 0.1])
    rates = {"learning_rate_features": 0.25, "learning_rate_discriminator": 0.1}
    assert trainer.optimizers.part_rates(0.5) == pytest.approx(rates)


def test_a_stack_changes_stages_as_its_runs_do(in_double: None) -> None:
    stages = {"adapt": {"name": "adam", "lr": 0.01, "beta1": 0.5, "schedule": "inverse"}}
    method = {"name": "adda", "pretrain": 0.4}
    configs = [config_of(MOONS, method=method, optimizer={"lr": rate, "stages": stages}) for rate in (0.1, 0.2)]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4)
    for learner in (stack, *separate):
        learner.refresh(0.3, 0.4, False)
        learner.step(4, 0.4)
        learner.step(5, 0.7)
    assert_same_state(stack, separate)
    assert stack.rates() == [0.01 * (1 + 10 * (0.7 - 0.4) / 0.6) ** -0.75] * 2
