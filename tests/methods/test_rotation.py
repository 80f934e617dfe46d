"""Self-supervision by rotation."""

import numpy as np
import pytest
import torch
from linear_networks import cross_entropy
from method_cases import batch_of
from tiny import MOONS, config_of
from torch import nn
from torch.nn import functional as F

from dann.errors import BadInput
from dann.methods.all_methods import METHODS
from dann.methods.rotation import Rotation, turn_images
from dann.networks.all_networks import NETWORKS
from dann.networks.network import Network
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import update


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
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
