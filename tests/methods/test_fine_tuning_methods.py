"""Fine-tuning baselines: their losses against NumPy, what they find out before and while they train."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of, resnet_weights
from oracles import leaf, numerical_gradient, softmax
from pretrained_runs import PHOTO, setup_of, trained
from tiny import MOONS, config_of
from torch import nn

from dann.errors import BadInput
from dann.functional.norms import map_distance, spectral_shrinkage
from dann.functional.relations import direct_relation, reverse_relation
from dann.methods.bss import Bss
from dann.methods.co_tuning import CoTuning
from dann.methods.delta import Delta, losses_without_channels
from dann.methods.l2_sp import L2SP
from dann.methods.method import Method
from dann.methods.multitask import Multitask
from dann.methods.source_only import SourceOnly
from dann.networks.all_networks import NETWORKS
from dann.networks.network import Network
from dann.networks.stochastic_norm import StochasticNorm, make_norms_stochastic
from dann.training.loop import update
from dann.training.trainer import Trainer, load_pair


def network(head: str = "linear") -> Network:
    torch.manual_seed(0)
    return NETWORKS["torchvision"](PHOTO, 5, model="resnet18", weights=resnet_weights(), head=head)


def moved(method: Method) -> Method:
    """A method whose weights are no longer where they started."""
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return method


def test_l2_sp_against_numpy() -> None:
    method = L2SP(network(), weight=0.3, head_weight=0.7).double()
    start = {name: value.detach().numpy().copy() for name, value in method.network.named_parameters()}
    batch = batch_of(PHOTO, dtype=torch.float64)
    assert method.eval()(batch, 0.5, "all")["start"].item() == 0
    moved(method)
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


def test_a_resumed_l2_sp_remembers_where_it_started(weights: str, domains: None, tmp_path: Path) -> None:
    from dann.training.checkpoint import load, save

    method = {"name": "l2_sp"}
    first, second = (setup_of(weights, {}, method=method) for _ in range(2))
    trained(first, stop=3)
    save(tmp_path / "checkpoint.pt", first.method, first.optimizer, 3)
    load(tmp_path / "checkpoint.pt", second.method, second.optimizer)
    batch = first.stream[0]
    assert first.method(batch, 0, "all")["start"] == second.method(batch, 0, "all")["start"] > 0


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("shape", [(5, 8), (8, 5)])
def test_spectral_shrinkage_against_numpy(k: int, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    expected = np.sort(np.linalg.eigvalsh(x @ x.T if shape[0] < shape[1] else x.T @ x))[:k].sum()
    assert spectral_shrinkage(torch.from_numpy(x), k).item() == pytest.approx(expected, rel=1e-9)
    tensor = leaf(x)
    spectral_shrinkage(tensor, k).backward()
    numbers = numerical_gradient(lambda x: np.sort(np.linalg.svd(x)[1])[:k].__pow__(2).sum(), x)
    np.testing.assert_allclose(tensor.grad.numpy(), numbers, rtol=1e-6, atol=1e-7)


def test_bss_adds_the_penalty_of_the_source_features() -> None:
    method, batch = Bss(network(), weight=0.2, k=2).eval(), batch_of(PHOTO)
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
        method = make(network())
        optimizer = torch.optim.SGD(method.parameters(), lr=0.05)
        batch = batch_of(PHOTO)._replace(target_x=torch.full((6, *PHOTO), torch.nan))
        for _ in range(2):
            update(method, batch, 0.5, "all", optimizer)
        states.append(method.network.state_dict())
    for name_of, value in states[0].items():
        torch.testing.assert_close(value, states[1][name_of], rtol=1e-4, atol=1e-5)


def test_direct_relation_averages_each_class() -> None:
    probabilities = softmax(np.random.default_rng(0).normal(size=(9, 4)))
    labels = np.array([0, 1, 2, 0, 1, 2, 2, 2, 0])
    expected = np.array([probabilities[labels == y].mean(0) for y in range(3)])
    found = direct_relation(torch.from_numpy(probabilities), torch.from_numpy(labels), 3)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_reverse_relation_is_bayes_rule_on_a_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    probabilities = softmax(3 * np.random.default_rng(0).normal(size=(60, 4)))
    labels = probabilities[:, :3].argmax(1)
    model = LogisticRegression(max_iter=1000).fit(probabilities, labels)
    expected = np.zeros((3, 4))
    for y in range(3):
        for s in range(4):
            logits = model.coef_[:, s] + model.intercept_
            expected[y, s] = np.exp(logits[y]) / np.exp(logits).sum() * probabilities[:, s].mean()
        expected[y] /= expected[y].sum()
    found = reverse_relation(torch.from_numpy(probabilities), torch.from_numpy(labels), 3).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (found[:, :3].argmax(1) == [0, 1, 2]).all()  # each class is related most to the one that it is read from


def test_co_tuning_finds_the_relation_first_and_keeps_near_it(weights: str, domains: None) -> None:
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


def test_map_distance_against_numpy() -> None:
    random = np.random.default_rng(0)
    maps, start, attention = random.normal(size=(4, 3, 2, 5)), random.normal(size=(4, 3, 2, 5)), random.random(3)
    expected = sum(attention[c] * ((maps[i, c] - start[i, c]) ** 2).sum() / 4 for i in range(4) for c in range(3))
    given = leaf(maps), torch.from_numpy(start), torch.from_numpy(attention)
    assert map_distance(*given).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(map_distance, given)


def test_delta_keeps_the_maps_that_the_labels_need() -> None:
    method = Delta(network(), weight=0.4, head_weight=0.6, layers=["layer1", "layer3"], probe=0.25).eval()
    batch = batch_of(PHOTO)
    assert method.phases(0.2) == ("probe",) and method.phases(0.25) == ("all",)
    probed = {id(parameter) for parameter in method.phase_parameters("probe") or ()}
    assert probed == {id(parameter) for parameter in method.network.classifier.parameters()}
    terms = method(batch, 0.5, "all")
    assert terms["maps"].item() == 0  # nothing has moved
    moved(method.network)  # type: ignore[arg-type]
    with torch.no_grad():
        expected = 0.0
        for name in ("layer1", "layer3"):
            now, before = (
                maps_of(backbone, name, batch.source_x) for backbone in (method.network.backbone, method.start.module)
            )
            expected += 0.4 / 2 * ((now - before) ** 2).sum((2, 3)).mean(1).mean().item()
    assert method(batch, 0.5, "all")["maps"].item() == pytest.approx(expected, rel=1e-4)


def maps_of(backbone: Any, name: str, x: torch.Tensor) -> torch.Tensor:
    model = backbone.model
    x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    for layer in ("layer1", "layer2", "layer3", "layer4"):
        x = getattr(model, layer)(x)
        if layer == name:
            return x
    raise KeyError(name)


def test_attention_is_how_much_the_label_loss_grows_without_a_channel() -> None:
    method = Delta(network(), layers=["layer3"], examples=4).eval()
    batch = batch_of(PHOTO)
    x, y = batch.source_x[:4], batch.source_y[:4]

    class FullPass:
        def source(self) -> Any:
            return iter([(batch.source_x, batch.source_y)])

    with torch.no_grad():
        method.refresh(FullPass(), 0.1)  # type: ignore[arg-type]
        model, losses = method.network.backbone.model, []
        maps = maps_of(method.network.backbone, "layer3", x)
        for channel in range(maps.shape[1]):
            silent = maps.clone()
            silent[:, channel] = 0
            logits = method.network.classifier(model.avgpool(model.layer4(silent)).flatten(1)).numpy()
            losses.append(-np.log(softmax(logits))[np.arange(4), y.numpy()].mean())
    expected = softmax(np.array([losses]))[0]
    np.testing.assert_allclose(method.attention_0.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["l2_sp", "delta", "co_tuning"])
def test_methods_of_a_backbone_refuse_a_network_without(name: str, weights: str, domains: None) -> None:
    with pytest.raises(BadInput, match=f"{name}: needs a pretrained backbone that is trained"):
        setup_of(weights, None, method={"name": name}, network={"name": "mnist"})
    for norm in ("frozen", "train"):
        with pytest.raises(
            BadInput, match=rf"finetune\.backbone: {name} is for a backbone that is trained: set it above 0"
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


def test_relations_of_classes_without_examples_are_0() -> None:
    probabilities, labels = torch.rand(20, 4).softmax(1), torch.arange(20) % 2 * 2
    for relate in (direct_relation, reverse_relation):
        found = relate(probabilities, labels, 3)
        torch.testing.assert_close(found.sum(1), torch.tensor([1.0, 0.0, 1.0]))


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("resnet18", {"layers": ["layer9"]}, "no layer 'layer9' in the backbone; its blocks are conv1, "),
        ("resnet18", {"layers": ["avgpool", "fc"]}, "which these layers do not output"),
        ("resnet18", {"layers": []}, "which these layers do not output"),
        ("vit_b_16", {}, "which these layers do not output"),
    ],
)
def test_delta_needs_maps_of_channels(model: str, options: dict[str, Any], message: str) -> None:
    with torch.device("meta"):
        made = NETWORKS["torchvision"](PHOTO, 3, model=model, weights="none")
        with pytest.raises(ValueError, match=message):
            Delta(made, **options)


def test_delta_keeps_the_last_maps_of_a_network_without_blocks() -> None:
    with torch.device("meta"):
        method = Delta(NETWORKS["torchvision"](PHOTO, 3, model="vgg11", weights="none"))
    assert method.map_layers == ("features.11", "features.13", "features.16", "features.18")
    assert method.attention_3.shape == (512,)


@pytest.mark.parametrize("name", ["l2_sp", "delta", "co_tuning"])
def test_methods_of_pretrained_weights_refuse_fresh_ones(name: str, domains: None) -> None:
    with pytest.raises(BadInput, match=f"{name} needs pretrained ones: write default, or a file"):
        setup_of("none", None, method={"name": name})


def test_bss_refuses_features_that_nothing_trains(weights: str, domains: None) -> None:
    with pytest.raises(BadInput, match="bss: needs features that are trained"):
        setup_of(weights, {"backbone": 0, "norm": "frozen"}, method={"name": "bss"})


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_stochastic_norm_against_numpy(p: float) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6).double()
    norm.running_mean.copy_(torch.randn(6)), norm.running_var.copy_(torch.rand(6) + 0.5)
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    x = torch.randn(5, 6, 3, 2, dtype=torch.float64)
    mean, var = norm.running_mean.numpy().copy(), norm.running_var.numpy().copy()
    layer = StochasticNorm(norm, p)
    y = layer(x).detach().numpy()
    data, gamma, beta = x.numpy(), norm.weight.detach().numpy(), norm.bias.detach().numpy()
    chosen = 0
    for c in range(6):
        of = data[:, c]
        by_batch = (of - of.mean()) / np.sqrt(of.var() + 1e-5) * gamma[c] + beta[c]
        by_running = (of - mean[c]) / np.sqrt(var[c] + 1e-5) * gamma[c] + beta[c]
        first, second = np.allclose(y[:, c], by_batch), np.allclose(y[:, c], by_running)
        assert first != second
        chosen += first
        assert layer.running_mean[c].item() == pytest.approx(0.9 * mean[c] + 0.1 * of.mean(), rel=1e-9)
        assert layer.running_var[c].item() == pytest.approx(0.9 * var[c] + 0.1 * of.var(ddof=1), rel=1e-9)
    assert chosen in {0.0: (0,), 0.5: range(1, 6), 1.0: (6,)}[p]
    torch.testing.assert_close(layer.eval()(x), norm.eval()(x))


def test_stochastic_norm_takes_the_place_of_the_backbones_batch_norm(weights: str, domains: None) -> None:
    trainer = setup_of(weights, {"norm": "stochastic"})
    backbone = trainer.method.network.backbone
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d | StochasticNorm)]
    assert len(norms) == 20 and all(isinstance(norm, StochasticNorm) for norm in norms)
    stepped = {id(parameter) for group in trainer.optimizer.param_groups for parameter in group["params"]}
    assert stepped == {id(parameter) for parameter in trainer.method.parameters()}
    before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    after = trained(trainer, stop=2)
    assert set(before) == set(trained(setup_of(weights, {}), stop=1))  # the same names as with BatchNorm
    assert all(not torch.equal(value, before[name]) for name, value in after.items())


def test_made_stochastic_leaves_nothing_to_do_twice() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    make_norms_stochastic(model)
    first = model[1]
    make_norms_stochastic(model)
    assert model[1] is first


@pytest.mark.parametrize("predict", ["mean", "target"])
def test_multitask_against_numpy(predict: Any) -> None:
    torch.manual_seed(0)
    method = Multitask(NETWORKS["mlp"]((6,), 3), sources=2, predict=predict).double()
    batch = batch_of((6,), classes=3, count=7, dtype=torch.float64)
    batch = batch._replace(source_domain=torch.tensor([0, 1, 1, 2, 0, 2, 1]))  # 2: labelled target examples
    heads = [method.network.classifier, *method.others]

    def logp(x: torch.Tensor, head: nn.Module) -> np.ndarray:
        return np.log(softmax(head(method.network.features(x)).detach().numpy()))

    each = np.stack([logp(batch.source_x, head) for head in heads])
    losses = -each[batch.source_domain.numpy(), np.arange(7), batch.source_y.numpy()]
    terms = method(batch, 0.5, "all")
    assert terms["label"].item() == pytest.approx(losses.mean(), rel=1e-10)
    terms["label"].backward()
    assert all(next(head.parameters()).grad.abs().sum() > 0 for head in heads)
    target = np.exp(np.stack([logp(batch.target_x, head) for head in heads]))
    expected = target[2] if predict == "target" else target[:2].mean(0)
    np.testing.assert_allclose(softmax(method.predict(batch.target_x).detach().numpy()), expected, rtol=1e-9)


def test_the_targets_own_classifier_needs_labels() -> None:
    config = config_of(MOONS, method={"name": "multitask", "predict": "target"})
    with pytest.raises(BadInput, match=r"multitask needs labelled target examples: set data\.target_labelled"):
        Trainer.of(config, load_pair(config.data), 0, torch.device("cpu"))
    few = config_of(MOONS, method={"name": "multitask", "predict": "target"}, data={"target_labelled": 1})
    trainer = Trainer.of(few, load_pair(few.data), 0, torch.device("cpu"))
    trainer.train()
    trainer.step(0, 0.0)
    assert (trainer.stream.source.domain == 1).sum() == 2  # one of each class


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ("resnet18", "layer4"),
        ("resnet18", "layer1.0.conv1"),
        ("densenet121", "features.norm5"),
        ("vgg11", "features.5"),
    ],
)
def test_attention_without_computing_anew_is_that_of_whole_forward_passes(model: str, layer: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS["torchvision"](PHOTO, 3, model=model, weights="none")
    method, x, y = SourceOnly(network).eval(), torch.randn(4, *PHOTO), torch.tensor([0, 1, 2, 0])
    expected = []
    with torch.no_grad():
        for channel in range(2):

            def silenced(module: nn.Module, inputs: Any, output: torch.Tensor, channel: int = channel) -> torch.Tensor:
                return output.index_fill(1, torch.tensor([channel]), 0)

            with network.backbone.model.get_submodule(layer).register_forward_hook(silenced):
                expected.append(torch.nn.functional.cross_entropy(method.predict(x), y))
        found = losses_without_channels(method, network.backbone, layer, 2, x, y)
        torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=0)
        whole = method.predict(x)
    torch.testing.assert_close(method.predict(x), whole)  # nothing is replay_outputs any more
    assert found[0] != found[1]
