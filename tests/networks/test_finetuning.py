"""Fine-tuning of pretrained networks: frozen blocks, learning rates, heads and weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pretrained_runs import PHOTO, STEPS, setup_of, trained
from stacked_runs import CPU, in_both_ways
from tiny import Silent
from torch import nn

import dann
from dann.config.experiment import read_experiment
from dann.config.schema import resolve
from dann.errors import BadInput
from dann.networks.all_networks import NETWORKS
from dann.networks.backbone import Backbone
from dann.networks.finetuning import FineTuning
from dann.networks.network import Network
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch
from dann.training import building
from dann.training.evaluate import evaluate_splits
from dann.training.pair_loading import load_pair


def backbone_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if ".backbone." in name}


def running(name: str) -> bool:
    return "running" in name or "num_batches" in name


def test_without_a_section_everything_trains_at_one_rate(weights: str, domains: None) -> None:
    trainer = setup_of(weights, None)
    (group,) = trainer.optimizer.param_groups
    assert len(group["params"]) == len(list(trainer.method.parameters())) and group["initial_lr"] == 0.01
    before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    after = trained(trainer, stop=1)
    assert all(not torch.equal(before[name], after[name]) for name, _ in trainer.method.named_parameters())


@pytest.mark.parametrize("norm", ["train", "frozen"])
def test_a_frozen_backbone_stays_bit_for_bit(
    norm: str, weights: str, domains: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_is_constant", lambda *_: False)
    trainer = setup_of(weights, {"backbone": 0, "norm": norm})
    before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    after = trained(trainer)
    assert not torch.equal(before["network.classifier.0.weight"], after["network.classifier.0.weight"])
    for name, value in backbone_state(after).items():
        assert torch.equal(value, before[name]) == (norm == "frozen" or not running(name)), name
    (group,) = trainer.optimizer.param_groups  # nothing of the backbone is stepped or decayed
    assert len(group["params"]) == 2


def test_frozen_statistics_normalise_in_training_as_in_evaluation(weights: str, domains: None) -> None:
    trainer = setup_of(weights, {"norm": "frozen", "backbone": 0.1})
    x = torch.randn(5, *PHOTO)
    trainer.train()
    training = trainer.method.predict(x)
    torch.testing.assert_close(training, trainer.method.eval().predict(x))
    before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    after = trained(trainer)
    for name, value in backbone_state(after).items():
        assert torch.equal(value, before[name]) == running(name), name


def test_a_backbone_learns_at_its_share_of_the_rate(weights: str, domains: None) -> None:
    trainer = setup_of(weights, {"backbone": 0.1, "decay": 0.5})
    head, *blocks = trainer.optimizer.param_groups
    backbone = trainer.method.network.backbone
    assert [group["params"] for group in blocks] == backbone.blocks and len(blocks) == 5
    assert head["initial_lr"] == 0.01
    np.testing.assert_allclose([g["initial_lr"] for g in blocks], 0.001 * 0.5 ** np.arange(4, -1, -1), rtol=1e-12)
    named = {id(p): name for name, p in trainer.method.named_parameters()}
    assert {named[id(p)].split(".")[0] for p in head["params"]} == {"network"}
    assert [named[id(p)] for p in head["params"]] == ["network.classifier.0.weight", "network.classifier.0.bias"]
    assert "layer4" in named[id(blocks[-1]["params"][0])] and "conv1" in named[id(blocks[0]["params"][0])]


def test_a_linear_probe_goes_before_fine_tuning(weights: str, domains: None) -> None:
    trainer = setup_of(weights, {"start": 0.5, "norm": "frozen"})
    before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    probed = trained(trainer, stop=STEPS // 2)
    assert all(torch.equal(value, before[name]) for name, value in backbone_state(probed).items())
    tuned = trained(trainer, start=STEPS // 2)
    assert all(torch.equal(value, probed[name]) == running(name) for name, value in backbone_state(tuned).items())


def test_blocks_are_unfrozen_one_by_one_from_the_last(weights: str, domains: None) -> None:
    options = FineTuning(start=0.25, gradual=0.5)
    assert [options.frozen_blocks(step / 8, 4) for step in range(8)] == [4, 4, 3, 2, 1, 0, 0, 0]
    assert [FineTuning(gradual=1.0).frozen_blocks(p, 4) for p in (0.0, 0.3, 0.99)] == [3, 2, 0]
    trainer = setup_of(weights, {"gradual": 1.0})
    blocks = trainer.method.network.backbone.blocks
    for step in range(STEPS):
        before = [[p.detach().clone() for p in block] for block in blocks]
        trainer.train()
        trainer.step(step, step / STEPS)
        pairs = zip(blocks, before, strict=True)
        moved = [any(not torch.equal(p, old) for p, old in zip(*each, strict=True)) for each in pairs]
        frozen = max(0, 4 - int(step / STEPS * 5))
        assert moved == [False] * frozen + [True] * (5 - frozen), step


METHODS_OF_FEATURES = [{"name": "source_only"}, {"name": "dann"}, {"name": "cdan", "entropy": True}, {"name": "shot"}]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS_OF_FEATURES)
@pytest.mark.parametrize("head", ["linear", "bottleneck"])
def test_cached_features_of_a_frozen_backbone_equal_those_of_each_step(
    method: dict[str, Any], head: str, weights: str, domains: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = {"name": "torchvision", "model": "resnet18", "weights": weights, "head": head}
    states, scores = [], []
    for once in (True, False):
        if not once:
            monkeypatch.setattr(building, "_is_constant", lambda *_: False)
        trainer = setup_of(weights, {"backbone": 0, "norm": "frozen"}, method=method, network=network)
        assert (trainer.method.network.backbone is None) == once
        states.append(trained(trainer))
        scores.append(evaluate_splits(trainer))
    assert set(states[0]) == {name for name in states[1] if ".backbone." not in name}
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=2e-4, atol=2e-5, msg=name)
    for split, score in scores[0].items():
        assert torch.equal(score.confusion, scores[1][split].confusion)


def test_cached_features_are_reused_for_the_same_weights_and_data_only(
    weights: str, domains: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    forward = Backbone.forward
    monkeypatch.setattr(Backbone, "forward", lambda backbone, x: calls.append(len(x)) or forward(backbone, x))
    probe: dict[str, Any] = {"backbone": 0, "norm": "frozen"}

    def examples(**changes: Any) -> int:
        calls.clear()
        setup_of(weights, probe, **changes)
        return sum(count for count in calls if count > 2)  # the others are zeros, forwarded to measure a width

    assert examples() == 80  # 40 of each domain
    assert examples() == 0 and examples(seed=2) == 0
    data = {"source": {"name": "one"}, "target": {"name": "another"}, "batch_size": 4, "validation": 0.3}
    assert examples(data=data | {"transform": {"normalise": "half"}}) == 80
    pooled = {"name": "torchvision", "model": "resnet18", "weights": weights, "head": "pooled"}
    assert examples(network=pooled) == 0


@pytest.mark.parametrize(
    ("finetune", "changes"),
    [
        ({"backbone": 0, "norm": "train"}, {}),
        ({"backbone": 0.1, "norm": "frozen"}, {}),
        ({"backbone": 0, "norm": "frozen"}, {"method": {"name": "vada"}}),
        ({"backbone": 0, "norm": "frozen"}, {"method": {"name": "dirt_t"}}),
        ({"backbone": 0, "norm": "frozen"}, {"method": {"name": "rotation"}}),
        (
            {"backbone": 0, "norm": "frozen"},
            {"network": {"name": "torchvision", "model": "resnet18", "weights": "none"}},
        ),
    ],
)
def test_features_that_change_between_steps_are_not_cached(
    finetune: dict[str, Any], changes: dict[str, Any], weights: str, domains: None
) -> None:
    assert setup_of(weights, finetune, **changes).method.network.backbone is not None


def test_a_phase_that_steps_only_frozen_parameters_is_skipped(weights: str, domains: None) -> None:
    trainer = setup_of(weights, {"start": 0.5, "norm": "frozen"}, method={"name": "mcd", "num_k": 1})
    before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    after = trained(trainer, stop=STEPS // 2)
    assert all(torch.equal(value, before[name]) for name, value in backbone_state(after).items())
    assert not torch.equal(after["network.classifier.0.weight"], before["network.classifier.0.weight"])


def test_heads_are_as_their_names_say() -> None:
    def made(head: str, model: str = "resnet18", **options: Any) -> Network:
        return NETWORKS["torchvision"](PHOTO, 7, model=model, weights="none", head=head, **options)

    def layers(network: Network) -> list[str]:
        parts = [part for part in network.modules() if isinstance(part, nn.Linear | nn.BatchNorm1d)]
        own = [part for part in parts if not any(part is inner for inner in network.features.backbone.modules())]
        return [str(part).split(", bias")[0].split(", eps")[0] for part in own]

    assert layers(made("linear")) == ["Linear(in_features=512, out_features=7"]
    assert layers(made("bottleneck")) == [
        "Linear(in_features=512, out_features=256", "BatchNorm1d(256", "Linear(in_features=256, out_features=7",
    ]  # fmt: skip
    assert layers(made("linear_bottleneck")) == [
        "Linear(in_features=512, out_features=256", "Linear(in_features=256, out_features=7",
    ]  # fmt: skip
    assert layers(made("linear_bottleneck", "vgg11"))[0] == "Linear(in_features=4096, out_features=256"  # behind fc7
    assert [line[-4:] for line in layers(made("pooled"))] == ["1024", "es=7"]
    assert [line[-4:] for line in layers(made("vgg"))] == ["4096", "4096", "es=7"]
    assert made("vgg").classifier[2].p == 0.5 and made("vgg", dropout=0.0).classifier[2].__class__ is nn.Linear
    assert (made("bottleneck").feature_dim, made("linear").feature_dim) == (256, 512)
    features = made("linear_bottleneck").eval()(torch.randn(4, *PHOTO))
    assert features.shape == (4, 7) and made("linear_bottleneck").feature_dim == 256


@pytest.mark.parametrize(("head", "width"), [("linear", 4096), ("vgg", 25088), ("pooled", 512)])
def test_vgg_keeps_or_replaces_its_own_hidden_layers(head: str, width: int) -> None:
    with torch.device("meta"):
        network = NETWORKS["torchvision"](PHOTO, 3, model="vgg11", weights="none", head=head)
    assert network.classifier[-1].out_features == 3 and network.classifier[0].in_features == width


def test_a_weights_file_loads_into_the_backbone(weights: str) -> None:
    network = NETWORKS["torchvision"](PHOTO, 5, model="resnet18", weights=weights)
    state = torch.load(weights, weights_only=True)
    for name, value in network.backbone.model.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert network.backbone.pretrained and torch.equal(network.backbone.head.weight, state["fc.weight"])


def test_a_weights_file_may_have_other_classes(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.save({"state_dict": resnet18(num_classes=3).state_dict()}, tmp_path / "own.pt")
    network = NETWORKS["torchvision"](PHOTO, 5, model="resnet18", weights=str(tmp_path / "own.pt"))
    assert network.num_classes == 5 and network.backbone.head is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"conv1.weight": torch.zeros(1)},
            r"another model \(missing: bn1\.weight, bn1\.bias, .* and \d+ more; another shape: "
            r"conv1\.weight \(1,\) for \(64, 3, 7, 7\)\)",
        ),
        ({"state_dict": {}}, r"belongs to another model"),
        ({"state_dict": None}, "belongs to another model"),
        ([1, 2], "belongs to another model"),
        (nn.Linear(2, 2), r"names torch\.nn\.modules\.linear\.Linear, which could run code: save the state dict"),
    ],
)
def test_a_wrong_weights_file_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.pt"
    torch.save(content, path)
    with pytest.raises(BadInput, match=message):
        NETWORKS["torchvision"](PHOTO, 5, model="resnet18", weights=str(path))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        (PHOTO, {"model": "resnet19"}, "torchvision has no 'resnet19'; it has alexnet"),
        ((1, 32, 32), {"model": "resnet18"}, "takes colour images"),
        ((20,), {"model": "resnet18"}, "takes colour images"),
        ((3, 16, 16), {"model": "alexnet"}, "cannot take images of 16 × 16 pixels: set data.transform.crop"),
        (PHOTO, {"model": "resnet18", "weights": "IMAGENET9"}, "network: resnet18 could not be loaded"),
        (PHOTO, {"model": "resnet18", "weights": "my/moved.pth"}, r"weights: my/moved\.pth is not a file: restore it"),
    ],
)
def test_impossible_backbones_are_refused(shape: tuple[int, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        NETWORKS["torchvision"](shape, 5, **{"weights": "none", **options})


def test_finetuning_without_a_backbone_is_refused(weights: str, domains: None) -> None:
    with pytest.raises(BadInput, match="finetune: the network mnist has no pretrained backbone: leave finetune out"):
        setup_of(weights, {"backbone": 0.1}, network={"name": "mnist"})


@pytest.mark.slow
def test_blocks_that_are_frozen_when_a_stage_begins_train_later(weights: str, domains: None) -> None:
    trainer = setup_of(weights, {"start": 0.75}, method={"name": "adda", "pretrain": 0.5})
    before = trained(trainer, stop=STEPS // 2)
    after = trained(trainer, start=STEPS // 2)
    blocks = trainer.method.network.backbone
    assert blocks is not None
    last = {id(parameter) for parameter in blocks.blocks[-1]}
    names = [name for name, parameter in trainer.method.named_parameters() if id(parameter) in last]
    moved = [name for name in names if not torch.equal(before[name], after[name])]
    assert names and moved, "the last block did not train in the second stage"


MODELS = {
    "alexnet": 64, "densenet121": 32, "googlenet": 64, "mobilenet_v3_small": 32, "squeezenet1_1": 64, "swin_t": 32,
    "vit_b_16": 32, "convnext_tiny": 32, "efficientnet_b0": 32, "shufflenet_v2_x0_5": 32,
}  # fmt: skip


@pytest.mark.parametrize(("model", "side"), MODELS.items())
def test_models_of_each_family_lose_their_last_layer(model: str, side: int) -> None:
    with torch.device("meta"):
        network = NETWORKS["torchvision"]((3, side, side), 5, model=model, weights="none")
    backbone, last = network.features.backbone, network.classifier[-1]
    assert last.out_features == 5 and len(backbone.blocks) >= 4
    assert backbone.head is None or backbone.head.in_features == last.in_features
    placed = [id(parameter) for block in backbone.blocks for parameter in block]
    assert sorted(placed) == sorted(id(parameter) for parameter in backbone.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("finetune", "method"),
    [
        ({"backbone": 0, "norm": "frozen"}, {"name": "mcd"}),
        ({"backbone": 0.1, "norm": "stochastic"}, {"name": "source_only"}),
        ({}, {"name": "co_tuning"}),
        ({}, {"name": "delta", "layers": ["layer1"], "attention": False}),
    ],
    ids=str,
)
def test_a_finished_run_is_loaded_with_its_backbone(
    finetune: dict[str, Any], method: dict[str, Any], weights: str, domains: None, tmp_path: Path
) -> None:
    network = {"name": "torchvision", "model": "resnet18", "weights": weights, "head": "linear"}
    declared = {
        "data": {"source": {"name": "one"}, "target": {"name": "another"}, "batch_size": 4, "validation": 0.3},
        "network": network,
        "optimizer": {"name": "sgd", "lr": 0.001},
        "train": {"steps": 3, "precision": "fp32"},
        "method": method,
        "finetune": finetune,
    }
    written = tmp_path / "one.yaml"
    written.write_text(yaml.safe_dump({"title": "One", "seeds": [0], "base": declared, "variants": {"it": {}}}))
    experiment = read_experiment(written)
    launch(experiment, list(experiment.runs()), tmp_path / "runs", CPU, Silent(), written, 1)
    (record,) = read_records(experiment, tmp_path / "runs").values()
    model = dann.load(tmp_path / "runs/it/seed-0", device="cpu")
    pair = load_pair(model.config.data)
    predicted = model.predict(pair.target_test.x).argmax(1)
    accuracy = (predicted == pair.target_test.y.numpy()).mean()
    assert accuracy == pytest.approx(record.evaluations[-1]["target_test"], rel=1e-5)
    if finetune.get("backbone") == 0:
        kept = Path(weights).read_bytes()
        torch.save({name: 1.01 * value for name, value in torch.load(weights).items()}, weights)
        with pytest.raises(BadInput, match=r"network\.weights differ from those of training"):
            dann.load(tmp_path / "runs/it/seed-0", device="cpu")
        Path(weights).write_bytes(kept)
        assert (tmp_path / "runs/it/seed-0/checkpoint.pt").stat().st_size < 1e6  # without the backbone's 45 MB


def test_a_backbone_is_not_trained_in_a_stack(weights: str, domains: None) -> None:

    from dann.training.stacking.stackable import should_stack

    trainer = setup_of(weights, {"start": 0.5}, train={"steps": 4, "replicas": 2})
    assert not should_stack([_config(weights, {"start": 0.5})] * 2, trainer)
    probe = {"backbone": 0, "norm": "frozen"}
    assert should_stack([_config(weights, probe)] * 2, setup_of(weights, probe))


def _config(weights: str, finetune: dict[str, Any]) -> Any:
    network = {"name": "torchvision", "model": "resnet18", "weights": weights}
    declared = {
        "data": {"source": {"name": "one"}, "target": {"name": "another"}, "batch_size": 4},
        "network": network, "optimizer": {"name": "sgd"}, "train": {"steps": 4, "replicas": 2, "precision": "fp32"},
        "method": {"name": "source_only"}, "finetune": finetune,
    }  # fmt: skip
    return resolve(declared, "test")


def test_stacked_linear_probes_are_those_of_separate_runs(weights: str, domains: None) -> None:

    config = _config(weights, {"backbone": 0, "norm": "frozen"})
    stack, separate = in_both_ways([config, config], load_pair(config.data), steps=3, double=False)
    for replica, trainer in enumerate(separate):
        for name, value in trainer.method.named_parameters():
            torch.testing.assert_close(stack.parameters[name][replica], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("finetune", "message"),
    [
        (
            {"backbone": 0, "start": 0.5},
            "backbone: 0 freezes it throughout: leave out start, gradual, decay and frozen",
        ),
        ({"start": 0.8, "gradual": 0.9}, "blocks would never be unfrozen"),
    ],
)
def test_impossible_fine_tuning_is_refused(finetune: dict[str, Any], message: str, weights: str, domains: None) -> None:
    with pytest.raises(BadInput, match=message):
        _config(weights, finetune)


def test_adabn_refuses_statistics_that_are_frozen(weights: str, domains: None) -> None:
    for norm in ("frozen", "stochastic"):
        with pytest.raises(BadInput, match=r"finetune\.norm: adabn sets the statistics of BatchNorm"):
            setup_of(weights, {"norm": norm}, method={"name": "adabn"})


def test_stochastic_norm_refuses_layers_that_do_more(weights: str, domains: None) -> None:
    timm = pytest.importorskip("timm")
    assert timm
    network = {"name": "timm", "model": "regnetx_002", "weights": "none"}
    with pytest.raises(BadInput, match="BatchNormAct2d, which does more than normalise: write norm: train"):
        setup_of(weights, {"norm": "stochastic"}, network=network)


def test_the_cache_distinguishes_weights_data_and_number_formats(weights: str, domains: None, tmp_path: Path) -> None:
    from dann.training.frozen_features import extract_features

    def features(scale: float = 1.0, rows: int = 9, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        trainer = setup_of(weights, {"backbone": 1.0})
        backbone, split = trainer.method.network.backbone, trainer.splits["target_test"]
        with torch.no_grad():
            backbone.model.conv1.weight.mul_(scale)
        return extract_features(
            split.take(torch.arange(len(split))[-rows:]), backbone, trainer.inputs.raw, CPU, dtype
        ).x

    first, again = features(), features()
    assert torch.equal(first, again) and not torch.allclose(first, features(scale=1.1))
    assert len(features(rows=5)) == 5 and torch.allclose(features(rows=5), first[-5:], rtol=1e-4, atol=1e-5)
    assert not torch.equal(first, features(dtype=torch.bfloat16))
