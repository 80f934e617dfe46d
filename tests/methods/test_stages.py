"""DANN's options, and the methods that read whole splits between steps or weigh classes and domains."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of
from stacked_runs import assert_same_state, in_both_ways, planned
from tiny import MOONS, config_of
from torch import nn

from dann.data.domain import Split
from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.data.transforms.transform import Transform, TransformOptions
from dann.errors import BadInput
from dann.functional.adversarial import domain_loss
from dann.functional.predictions import label_loss
from dann.methods.adabn import AdaBN
from dann.methods.dann import Dann
from dann.methods.mdan import Mdan
from dann.methods.method import Method
from dann.methods.shot import Shot
from dann.methods.source_only import SourceOnly
from dann.methods.weighted import WeightedDann
from dann.networks.all_networks import NETWORKS
from dann.networks.copies import Frozen
from dann.networks.mlp import mlp
from dann.networks.network import Network
from dann.optim import ramp
from dann.training.loop import update
from dann.training.stacking.grouping import differing, stacked, units
from dann.training.trainer import Trainer, load_pair

CPU = torch.device("cpu")


def survey_of(source: Batch, target: torch.Tensor) -> FullPass:
    """A survey whose labelled examples, held out or not, are those of a batch."""
    labelled = Split.of(source.source_x, source.source_y)
    unlabelled = Split.of(target, torch.full((len(target),), -1))
    transform = Transform(TransformOptions(normalise="none"), labelled)
    return FullPass(labelled, labelled, unlabelled, (transform, transform), CPU)


def trained(method: Method, batch: Batch, steps: int = 3, progress: float = 0.5) -> Method:
    optimizer = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        for phase in method.phases(progress):
            update(method, batch, progress, phase, optimizer)
    return method


def test_layers_of_a_network_have_names() -> None:
    network = NETWORKS["mnist"]((1, 28, 28), 10)
    x = torch.randn(3, 1, 28, 28)
    outputs = network.outputs(x, ("features.2", "classifier.1", "logits"))
    torch.testing.assert_close(outputs["features.2"], network.features[:3](x).flatten(1))
    torch.testing.assert_close(outputs["classifier.1"], network.classifier[:2](network.features(x)))
    assert torch.equal(outputs["logits"], network(x)) and torch.equal(outputs["features"], network.features(x))
    assert set(network.outputs(x, ("features",))) == {"features"}, "the classifier was run for nothing"
    assert not any(module._forward_hooks for module in network.modules())
    assert (network.width("features.2"), network.feature_dim, network.num_classes) == (32 * 12 * 12, 768, 10)
    with pytest.raises(ValueError, match=r"no layer 'fc9': choose features, logits, or one of features\.0"):
        network.width("fc9")


def test_a_layer_before_one_that_works_in_place_keeps_its_values() -> None:
    network = NETWORKS["torchvision"]((3, 32, 32), 5, model="resnet18", weights="none").eval()
    x, model = torch.randn(2, 3, 32, 32), network.features.backbone.model
    expected = model.bn1(model.conv1(x)).flatten(1)
    assert (expected < 0).any()
    torch.testing.assert_close(
        network.outputs(x, ("features.backbone.model.bn1",))["features.backbone.model.bn1"], expected
    )


def test_a_frozen_copy_stays_as_it_was_taken() -> None:
    network = NETWORKS["mnist"]((1, 28, 28), 10, batch_norm=True)
    frozen = Frozen(network.features)
    holder = nn.ModuleList([network, frozen]).train()
    addresses = [tensor.data_ptr() for tensor in frozen.state_dict().values()]
    assert not any(module.training for module in frozen.modules()) and network.training
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    network(torch.randn(8, 1, 28, 28))
    nn.init.ones_(network.features[0].weight)
    assert not torch.equal(frozen.module[0].weight, network.features[0].weight)
    frozen.copy_from(network.features)
    assert addresses == [tensor.data_ptr() for tensor in frozen.state_dict().values()]
    x = torch.randn(8, 1, 28, 28)
    assert torch.equal(frozen(x), holder.eval()[0].features(x))


@pytest.mark.parametrize("progress", [0.05, 0.2, 0.7])
def test_a_warm_start_is_the_ramp_of_a_shorter_training(progress: float) -> None:
    method = Dann(mlp((4,), 3), weight=0.5, horizon=0.2)
    expected = 0.5 * ramp(min(1.0, progress / 0.2))
    assert method.coefficients(progress) == {"lambda": pytest.approx(expected)}
    batch, gradients = batch_of((4,), classes=3), []
    for made in (method, Dann(mlp((4,), 3), weight=expected, schedule="constant")):
        made.load_state_dict(method.state_dict())
        sum(made(batch, progress, "all").values()).backward()
        gradients.append([parameter.grad for parameter in made.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_the_loss_weight_slows_discriminator_and_features_alike() -> None:
    torch.manual_seed(0)
    plain = Dann(mlp((4,), 3), weight=0.7, schedule="constant", discriminator=[5]).double()
    slow = Dann(mlp((4,), 3), weight=0.7, schedule="constant", discriminator=[5], loss_weight=0.1).double()
    slow.load_state_dict(plain.state_dict())
    batch, gradients = batch_of((4,), classes=3, dtype=torch.float64), {}
    for name, method, parts in (("label", plain, ["label"]), ("both", plain, ["label", "domain"]),
                                ("slow", slow, ["label", "domain"])):  # fmt: skip
        terms = method(batch, 0.5, "all")
        gradients[name] = torch.autograd.grad(
            sum(terms[part] for part in parts), list(method.parameters()), allow_unused=True, materialize_grads=True
        )
    assert any(both.ne(label).any() for label, both, _ in zip(*gradients.values(), strict=True))
    for label, both, found in zip(*gradients.values(), strict=True):
        torch.testing.assert_close(found, label + 0.1 * (both - label), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(slow(batch, 0.5, "all"), plain(batch, 0.5, "all"))  # logged beside ln 2
    with pytest.raises(BadInput, match="loss_weight"):
        config_of(MOONS, method={"loss_weight": -0.1})


@pytest.mark.parametrize("layer", ["features", "logits"])
def test_adaptive_lambda_is_the_ratio_of_the_two_gradients(layer: str) -> None:
    torch.manual_seed(0)
    method = Dann(mlp((4,), 3), weight=0.3, schedule="adaptive", layer=layer, discriminator=[5]).double()
    batch = batch_of((4,), classes=3, dtype=torch.float64)
    x = method.network.features(torch.cat([batch.source_x, batch.target_x])).detach()
    seen = (x if layer == "features" else method.network.classifier(x).detach()).requires_grad_()
    logits = method.network.classifier(seen[:6]) if layer == "features" else seen[:6]
    (label,) = torch.autograd.grad(label_loss(logits, batch.source_y), seen)
    d = method.discriminator(seen)
    (domain,) = torch.autograd.grad(domain_loss(d[:6], d[6:]), seen)
    ratio = float(label.norm() / (domain.norm() + 1e-6))
    method(batch, 0.5, "all")
    assert method.coefficients(0.5)["lambda"] == pytest.approx(0.3 * min(ratio, 10.0), rel=1e-6)
    reference = Dann(method.network, weight=0.3 * min(ratio, 10.0), schedule="constant", layer=layer, discriminator=[5])
    reference.double().discriminator.load_state_dict(method.discriminator.state_dict())
    gradients = []
    for made in (method, reference):
        made.zero_grad()
        sum(made(batch, 0.5, "all").values()).backward()
        gradients.append([parameter.grad.clone() for parameter in made.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-10)


def test_adaptive_lambda_is_a_number_where_nothing_has_a_gradient() -> None:
    method = Dann(mlp((4,), 3), schedule="adaptive")
    for layer in (method.discriminator.layers[0], method.network.classifier):
        nn.init.zeros_(layer.weight)
    batch = batch_of((4,), classes=3)
    sum(method(batch, 0.5, "all").values()).backward()
    assert method.coefficients(0.5) == {"lambda": 0.0}
    assert all(parameter.grad.isfinite().all() for parameter in method.parameters())


def test_adaptive_lambda_is_bounded_and_needs_a_layer_that_the_label_loss_reads() -> None:
    method = Dann(mlp((4,), 3), schedule="adaptive")
    nn.init.zeros_(method.discriminator.layers[0].weight)  # no gradient at all
    method(batch_of((4,), classes=3), 0.5, "all")
    assert method.coefficients(0.5) == {"lambda": 10.0}
    with pytest.raises(ValueError, match="layer: features or logits"):
        Dann(mlp((4,), 3), schedule="adaptive", layer="features.0")


@pytest.mark.parametrize("layer", ["logits", "features.2", "classifier.1"])
def test_the_discriminator_sits_on_any_layer(layer: str) -> None:
    method = Dann(NETWORKS["mnist"]((1, 28, 28), 5), layer=layer)
    batch = batch_of((1, 28, 28))
    assert method.discriminator.layers[0].in_features == method.network.width(layer)
    terms = method(batch, 0.5, "all")
    terms["domain"].backward()
    reached = {name for name, parameter in method.network.named_parameters() if parameter.grad is not None}
    assert "features.0.weight" in reached and ("classifier.4.weight" in reached) == (layer == "logits")
    outputs = method.outputs(batch.target_x)
    torch.testing.assert_close(method.domain_logits(outputs), method.discriminator(outputs[layer]))
    with pytest.raises(BadInput, match="no layer"):
        Trainer.of(config_of(MOONS, method={"layer": "features.7"}), load_pair(config_of(MOONS).data), 0, CPU)


def test_adabn_trains_as_source_only_and_takes_the_targets_statistics() -> None:
    batch, methods = batch_of((6,), count=8), []
    target = 3 * torch.randn(40, 6) + 2
    for kind in (SourceOnly, AdaBN):
        torch.manual_seed(0)
        method = kind(mlp((6,), 5, hidden=4, batch_norm=True))
        poisoned = batch._replace(target_x=torch.full_like(batch.target_x, torch.nan))
        for _ in range(3):
            trained(method, poisoned, 1)
            if isinstance(method, AdaBN):
                assert method.due(0.1, 0.2, True) and not method.due(0.1, 0.2, False)
                method.eval().refresh(survey_of(batch, target), 0.2)
                method.train()
        methods.append(method)
    for one, other in zip(methods[0].parameters(), methods[1].parameters(), strict=True):
        assert torch.equal(one, other)
    method = methods[1]
    seen, norm = method.network.features[0](target), method.network.features[1]
    torch.testing.assert_close(norm.running_mean, seen.mean(0))
    torch.testing.assert_close(norm.running_var, seen.var(0))
    assert norm.momentum == 0.1 and norm.training


def test_adabn_means_over_chunks_count_every_example_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dann.data.loading.reader.CHUNK", 16)
    method, target = AdaBN(mlp((6,), 5, hidden=4, batch_norm=True)), torch.randn(41, 6) + torch.arange(41.0)[:, None]
    method.eval().refresh(survey_of(batch_of((6,)), target), 1.0)
    seen, norm = method.network.features[0](target), method.network.features[1]
    torch.testing.assert_close(norm.running_mean, seen.mean(0), rtol=1e-4, atol=1e-4)
    # The chunks are drawn at random, so that their variances are nearly the whole's though the examples are in order.
    torch.testing.assert_close(norm.running_var, seen.var(0), rtol=0.3, atol=0)


class NoSource(FullPass):
    """A survey that refuses to show source examples."""

    def _labelled(self, name: str) -> Any:
        raise AssertionError("source examples were read")


def test_shot_never_reads_the_source_once_it_adapts() -> None:
    torch.manual_seed(0)
    method, batch = Shot(mlp((6,), 5, hidden=8, batch_norm=True), pretrain=0.5, refreshes=2), batch_of((6,), count=10)
    trained(method, batch, 3, progress=0.2)
    full_pass = survey_of(batch, batch.target_x)
    full_pass.__class__ = NoSource
    assert [method.due(a, b, False) for a, b in ((0.4, 0.5), (0.5, 0.6), (0.7, 0.75))] == [True, False, True]
    with torch.no_grad():
        method.eval().refresh(full_pass, 0.5)
    method.train()
    classifier = [parameter.clone() for parameter in method.network.classifier.parameters()]
    features = method.network.features[0].weight.clone()
    poisoned = Batch(torch.full_like(batch.source_x, torch.nan), batch.source_y, batch.target_x, batch.source_domain)
    trained(method, poisoned, 3, progress=0.5)
    assert all(map(torch.equal, classifier, method.network.classifier.parameters()))
    assert not torch.equal(features, method.network.features[0].weight)
    assert all(parameter.isfinite().all() for parameter in method.parameters())


def test_shot_starts_as_source_only_with_smoothed_labels() -> None:
    batch, states = batch_of((6,), count=10), []
    for make in (lambda network: Shot(network, smoothing=0.0), SourceOnly):
        torch.manual_seed(0)
        states.append(trained(make(mlp((6,), 5)), batch, 3, progress=0.1).network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    method = Shot(mlp((6,), 5), smoothing=0.2)
    logits = method.predict(batch.source_x).log_softmax(1).detach().numpy()
    wanted = np.full((10, 5), 0.2 / 5) + 0.8 * np.eye(5)[batch.source_y.numpy()]
    loss = method(batch, 0.1, "source")["label"].item()
    assert loss == pytest.approx(-(wanted * logits).sum(1).mean(), rel=1e-6)


def test_shot_losses_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    method, batch = Shot(mlp((6,), 5, hidden=8), weight=0.3).double(), batch_of((6,), count=12, dtype=torch.float64)
    old = {name: value.clone() for name, value in method.network.features.state_dict().items()}
    full_pass = survey_of(batch, batch.target_x)
    with torch.no_grad():
        method.refresh(full_pass, 0.5)
    nn.init.normal_(method.network.features[0].weight)  # the labels stay those of the network as it was
    f = 1 / (1 + np.exp(-(batch.target_x.numpy() @ old["0.weight"].numpy().T + old["0.bias"].numpy())))
    p = softmax(
        f @ method.network.classifier.weight.detach().numpy().T + method.network.classifier.bias.detach().numpy()
    )
    g = np.concatenate([f, np.ones((12, 1))], 1)
    g /= np.linalg.norm(g, axis=1, keepdims=True)
    labels = nearest(g, p)
    labels = nearest(g, np.eye(5)[labels])
    q = softmax(method.predict(batch.target_x).detach().numpy())
    mean = q.mean(0)
    expected = {
        "entropy": -(q * np.log(q)).sum(1).mean(),
        "diversity": (mean * np.log(mean)).sum(),
        "pseudo_label": -0.3 * np.log(q[np.arange(12), labels]).mean(),
    }
    terms = method(batch, 0.6, "target")
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected, rel=1e-10)


def nearest(g: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The class of the nearest mean of g, each example counting by its share; a class without any has none."""
    with np.errstate(invalid="ignore"):
        centres = shares.T @ g / shares.sum(0)[:, None]
    cosine = g @ (centres / np.linalg.norm(centres, axis=1, keepdims=True)).T
    return np.asarray(np.nan_to_num(cosine, nan=-2).argmax(1))


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def test_weights_of_one_make_plain_dann() -> None:
    states = []
    for make in (Dann, lambda network: WeightedDann(network, estimate="bbse", normalised=True)):
        torch.manual_seed(0)
        method = make(mlp((6,), 5)).double()
        states.append(trained(method, batch_of((6,), dtype=torch.float64)).state_dict())
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-10, atol=1e-12)
    assert WeightedDann(mlp((6,), 5), estimate="pada", refreshes=3).milestones == (0.25, 0.5, 0.75)


