"""Domain confusion, ADDA, MCD and MDD: the losses, parameters and forward passes of each update."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of
from oracles import numerical_gradient
from stacked_runs import DIGITS, assert_same_state, in_both_ways, name_of
from tiny import MOONS, config_of
from torch import nn

from dann.data.loading.stream import Batch
from dann.methods.adda import Adda
from dann.methods.all_methods import METHODS
from dann.methods.domain_confusion import DomainConfusion
from dann.methods.mcd import Mcd
from dann.methods.mdd import Mdd
from dann.methods.method import Method
from dann.methods.source_only import SourceOnly
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.networks.network import Network
from dann.optim.schedules import ramp
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import update

Arrays = dict[str, np.ndarray]
FEATURES, CLASSIFIER = "network.features", "network.classifier"
STEPPED = {
    (DomainConfusion, "discriminator"): ("discriminator",),
    (DomainConfusion, "network"): ("network",),
    (Adda, "label"): ("network",),
    (Adda, "discriminator"): ("discriminator",),
    (Adda, "encoder"): ("network",),
    (Mcd, "label"): ("network", "second_classifier"),
    (Mcd, "classifiers"): (CLASSIFIER, "second_classifier"),
    (Mcd, "features"): (FEATURES,),
    (Mdd, "all"): ("network", "adversary"),
}
PARTS = pytest.mark.parametrize(("kind", "phase"), STEPPED)


def phases_of(kind: type[Method]) -> list[str]:
    return [phase for each, phase in STEPPED if each is kind]


def values(method: Method) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in method.state_dict().items()}


@PARTS
def test_a_phase_steps_its_parameters_and_no_others(kind: type[Method], phase: str) -> None:
    method = kind(mlp((20,), 5))
    optimizer = torch.optim.AdamW(method.parameters(), lr=0.1, weight_decay=0.1)
    for each in phases_of(kind):  # so that every parameter has momentum that could move it
        update(method, batch_of((20,)), 0.5, each, optimizer)
    before = values(method)
    update(method, batch_of((20,)), 0.5, phase, optimizer)
    for name, value in method.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith(STEPPED[kind, phase]), name


@pytest.mark.parametrize(
    ("method", "early", "late"),
    [
        (DomainConfusion(mlp((20,), 5)), ("discriminator", "network"), ("discriminator", "network")),
        (Adda(mlp((20,), 5), pretrain=0.25), ("label",), ("discriminator", "encoder")),
        (Mcd(mlp((20,), 5)), ("label", "classifiers", *["features"] * 4), ("label", "classifiers", *["features"] * 4)),
        (Mcd(mlp((20,), 5), num_k=1), ("label", "classifiers", "features"), ("label", "classifiers", "features")),
        (Mdd(mlp((20,), 5)), ("all",), ("all",)),
    ],
)
def test_the_updates_of_a_step(method: Method, early: tuple[str, ...], late: tuple[str, ...]) -> None:
    assert method.phases(0.0) == method.phases(0.2499) == early
    assert method.phases(0.25) == method.phases(0.99) == late


def affine(p: Arrays, layer: str, x: np.ndarray) -> np.ndarray:
    return x @ p[f"{layer}.weight"].T + p[f"{layer}.bias"]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def label_term(logits: np.ndarray, batch: Batch) -> float:
    losses = -log_softmax(logits)[np.arange(len(logits)), batch.source_y.numpy()]
    return float((batch.source_weight.numpy() * losses).sum() / batch.source_weight.numpy().sum())


def as_target(p: Arrays, features: np.ndarray) -> np.ndarray:
    """The discriminator's probability that features are of the target."""
    return 1 / (1 + np.exp(-affine(p, "discriminator.layers.0", features)[:, 0]))


def domain_term(p: Arrays, source: np.ndarray, target: np.ndarray) -> float:
    return float(-np.log(1 - as_target(p, source)).mean() - np.log(as_target(p, target)).mean()) / 2


def confusion_oracle(p: Arrays, batch: Batch, phase: str) -> dict[str, float]:
    """Tzeng et al. 2015: L_D for the discriminator; L_C + λ L_conf for the network."""
    source, target = (affine(p, FEATURES, x.numpy()) for x in (batch.source_x, batch.target_x))
    if phase == "discriminator":
        return {"domain": domain_term(p, source, target)}
    q = as_target(p, np.concatenate([source, target]))
    confusion = np.mean(-np.log(q) / 2 - np.log(1 - q) / 2)
    return {"label": label_term(affine(p, CLASSIFIER, source), batch), "confusion": 0.3 * confusion}


