"""PixelDA: the losses of both updates, what each steps, and what it refuses."""

from typing import Any

import numpy as np
import pytest
import torch
from linear_networks import cross_entropy, logits_of
from method_cases import batch_of
from tiny import MOONS, config_of
from torch import Tensor, nn

from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.own_arrays import from_arrays
from dann.data.loading.stream import Batch
from dann.errors import BadInput
from dann.methods.pixel_da import PixelDA
from dann.networks.all_networks import NETWORKS
from dann.networks.network import Network
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import update

SHAPE, CLASSES = (2, 3, 3), 4


class Brighter(nn.Module):
    """In place of the generator: images times a factor, brighter by their class."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))

    def draw(self, x: Tensor, y: Tensor) -> Tensor:
        return self.factor * x + 0.1 * y.to(x.dtype)[:, None, None, None]


def linear_method(**options: Any) -> PixelDA:
    """A method whose networks are linear."""
    torch.manual_seed(0)
    network = Network(nn.Flatten(), nn.Linear(18, CLASSES), SHAPE, ())
    method = PixelDA(network, filters=2, blocks=0, **options)
    method.generator = Brighter()  # type: ignore[assignment]
    method.image_discriminator = nn.Sequential(nn.Flatten(), nn.Linear(18, 1), nn.Flatten(0))  # type: ignore[assignment]
    return method.double()


def images_and_logits(method: PixelDA, batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Generated images, and the discriminator's logits of them and of target images."""
    x, y = batch.source_x.numpy(), batch.source_y.numpy()
    images = 0.3 * x + 0.1 * y[:, None, None, None]
    weight, bias = (each.detach().numpy() for each in method.image_discriminator[1].parameters())  # type: ignore[index]
    flat = [each.reshape(len(each), -1) for each in (images, batch.target_x.numpy())]
    return images, *((each @ weight.T + bias)[:, 0] for each in flat)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_update_of_discriminator_and_network_against_numpy(weighted: bool) -> None:
    method, batch = linear_method(), batch_of(SHAPE, CLASSES, count=7, dtype=torch.float64)
    batch = batch._replace(target_x=batch.target_x[:5])
    weights = np.linspace(0.5, 2, 7) if weighted else np.ones(7)
    batch = batch._replace(source_weight=torch.from_numpy(weights)) if weighted else batch
    images, of_generated, of_target = images_and_logits(method, batch)
    real, made = -np.log(1 / (1 + np.exp(-of_target))), -np.log(1 - 1 / (1 + np.exp(-of_generated)))
    label, generated = (
        (weights * cross_entropy(logits_of(method.network, flat), batch.source_y.numpy())).sum() / weights.sum()
        for flat in (batch.source_x.flatten(1), torch.from_numpy(images).flatten(1))
    )
    terms = method(batch, 0.5, "discriminator")
    assert {name: term.item() for name, term in terms.items()} == {
        "domain": pytest.approx((real.mean() + made.mean()) / 2, rel=1e-12),  # half of equation (2)
        "label": pytest.approx(label, rel=1e-12),  # the two terms of equation (3)
        "generated": pytest.approx(generated, rel=1e-12),
    }
    sum(terms.values()).backward()
    assert method.generator.factor.grad is None


def test_the_update_of_the_generator_against_numpy() -> None:
    method = linear_method(weight=0.7, label_weight=0.4, content_weight=0.2)
    batch = batch_of(SHAPE, CLASSES, count=7, dtype=torch.float64)
    images, of_generated, _ = images_and_logits(method, batch)
    difference = (images - batch.source_x.numpy()).reshape(7, -1)
    k = difference.shape[1]
    pairwise = (difference**2).sum(1) / k - difference.sum(1) ** 2 / k**2  # equation (5) with a mask of ones
    terms = method(batch, 0.5, "generator")
    label = cross_entropy(logits_of(method.network, torch.from_numpy(images).flatten(1)), batch.source_y.numpy())
    assert {name: term.item() for name, term in terms.items()} == {
        "style": pytest.approx(0.7 * -np.log(1 / (1 + np.exp(-of_generated))).mean(), rel=1e-12),
        "generated_label": pytest.approx(0.4 * label.mean(), rel=1e-12),
        "content": pytest.approx(0.2 * pairwise.mean(), rel=1e-12),
    }


def test_without_its_weight_there_is_no_content_loss() -> None:
    terms = linear_method()(batch_of(SHAPE, CLASSES, dtype=torch.float64), 0.5, "generator")
    assert set(terms) == {"style", "generated_label"}


def test_the_network_sees_no_target_image() -> None:
    method, batch = linear_method(), batch_of(SHAPE, CLASSES, dtype=torch.float64)
    poisoned = batch._replace(target_x=torch.full_like(batch.target_x, torch.nan))
    terms = method(poisoned, 0.5, "discriminator") | method(poisoned, 0.5, "generator")
    assert {name for name, term in terms.items() if not term.isfinite()} == {"domain"}


@pytest.mark.parametrize(
    ("phase", "stepped"), [("discriminator", ("network", "image_discriminator")), ("generator", ("generator",))]
)
def test_an_update_steps_its_parameters_and_no_others(phase: str, stepped: tuple[str, ...]) -> None:
    method = PixelDA(NETWORKS["lenet"]((1, 16, 16), 5), filters=4, blocks=1)
    assert phase in method.phases(0.0) == method.phases(0.9) == ("discriminator", "generator")
    optimizer, batch = torch.optim.Adam(method.parameters(), lr=0.01), batch_of((1, 16, 16))
    for each in method.phases(0.5):  # so that every parameter has momentum that could move it
        update(method, batch, 0.5, each, optimizer)
    before = {name: value.clone() for name, value in method.named_parameters()}
    update(method, batch, 0.5, phase, optimizer)
    moved = {name for name, value in method.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {name for name in before if name.startswith(tuple(f"{part}." for part in stepped))}


DIGIT: dict[str, Any] = {
    "data": {"batch_size": 4, "validation": 0.3, "transform": {"normalise": "half"}},
    "network": {"name": "lenet"},
    "method": {"name": "pixel_da", "filters": 4, "blocks": 1},
}


def digit_config(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Any:
    """A configuration on random grey images."""
    from dann.config.merging import merge

    random = np.random.default_rng(0)
    for name in ("one", "other"):
        x = random.integers(0, 256, (40, 1, 16, 16), dtype=np.uint8)
        monkeypatch.setitem(DOMAINS, name, lambda name=name, x=x: from_arrays(name, x, np.arange(40) % 5))
    base = {key: value for key, value in MOONS.items() if key not in ("data", "network", "method")} | DIGIT
    data = {"source": {"name": "one"}, "target": {"name": "other"}}
    return config_of(merge(base, {"data": data}), **changes)


@pytest.mark.parametrize("section", ["transform", "target_transform"])
def test_images_elsewhere_than_those_of_the_generator_are_refused(
    section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = digit_config(monkeypatch, data={section: {"normalise": "none"}})
    with pytest.raises(BadInput, match=rf"data\.{section}\.normalise: pixel_da makes images .* none .*: set half"):
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))


def test_inputs_that_are_no_images_or_large_ones_are_refused() -> None:
    config = config_of(MOONS, method={"name": "pixel_da"})
    with pytest.raises(BadInput, match=r"pixel_da: needs images .* not inputs of shape \(2,\): choose another method"):
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
    with pytest.raises(ValueError, match=r"at most 64 × 64 pixels, not inputs of shape \(3, 65, 20\)"):
        PixelDA(Network(nn.Flatten(), nn.Linear(3900, CLASSES), (3, 65, 20), ()))
