"""Diagnostics of an evaluation against their formulas; diagnosing leaves a run as it is."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from method_cases import OF_BACKBONES, OPTIONS, method_config
from scipy.optimize import minimize
from tiny import DIAGNOSED, TINY, Silent, write_tiny
from torch import Tensor

from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.config.schema import Config, resolve
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.domain import Domain, Split
from dann.data.loading.stream import Batch
from dann.diagnostics.gradients import measure_next_step
from dann.diagnostics.measurements import diagnose
from dann.diagnostics.reverse_validation import reverse_validation
from dann.evaluation.proxy_distance import lowest_distance, proxy_distances
from dann.methods.all_methods import METHODS
from dann.runner.experiment_records import read_records
from dann.runner.log import RunLog
from dann.runner.planning import launch
from dann.training.building import build_trainer
from dann.training.evaluate import Scores, evaluate, evaluate_splits
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer

CPU = torch.device("cpu")
DIGITS: dict[str, Any] = {
    "data": {"source": {"name": "digits", "size": 16}, "target": {"name": "digits_m", "size": 16}, "batch_size": 8},
    "network": {"name": "mnist", "batch_norm": True, "dropout": 0.3},
    "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "schedule": "inverse"},
}


def configured(**changes: Any) -> Config:
    return resolve(merge(TINY["base"] | DIAGNOSED, changes), "test")


def made(config: Config, seed: int = 0) -> Trainer:
    with torch.random.fork_rng():
        return build_trainer(config, load_pair(config.data), seed, CPU)


def trained(trainer: Trainer, first: int, last: int, steps: int = 12) -> Trainer:
    """After steps ``first`` to ``last`` of a run of ``steps``."""
    trainer.train()
    for step in range(first, last):
        trainer.step(step, step / steps)
        trainer.refresh(step / steps, (step + 1) / steps, True)
    return trainer


def state_of(trainer: Trainer) -> dict[str, Any]:
    """All that a run goes on from: every parameter and buffer, the optimiser's state, and how modules are set."""
    tensors = [*trainer.method.named_parameters(), *trainer.method.named_buffers()]
    return {
        "tensors": {name: tensor.detach().clone() for name, tensor in tensors},
        "trained": [name for name, parameter in trainer.method.named_parameters() if parameter.requires_grad],
        "modes": {name: module.training for name, module in trainer.method.named_modules()},
        "optimizer": deepcopy(trainer.optimizer.state_dict()),
    }


def assert_same(one: Any, other: Any) -> None:
    """Equal to the bit."""
    if isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    else:
        assert one == other


# The next step


def gradients_at_features(trainer: Trainer, batch: Batch, weight: float) -> tuple[np.ndarray, np.ndarray]:
    """Of label loss and reversed domain loss at the features, source examples first, shape ``(2B, D)`` each.

    The shallow network of Ganin et al. 2016, section 4.1: h = σ(Wx + b), q = softmax(Vh + c), o = σ(u·h + z). The label
    loss is the mean of −log q_y over B source examples: its gradient at h is Vᵀ(q − e_y) / B, and 0 at the target. The
    domain loss is the mean of −log(1 − o) at the source and −log o at the target: its gradient at h is
    (o − d) u / 2B, which the reversal multiplies by −λ.
    """
    parts = {name: value.double().numpy() for name, value in trainer.method.state_dict().items()}
    x = torch.cat([batch.source_x, batch.target_x]).double().numpy()
    y, n = batch.source_y.numpy(), len(batch.source_y)
    h = 1 / (1 + np.exp(-(x @ parts["network.features.0.weight"].T + parts["network.features.0.bias"])))
    a = h[:n] @ parts["network.classifier.weight"].T + parts["network.classifier.bias"]
    q = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    u = parts["discriminator.layers.0.weight"][0]
    o = 1 / (1 + np.exp(-(h @ u + parts["discriminator.layers.0.bias"][0])))
    label = np.zeros_like(h)
    label[:n] = (q - np.eye(len(a[0]))[y]) @ parts["network.classifier.weight"] / n
    return label, -weight * np.outer((o - np.repeat([0, 1], n)) / (2 * n), u)


