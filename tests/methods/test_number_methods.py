"""Methods where labels are numbers: their losses, and that all that are said to serve them do."""

from functools import partial
from pathlib import Path

import pytest
import torch
from method_cases import assert_moves_as_source_only, batch_of, resnet_weights
from number_tables import number_config
from stacked_runs import assert_same_state, in_both_ways

from dann.data.loading.stream import Batch
from dann.functional.inverse_gram import inverse_gram_distance
from dann.functional.regression import huber_loss, squared_error
from dann.methods.all_methods import METHODS
from dann.methods.dann import Dann
from dann.methods.dare_gram import DareGram
from dann.methods.source_only import SourceOnly
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair

CPU = torch.device("cpu")
SERVING = [name for name, method in METHODS.items() if method.regression]


def number_batch(shape: tuple[int, ...], count: int = 6) -> Batch:
    batch = batch_of(shape, count=count)
    return batch._replace(source_y=torch.linspace(-1.5, 1.5, count))


@pytest.mark.parametrize("name", SERVING)
def test_every_method_that_serves_numbers_descends_the_squared_error(name: str) -> None:
    torch.manual_seed(0)
    if METHODS[name].needs_pretrained:
        network, shape = (
            NETWORKS["torchvision"]((3, 32, 32), 1, model="resnet18", weights=resnet_weights()),
            (3, 32, 32),
        )
    else:
        network, shape = mlp((5,), 1, hidden=8, batch_norm=True), (5,)
    method = METHODS[name](network)
    method.label_loss = squared_error
    batch = number_batch(shape)
    terms = {phase: method(batch, 0.5, phase) for phase in method.phases(0.5)}
    labels = [of_phase["label"] for of_phase in terms.values() if "label" in of_phase]
    assert len(labels) == 1 and all(term.isfinite() for of_phase in terms.values() for term in of_phase.values())
    if name in ("source_only", "adabn", "l2_sp", "bss"):
        expected = squared_error(method.predict(batch.source_x), batch.source_y)
        torch.testing.assert_close(labels[0], expected)
    torch.stack(list(next(iter(terms.values())).values())).sum().backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in method.parameters())


def test_without_its_terms_it_moves_as_source_only() -> None:
    batch = batch_of((3, 28, 28), dtype=torch.float64)
    assert_moves_as_source_only(partial(DareGram, angle=0.0, scale=0.0), batch)


def test_dare_gram_adds_the_distance_of_its_features() -> None:
    torch.manual_seed(0)
    method = DareGram(mlp((5,), 1, hidden=8), angle=0.3, scale=0.02, threshold=0.8)
    method.label_loss = squared_error
    batch = number_batch((5,), count=9)
    terms = method(batch, 0.0, "all")
    features = [method.network.features(x) for x in (batch.source_x, batch.target_x)]
    torch.testing.assert_close(terms["gram"], inverse_gram_distance(*features, angle=0.3, scale=0.02, threshold=0.8))
    assert set(terms) == {"label", "gram"}


def test_the_configuration_chooses_the_loss(tmp_path: Path) -> None:
    for huber, loss in ((None, squared_error), (0.5, partial(huber_loss, threshold=0.5))):
        config = number_config(tmp_path, data={"huber": huber}, method={"name": "source_only"})
        trainer = build_trainer(config, load_pair(config.data), 0, CPU)
        batch = trainer.stream[0]
        found = trainer.method(batch, 0.0, "all")["label"]
        torch.testing.assert_close(found, loss(trainer.method.predict(batch.source_x), batch.source_y))
    assert isinstance(trainer.method, SourceOnly) and trainer.method.network.num_classes == 1


@pytest.mark.parametrize("name", ["dann", "dare_gram", "dan"])
def test_a_stack_trains_them_as_separate_runs_do(name: str, tmp_path: Path, in_double: None) -> None:
    configs = [number_config(tmp_path, method={"name": name}, diagnose={"examples": 0})] * 2
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4)
    assert_same_state(stack, separate)


def test_an_adaptive_weight_balances_the_squared_error() -> None:
    method = Dann(mlp((5,), 1, hidden=8), schedule="adaptive")
    method.label_loss = squared_error
    assert all(term.isfinite() for term in method(number_batch((5,)), 0.5, "all").values())