def adda_oracle(p: Arrays, batch: Batch, phase: str) -> dict[str, float]:
    """Tzeng et al. 2017, equation (9): the source through its own encoder, the target taken for source."""
    if phase == "label":
        logits = affine(p, CLASSIFIER, affine(p, FEATURES, batch.source_x.numpy()))
        return {"label": label_term(logits, batch)}
    target = affine(p, CLASSIFIER, affine(p, FEATURES, batch.target_x.numpy()))
    if phase == "discriminator":
        source = affine(p, "source_encoder.module.features", batch.source_x.numpy())
        return {"domain": domain_term(p, affine(p, "source_encoder.module.classifier", source), target)}
    return {"encoder": np.mean(-np.log(1 - as_target(p, target)))}


def mcd_oracle(p: Arrays, batch: Batch, phase: str) -> dict[str, float]:
    """Saito et al. 2018: A: L1 + L2; B: L1 + L2 − w d(target); C: w d(target)."""
    source, target = (affine(p, FEATURES, x.numpy()) for x in (batch.source_x, batch.target_x))
    classifiers = (CLASSIFIER, "second_classifier")
    label = sum(label_term(affine(p, each, source), batch) for each in classifiers)
    one, other = (np.exp(log_softmax(affine(p, each, target))) for each in classifiers)
    discrepancy = 0.7 * np.mean(np.abs(one - other))
    return {
        "label": {"label": label},
        "classifiers": {"label": label, "discrepancy": -discrepancy},
        "features": {"discrepancy": discrepancy},
    }[phase]


def mdd_oracle(p: Arrays, batch: Batch, phase: str) -> dict[str, float]:
    """Zhang et al. 2019, equation (30): −γ E_s log σ_y(f') − E_t log(1 − σ_y(f')), y the class that f predicts."""
    source, target = (affine(p, FEATURES, x.numpy()) for x in (batch.source_x, batch.target_x))
    chosen = [np.exp(log_softmax(affine(p, "adversary", each)))[
        np.arange(len(each)), affine(p, CLASSIFIER, each).argmax(axis=1)] for each in (source, target)]  # fmt: skip
    disparity = -2.5 * np.log(chosen[0]).mean() - np.log(1 - chosen[1]).mean()
    return {"label": label_term(affine(p, CLASSIFIER, source), batch), "disparity": disparity}


ORACLES: dict[type[Method], tuple[dict[str, float], Callable[[Arrays, Batch, str], dict[str, float]]]] = {
    DomainConfusion: ({"weight": 0.3}, confusion_oracle),
    Adda: ({}, adda_oracle),
    Mcd: ({"weight": 0.7}, mcd_oracle),
    Mdd: ({"weight": 0.4, "margin": 2.5}, mdd_oracle),
}


def linear_method(kind: type[Method]) -> Method:
    """On features and classifier that are linear, with a logistic regression as discriminator, in float64."""
    torch.manual_seed(0)
    network = Network(nn.Linear(7, 4), nn.Linear(4, 3), (7,), ())
    method = kind(network, **ORACLES[kind][0]).double()
    with torch.no_grad():
        network.features.weight.mul_(1.5)  # so that a frozen copy is not what it was copied from
    return method


def uneven_batch() -> Batch:
    """More source than target examples, which weigh differently in the label loss."""
    batch = batch_of((7,), classes=3, dtype=torch.float64)
    weight = torch.tensor([0.5, 1.0, 2.0, 1.0, 3.0, 0.1], dtype=torch.float64)
    return batch._replace(target_x=batch.target_x[:4], source_weight=weight)


def arrays(method: Method) -> Arrays:
    return {name: value.detach().numpy().copy() for name, value in method.named_parameters()}


