"""DANN: its update, and its options."""

import numpy as np
import pytest
import torch
from method_cases import assert_moves_as_source_only, batch_of
from tiny import MOONS, config_of
from torch import nn

from dann.data.loading.stream import Batch
from dann.errors import BadInput
from dann.functional.adversarial import domain_loss
from dann.functional.predictions import label_loss
from dann.methods.dann import Dann
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.optim.schedules import ramp
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import update


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


def test_a_loss_weight_of_two_is_equation_9_of_the_paper() -> None:
    torch.manual_seed(0)
    method = Dann(mlp((4,), 3), weight=0.7, schedule="constant", discriminator=[5], loss_weight=2.0).double()
    batch = batch_of((4,), classes=3, dtype=torch.float64)
    features, rest = list(method.network.features.parameters()), list(method.discriminator.parameters())
    domain = method(batch, 0.5, "all")["domain"]
    found = torch.autograd.grad(domain, [*features, *rest])
    z = [method.discriminator(method.network.features(x)) for x in (batch.source_x, batch.target_x)]
    added = -(1 - z[0].sigmoid()).log().mean() - z[1].sigmoid().log().mean()  # the two domains' means
    expected = torch.autograd.grad(added, [*features, *rest])
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        torch.testing.assert_close(one, (-0.7 if number < len(features) else 1) * other, rtol=1e-9, atol=1e-12)


def test_the_discriminator_drops_hidden_units_in_training_only() -> None:
    method = Dann(mlp((4,), 3), discriminator=[5, 5], discriminator_dropout=0.5)
    kinds = [type(layer).__name__ for layer in method.discriminator.layers]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    x = torch.randn(64, method.network.feature_dim)
    assert not torch.equal(method.discriminator(x), method.discriminator(x))
    method.eval()
    assert torch.equal(method.discriminator(x), method.discriminator(x))
    with pytest.raises(BadInput, match="discriminator_dropout"):
        config_of(MOONS, method={"discriminator_dropout": 1.5})


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
        build_trainer(
            config_of(MOONS, method={"layer": "features.7"}), load_pair(config_of(MOONS).data), 0, torch.device("cpu")
        )


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def hand_derived_update(p: dict[str, np.ndarray], batch: Batch, weight: float, rate: float) -> dict[str, np.ndarray]:
    """One gradient step of the DANN of Ganin et al. 2016, section 4.1, without autograd.

    Network: h = σ(Wx + b), class probabilities q = softmax(Vh + c), domain probability o = σ(u·h + z).
    Losses, over n source examples (x, y) and n target examples:
        label  L = −(1/n) Σ_source log q_y
        domain D = −(1/2n) [Σ_source log(1 − o) + Σ_target log o]

    Derivation. With a = Vh + c, ∂L/∂a = (q − e_y)/n; so ∂L/∂V = Σ (∂L/∂a) hᵀ, ∂L/∂c = Σ ∂L/∂a, ∂L/∂h = Vᵀ ∂L/∂a.
    With s = u·h + z, ∂D/∂s = (o − d)/2n for domain label d; so ∂D/∂u = Σ (∂D/∂s) h, ∂D/∂z = Σ ∂D/∂s,
    ∂D/∂h = (∂D/∂s) u. The reversal passes g = ∂L/∂h − λ ∂D/∂h to the features (∂L/∂h = 0 for target examples).
    With r = Wx + b, h' = h(1 − h): ∂/∂r = g ∘ h(1 − h), so W moves along Σ (∂/∂r) xᵀ and b along Σ ∂/∂r.
    V, c descend L; u, z descend D itself, at full rate whatever λ is.
    """
    x = np.concatenate([batch.source_x.numpy(), batch.target_x.numpy()])
    y, n = batch.source_y.numpy(), len(batch.source_y)
    h = sigmoid(x @ p["W"].T + p["b"])
    a = h[:n] @ p["V"].T + p["c"]
    q = np.exp(a - a.max(axis=1, keepdims=True))
    q /= q.sum(axis=1, keepdims=True)
    o = sigmoid(h @ p["u"] + p["z"])
    d = np.concatenate([np.zeros(n), np.ones(n)])
    grad_a = (q - np.eye(len(p["c"]))[y]) / n
    grad_s = (o - d) / (2 * n)
    grad_h = -weight * np.outer(grad_s, p["u"])
    grad_h[:n] += grad_a @ p["V"]
    grad_r = grad_h * h * (1 - h)
    gradients = {
        "W": grad_r.T @ x,
        "b": grad_r.sum(axis=0),
        "V": grad_a.T @ h[:n],
        "c": grad_a.sum(axis=0),
        "u": grad_s @ h,
        "z": grad_s.sum(),
    }
    return {name: p[name] - rate * gradient for name, gradient in gradients.items()}


def shallow_parameters(method: Dann) -> dict[str, torch.Tensor]:
    network, domain = method.network, method.discriminator.layers[0]
    hidden, head = network.features[0], network.classifier
    return {
        "W": hidden.weight,
        "b": hidden.bias,
        "V": head.weight,
        "c": head.bias,
        "u": domain.weight[0],
        "z": domain.bias[0],
    }


@pytest.mark.parametrize("progress", [0.0, 0.05, 0.9])
@pytest.mark.parametrize("together", [True, False])
def test_dann_update_equals_the_hand_derived_one(progress: float, together: bool) -> None:
    torch.manual_seed(0)
    method = Dann(mlp((7,), 3, hidden=4), weight=0.8, together=together).double()
    optimizer = torch.optim.SGD(method.parameters(), lr=0.5)
    batch = batch_of((7,), classes=3, dtype=torch.float64)
    expected = {name: value.detach().numpy().copy() for name, value in shallow_parameters(method).items()}
    for _ in range(3):
        expected = hand_derived_update(expected, batch, 0.8 * ramp(progress), 0.5)
        update(method, batch, progress, "all", optimizer)
    for name, value in shallow_parameters(method).items():
        np.testing.assert_allclose(value.detach().numpy(), expected[name], rtol=1e-11, atol=1e-13, err_msg=name)


def test_lambda_zero_moves_features_and_classifier_as_source_only_does() -> None:
    batch = batch_of((3, 28, 28), dtype=torch.float64)
    assert_moves_as_source_only(lambda network: Dann(network, weight=0.0), batch)


@pytest.mark.parametrize("together", [True, False])
def test_dann_forwards_the_domains_as_it_says(together: bool) -> None:
    method = Dann(NETWORKS["mnist"]((3, 28, 28), 10, batch_norm=True), together=together)
    batch = batch_of((3, 28, 28))
    before = method.network.features[1].running_mean.clone()
    method(batch, 0.5, "all")
    after = method.network.features[1].running_mean
    convolved = [method.network.features[0](x).mean(dim=(0, 2, 3)) for x in (batch.source_x, batch.target_x)]
    if together:
        expected = 0.9 * before + 0.1 * (convolved[0] + convolved[1]) / 2
    else:
        expected = 0.9 * (0.9 * before + 0.1 * convolved[0]) + 0.1 * convolved[1]
    torch.testing.assert_close(after, expected, rtol=1e-4, atol=1e-6)
