"""Fine-tuning baselines: their losses against NumPy, and what they compute before and during training."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of
from pretrained_runs import PHOTO, perturb_weights, resnet_network, setup_of

from dann.errors import BadInput
from dann.methods.bss import Bss
from dann.methods.co_tuning import CoTuning
from dann.methods.delta import Delta
from dann.methods.l2_sp import L2SP
from dann.methods.source_only import SourceOnly
from dann.networks.all_networks import NETWORKS
from dann.training.trainer import update


def test_l2_sp_against_numpy() -> None:
    method = L2SP(resnet_network(), weight=0.3, head_weight=0.7).double()
    start = {name: value.detach().numpy().copy() for name, value in method.network.named_parameters()}
    batch = batch_of(PHOTO, dtype=torch.float64)
    assert method.eval()(batch, 0.5, "all")["start"].item() == 0
    perturb_weights(method)
    now = {name: value.detach().numpy() for name, value in method.network.named_parameters()}
    backbone = [name for name in now if ".backbone." in name]
    expected = 0.3 / 2 * sum(((now[name] - start[name]) ** 2).sum() for name in backbone)
    decay = 0.7 / 2 * sum((now[name] ** 2).sum() for name in now if name not in backbone)
    terms = method(batch, 0.5, "all")
    assert terms["start"].item() == pytest.approx(expected, rel=1e-9)
    assert terms["decay"].item() == pytest.approx(decay, rel=1e-9)
    terms["start"].backward()
    weight = dict(method.network.named_parameters())[backbone[0]]
    np.testing.assert_allclose(weight.grad.numpy(), 0.3 * (now[backbone[0]] - start[backbone[0]]), rtol=1e-9)
    assert not any(name.startswith("start") for name in method.state_dict())


def test_bss_adds_the_penalty_of_the_source_features() -> None:
    method, batch = Bss(resnet_network(), weight=0.2, k=2).eval(), batch_of(PHOTO)
    features = method.network.features(batch.source_x)
    expected = 0.2 * np.linalg.svd(features.detach().numpy())[1][-2:].__pow__(2).sum()
    assert method(batch, 0.5, "all")["spectral"].item() == pytest.approx(expected, rel=1e-4)


KINDS: dict[str, Any] = {
    "l2_sp": lambda network: L2SP(network, weight=0.0, head_weight=0.0),
    "bss": lambda network: Bss(network, weight=0.0),
    "co_tuning": lambda network: CoTuning(network, weight=0.0),
    "delta": lambda network: Delta(network, weight=0.0, head_weight=0.0, layers=["layer1"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_with_weight_0_it_is_plain_fine_tuning_that_never_reads_the_target(name: str) -> None:
    states = []
    for make in (KINDS[name], SourceOnly):
        method = make(resnet_network())
        optimizer = torch.optim.SGD(method.parameters(), lr=0.05)
        batch = batch_of(PHOTO)._replace(target_x=torch.full((6, *PHOTO), torch.nan))
        for _ in range(2):
            update(method, batch, 0.5, "all", optimizer)
        states.append(method.network.state_dict())
    for name_of, value in states[0].items():
        torch.testing.assert_close(value, states[1][name_of], rtol=1e-4, atol=1e-5)


def test_co_tuning_estimates_the_relation_first_and_then_stays_near_it(weights: str, domains: None) -> None:
    trainer = setup_of(weights, None, method={"name": "co_tuning", "relation": "direct", "weight": 0.5})
    method: Any = trainer.method
    assert method.due(-1.0, 0.0, False) and not method.due(0.0, 0.1, False)
    trainer.refresh(-1.0, 0.0, False)
    torch.testing.assert_close(method.relations.sum(1), torch.ones(5))
    batch = trainer.stream[0]
    method.eval()
    logits = method.pretrained_head(method.network.backbone(batch.source_x)).detach().numpy()
    logp = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -0.5 * (method.relations.numpy()[batch.source_y.numpy()] * logp).sum(1).mean()
    assert method(batch, 0.0, "all")["pretrained"].item() == pytest.approx(expected, rel=1e-5)
    before = method.pretrained_head.weight.clone()
    trainer.train()
    trainer.step(0, 0.0)
    assert not torch.equal(before, method.pretrained_head.weight)


@pytest.mark.parametrize("name", ["l2_sp", "delta", "co_tuning"])
def test_methods_of_a_backbone_refuse_a_network_without(name: str, weights: str, domains: None) -> None:
    with pytest.raises(BadInput, match=f"{name}: needs a pretrained backbone that is trained"):
        setup_of(weights, None, method={"name": name}, network={"name": "mnist"})
    for norm in ("frozen", "train"):
        with pytest.raises(
            BadInput, match=rf"finetune\.backbone: {name} needs a backbone that is trained: set it above 0"
        ):
            setup_of(weights, {"backbone": 0, "norm": norm}, method={"name": name})


def test_bss_refuses_features_that_are_frozen(weights: str, domains: None) -> None:
    for norm in ("frozen", "train"):
        with pytest.raises(BadInput, match=r"bss: needs features that are trained: choose finetune\.backbone above 0"):
            setup_of(weights, {"backbone": 0, "norm": norm}, method={"name": "bss"})


def test_co_tuning_refuses_a_head_that_cuts_the_pretrained_layer_off() -> None:
    with torch.device("meta"):
        vgg = NETWORKS["torchvision"](PHOTO, 3, model="vgg11", weights="none", head="vgg")
        with pytest.raises(ValueError, match="and head: linear"):
            CoTuning(vgg)


@pytest.mark.parametrize("name", ["l2_sp", "delta", "co_tuning"])
def test_methods_of_pretrained_weights_refuse_fresh_ones(name: str, domains: None) -> None:
    with pytest.raises(BadInput, match=f"{name} needs pretrained weights: write default, or a file"):
        setup_of("none", None, method={"name": name})


def test_bss_refuses_features_that_nothing_trains(weights: str, domains: None) -> None:
    with pytest.raises(BadInput, match="bss: needs features that are trained"):
        setup_of(weights, {"backbone": 0, "norm": "frozen"}, method={"name": "bss"})
