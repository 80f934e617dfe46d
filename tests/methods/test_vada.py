"""VADA and its virtual adversarial perturbations."""

from typing import Any

import numpy as np
import pytest
import torch
from linear_networks import kl, linear_network, logits_of, terms_of
from method_cases import batch_of
from oracles import softmax
from torch import Tensor, nn

from dann.methods.vada import Vada, adversarial_perturbation, perturbed_logits, scale_to_unit_norm
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.networks.network import Network
from dann.optim.schedules import ramp


def perturbation(network: Network, x: Tensor, radius: float) -> Tensor:
    return adversarial_perturbation(network, x, network(x).detach(), radius)


@pytest.mark.parametrize(("classes", "least", "mean"), [(2, 1.0, 1.0), (4, 0.2, 0.85)])
def test_hardly_a_random_direction_of_that_radius_is_worse(classes: int, least: float, mean: float) -> None:
    """With two classes one power iteration arrives; with more it comes near. Either sign of r is the method's."""
    network = linear_network(classes, inputs=6)
    x = torch.randn(40, 6, dtype=torch.float64)
    r = perturbation(network, x, 0.01)
    p = softmax(logits_of(network, x))
    found = kl(p, softmax(logits_of(network, x + r)))
    directions = scale_to_unit_norm(torch.randn(2000, 6, dtype=torch.float64))
    worst = np.stack([kl(p, softmax(logits_of(network, x + 0.01 * d))) for d in directions]).max(axis=0)
    assert (found / worst).min() > least and (found / worst).mean() > mean


def test_a_small_perturbation_is_the_worst() -> None:
    network = linear_network(classes=2, inputs=6)
    x = torch.randn(12, 6, dtype=torch.float64)
    r = perturbation(network, x, 1e-3).numpy()
    across = network.classifier.weight.detach().numpy()
    across = (across[0] - across[1]) / np.linalg.norm(across[0] - across[1])
    np.testing.assert_allclose(np.abs(r @ across), 1e-3, rtol=1e-9)


