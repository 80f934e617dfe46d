"""Any module as a network: divided at a layer, its parts compute what it computed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dann.errors import BadInput
from dann.networks.module_parts import check_module, divide_module

SHAPE = (3, 16, 16)


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.pool = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and float(x.sum()) > 1e9:  # fails when it is recorded, but a whole layer is not
            raise ValueError
        out: Tensor = self.pool(self.norm(self.conv(x)).relu())
        return out


class Plain(nn.Module):
    """A network as any library has them."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.drop, self.last = Body(), nn.Dropout(0.5), nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.backbone(x)
        logits: Tensor = self.last(self.drop(torch.flatten(x, 1)))
        return logits


class Traceable(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(2))  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("make", "layer", "width"),
    [
        (Plain, "backbone", 32),
        (Plain, "drop", 32),
        (Traceable, "backbone.2", 32),
        (Traceable, "backbone.1", 8 * 14 * 14),
    ],
)
def test_features_and_classifier_compute_what_the_module_did(make: Callable[[], Plain], layer: str, width: int) -> None:
    torch.manual_seed(0)
    module = make()
    x = torch.randn(4, *SHAPE)
    network = divide_module(module, layer, SHAPE)
    assert network.training and network.feature_dim == width and network.num_classes == 5
    for mode in (False, True):
        network.train(mode)
        module.train(mode)
        torch.manual_seed(1)
        outputs = network.outputs(x)
        torch.manual_seed(1)
        assert torch.equal(outputs["logits"], module(x))
        assert torch.equal(network.classifier(outputs["features"]), outputs["logits"]) or mode  # dropout draws anew
    parts = [*network.features.parameters(), *network.classifier.parameters()]
    assert {*map(id, parts)} == {*map(id, module.parameters())} and len(parts) == len(list(module.parameters()))


def test_a_second_classifier_has_weights_of_its_own() -> None:
    network = divide_module(Plain(), "backbone", SHAPE)
    other = network.another_classifier()
    features = torch.randn(2, 32)
    assert other(features).shape == (2, 5) and not torch.equal(
        other.eval()(features), network.eval().classifier(features)
    )


class Skipping(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x.mean()


class Switching(Plain):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(functional.dropout(self.backbone(x).flatten(1), training=self.training))
        return logits


class Branching(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() < 1e9 else super().forward(-x)


class Twice(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + super().forward(-x)


class Unused(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("module", "layer", "message"),
    [
        (Plain(), None, r"network.features is missing: name the layer whose output is the features \(known: backbone"),
        (Plain(), "backbne", "no layer 'backbne'; did you mean backbone?"),
        (Plain(), "", "no layer ''"),
        (Plain(), "last", "nothing with weights follows last: choose an earlier layer"),
        (Plain(), "backbone.norm", "the operations cannot be recorded"),
        (Skipping(), "backbone", "the inputs reach the logits past backbone too: choose a later layer"),
        (Switching(), "backbone", "forward differs between training and evaluation"),
        (Branching(), "backbone", "the operations cannot be recorded"),
        (Twice(), "backbone", r"backbone does not give one tensor \(N, ...\), once a pass"),
        (Unused(), "other", r"other does not give one tensor \(N, ...\), once a pass"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(7, 5)),
            "0",
            r"fails on inputs of shape \(3, 16, 16\) \(.*mat1 and mat2",
        ),
    ],
)
def test_a_module_that_cannot_be_divided_is_refused(module: nn.Module, layer: str | None, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        divide_module(module, layer, SHAPE)
    assert module.training


def test_logits_of_another_width_are_refused() -> None:
    check_module(Plain(), SHAPE, 5)
    with pytest.raises(BadInput, match=r"logits of shape \(2, 4\), not \(2, 5\): correct it"):
        check_module(Plain(), SHAPE, 4)