@PARTS
def test_an_update_follows_the_gradient_of_the_papers_loss(kind: type[Method], phase: str) -> None:
    method, batch, oracle = linear_method(kind), uneven_batch(), ORACLES[kind][1]
    before, progress, rate = arrays(method), 0.15, 0.5
    terms = update(method, batch, progress, phase, torch.optim.SGD(method.parameters(), lr=rate))
    expected = oracle(before, batch, phase)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected, rel=1e-12)

    def objective(name: str, value: np.ndarray) -> float:
        found = oracle(before | {name: value}, batch, phase)
        reversed_ = -0.4 * ramp(progress) if name.startswith(FEATURES) else 1.0
        return sum(reversed_ * term if key == "disparity" else term for key, term in found.items())

    for name, value in arrays(method).items():
        moved = np.zeros_like(value)
        if name.startswith(STEPPED[kind, phase]):
            moved = -rate * numerical_gradient(lambda x, name=name: objective(name, x), before[name].copy())
            assert np.abs(moved).max() > 1e-4, name
        np.testing.assert_allclose(value - before[name], moved, rtol=1e-5, atol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("kind", "phase"), [(DomainConfusion, "discriminator"), (Adda, "discriminator"), (Mcd, "classifiers")]
)
def test_features_that_are_held_fixed_are_not_differentiated(kind: type[Method], phase: str) -> None:
    method = linear_method(kind)
    torch.stack(list(method(uneven_batch(), 0.5, phase).values())).sum().backward()
    assert all(parameter.grad is None for parameter in method.network.features.parameters())


@pytest.mark.parametrize("kind", [DomainConfusion, Mdd])
def test_weight_zero_moves_features_and_classifier_as_source_only_does(kind: type[Method]) -> None:
    networks = []
    for build in (lambda network: kind(network, weight=0.0), SourceOnly):
        torch.manual_seed(0)
        method = build(NETWORKS["mnist"]((3, 28, 28), 10)).double()
        optimizer = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
        start = values(method)
        for _ in range(2):
            for phase in method.phases(0.5):
                update(method, batch_of((3, 28, 28), dtype=torch.float64), 0.5, phase, optimizer)
        assert all(not torch.equal(value, start[name]) for name, value in method.state_dict().items())
        networks.append(method.network.state_dict())
    for name, value in networks[0].items():
        torch.testing.assert_close(value, networks[1][name], rtol=1e-10, atol=1e-12)


def test_equal_classifiers_have_no_discrepancy() -> None:
    method, batch = Mcd(mlp((20,), 5)), batch_of((20,))
    assert method(batch, 0.5, "features")["discrepancy"].item() > 1e-3
    method.second_classifier.load_state_dict(method.network.classifier.state_dict())
    terms = method(batch, 0.5, "features")
    assert terms["discrepancy"].item() == 0.0
    terms["discrepancy"].backward()
    assert all(not parameter.grad.any() for parameter in method.network.features.parameters())


def test_mcd_predicts_by_the_mean_of_both_classifiers() -> None:
    method, x = Mcd(mlp((20,), 5)), batch_of((20,)).target_x
    outputs = method.outputs(x)
    features = method.network.features(x)
    assert torch.equal(outputs["features"], features)
    mean = torch.stack([method.network.classifier(features), method.second_classifier(features)]).mean(0)
    torch.testing.assert_close(outputs["logits"], mean)
    assert torch.equal(method.predict(x), outputs["logits"])


@pytest.mark.parametrize(("kind", "second"), [(Mcd, "second_classifier"), (Mdd, "adversary")])
def test_the_second_classifier_has_initial_weights_of_its_own(kind: type[Method], second: str) -> None:
    method = kind(NETWORKS["mnist"]((3, 28, 28), 10))
    first, other = method.network.classifier.state_dict(), getattr(method, second).state_dict()
    assert first.keys() == other.keys()
    assert all(not torch.equal(value, other[name]) for name, value in first.items())


def test_mdd_holds_the_predicted_classes_fixed() -> None:
    """So the disparity has a gradient in the features and the adversary, and none in the classifier."""
    method = linear_method(Mdd)
    method(uneven_batch(), 0.5, "all")["disparity"].backward()
    assert method.network.classifier.weight.grad is None
    assert method.network.features.weight.grad.abs().max() > 1e-3
    assert method.coefficients(0.5) == {"lambda": 0.4 * ramp(0.5)}
    assert Mdd(mlp((20,), 5), schedule="constant").coefficients(0.0) == {"lambda": 0.1}
    steps = Mdd(mlp((20,), 5), horizon=0.5)  # of 20 000: the authors' 2 / (1 + exp(−i / 1000)) − 1, at step 3000
    assert steps.coefficients(3 / 20)["lambda"] == pytest.approx(0.1 * (2 / (1 + math.exp(-3)) - 1))
    assert steps.coefficients(0.9) == steps.coefficients(0.5)
    short = Mdd(mlp((20,), 5), horizon=5.0)  # of 2000 steps, whose last is at 2 / (1 + exp(−2)) − 1
    assert short.coefficients(1.0)["lambda"] == pytest.approx(0.1 * (2 / (1 + math.exp(-2)) - 1))


