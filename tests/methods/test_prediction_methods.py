"""Methods whose losses are of the target's predictions or of a second task, against NumPy and by what they move."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from method_cases import INPUTS, batch_of
from stacked_runs import DIGITS, assert_same_state, in_both_ways
from tiny import MOONS, config_of
from torch import Tensor, nn
from torch.nn import functional as F

from dann.data.loading.stream import Batch
from dann.data.transforms.transform import Transform
from dann.errors import BadInput
from dann.methods.all_methods import METHODS
from dann.methods.bnm import Bnm
from dann.methods.entropy import EntropyMinimisation
from dann.methods.mcc import Mcc
from dann.methods.method import Method
from dann.methods.rotation import Rotation, turn_images
from dann.methods.self_training import FixMatch, PseudoLabel
from dann.methods.source_only import SourceOnly
from dann.methods.vada import Vada, adversarial_perturbation, scale_to_unit_norm
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.networks.network import Network
from dann.optim import ramp
from dann.training.loop import update
from dann.training.trainer import Trainer, load_pair

Kind = Callable[..., Method]
OURS: dict[str, Kind] = {
    "mcc": Mcc,
    "bnm": Bnm,
    "entropy": EntropyMinimisation,
    "pseudo_label": PseudoLabel,
    "fixmatch": FixMatch,
    "rotation": Rotation,
    "vada": Vada,
}
WITHOUT: dict[str, dict[str, float]] = {name: {"weight": 0.0} for name in OURS}
WITHOUT["vada"] = {"weight": 0.0, "source_weight": 0.0, "target_weight": 0.0}
WITHOUT["entropy"] = {"weight": 0.0, "diversity": 0.0}


def viewed(shape: tuple[int, ...], **options: Any) -> Batch:
    """A batch with a second view of the target."""
    batch = batch_of(shape, **options)
    return batch._replace(target_view=batch.target_x.flip(-1) * 1.5)


def linear(classes: int = 4, inputs: int = 5) -> Network:
    """A network whose logits are linear in its inputs, with confident predictions and unsure ones."""
    torch.manual_seed(0)
    network = Network(nn.Identity(), nn.Linear(inputs, classes), (inputs,), ()).double()
    nn.init.normal_(network.classifier.weight)
    return network


def logits_of(network: Network, x: Tensor) -> np.ndarray:
    weight, bias = (each.detach().numpy() for each in (network.classifier.weight, network.classifier.bias))
    return x.numpy() @ weight.T + bias


def softmax(z: np.ndarray) -> np.ndarray:
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def cross_entropy(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -np.log(softmax(z)[np.arange(len(z)), labels])


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return (p * (np.log(p) - np.log(q))).sum(axis=1)


# What every one of them does


@pytest.mark.parametrize("name", OURS)
def test_without_weight_the_network_moves_as_source_only_moves_it(name: str) -> None:
    networks = []
    for build in (lambda network: OURS[name](network, **WITHOUT[name]), SourceOnly):
        torch.manual_seed(0)
        method = build(NETWORKS["mnist"]((3, 28, 28), 10)).double()
        optimizer = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
        for _ in range(2):
            update(method, viewed((3, 28, 28), dtype=torch.float64), 0.5, "all", optimizer)
        networks.append(method.network.state_dict())
    for key, value in networks[0].items():
        torch.testing.assert_close(value, networks[1][key], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OURS)
def test_with_weight_the_target_moves_the_network(name: str) -> None:
    options: dict[str, float] = {"threshold": 0.0} if name in {"pseudo_label", "fixmatch"} else {}
    moved = []
    for shift in (0.0, 0.5):
        torch.manual_seed(0)
        method = OURS[name](NETWORKS["mnist"]((3, 28, 28), 5), **options).double()
        batch = viewed((3, 28, 28), dtype=torch.float64)
        batch = batch._replace(target_x=batch.target_x * (1 + shift), target_view=batch.target_view * (1 + shift))
        torch.manual_seed(1)
        update(method, batch, 0.5, "all", torch.optim.SGD(method.parameters(), lr=0.1))
        moved.append(method.network.state_dict())
    assert not torch.allclose(moved[0]["features.0.weight"], moved[1]["features.0.weight"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("network", ["mnist", "mlp", "cnn1d"])
@pytest.mark.parametrize("name", OURS)
def test_networks_of_each_kind_train_and_repeat_themselves(name: str, network: str) -> None:
    if name == "rotation" and len(INPUTS[network]) != 3:
        pytest.skip("rotation is for images")

    def trained() -> dict[str, Tensor]:
        torch.manual_seed(1)
        method = OURS[name](NETWORKS[network](INPUTS[network], 5))
        stepper = torch.optim.Adam(method.parameters(), lr=0.001)
        for _ in range(2):
            terms = update(method, viewed(INPUTS[network]), 0.5, "all", stepper)
            assert "label" in terms and all(torch.isfinite(term) and term.ndim == 0 for term in terms.values())
        return method.state_dict()

    state, again = trained(), trained()
    assert all(torch.isfinite(value).all() and torch.equal(value, again[key]) for key, value in state.items())


@pytest.mark.parametrize("name", OURS)
def test_bf16_stays_close_to_float32(name: str) -> None:
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(1)
        method = OURS[name](NETWORKS["mnist"]((3, 28, 28), 5))
        found.append(update(method, viewed((3, 28, 28)), 0.5, "all", torch.optim.SGD(method.parameters(), 0.01), dtype))
    for term, value in found[1].items():
        assert value.dtype is torch.float32
        torch.testing.assert_close(value, found[0][term], rtol=0.05, atol=0.01)


@pytest.mark.parametrize("name", OURS)
def test_all_examples_are_forwarded_as_one_batch(name: str) -> None:
    method = OURS[name](NETWORKS["mnist"]((3, 28, 28), 10, batch_norm=True))
    batch = viewed((3, 28, 28))
    before = {key: value.clone() for key, value in method.network.named_buffers()}
    method(batch, 0.5, "all")
    parts = [batch.source_x, batch.target_x]
    if name == "fixmatch":
        parts.append(batch.target_view)
    if name == "rotation":
        parts = [batch.source_x, turn_images(batch.source_x)[0], turn_images(batch.target_x)[0]]
    expected = 0.9 * before["features.1.running_mean"] + 0.1 * method.network.features[0](torch.cat(parts)).mean(
        (0, 2, 3)
    )
    after = dict(method.network.named_buffers())
    torch.testing.assert_close(after["features.1.running_mean"], expected, rtol=1e-4, atol=1e-6)
    assert after["features.1.num_batches_tracked"].item() == 1
    assert after["features.5.num_batches_tracked"].item() == 1


STACKED = {
    "mcc": [{}, {"weight": 0.3}, {"temperature": 1.5}],
    "bnm": [{}, {"weight": 0.3}],
    "entropy": [{}, {"weight": 0.3, "diversity": 0.2}],
    "pseudo_label": [{"threshold": 0.5}, {"weight": 3.0, "threshold": 0.6}],
    "fixmatch": [{"threshold": 0.5}, {"weight": 3.0, "threshold": 0.6}],
    "rotation": [{}, {"weight": 0.3}],
}


def test_all_but_vada_are_stacked() -> None:
    assert set(STACKED) == {name for name, kind in OURS.items() if kind.stackable} == set(OURS) - {"vada"}


@pytest.mark.parametrize("name", STACKED)
def test_a_stack_trains_as_separate_runs_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    augmented = Transform.augmented
    monkeypatch.setattr(Transform, "augmented", lambda self, x, generator: augmented(self, x, generator).double())
    monkeypatch.setitem(METHODS, name, OURS[name])
    base = dict(DIGITS if name == "rotation" else MOONS)
    if name == "fixmatch":
        base["data"] = base["data"] | {"target_view": {"mask": 0.5}}
    configs = [config_of(base | {"method": {"name": name, **options}}) for options in STACKED[name]]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4)
    assert_same_state(stack, separate)


# The terms, in float64, from the formulas


def terms_of(method: Method, progress: float = 0.4, count: int = 7) -> tuple[dict[str, float], Batch]:
    batch = viewed((5,), classes=4, count=count, dtype=torch.float64)
    weighted = batch._replace(source_weight=torch.linspace(0.5, 2, count, dtype=torch.float64))
    terms = {name: term.item() for name, term in method(weighted, progress, "all").items()}
    weights, z = weighted.source_weight.numpy(), logits_of(method.network, batch.source_x)
    label = (weights * cross_entropy(z, batch.source_y.numpy())).sum() / weights.sum()
    assert terms.pop("label") == pytest.approx(label, rel=1e-12)
    return terms, batch


def test_mcc_against_numpy() -> None:
    network = linear()
    terms, batch = terms_of(Mcc(network, weight=0.7, temperature=1.8))
    y = softmax(logits_of(network, batch.target_x) / 1.8)
    w = 1 + np.exp((y * np.log(y)).sum(axis=1))
    w = len(y) * w / w.sum()
    c = y.T @ np.diag(w) @ y
    c = c / c.sum(axis=1, keepdims=True)
    assert terms == {"confusion": pytest.approx(0.7 * (c.sum() - np.trace(c)) / 4, rel=1e-12)}


def test_bnm_against_numpy() -> None:
    network = linear()
    terms, batch = terms_of(Bnm(network, weight=0.7))
    norm = np.linalg.svd(softmax(logits_of(network, batch.target_x)), compute_uv=False).sum()
    assert terms == {"nuclear_norm": pytest.approx(-0.7 * norm / 7, rel=1e-12)}


def test_entropy_minimisation_against_numpy() -> None:
    network = linear()
    terms, batch = terms_of(EntropyMinimisation(network, weight=0.7, diversity=0.3))
    p = softmax(logits_of(network, batch.target_x))
    mean = p.mean(axis=0)
    assert terms == {
        "entropy": pytest.approx(-0.7 * (p * np.log(p)).sum() / 7, rel=1e-12),
        "diversity": pytest.approx(0.3 * (mean * np.log(mean)).sum(), rel=1e-12),
    }


@pytest.mark.parametrize(("schedule", "factor"), [("ramp", ramp(0.4)), ("constant", 1.0)])
def test_pseudo_labels_against_numpy(schedule: Any, factor: float) -> None:
    network = linear()
    method = PseudoLabel(network, weight=0.7, threshold=0.6, schedule=schedule)
    terms, batch = terms_of(method)
    z = logits_of(network, batch.target_x)
    certain = softmax(z).max(axis=1) >= 0.6
    assert 0 < certain.sum() < 7
    loss = (certain * cross_entropy(z, z.argmax(axis=1))).mean()
    assert terms == {"pseudo_label": pytest.approx(0.7 * factor * loss, rel=1e-12)}
    assert method.coefficients(0.4) == {"lambda": pytest.approx(0.7 * factor)}


def test_fixmatch_labels_the_second_view_by_the_first() -> None:
    network = linear()
    terms, batch = terms_of(FixMatch(network, weight=0.7, threshold=0.6))
    first, second = (logits_of(network, x) for x in (batch.target_x, batch.target_view))
    certain = softmax(first).max(axis=1) >= 0.6
    assert 0 < certain.sum() < 7 and not np.array_equal(certain, softmax(second).max(axis=1) >= 0.6)
    loss = (certain * cross_entropy(second, first.argmax(axis=1))).mean()
    assert terms == {"pseudo_label": pytest.approx(0.7 * loss, rel=1e-12)}


def test_fixmatch_learns_from_the_second_view_alone() -> None:
    method = FixMatch(linear(), threshold=0.6)
    batch = viewed((5,), classes=4, count=7, dtype=torch.float64)
    first, view = batch.target_x.requires_grad_(), batch.target_view.detach().requires_grad_()
    method(batch._replace(target_x=first, target_view=view), 0.4, "all")["pseudo_label"].backward()
    certain = method.predict(first).softmax(1).amax(1) >= 0.6
    assert not first.grad.any()
    assert torch.equal(view.grad.any(dim=1), certain)


def test_fixmatch_asks_for_the_second_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "fixmatch", FixMatch)
    config = config_of(MOONS, method={"name": "fixmatch"})
    with pytest.raises(BadInput, match=r"fixmatch needs a second view of the target: set data\.target_view"):
        Trainer.of(config, load_pair(config.data), 0, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"second view of the target: set data\.target_view"):
        FixMatch(mlp((20,), 5))(batch_of((20,)), 0.5, "all")


@pytest.mark.parametrize(
    ("name", "options"),
    [("mcc", {"temperature": 0}), ("pseudo_label", {"threshold": 1.1}), ("fixmatch", {"threshold": -0.1}),
     ("vada", {"radius": 0}), ("vada", {"schedule": "cosine"})],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, name, OURS[name])
    with pytest.raises(BadInput, match=rf"method\.{next(iter(options))}"):
        config_of(MOONS, method={"name": name, **options})


# Rotation


def test_images_are_turned_by_quarters_in_equal_shares() -> None:
    x = torch.randn(8, 3, 5, 5)
    images, turns = turn_images(x)
    assert torch.bincount(turns).tolist() == [2, 2, 2, 2]
    seen = set()
    for image, turn in zip(images, turns.tolist(), strict=True):
        matches = [place for place in range(8) if torch.equal(image, torch.rot90(x[place], turn, (1, 2)))]
        seen.update(matches)
        assert len(matches) == 1
    assert seen == set(range(8))
    corner = torch.zeros(2, 1, 5, 5)
    corner[:, :, 0, 4] = 1.0  # the upper right corner, which a turn to the left makes the upper left one
    assert turn_images(corner)[0][1, 0, 0, 0] == 1.0 and turn_images(corner)[1].tolist() == [0, 1]


def test_shares_are_as_equal_as_they_can_be() -> None:
    assert torch.bincount(turn_images(torch.randn(6, 3, 5, 5))[1]).tolist() == [2, 2, 1, 1]


def test_rotation_against_numpy() -> None:
    network = Network(nn.Flatten(), nn.Linear(27, 5), (3, 3, 3), ()).double()
    method = Rotation(network, weight=0.6).double()
    batch = batch_of((3, 3, 3), count=8, dtype=torch.float64)
    expected = 0.0
    for x in (batch.source_x.numpy(), batch.target_x.numpy()):
        images = np.stack([np.rot90(image, place % 4, (1, 2)) for place, image in enumerate(x)])
        weight, bias = (each.detach().numpy() for each in (method.head.weight, method.head.bias))
        expected += 0.6 * cross_entropy(images.reshape(8, -1) @ weight.T + bias, np.arange(8) % 4).mean()
    terms = method(batch, 0.4, "all")
    assert set(terms) == {"label", "rotation"}
    assert terms["rotation"].item() == pytest.approx(expected, rel=1e-12)
    upright = F.cross_entropy(network(batch.source_x), batch.source_y)
    assert terms["label"].item() == pytest.approx(upright.item(), rel=1e-12)


def test_the_rotation_head_is_stepped() -> None:
    method = Rotation(NETWORKS["mnist"]((3, 28, 28), 5))
    before = method.head.weight.detach().clone()
    update(method, batch_of((3, 28, 28)), 0.5, "all", torch.optim.SGD(method.parameters(), lr=0.1))
    assert not torch.equal(method.head.weight, before)


@pytest.mark.parametrize(
    ("network", "shape"), [("mlp", (20,)), ("cnn1d", (9, 32)), ("mnist", (3, 28, 32)), ("cnn1d", (9, 9))]
)
def test_rotation_is_for_square_images(network: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"square images, not inputs of shape .*: choose another method"):
        Rotation(NETWORKS[network](shape, 5))


def test_rotation_refused_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "rotation", Rotation)
    config = config_of(MOONS, method={"name": "rotation"})
    with pytest.raises(BadInput, match="rotation: rotation needs square images"):
        Trainer.of(config, load_pair(config.data), 0, torch.device("cpu"))


# VADA


def perturbation(network: Network, x: Tensor, radius: float) -> Tensor:
    return adversarial_perturbation(network, x, network(x).detach(), radius)


@pytest.mark.parametrize(("classes", "least", "mean"), [(2, 1.0, 1.0), (4, 0.2, 0.85)])
def test_hardly_a_random_direction_of_that_radius_is_worse(classes: int, least: float, mean: float) -> None:
    """With two classes one power iteration arrives; with more it comes near. Either sign of r is the method's."""
    network = linear(classes, inputs=6)
    x = torch.randn(40, 6, dtype=torch.float64)
    r = perturbation(network, x, 0.01)
    p = softmax(logits_of(network, x))
    found = kl(p, softmax(logits_of(network, x + r)))
    directions = scale_to_unit_norm(torch.randn(2000, 6, dtype=torch.float64))
    worst = np.stack([kl(p, softmax(logits_of(network, x + 0.01 * d))) for d in directions]).max(axis=0)
    assert (found / worst).min() > least and (found / worst).mean() > mean