@pytest.mark.parametrize("shape", [(6,), (3, 28, 28)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_perturbation_has_the_norm_of_the_radius(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    network = (mlp(shape, 3) if len(shape) == 1 else NETWORKS["mnist"](shape, 3)).to(dtype)
    r = perturbation(network, torch.randn(5, *shape, dtype=dtype), 2.5)
    assert r.shape == (5, *shape) and r.dtype is dtype and not r.requires_grad
    torch.testing.assert_close(r.flatten(1).norm(dim=1), torch.full((5,), 2.5, dtype=dtype))


def test_where_nothing_changes_the_prediction_nothing_is_perturbed() -> None:
    network = linear_network()
    nn.init.zeros_(network.classifier.weight)
    assert not perturbation(network, torch.randn(5, 5, dtype=torch.float64), 2.5).any()


def test_perturbations_of_certain_predictions_have_the_norm_too() -> None:
    network = linear_network().float()
    x = torch.randn(5, 5)
    with torch.no_grad():
        network.classifier.bias.copy_(torch.tensor([60.0, 0.0, 0.0, 0.0]))
    r = perturbation(network, x, 1.0)
    norms = r.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(5))


def test_float32_finds_the_direction_that_float64_finds() -> None:
    torch.manual_seed(0)
    network = NETWORKS["mnist"]((3, 28, 28), 5)
    x, directions = torch.rand(8, 3, 28, 28) * 2 - 1, []
    for dtype in (torch.float32, torch.float64):
        network.to(dtype)
        drawn = torch.randn(8, 3, 28, 28, generator=torch.Generator().manual_seed(1)).to(dtype)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dann.methods.vada.normal_like", lambda x, drawn=drawn: drawn)
            directions.append(perturbation(network, x.to(dtype), 1.0).flatten(1).double())
    assert ((directions[0] * directions[1]).sum(1) > 0.99).all()


def recorded(method: Vada, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The perturbations of the method's later forward passes."""
    found: list[Tensor] = []

    def kept(*arguments: Any) -> Tensor:
        found.append(adversarial_perturbation(*arguments))
        return found[-1]

    monkeypatch.setattr("dann.methods.vada.adversarial_perturbation", kept)
    return found


@pytest.mark.parametrize(
    ("options", "entropy"), [({}, 0.7), ({"entropy_weight": 0.2}, 0.2), ({"together": False}, 0.7)]
)
def test_vada_against_numpy(options: dict[str, Any], entropy: float, monkeypatch: pytest.MonkeyPatch) -> None:
    network = linear_network()
    method = Vada(network, weight=0.3, source_weight=0.6, target_weight=0.7, radius=0.8, **options).double()
    found = recorded(method, monkeypatch)
    terms, batch = terms_of(method)
    assert len(found) == (1 if method.together else 2)
    r = torch.cat(found)
    x = torch.cat([batch.source_x, batch.target_x])
    p, q = softmax(logits_of(network, x)), softmax(logits_of(network, x + r))
    moved = kl(p, q)
    layer = method.discriminator.layers[0]
    s = x.numpy() @ layer.weight[0].detach().numpy() + layer.bias.item()
    domain = np.concatenate([np.log1p(np.exp(s[:7])), np.log1p(np.exp(-s[7:]))]).mean()
    assert terms == {
        "domain": pytest.approx(domain, rel=1e-12),
        "source_smoothness": pytest.approx(0.6 * moved[:7].mean(), rel=1e-10),
        "target_smoothness": pytest.approx(0.7 * moved[7:].mean(), rel=1e-10),
        "entropy": pytest.approx(-entropy * (p[7:] * np.log(p[7:])).sum() / 7, rel=1e-12),
    }


def test_smoothness_moves_the_perturbed_prediction_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With p(x) and r held fixed the gradient at the logits of x + r is (q − p)/N; at W it is Σ (q − p)(x + r)ᵀ/N."""
    network = linear_network()
    method = Vada(network, source_weight=0.6, target_weight=0.7, radius=0.8).double()
    found = recorded(method, monkeypatch)
    batch = batch_of((5,), classes=4, count=7, dtype=torch.float64)
    terms = method(batch, 0.4, "all")
    assert all(parameter.grad is None for parameter in method.parameters())
    (terms["source_smoothness"] + terms["target_smoothness"]).backward()
    x = torch.cat([batch.source_x, batch.target_x])
    moved = x + found[0]
    p, q = softmax(logits_of(network, x)), softmax(logits_of(network, moved))
    weights = np.repeat([0.6 / 7, 0.7 / 7], 7)[:, None]
    expected = (weights * (q - p)).T @ moved.numpy()
    np.testing.assert_allclose(network.classifier.weight.grad.numpy(), expected, rtol=1e-10, atol=1e-13)
    assert all(parameter.grad is None for parameter in method.discriminator.parameters())


def test_vada_reverses_the_domain_gradient_in_the_features_alone() -> None:
    gradients = []
    for weight in (0.5, 1.0):
        torch.manual_seed(0)
        method = Vada(mlp((7,), 3), weight=weight).double()
        method(batch_of((7,), classes=3, dtype=torch.float64), 0.1, "all")["domain"].backward()
        gradients.append((method.network.features[0].weight.grad, method.discriminator.layers[0].weight.grad))
        assert method.coefficients(0.1) == {"lambda": weight}
    torch.testing.assert_close(2 * gradients[0][0], gradients[1][0])
    torch.testing.assert_close(gradients[0][1], gradients[1][1])
    assert gradients[0][0].abs().sum() > 0
    assert Vada(mlp((7,), 3), schedule="ramp").coefficients(0.1) == {"lambda": 0.01 * ramp(0.1)}


def test_flipped_vada_exchanges_the_labels_in_an_update_of_the_network() -> None:
    method = Vada(linear_network(), weight=0.3, flipped=True).double()
    batch = batch_of((5,), classes=4, count=7, dtype=torch.float64)
    layer = method.discriminator.layers[0]
    s, t = ((x @ layer.weight[0] + layer.bias).detach().numpy() for x in (batch.source_x, batch.target_x))
    right, wrong = (np.log1p(np.exp(sign * np.concatenate([s, -t]))).mean() for sign in (1, -1))
    assert method.phases(0.5) == ("discriminator", "network")
    first, second = (method(batch, 0.5, phase) for phase in method.phases(0.5))
    assert {name: term.item() for name, term in first.items()} == {"domain": pytest.approx(right, rel=1e-12)}
    assert second.pop("confusion").item() == pytest.approx(0.3 * wrong, rel=1e-12)
    assert set(second) == {"label", "source_smoothness", "target_smoothness", "entropy"}
    stepped = [set(method.phase_parameters(phase) or ()) for phase in method.phases(0.5)]
    assert stepped == [set(method.discriminator.parameters()), set(method.network.parameters())]


def test_the_second_pass_is_normalised_by_its_own_batch() -> None:
    """Perturbed inputs go through BatchNorm in training mode, though its running statistics stay."""
    torch.manual_seed(0)
    network = NETWORKS["mnist"]((3, 28, 28), 5, batch_norm=True)
    x = torch.randn(6, 3, 28, 28)
    before = {key: value.clone() for key, value in network.named_buffers()}
    logits = perturbed_logits(network, x, torch.randn(6, 5), 1e-12)
    assert all(torch.equal(value, before[key]) for key, value in network.named_buffers())
    torch.testing.assert_close(logits, network(x))
    assert not torch.allclose(logits, network.eval()(x))


def test_without_its_weight_the_source_is_not_perturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target's loss is then that of the target alone, so it is another one with BatchNorm."""
    method = Vada(linear_network(), source_weight=0.0, target_weight=0.7, radius=0.8).double()
    found = recorded(method, monkeypatch)
    terms, batch = terms_of(method)
    p, q = (softmax(logits_of(method.network, x)) for x in (batch.target_x, batch.target_x + found[0]))
    assert terms["target_smoothness"] == pytest.approx(0.7 * kl(p, q).mean(), rel=1e-10)
    assert "source_smoothness" not in terms
