"""AdaBN: training on the source and evaluation with statistics of the target."""

import pytest
import torch
from method_cases import batch_of, full_pass_of, train_steps

from dann.methods.adabn import AdaBN
from dann.methods.source_only import SourceOnly
from dann.networks.mcd_networks import mcd_mnist
from dann.networks.mlp import mlp


def test_adabn_trains_as_source_only_and_takes_the_targets_statistics() -> None:
    batch, methods = batch_of((6,), count=8), []
    target = 3 * torch.randn(40, 6) + 2
    for kind in (SourceOnly, AdaBN):
        torch.manual_seed(0)
        method = kind(mlp((6,), 5, hidden=4, batch_norm=True))
        poisoned = batch._replace(target_x=torch.full_like(batch.target_x, torch.nan))
        for _ in range(3):
            train_steps(method, poisoned, 1)
            if isinstance(method, AdaBN):
                assert method.due(0.1, 0.2, True) and not method.due(0.1, 0.2, False)
                method.eval().refresh(full_pass_of(batch, target), 0.2, method)
                method.train()
        methods.append(method)
    for one, other in zip(methods[0].parameters(), methods[1].parameters(), strict=True):
        assert torch.equal(one, other)
    method = methods[1]
    seen, norm = method.network.features[0](target), method.network.features[1]
    torch.testing.assert_close(norm.running_mean, seen.mean(0))
    torch.testing.assert_close(norm.running_var, seen.var(0))
    assert norm.momentum == 0.1 and norm.training


def test_adabn_adapts_batch_norm_of_the_classifier_too() -> None:
    method, batch = AdaBN(mcd_mnist((1, 16, 16), 5)), batch_of((1, 16, 16))
    full_pass = full_pass_of(batch, 3 * torch.randn(30, 1, 16, 16) + 2)
    method.eval().refresh(full_pass, 1.0, method)
    norm = next(part for part in method.network.classifier if isinstance(part, torch.nn.BatchNorm1d))
    (features,) = full_pass.target()
    for layer in method.network.features:  # each BatchNorm normalises by the target as it is adapted
        features = layer.train()(features)
    hidden = method.network.classifier[1](features)
    torch.testing.assert_close(norm.running_mean, hidden.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, hidden.var(0), rtol=1e-4, atol=1e-5)


def test_adabn_means_over_chunks_count_every_example_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dann.data.loading.read_ahead.CHUNK", 16)
    method, target = AdaBN(mlp((6,), 5, hidden=4, batch_norm=True)), torch.randn(41, 6) + torch.arange(41.0)[:, None]
    method.eval().refresh(full_pass_of(batch_of((6,)), target), 1.0, method)
    seen, norm = method.network.features[0](target), method.network.features[1]
    torch.testing.assert_close(norm.running_mean, seen.mean(0), rtol=1e-4, atol=1e-4)
    # The chunks are drawn at random, so that their variances are nearly the whole's though the examples are in order.
    torch.testing.assert_close(norm.running_var, seen.var(0), rtol=0.3, atol=0)