def test_a_small_perturbation_is_the_worst() -> None:
    network = linear(classes=2, inputs=6)
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
    network = linear()
    nn.init.zeros_(network.classifier.weight)
    assert not perturbation(network, torch.randn(5, 5, dtype=torch.float64), 2.5).any()


def test_perturbations_of_certain_predictions_have_the_norm_too() -> None:
    network = linear().float()
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
            patch.setattr(torch, "randn_like", lambda x, drawn=drawn: drawn)
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


def test_vada_against_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    network = linear()
    method = Vada(network, weight=0.3, source_weight=0.6, target_weight=0.7, radius=0.8).double()
    found = recorded(method, monkeypatch)
    terms, batch = terms_of(method)
    (r,) = found
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
        "entropy": pytest.approx(-0.7 * (p[7:] * np.log(p[7:])).sum() / 7, rel=1e-12),
    }


def test_smoothness_moves_the_perturbed_prediction_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With p(x) and r held fixed the gradient at the logits of x + r is (q − p)/N; at W it is Σ (q − p)(x + r)ᵀ/N."""
    network = linear()
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
    method = Vada(linear(), weight=0.3, flipped=True).double()
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
    method = Vada(NETWORKS["mnist"]((3, 28, 28), 5, batch_norm=True))
    x = torch.randn(6, 3, 28, 28)
    before = {key: value.clone() for key, value in method.network.named_buffers()}
    logits = method.perturbed_logits(x)
    assert all(torch.equal(value, before[key]) for key, value in method.network.named_buffers())
    torch.testing.assert_close(logits, method.predict(x))
    assert not torch.allclose(logits, method.eval().predict(x))
