"""The contract of every method: order, batch sizes, training, prediction, checkpoints and resumption."""

from pathlib import Path
from typing import Any

import pytest
import torch
from method_cases import INPUTS, OF_BACKBONES, OPTIONS, PUBLISHED_INPUTS, batch_of, method_config
from tiny import MOONS, config_of

from dann.data.loading.stream import Batch
from dann.errors import BadInput
from dann.methods.all_methods import METHODS
from dann.methods.linear_svm import LinearSvm
from dann.methods.method import Method
from dann.methods.source_only import SourceOnly
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.training.building import build_trainer
from dann.training.checkpoint import load, save
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer, update


def test_source_only_never_forwards_the_target() -> None:
    method = SourceOnly(NETWORKS["mnist"]((3, 28, 28), 10))
    batch = batch_of((3, 28, 28))
    poisoned = batch._replace(target_x=torch.full_like(batch.target_x, torch.nan))
    terms = method(poisoned, 0.5, "all")
    assert set(terms) == {"label"}
    assert terms["label"].item() == method(batch, 0.5, "all")["label"].item()


CASES = [(name, OPTIONS.get(name, {}), network) for name in METHODS for network in INPUTS] + [
    (name, options, network)
    for network in ("mnist", "mlp")
    for name, options in [
        ("dann", {"schedule": "adaptive"}),
        ("dann", {"layer": "logits"}),
        ("dann", {"layer": "features.0", "horizon": 0.2}),
        ("cdan", {"entropy": True}),
        ("cdan", {"randomized": "always", "normalised": True, "entropy": True}),
        ("afn", {"mode": "hard", "entropy": 0.1}),
        ("jan", {"estimator": "neighbours", "class_bandwidth": 1.68}),
        ("mdd", {"horizon": 0.2}),
        ("vada", {"flipped": True}),
        ("dan", {"estimator": "unbiased", "layers": ["features.0", "logits"]}),
        ("weighted_dann", {"estimate": "bbse"}),
        ("weighted_dann", {"estimate": "pada"}),
        ("mdan", {"aggregate": "hard", "score": "apart"}),
    ]
]
# The networks of papers with the methods of those papers and the most usual; on `mnist` and `mlp` a bottleneck (`+`).
CASES += [(name, {}, network) for name in ("dann", "cdan", "mcd", "shot", "vada") for network in PUBLISHED_INPUTS]
BOTTLENECKS = ("adabn", "tent", "afn", "mcd", "mdd", "shot", "nrc")
CASES += [(name, {}, network) for name in BOTTLENECKS for network in ("mnist+", "mlp+")]
IN_ORDER = {
    "rotation": "turns an image by its place",
    "vada": "draws its directions",
    "dirt_t": "as vada",
    "pixel_da": "draws its noise",
}
UNSUITED = {
    *((method, name) for method in ("rotation", "pixel_da") for name in ("mlp", "cnn1d")),
    *((method, name) for method in ("adabn", "tent") for name in ("mnist", "svhn", "gtsrb", "mlp")),
    *((method, name) for method in OF_BACKBONES for name in INPUTS if name != "torchvision"),
}


@pytest.mark.parametrize("name", [name for name in METHODS if name not in (*IN_ORDER, *OF_BACKBONES)])
def test_the_order_of_a_batch_does_not_matter(name: str) -> None:
    torch.manual_seed(0)
    options = OPTIONS.get(name, {}) | ({"estimator": "unbiased"} if name in {"dan", "jan"} else {})
    method = METHODS[name](NETWORKS["mnist"]((3, 28, 28), 5, batch_norm=True), **options).double()
    batch = batch_of((3, 28, 28), dtype=torch.float64)
    batch = batch._replace(target_view=batch.target_x.flip(3))
    method.hold_examples(8)
    for name_of, buffer in method.named_buffers():  # as after a refresh
        if name_of in {"centroids", "class_weight", "bank_features", "bank_probabilities"}:
            buffer.copy_(torch.rand_like(buffer))
    source, target = torch.tensor([3, 1, 5, 0, 4, 2]), torch.tensor([2, 4, 0, 5, 1, 3])
    orders = {
        "target_x": target,
        "target_view": target,
        "target_rows": target,
        "source_x": source,
        "source_y": source,
        "source_domain": source,
    }
    shuffled = batch._replace(**{field: getattr(batch, field)[order] for field, order in orders.items()})
    for progress in (0.2, 0.7):
        for phase in method.phases(progress):
            one, other = method(batch, progress, phase), method(shuffled, progress, phase)
            for term in one:
                torch.testing.assert_close(one[term], other[term], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in OF_BACKBONES])
@pytest.mark.parametrize("sizes", [(6, 4), (4, 6)])
def test_the_domains_may_have_other_numbers_of_examples(name: str, sizes: tuple[int, int]) -> None:
    torch.manual_seed(0)
    options = OPTIONS.get(name, {})
    method = METHODS[name](NETWORKS["mnist"]((3, 28, 28), 5, batch_norm=True), **options)
    method.hold_examples(8)
    batch = batch_of((3, 28, 28))
    batch = batch._replace(target_view=batch.target_x.flip(3))
    cut = {field: None if part is None else part[: sizes[field.startswith("target")]]
           for field, part in batch._asdict().items()}  # fmt: skip
    terms = {}
    for progress in (0.2, 0.7):
        for phase in method.phases(progress):
            terms |= method(Batch(**cut), progress, phase)
    assert all(term.shape == () and term.isfinite() for term in terms.values()), terms


