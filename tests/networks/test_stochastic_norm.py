"""Stochastic normalisation."""

import numpy as np
import pytest
import torch
from pretrained_runs import setup_of, trained
from torch import nn

from dann.networks.stochastic_norm import StochasticNorm, make_norms_stochastic


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


def test_making_norms_stochastic_twice_changes_nothing_more() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    make_norms_stochastic(model)
    first = model[1]
    make_norms_stochastic(model)
    assert model[1] is first