@pytest.mark.parametrize("normalised", [False, True])
def test_class_weights_weigh_the_source_in_both_losses(normalised: bool) -> None:
    method = WeightedDann(mlp((6,), 3), estimate="pada", normalised=normalised).double()
    batch = batch_of((6,), classes=3, count=5, dtype=torch.float64)
    given = np.array([0.2, 1.0, 0.5])
    method.class_weight.copy_(torch.from_numpy(given))
    w = given[batch.source_y.numpy()]
    w = w / w.mean() if normalised else w
    logp = method.predict(batch.source_x).log_softmax(1).detach().numpy()[np.arange(5), batch.source_y.numpy()]
    zs, zt = (
        method.discriminator(method.network.features(x)).detach().numpy() for x in (batch.source_x, batch.target_x)
    )
    domain = ((w * np.log1p(np.exp(zs))).sum() + np.log1p(np.exp(-zt)).sum()) / 10
    terms = method(batch, 0.5, "all")
    assert terms["label"].item() == pytest.approx(-(w * logp).sum() / 5, rel=1e-10)
    name = "domain" if normalised else "weighted_domain"
    assert terms[name].item() == pytest.approx(domain, rel=1e-10)


@pytest.mark.parametrize("estimate", ["bbse", "mlls", "pada"])
def test_class_weights_are_estimated_from_predictions(estimate: str) -> None:
    random = np.random.default_rng(0)
    means, prior, shifted = 3 * np.eye(3), np.array([1, 1, 1]) / 3, np.array([0.7, 0.25, 0.05])

    def drawn(shares: np.ndarray, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = random.choice(3, count, p=shares)
        return torch.from_numpy(means[y] + random.normal(size=(count, 3))).float(), torch.from_numpy(y)

    network = Network(nn.Identity(), nn.Linear(3, 3), (3,), ())
    with torch.no_grad():  # the classifier that is best on the source, and calibrated
        network.classifier.weight.copy_(torch.from_numpy(means))
        network.classifier.bias.copy_(torch.from_numpy(np.log(prior) - (means**2).sum(1) / 2))
    method = WeightedDann(network, estimate=estimate)  # type: ignore[arg-type]
    x, y = drawn(prior, 4000)
    target, _ = drawn(shifted, 4000)
    batch = Batch(x, y, target, torch.zeros_like(y))
    with torch.no_grad():
        method.refresh(survey_of(batch, target), 0.5)
    truth = shifted / prior if estimate != "pada" else shifted / shifted.max()
    np.testing.assert_allclose(method.class_weight.numpy(), truth, atol=0.1)


@pytest.mark.parametrize("estimate", ["bbse", "mlls"])
def test_class_weights_estimated_again_and_again_stay_where_they_are(estimate: Any) -> None:
    """The classifier is trained with the weights so far, on classes that overlap: the shift must not count twice."""
    torch.manual_seed(0)
    random, truth = np.random.default_rng(0), np.array([0.2, 1.8])

    def drawn(shares: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
        y = random.choice(2, 4000, p=shares)
        return torch.from_numpy(random.normal(size=(4000, 2)) + 1.5 * y[:, None]).float(), torch.from_numpy(y)

    (x, y), (target, _) = drawn([0.5, 0.5]), drawn([0.1, 0.9])
    method = WeightedDann(Network(nn.Identity(), nn.Linear(2, 2), (2,), ()), estimate=estimate, weight=0.0)
    batch, optimizer = Batch(x, y, target, torch.zeros_like(y)), torch.optim.SGD(method.network.parameters(), lr=0.5)
    for _ in range(4):
        for _ in range(200):
            update(method, batch, 0.5, "all", optimizer)
        with torch.no_grad():
            method.refresh(survey_of(batch, target), 0.5)
        np.testing.assert_allclose(method.class_weight.numpy(), truth, atol=0.12)


def test_a_class_that_is_not_held_out_keeps_its_weight() -> None:
    method = WeightedDann(Network(nn.Identity(), nn.Linear(3, 3), (3,), ()), estimate="bbse")
    with torch.no_grad():
        method.network.classifier.weight.copy_(9 * torch.eye(3))
    y, target = torch.tensor([0, 0, 1, 1]), torch.eye(3)[[0, 1, 1, 1]]
    batch = Batch(torch.eye(3)[y], y, target, torch.zeros_like(y))
    with torch.no_grad():
        method.refresh(survey_of(batch, target), 0.5)
    np.testing.assert_allclose(method.class_weight.numpy(), [0.5, 1.5, 1.0], atol=1e-5)


def test_one_source_makes_mdan_dann() -> None:
    states = []
    for make in (
        lambda network: Dann(network, schedule="constant"),
        lambda network: Mdan(network, sources=1, aggregate="mean"),
    ):
        torch.manual_seed(0)
        method = trained(make(mlp((6,), 5)).double(), batch_of((6,), dtype=torch.float64))
        states.append([value for name, value in method.state_dict().items()])
    for one, other in zip(*states, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def mdan_batch() -> Batch:
    batch = batch_of((6,), classes=3, count=7, dtype=torch.float64)
    return batch._replace(source_domain=torch.tensor([0, 0, 1, 1, 1, 0, 3]))  # the last is a labelled target example


def bounds(method: Mdan, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """The label and domain losses of the sources in the batch, by hand."""
    logp = method.predict(batch.source_x).log_softmax(1).detach().numpy()[np.arange(7), batch.source_y.numpy()]
    label, domain = [], []
    for number, discriminator in enumerate(method.discriminators):
        own, of = batch.source_domain.numpy() == number, batch.source_domain.numpy()
        zs, zt = (discriminator(method.network.features(x)).detach().numpy() for x in (batch.source_x, batch.target_x))
        label.append(-logp[(of == number) | (of == 3)].mean())
        domain.append((np.log1p(np.exp(zs[own])).mean() + np.log1p(np.exp(-zt)).mean()) / 2 if own.any() else np.nan)
    return np.array(label), np.array(domain)


@pytest.mark.parametrize("score", ["bound", "sum", "apart"])
@pytest.mark.parametrize("aggregate", ["soft", "hard", "mean"])
def test_mdan_weighs_its_sources_by_their_bounds(aggregate: Any, score: Any) -> None:
    if score == "apart" and aggregate != "hard":
        with pytest.raises(ValueError, match="score: apart needs aggregate: hard"):
            Mdan(mlp((6,), 3), aggregate=aggregate, score=score)
        return
    method = Mdan(mlp((6,), 3), sources=3, aggregate=aggregate, score=score, gamma=3.0).double()
    batch = mdan_batch()
    label, domain = bounds(method, batch)
    value = {"bound": label - domain, "sum": label + domain, "apart": label}[score][:2]  # the third has no example
    alpha = {
        "soft": np.exp(3 * value) / np.exp(3 * value).sum(),
        "hard": value == value.max(),
        "mean": np.array([0.5, 0.5]),
    }
    of_domain = domain[:2] == domain[:2].min() if score == "apart" else alpha[aggregate]
    terms = method(batch, 0.5, "all")
    assert terms["label"].item() == pytest.approx((alpha[aggregate] * label[:2]).sum(), rel=1e-9)
    assert terms["domain"].item() == pytest.approx((of_domain * domain[:2]).sum(), rel=1e-9)
    (terms["label"] + terms["domain"]).backward()
    assert method.discriminators[2].layers[0].weight.grad.abs().sum() == 0


def test_soft_mdan_descends_the_log_sum_exp() -> None:
    """In the classifier, which no reversal reaches: (1/γ) log Σ exp(γ (L + λD)), weighed as its code does."""
    method = Mdan(mlp((6,), 3), sources=3, score="sum", gamma=3.0, weight=0.4).double()
    batch = mdan_batch()
    sum(method(batch, 0.5, "all").values()).backward()
    weight = method.network.classifier.weight

    def objective() -> float:
        label, domain = bounds(method, batch)
        return float(np.log(np.exp(3 * (label + 0.4 * domain)[:2]).sum()) / 3)

    for place in ((0, 0), (2, 5)):
        with torch.no_grad():
            weight[place] += 1e-5
            above = objective()
            weight[place] -= 2e-5
            below = objective()
            weight[place] += 1e-5
        assert weight.grad[place].item() == pytest.approx((above - below) / 2e-5, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": {"name": "mdan", "sources": 2}}, "method.sources: 2, but data.source names 1"),
        ({"method": {"name": "weighted_dann", "estimate": "pada"}, "data": {"resample": "over"}}, "weighs the classes"),
        ({"method": {"name": "fixmatch"}}, "set data.target_view"),
        ({"method": {"name": "deep_coral"}, "data": {"batch_size": 1}}, "data.batch_size: .* 2 or more"),
        ({"method": {"name": "deep_coral"}, "data": {"target_batch_size": 1}}, "data.target_batch_size: .* 2 or more"),
        ({"network": {"batch_norm": True}, "data": {"target_batch_size": 1}}, "target_batch_size: BatchNorm compares"),
        ({"method": {"name": "adabn"}}, "batch_norm: true"),
    ],
)
def test_data_that_a_method_cannot_use_are_refused(changes: dict[str, Any], message: str) -> None:
    config = config_of(MOONS, **changes)
    with pytest.raises(BadInput, match=message):
        Trainer.of(config, load_pair(config.data), 0, CPU)


STACKS: dict[str, list[dict[str, Any]]] = {
    "dann on logits": [{"name": "dann", "layer": "logits", "weight": weight} for weight in (0.5, 2.0)],
    "dann on a layer": [{"name": "dann", "layer": "features.0"}] * 2,
    "adabn": [{"name": "adabn"}] * 2,
    "shot": [{"name": "shot", "refreshes": 2, "weight": weight} for weight in (0.1, 0.5)],
    "bbse": [{"name": "weighted_dann", "estimate": "bbse", "refreshes": 10}] * 2,
    "mlls": [{"name": "weighted_dann", "estimate": "mlls", "refreshes": 10}] * 2,
    "pada": [{"name": "weighted_dann", "estimate": "pada", "refreshes": 10, "weight": weight} for weight in (0.1, 1.0)],
    "mdan": [{"name": "mdan", "sources": 1, "gamma": gamma} for gamma in (1.0, 5.0)],
}


@pytest.mark.parametrize("case", STACKS)
def test_a_stack_trains_them_as_separate_runs_do(case: str, in_double: None) -> None:
    network = {"name": "mlp", "hidden": 8, "batch_norm": True}
    sgd = {"name": "sgd", "lr": 0.1}  # Adam makes much of the rounding of a bias before BatchNorm, whose gradient is 0
    configs = [config_of(MOONS, network=network, optimizer=sgd, method=method) for method in STACKS[case]]
    pair = load_pair(configs[0].data)
    stack, separate = in_both_ways(configs, pair, steps=4)
    for learner in (stack, *separate):  # to the second stage
        learner.refresh(0.45, 0.5, True)
        learner.train()
    for step in (5, 6):
        together, apart = stack.step(step, step / 10), [trainer.step(step, step / 10) for trainer in separate]
        for name, values in together.items():
            expected = torch.cat([terms[name] for terms in apart])
            torch.testing.assert_close(values, expected, rtol=0, atol=1e-10)
    for learner in (stack, *separate):
        learner.refresh(0.6, 0.7, True)
    assert_same_state(stack, separate)
    if case in {"bbse", "mlls", "pada"}:
        assert not torch.equal(stack.trainers[0].method.class_weight, torch.ones(2, dtype=torch.float64))


def test_what_forward_branches_on_keeps_runs_apart() -> None:
    configs = [config_of(MOONS, method={"horizon": horizon}, train={"replicas": 4}) for horizon in (0.2, 1.0)]
    unit = planned(configs, [0, 0])
    assert len(units(unit, 1)) == 2 and differing(unit) == {}
    adaptive = config_of(MOONS, method={"schedule": "adaptive"}, train={"replicas": 4})
    trainer = Trainer.of(adaptive, load_pair(adaptive.data), 0, CPU)
    assert not stacked(planned([adaptive] * 2, [0, 1]), trainer)