FORWARDED = {
    (DomainConfusion, "discriminator"): ("both",),
    (DomainConfusion, "network"): ("both",),
    (Adda, "label"): ("source",),
    (Adda, "discriminator"): ("target",),
    (Adda, "encoder"): ("target",),
    (Mcd, "label"): ("source",),
    (Mcd, "classifiers"): ("source", "target"),
    (Mcd, "features"): ("target",),
    (Mdd, "all"): ("both",),
}


@PARTS
def test_the_domains_are_forwarded_as_the_docstring_says(kind: type[Method], phase: str) -> None:
    method = kind(NETWORKS["mnist"]((3, 28, 28), 10, batch_norm=True))
    batch = batch_of((3, 28, 28))
    expected = method.network.features[1].running_mean.clone()
    inputs = {
        "source": batch.source_x,
        "target": batch.target_x,
        "both": torch.cat([batch.source_x, batch.target_x]),
    }
    method(batch, 0.5, phase)
    for part in FORWARDED[kind, phase]:
        expected = 0.9 * expected + 0.1 * method.network.features[0](inputs[part]).mean(dim=(0, 2, 3))
    torch.testing.assert_close(method.network.features[1].running_mean, expected, rtol=1e-4, atol=1e-6)


def normalised_digits() -> Network:
    return NETWORKS["mnist"]((3, 28, 28), 10, batch_norm=True, dropout=0.3)


def test_adda_pretrains_as_source_only_does_bit_for_bit() -> None:
    networks = []
    for kind in (Adda, SourceOnly):
        torch.manual_seed(0)
        method = kind(normalised_digits())
        optimizer = torch.optim.AdamW(method.parameters(), lr=0.01, weight_decay=0.1)
        for step in range(3):
            torch.manual_seed(step)
            (phase,) = method.phases(0.1 * step)
            update(method, batch_of((3, 28, 28)), 0.1 * step, phase, optimizer)
        networks.append(method.network.state_dict())
    assert all(torch.equal(value, networks[1][name]) for name, value in networks[0].items())


