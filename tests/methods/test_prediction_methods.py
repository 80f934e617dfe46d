"""Methods with losses on the target's predictions or a second task: formulas in NumPy, and gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from linear_networks import cross_entropy, linear_network, logits_of, terms_of, viewed
from method_cases import INPUTS, assert_moves_as_source_only, batch_of
from oracles import softmax
from stacked_runs import DIGITS, assert_same_state, in_both_ways
from tiny import MOONS, config_of
from torch import Tensor

from dann.data.transforms.input_transform import Transform
from dann.errors import BadInput
from dann.methods.all_methods import METHODS
from dann.methods.bnm import Bnm
from dann.methods.entropy import EntropyMinimisation
from dann.methods.mcc import Mcc
from dann.methods.method import Method
from dann.methods.rotation import Rotation, turn_images
from dann.methods.self_training import FixMatch, PseudoLabel
from dann.methods.vada import Vada
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.optim.schedules import ramp
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.stacking.stackable import NUMBERS
from dann.training.trainer import update

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


# What every one of them does


@pytest.mark.parametrize("name", OURS)
def test_without_weight_the_network_moves_as_source_only_moves_it(name: str) -> None:
    batch = viewed((3, 28, 28), dtype=torch.float64)
    assert_moves_as_source_only(lambda network: OURS[name](network, **WITHOUT[name]), batch)


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
    assert set(STACKED) == set(OURS) & set(NUMBERS) == set(OURS) - {"vada"}


@pytest.mark.parametrize("name", STACKED)
def test_a_stack_trains_as_separate_runs_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    augmented = Transform.augment
    monkeypatch.setattr(Transform, "augment", lambda self, x, generator: augmented(self, x, generator).double())
    monkeypatch.setitem(METHODS, name, OURS[name])
    base = dict(DIGITS if name == "rotation" else MOONS)
    if name == "fixmatch":
        base["data"] = base["data"] | {"target_view": {"mask": 0.5}}
    configs = [config_of(base | {"method": {"name": name, **options}}) for options in STACKED[name]]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4)
    assert_same_state(stack, separate)


# The terms, in float64, from the formulas


def test_mcc_against_numpy() -> None:
    network = linear_network()
    terms, batch = terms_of(Mcc(network, weight=0.7, temperature=1.8))
    y = softmax(logits_of(network, batch.target_x) / 1.8)
    w = 1 + np.exp((y * np.log(y)).sum(axis=1))
    w = len(y) * w / w.sum()
    c = y.T @ np.diag(w) @ y
    c = c / c.sum(axis=1, keepdims=True)
    assert terms == {"confusion": pytest.approx(0.7 * (c.sum() - np.trace(c)) / 4, rel=1e-12)}


def test_bnm_against_numpy() -> None:
    network = linear_network()
    terms, batch = terms_of(Bnm(network, weight=0.7))
    norm = np.linalg.svd(softmax(logits_of(network, batch.target_x)), compute_uv=False).sum()
    assert terms == {"nuclear_norm": pytest.approx(-0.7 * norm / 7, rel=1e-12)}
    terms, _ = terms_of(Bnm(network, weight=0.7, divisor="singular_values"))
    assert terms == {"nuclear_norm": pytest.approx(-0.7 * norm / 4, rel=1e-12)}  # 7 examples of 4 classes


def test_entropy_minimisation_against_numpy() -> None:
    network = linear_network()
    terms, batch = terms_of(EntropyMinimisation(network, weight=0.7, diversity=0.3))
    p = softmax(logits_of(network, batch.target_x))
    mean = p.mean(axis=0)
    assert terms == {
        "entropy": pytest.approx(-0.7 * (p * np.log(p)).sum() / 7, rel=1e-12),
        "diversity": pytest.approx(0.3 * (mean * np.log(mean)).sum(), rel=1e-12),
    }


@pytest.mark.parametrize(("schedule", "factor"), [("ramp", ramp(0.4)), ("constant", 1.0)])
def test_pseudo_labels_against_numpy(schedule: Any, factor: float) -> None:
    network = linear_network()
    method = PseudoLabel(network, weight=0.7, threshold=0.6, schedule=schedule)
    terms, batch = terms_of(method)
    z = logits_of(network, batch.target_x)
    certain = softmax(z).max(axis=1) >= 0.6
    assert 0 < certain.sum() < 7
    loss = (certain * cross_entropy(z, z.argmax(axis=1))).mean()
    assert terms == {"pseudo_label": pytest.approx(0.7 * factor * loss, rel=1e-12)}
    assert method.coefficients(0.4) == {"lambda": pytest.approx(0.7 * factor)}


def test_fixmatch_labels_the_second_view_by_the_first() -> None:
    network = linear_network()
    terms, batch = terms_of(FixMatch(network, weight=0.7, threshold=0.6))
    first, second = (logits_of(network, x) for x in (batch.target_x, batch.target_view))
    certain = softmax(first).max(axis=1) >= 0.6
    assert 0 < certain.sum() < 7 and not np.array_equal(certain, softmax(second).max(axis=1) >= 0.6)
    loss = (certain * cross_entropy(second, first.argmax(axis=1))).mean()
    assert terms == {"pseudo_label": pytest.approx(0.7 * loss, rel=1e-12)}


def test_fixmatch_learns_from_the_second_view_alone() -> None:
    method = FixMatch(linear_network(), threshold=0.6)
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
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
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