def setup_of(name: str, options: dict[str, Any], network: str, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    config = method_config(name, options, network, monkeypatch)
    with torch.random.fork_rng():
        return build_trainer(config, load_pair(config.data), 1, torch.device("cpu"))


def steps(trainer: Trainer, first: int, last: int) -> None:
    """Those of a run of two steps, as the loop makes them; a method of two stages changes over between them."""
    trainer.train()
    if first == 0 and isinstance(trainer.method, LinearSvm):  # which learns before the first step alone
        trainer.refresh(-1.0, 0.0, False)
    for step in range(first, last):
        terms = trainer.step(step, step / 2)
        assert terms and all(term.isfinite() for term in terms.values()), terms
        trainer.refresh(step / 2, (step + 1) / 2, True)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "network"), CASES, ids=str)
def test_every_method_trains_predicts_checkpoints_and_resumes(
    name: str, options: dict[str, Any], network: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if (name, network) in UNSUITED:
        with pytest.raises(BadInput, match=f"{name}: .*(set|choose|needs)"):
            setup_of(name, options, network, monkeypatch)
        return
    unbroken, resumed = (setup_of(name, options, network, monkeypatch) for _ in range(2))
    initial = {key: value.clone() for key, value in unbroken.method.state_dict().items()}
    assert all(torch.equal(value, initial[key]) for key, value in resumed.method.state_dict().items())
    steps(unbroken, 0, 1)
    save(tmp_path / "checkpoint.pt", unbroken.method, unbroken.optimizer, 1)
    steps(unbroken, 1, 2)
    assert load(tmp_path / "checkpoint.pt", resumed.method, resumed.optimizer) == 1
    steps(resumed, 1, 2)
    state = unbroken.method.state_dict()
    for key, value in resumed.method.state_dict().items():
        assert torch.equal(value, state[key]), key
    for part in ("machine",) if name == "linear_svm" else ("network.features", "network.classifier"):
        assert any(not torch.equal(value, initial[key]) for key, value in state.items() if key.startswith(part))
    method, x = unbroken.method.eval(), unbroken.transform("target_test")(unbroken.splits["target_test"].x)
    assert method.predict(x).shape == (len(x), 5)
    if method.adversarial:
        assert method.domain_logits(method.outputs(x)).shape == (len(x),)
    else:
        assert not any(key.startswith("discriminator") for key in state)
        with pytest.raises(NotImplementedError):
            method.domain_logits(method.outputs(x))


class _Parts(SourceOnly):
    """A phase steps the part of the network that it is called."""

    def phases(self, progress: float) -> tuple[str, ...]:
        return "features", "classifier"

    def phase_parameters(self, phase: str) -> list[torch.nn.Parameter]:
        return list(getattr(self.network, phase).parameters())


class _Probe(_Parts):
    def phases(self, progress: float) -> tuple[str, ...]:
        return ("classifier",)


@pytest.mark.parametrize(("kind", "phase"), [(_Parts, "features"), (_Parts, "classifier"), (_Probe, "classifier")])
def test_a_phase_steps_its_parameters_alone(kind: type[Method], phase: str) -> None:
    method = kind(mlp((20,), 5))
    optimizer = torch.optim.AdamW(method.parameters(), lr=0.1, weight_decay=0.1)
    before = {name: value.clone() for name, value in method.network.state_dict().items()}
    update(method, batch_of((20,)), 0.0, phase, optimizer)
    for name, value in method.network.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith(phase), name


def test_relu_after_pooling_is_relu_before_it() -> None:
    """Both orders give the very same features and gradients, ties at 0 included."""
    x = torch.randn(4, 3, 28, 28)
    x[0] = 0.0
    network = NETWORKS["mnist"]((3, 28, 28), 5)
    layers = list(network.features)
    swapped = [layers[i] for i in (0, 2, 1, 3, 5, 4, 6)]
    assert [type(layer).__name__ for layer in swapped[:3]] == ["Conv2d", "ReLU", "MaxPool2d"]
    gradients = []
    for order in (layers, swapped):
        features = torch.nn.Sequential(*order)(x)
        network.zero_grad()
        features.square().sum().backward()
        gradients.append([features.detach(), *(p.grad.clone() for p in network.features.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": {"name": "mdan", "sources": 2}}, "method.sources: 2, but data.source names 1"),
        ({"method": {"name": "weighted_dann", "estimate": "pada"}, "data": {"resample": "over"}}, "weighs the classes"),
        ({"method": {"name": "fixmatch"}}, "set data.target_view"),
        ({"method": {"name": "deep_coral"}, "data": {"batch_size": 1}}, "data.batch_size: .* 2 or more"),
        ({"method": {"name": "deep_coral"}, "data": {"target_batch_size": 1}}, "data.target_batch_size: .* 2 or more"),
        (
            {"network": {"batch_norm": True}, "data": {"target_batch_size": 1}},
            "target_batch_size: BatchNorm normalises",
        ),
        ({"method": {"name": "adabn"}}, "batch_norm: true"),
        ({"method": {"name": "tent"}}, "batch_norm: true"),
    ],
)
def test_data_that_a_method_cannot_use_are_refused(changes: dict[str, Any], message: str) -> None:
    config = config_of(MOONS, **changes)
    with pytest.raises(BadInput, match=message):
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