def adapting(layer: str = "logits") -> tuple[Adda, torch.optim.Optimizer]:
    """ADDA just after its milestone, with an optimiser that has stepped everything there was to step."""
    torch.manual_seed(0)
    method = Adda(normalised_digits(), layer=layer)
    optimizer = torch.optim.AdamW(method.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(2):
        update(method, batch_of((3, 28, 28)), 0.4, "label", optimizer)
    method.refresh(None, 0.5, method)
    return method, optimizer


def adapted(method: Adda, optimizer: torch.optim.Optimizer, batch: Batch) -> list[dict[str, torch.Tensor]]:
    torch.manual_seed(1)
    return [update(method, batch, 0.6, phase, optimizer) for _ in range(2) for phase in method.phases(0.6)]


@pytest.mark.parametrize(("layer", "encoder"), [("logits", "network"), ("features", FEATURES)])
def test_adda_freezes_the_source_encoder_and_what_follows_it_at_the_milestone(layer: str, encoder: str) -> None:
    method, optimizer = adapting(layer)
    assert method.due(0.4, 0.5, False) and method.due(0.4, 0.6, False) and not method.due(0.5, 0.6, True)
    before = values(method)
    frozen = {name: value for name, value in before.items() if name.startswith("source_encoder.module.")}
    assert any("running_mean" in name for name in frozen)
    for name, value in frozen.items():
        assert torch.equal(value, before[name.replace("source_encoder.module", encoder)]), name
    assert method.train().source_encoder.module.training is False
    adapted(method, optimizer, batch_of((3, 28, 28)))
    for name, value in method.state_dict().items():
        kept = not name.startswith((encoder, "discriminator"))
        assert torch.equal(value, before[name]) == kept, name


def test_adda_needs_no_source_labels_once_it_adapts() -> None:
    batch, states, logs = batch_of((3, 28, 28)), [], []
    weight = torch.rand(len(batch.source_y))
    for given in (batch, batch._replace(source_y=(batch.source_y + 1) % 5, source_weight=weight)):
        method, optimizer = adapting()
        logs.append(adapted(method, optimizer, given))
        states.append(method.state_dict())
    assert logs[0] == logs[1]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_adda_shows_the_discriminator_the_source_through_the_frozen_encoder_in_evaluation_mode() -> None:
    method, optimizer = adapting()
    batch = batch_of((3, 28, 28))
    adapted(method, optimizer, batch)  # moves the target encoder away
    logits = method.eval().source_encoder.module(batch.source_x)
    assert not torch.allclose(logits, method.network(batch.source_x), atol=1e-2)
    seen: list[torch.Tensor] = []
    hook = method.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    method.train()(batch, 0.6, "discriminator")
    hook.remove()
    torch.testing.assert_close(seen[0], logits)
    assert not any(x.requires_grad for x in seen)


def test_adda_evaluates_with_the_target_encoder() -> None:
    method, optimizer = adapting()
    x = batch_of((3, 28, 28)).source_x
    adapted(method, optimizer, batch_of((3, 28, 28)))
    features = method.eval().network.features(x)
    outputs = method.outputs(x)
    assert torch.equal(outputs["features"], features)
    assert torch.equal(outputs["logits"], method.network.classifier(features))
    assert torch.equal(method.domain_logits(outputs), method.discriminator(outputs["logits"]))
    method = Adda(mlp((20,), 5), layer="features").eval()
    outputs = method.outputs(torch.randn(3, 20))
    assert torch.equal(method.domain_logits(outputs), method.discriminator(outputs["features"]))


CASES: dict[str, tuple[type[Method], dict[str, Any], list[dict[str, Any]]]] = {
    "domain confusion": (DomainConfusion, MOONS, [{"weight": 0.01}, {"weight": 1.0}, {"weight": 1.0}]),
    "domain confusion, BatchNorm, dropout": (DomainConfusion, DIGITS, [{}, {"weight": 0.5}]),
    "ADDA": (Adda, MOONS, [{"pretrain": 0.4, "discriminator": [5]}] * 2),
    "ADDA, features": (Adda, MOONS, [{"pretrain": 0.4, "layer": "features"}] * 2),
    "ADDA, BatchNorm, dropout": (Adda, DIGITS, [{"pretrain": 0.4}] * 2),
    "MCD": (Mcd, MOONS, [{"weight": 1.0}, {"weight": 0.2}]),
    "MCD, BatchNorm, dropout": (Mcd, DIGITS, [{"num_k": 2}] * 2),
    "MDD": (Mdd, MOONS, [{"weight": 0.1}, {"weight": 1.0, "margin": 2.0}]),
    "MDD, BatchNorm, dropout": (Mdd, DIGITS, [{}, {"margin": 3.0}]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_stack_trains_as_separate_runs_do(case: str, in_double: None) -> None:
    kind, base, options = CASES[case]
    configs = [config_of(base | {"method": {"name": name_of(kind), **each}}) for each in options]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4)
    for learner in (stack, *separate):
        learner.refresh(0.3, 0.4, False)
        learner.step(4, 0.4)
        learner.step(5, 0.5)
    assert_same_state(stack, separate)
    weights = stack.parameters["network.features.0.weight"]
    assert not torch.equal(weights[0], weights[1])


def test_adda_takes_the_source_encoder_as_training_passes_the_milestone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "tried", Adda)
    pair = load_pair(config_of(MOONS).data)
    trainers = [build_trainer(config_of(MOONS | {"method": {"name": name}}), pair, 0, torch.device("cpu"))
              for name in ("tried", "source_only")]  # fmt: skip
    for trainer, steps in zip(trainers, (8, 5), strict=True):
        trainer.train()
        for step in range(steps):
            trainer.step(step, step / 10)
            trainer.refresh(step / 10, (step + 1) / 10, False)
    adda, plain = (trainer.method for trainer in trainers)
    for name, value in plain.network.state_dict().items():
        assert torch.equal(value, adda.source_encoder.module.state_dict()[name])
        assert not torch.equal(value, adda.network.state_dict()[name])
