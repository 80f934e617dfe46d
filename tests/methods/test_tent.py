"""TENT: its two parts of training, what it trains, and its loss against NumPy."""

import numpy as np
import pytest
import torch
from method_cases import batch_of, full_pass_of, train_steps

from dann.methods.source_only import SourceOnly
from dann.methods.tent import Tent
from dann.networks.mlp import mlp


def test_tent_starts_as_source_only() -> None:
    batch, states = batch_of((6,), count=10), []
    for make in (Tent, SourceOnly):
        torch.manual_seed(0)
        states.append(train_steps(make(mlp((6,), 5, batch_norm=True)), batch, 3, progress=0.1).network.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_tent_adapts_scales_and_shifts_alone_and_reads_no_source() -> None:
    torch.manual_seed(0)
    method, batch = Tent(mlp((6,), 5, hidden=8, batch_norm=True), from_="a run"), batch_of((6,), count=10)
    assert [stage.name for stage in method.stages] == ["adapt"]
    before = {name: value.clone() for name, value in method.network.named_parameters()}
    poisoned = batch._replace(source_x=torch.full_like(batch.source_x, torch.nan))
    train_steps(method, poisoned, 3, progress=0.0)
    changed = {name for name, value in method.network.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {"features.1.weight", "features.1.bias"}
    assert all(parameter.isfinite().all() for parameter in method.parameters())


def test_tent_loss_is_the_mean_entropy_under_the_statistics_of_the_batch() -> None:
    torch.manual_seed(0)
    method = Tent(mlp((6,), 5, hidden=8, batch_norm=True)).double()
    batch = batch_of((6,), count=12, dtype=torch.float64)
    first, norm, *_ = method.network.features
    weights = [value.detach().numpy() for value in (first.weight, first.bias, norm.weight, norm.bias)]
    hidden = batch.target_x.numpy() @ weights[0].T + weights[1]
    hidden = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + norm.eps) * weights[2] + weights[3]
    rest = torch.from_numpy(hidden)
    for layer in [*method.network.features][2:]:
        rest = layer(rest)
    logits = method.network.classifier(rest).detach().numpy()
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = method.train()(batch, 0.6, "target")
    assert list(loss) == ["entropy"]
    assert loss["entropy"].item() == pytest.approx(-(p * np.log(p)).sum(1).mean(), rel=1e-10)


def test_tent_is_evaluated_with_the_targets_statistics_once_it_adapts() -> None:
    method, target = Tent(mlp((6,), 5, hidden=4, batch_norm=True)), 3 * torch.randn(40, 6) + 2
    assert not method.due(0.4, 0.5, True) and method.due(0.5, 0.6, True) and not method.due(0.5, 0.6, False)
    method.eval().refresh(full_pass_of(batch_of((6,)), target), 0.6, method)
    seen, norm = method.network.features[0](target), method.network.features[1]
    torch.testing.assert_close(norm.running_mean, seen.mean(0))
    torch.testing.assert_close(norm.running_var, seen.var(0))


def test_tent_needs_batch_norm() -> None:
    with pytest.raises(ValueError, match="tent adapts BatchNorm, but this network has none"):
        Tent(mlp((6,), 5))