@pytest.mark.parametrize("together", [True, False])
def test_gradients_at_the_features_are_those_derived_by_hand(together: bool) -> None:
    weight = 0.7
    method = {"weight": weight, "schedule": "constant", "together": together}
    trainer = trained(made(configured(method=method)), 0, 5)
    with torch.no_grad():  # or the label gradients of balanced classes add up to nothing along the discriminator's
        classifier, discriminator = trainer.method.network.classifier, trainer.method.discriminator.layers[0]
        classifier.bias.copy_(torch.tensor([2.0, -2.0]))
        discriminator.weight[0] += classifier.weight[0]
    label, transfer = gradients_at_features(trainer, trainer.stream[5], weight)
    found = measure_next_step(trainer, 5, 0.4)
    norms = np.linalg.norm(label), np.linalg.norm(transfer)
    source = slice(0, len(label) // 2)  # what the label loss reaches
    cosine = (label[source] * transfer[source]).sum() / (norms[0] * np.linalg.norm(transfer[source]))
    assert abs(cosine) > 0.1  # else its sign would not show the reversal
    assert found["gradient_label"] == pytest.approx(norms[0], rel=1e-4)
    assert found["gradient_transfer"] == pytest.approx(norms[1], rel=1e-4)
    assert found["gradient_ratio"] == pytest.approx(norms[1] / norms[0], rel=1e-4)
    assert found["gradient_cosine"] == pytest.approx(cosine, rel=1e-3)


def test_the_reversed_gradient_grows_with_lambda() -> None:
    ratios = []
    for weight in (0.5, 1.0):
        trainer = made(configured(method={"weight": weight}))
        at_zero = measure_next_step(trainer, 0, 0.0)
        assert at_zero["gradient_label"] > 0
        assert not {"gradient_transfer", "gradient_ratio", "gradient_cosine"} & at_zero.keys()
        ratios.append(measure_next_step(trainer, 0, 0.5)["gradient_ratio"])
    assert ratios[1] == pytest.approx(2 * ratios[0], rel=1e-5)


def test_terms_of_the_target_alone_have_no_angle_with_the_label_s() -> None:
    found = measure_next_step(made(configured(method={"name": "mcc"})), 3, 0.25)
    assert found["gradient_ratio"] > 0 and "gradient_cosine" not in found


def test_source_only_has_no_gradient_beside_the_label_s() -> None:
    found = measure_next_step(made(configured(method={"name": "source_only"})), 3, 0.25)
    assert set(found) == {"gradient_label", "update_features", "update_classifier"}


RUNS: dict[str, dict[str, Any]] = {
    "SGD with momentum": {"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "schedule": "inverse"}},
    "Adam": {},
    "BatchNorm and dropout": DIGITS,
    "random shifts": merge(DIGITS, {"data": {"transform": {"shift": 2}}}),
    "adaptive λ": {"method": {"schedule": "adaptive"}},
    "two classifiers in turn": {"method": {"name": "mcd"}},
}


def parts_of(trainer: Trainer) -> dict[str, Tensor]:
    method = trainer.method
    parts = {"features": method.network.features, "classifier": method.network.classifier}
    parts |= {"discriminator": method.discriminator} if method.adversarial else {}
    return {name: torch.cat([own.detach().double().flatten() for own in part.parameters()])
            for name, part in parts.items()}  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_the_movement_is_that_of_the_step_that_follows(run: str) -> None:
    trainer = trained(made(configured(**RUNS[run])), 0, 3)
    found, before = measure_next_step(trainer, 3, 3 / 12), parts_of(trainer)
    trainer.train()
    trainer.step(3, 3 / 12)
    for name, after in parts_of(trainer).items():
        moved = float((after - before[name]).norm() / before[name].norm())
        assert moved > 0 and found[f"update_{name}"] == pytest.approx(moved, rel=1e-3), name


@pytest.mark.parametrize(("done", "step", "progress"), [(4, 4, 4 / 12), (12, 11, 1.0)])
def test_an_evaluation_looks_at_the_step_that_follows(done: int, step: int, progress: float) -> None:
    """After the last step there is none: the last one is looked at again."""
    config = configured()
    trainer = trained(made(config), 0, done)
    found = diagnose(trainer, config, done)
    ahead = measure_next_step(trainer, step, progress)
    assert {name: found[name] for name in ahead} == pytest.approx(ahead, rel=1e-4)


# The run stays as it is


@pytest.mark.parametrize("run", RUNS)
def test_a_run_that_is_diagnosed_goes_on_as_one_that_is_not(run: str) -> None:
    diagnosing = {"examples": 50, "mixval": True, "reverse_steps": 2}
    config = configured(**merge(RUNS[run], {"diagnose": diagnosing}))
    looked_at, other = made(config), made(config)
    for step in range(3):
        trained(looked_at, step, step + 1)
        before = state_of(looked_at)
        assert diagnose(looked_at, config, step + 1)
        assert_same(state_of(looked_at), before)
    assert_same(state_of(looked_at), state_of(trained(other, 0, 3)))


KINDS = [name for name in METHODS if name not in (*OF_BACKBONES, "adabn", "tent")]
CASES = [(name, "mnist" if name in ("rotation", "pixel_da") else "mlp") for name in KINDS] + [
    (name, "torchvision") for name in ("adabn", "tent", *OF_BACKBONES)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "network"), CASES, ids=str)
def test_every_method_is_diagnosed_and_left_as_it_is(name: str, network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = method_config(name, OPTIONS.get(name, {}), network, monkeypatch).model_dump(mode="json")
    config = resolve(declared | {"diagnose": {"examples": 20}}, "test")
    looked_at = trained(made(config, 1), 0, 1, steps=2)
    before = state_of(looked_at)
    found = diagnose(looked_at, config, 1)
    assert_same(state_of(looked_at), before)
    expected = {"score_entropy", "score_im", "score_snd", "score_bnm", "score_dev", "score_rankme", "distance_svm",
                "distance_mlp", "features_source_norm", "features_source_rank", "features_target_norm",
                "features_target_rank", "update_features", "update_classifier"}  # fmt: skip
    assert expected <= found.keys() and all(math.isfinite(value) for value in found.values())
    moves = name != "linear_svm"  # which is fitted before the first step
    assert moves == any(found[f"update_{part}"] > 0 for part in ("features", "classifier"))
    assert ("update_discriminator" in found) == any(
        part.startswith("discriminator") for part, _ in looked_at.method.named_children()
    )


@pytest.mark.parametrize("finetune", [{"backbone": 0.0}, {"gradual": 1.0}], ids=str)
def test_a_fine_tuned_run_is_left_as_it_is(finetune: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    declared = method_config("dann", {}, "torchvision", monkeypatch).model_dump(mode="json")
    config = resolve(declared | {"finetune": finetune, "diagnose": {"examples": 20, "reverse_steps": 1}}, "test")
    looked_at, other = (trained(made(config), 0, 1, steps=2) for _ in range(2))
    before = state_of(looked_at)
    assert "score_reverse" in diagnose(looked_at, config, 1)
    assert_same(state_of(looked_at), before)
    assert_same(state_of(trained(looked_at, 1, 2, steps=2)), state_of(trained(other, 1, 2, steps=2)))


@pytest.mark.parametrize("replicas", [1, 2])
def test_how_much_is_diagnosed_changes_no_weight(replicas: int, tmp_path: Path) -> None:
    weights, diagnosed = [], []
    for examples in (0, 50):
        base = {"train": {"replicas": replicas}, "diagnose": {"examples": examples, "reverse_steps": examples // 25}}
        file = write_tiny(tmp_path / f"{examples}.yaml", base=base)
        experiment = read_experiment(file)
        launch(experiment, list(experiment.runs(only=["DANN"])), tmp_path / str(examples), CPU, Silent(), file)
        records = read_records(experiment, tmp_path / str(examples))
        states = [torch.load(place / "checkpoint.pt", weights_only=True) for place in records]
        weights.append([{key: state[key] for key in ("step", "method", "optimizer")} for state in states])
        diagnosed.append([evaluation for record in records.values() for evaluation in record.evaluations])
        assert all(record.environment["replicas"] == replicas for record in records.values())
    for one, other in zip(*weights, strict=True):
        assert_same(one, other)
    for without, with_it in zip(*diagnosed, strict=True):
        assert with_it | without == with_it and {"gradient_ratio", "score_reverse"} <= with_it.keys() - without.keys()
        assert not any(key.startswith(("score_", "distance_", "gradient_", "features_")) for key in without)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30, 1e18])
def test_a_diverged_network_is_diagnosed_without_a_warning(value: float) -> None:
    config = configured(diagnose={"mixval": True, "reverse_steps": 2}, network={"activation": "relu"})
    trainer = trained(made(config), 0, 2)
    with torch.no_grad():
        for parameter in trainer.method.network.parameters():
            parameter.copy_(parameter.sign() * value)
    found = diagnose(trainer, config, 2)
    assert all(math.isfinite(each) for each in found.values())
    if not math.isfinite(value):
        assert not any(name.startswith(("score_", "distance_", "features_")) for name in found)


# The discriminator


def test_the_discriminator_is_reported_by_domain_and_its_calibration_over_both(tmp_path: Path) -> None:
    """It is sure of the many source examples, and right; at the few target ones it is as sure, and wrong of half."""

    def scores(as_target: list[float]) -> Scores:
        count = len(as_target)
        certain = torch.eye(2)[[0] * count]
        return Scores(1.0, torch.tensor([[count, 0], [0, 0]]), torch.zeros(count, dtype=torch.int64), certain,
                      torch.tensor(as_target))  # fmt: skip

    run_log = RunLog(tmp_path, 0, steps=1, classes=("a", "b"), prior=[0.5, 0.5])
    source, target = scores([0.1] * 40), scores([0.9, 0.1, 0.9, 0.1])
    run_log.log_evaluation(1, {"source_validation": source, "source_test": source, "target_test": target}, {})
    found = run_log.evaluations()[0]
    assert (found["discriminator_source"], found["discriminator_target"]) == (1.0, 0.5)
    assert found["discriminator_source_confidence"] == pytest.approx(0.9)
    assert found["discriminator_target_confidence"] == pytest.approx(0.9)
    # As many of either: of 8 examples 6 are right, at a confidence of 0.9.
    assert found["discriminator_calibration_error"] == pytest.approx(0.9 - 6 / 8)
    assert found["share_distance"] == 0.5 and run_log.shares() == [[1.0, 0.0]]
    run_log.board.close()


# Proxy A-distance


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def ring(radius: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    angle = random.uniform(0, 2 * np.pi, 400)
    return (radius * np.stack([np.cos(angle), np.sin(angle)], 1) + random.normal(0, 0.05, (400, 2))).astype(np.float32)


def test_proxy_distances_of_known_domains() -> None:
    alike = proxy_distances(normal(1000, 5), normal(1000, 5, seed=1))
    # ε is the mean of 1000 fair coins: 2 (1 − 2ε) has a deviation of 4 · 0.5 / √1000 = 0.063.
    assert all(abs(distance) < 4 * 0.063 for distance in alike.values())
    assert proxy_distances(normal(200, 5), normal(200, 5, seed=1) + 10) == {"svm": 2.0, "mlp": 2.0}
    rings = proxy_distances(ring(1.0, 0), ring(3.0, 1))  # one in the other: no line parts them
    assert rings["svm"] < 1.0 and rings["mlp"] == 2.0


def test_the_proxy_distance_is_two_minus_four_times_the_error() -> None:
    """On one feature a linear machine is a threshold; here any sensible one errs at the same held-out examples."""
    source, target = np.full((40, 1), -1.0, np.float32), np.full((40, 1), 1.0, np.float32)
    held_out = np.flatnonzero(np.random.default_rng(0).permutation(40) >= 20)
    source[held_out[:8]], target[held_out[:4]] = 1.0, -1.0
    error = (8 + 4) / 40
    expected = pytest.approx(2 * (1 - 2 * error))
    assert proxy_distances(source, target) == {"svm": expected, "mlp": expected}


def test_the_order_of_examples_is_no_distance() -> None:
    """Of classes by turns every other example is one class of the source and the other of the target."""
    turns = 6 * np.eye(8, dtype=np.float32)[0] * (np.arange(1000) % 2)[:, None]
    found = proxy_distances(normal(1000, 8) + turns, normal(1000, 8, seed=1) + turns[::-1])
    assert all(abs(distance) < 4 * 0.063 for distance in found.values())


def test_proxy_distances_know_no_scale_and_no_origin() -> None:
    source, target = normal(300, 6), normal(300, 6, seed=1) + 0.5
    here = proxy_distances(source, target)
    scale, shift = np.array([1e-8, 0.1, 1, 10, 100, 1e3], np.float32), np.float32(3.0)
    assert 0.2 < here["svm"] < 1.8
    there = proxy_distances(source * scale + scale * shift, target * scale + scale * shift)
    assert there == pytest.approx(here, abs=0.03)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e4])
def test_constant_features_identify_no_domain(constant: float) -> None:
    x = np.full((50, 3), constant, np.float32)
    assert proxy_distances(x, x[:40]) == pytest.approx({"svm": 2 * (1 - 2 * 4 / 9), "mlp": 2 * (1 - 2 * 4 / 9)})
    varied = np.concatenate([x, normal(50, 1)], axis=1)
    assert proxy_distances(varied, varied + np.float32([0, 0, 0, 20])) == {"svm": 2.0, "mlp": 2.0}


def test_a_fooled_discriminator_is_no_aligned_feature() -> None:
    """The discriminator looks where the domains are alike; a freshly trained one finds where they are not."""
    points = {"source": {"points": 200}, "target": {"points": 200, "degrees": 0.0}}
    config = configured(data=points, diagnose={"examples": 400})
    trainer = made(config)
    with torch.no_grad():
        first = trainer.method.network.features[0]
        first.weight.zero_()
        first.bias.zero_()
        first.weight[:2] = torch.eye(2)
        trainer.method.discriminator.layers[0].weight.zero_()
        trainer.method.discriminator.layers[0].weight[0, 0] = 1.0
        trainer.method.discriminator.layers[0].bias.fill_(-0.5)  # σ(0): the middle of the first feature
    far = trainer.stream.target.x + torch.tensor([0.0, 8.0])  # the second is another in the target
    trainer = replace(trainer, stream=deepcopy(trainer.stream))
    trainer.stream.target = Split.of(far, trainer.stream.target.y)
    fooled = [evaluate(trainer.method, replace(split, y=split.y.clamp_min(0)), trainer.transform("source_validation"))
              for split in (trainer.stream.source, trainer.stream.target)]  # fmt: skip
    guesses = [float((scores.as_target > 0.5).float().mean()) for scores in fooled]  # type: ignore[operator]
    assert guesses == pytest.approx([0.5, 0.5], abs=0.1)
    found = diagnose(trainer, config, 1)
    assert found["distance_svm"] > 1.9 and found["distance_mlp"] > 1.9


# Scores that train or mix


def relabelled(name: str) -> Callable[..., Domain]:
    """The same domain with every class exchanged."""

    @wraps(DOMAINS[name])  # its options too
    def build(**options: Any) -> Domain:
        domain = DOMAINS[name](**options)
        assert domain.test is not None
        train, test = (replace(split, y=1 - split.y) for split in (domain.train, domain.test))
        return replace(domain, train=train, test=test)

    return build


def test_reverse_validation_reads_no_target_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOMAINS, "moons_relabelled", relabelled("moons_rotated"))
    found, accuracies = [], []
    for target in ("moons_rotated", "moons_relabelled"):
        config = configured(data={"source": {"points": 60}, "target": {"name": target, "points": 60}})
        trainer = trained(made(config), 0, 10)
        found.append(reverse_validation(trainer, config, 20))
        accuracies.append(evaluate_splits(trainer)["target_test"].score)
    assert found[0] == found[1] and accuracies[0] == pytest.approx(1 - accuracies[1]) != 0.5


def test_reverse_validation_distinguishes_right_target_predictions_from_wrong_ones() -> None:
    config = configured(
        data={"source": {"points": 60}, "target": {"points": 60, "degrees": 15.0}},
        network={"hidden": 16},
        optimizer={"lr": 0.05},
        method={"name": "source_only"},
    )
    trainer = trained(made(config), 0, 200, steps=200)
    assert evaluate_splits(trainer)["target_test"].score > 0.95
    assert reverse_validation(trainer, config, 100) > 0.95
    with torch.no_grad():
        for own in trainer.method.network.classifier.parameters():
            own.copy_(own.flip(0))  # now every prediction is the other class
    assert reverse_validation(trainer, config, 100) < 0.1


@pytest.mark.parametrize("points", [20, 60])
def test_a_memory_of_the_target_holds_the_source_in_reverse(points: int) -> None:
    """NRC remembers each example of its target, which in reverse is the source, of another size."""
    config = configured(data={"source": {"points": points}, "target": {"points": 40}}, method={"name": "nrc"})
    trainer = trained(made(config), 0, 12)
    before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    assert 0 <= reverse_validation(trainer, config, 6) <= 1
    assert_same(trainer.method.state_dict(), before)


def test_mixval_is_the_expected_agreement_of_mixed_pairs() -> None:
    """Partners are drawn; the mean over all pairs that may be drawn is what the score is an estimate of."""
    config = configured(data={"target": {"points": 100}}, diagnose={"examples": 200})
    trainer = trained(made(config), 0, 10)
    assert "score_mixval" not in diagnose(trainer, config, 10)
    config = configured(data={"target": {"points": 100}}, diagnose={"examples": 200, "mixval": True})
    found = diagnose(trainer, config, 10)["score_mixval"]
    x = trainer.stream.target.x
    with torch.no_grad():
        labels = trainer.method.predict(x).argmax(1)
        mixed = (
            trainer.method.predict((0.55 * x[:, None] + 0.45 * x[None]).flatten(0, 1)).argmax(1).view(len(x), len(x))
        )
    agrees = (mixed == labels[:, None]).double()
    alike = labels[:, None] == labels
    means = []
    for allowed in (alike & ~torch.eye(len(x), dtype=torch.bool), ~alike):
        means.append(((agrees * allowed).sum(1) / allowed.sum(1)).mean())
    assert found == pytest.approx(float(sum(means) / 2), abs=0.06)
    assert 0.5 < found < 1


@pytest.mark.parametrize("shape", ["few", "wide", "sparse"])
def test_the_lowest_distance_is_that_of_the_best_machine(shape: str) -> None:
    """Against the objective of a linear machine minimised directly, on the half that the module draws."""
    width = {"few": 3, "wide": 60, "sparse": 30}[shape]
    random = np.random.default_rng(3)
    x = random.normal(size=(40, width)) + np.repeat([[0.0], [0.6]], 20, axis=0)
    x = (x * (random.random(x.shape) < 0.08) if shape == "sparse" else x).astype(np.float32)
    sign, order = np.repeat([-1.0, 1.0], 20), np.random.default_rng(0).permutation(20) < 10
    fitted = np.concatenate([order, order])

    def error(c: float) -> float:
        def objective(w: np.ndarray) -> float:
            slack = np.maximum(0, 1 - sign[fitted] * (x[fitted].astype(float) @ w[:-1] + w[-1]))
            return float(w @ w / 2 + c * (slack**2).sum())

        w = minimize(objective, np.zeros(width + 1), method="L-BFGS-B", options={"ftol": 1e-14}).x
        wrong = float(np.mean(sign[~fitted] * (x[~fitted] @ w[:-1] + w[-1]) <= 0))
        return min(wrong, 1 - wrong)

    expected = 2 * (1 - 2 * min(error(0.01), error(1.0)))
    assert lowest_distance(x[:20], x[20:], [0.01, 1.0]) == pytest.approx(expected, abs=1e-9)


def test_the_lowest_distance_and_reverse_validation_need_no_other_diagnosis() -> None:
    config = configured(diagnose={"examples": 0, "reverse_steps": 2, "distance_c": [0.1, 1.0]}, train={"keep_best": 1})
    trainer = build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
    assert set(diagnose(trainer, config, 1)) == {"score_reverse", "distance_lowest"}
