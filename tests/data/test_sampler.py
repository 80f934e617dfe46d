"""Orders of an epoch against class imbalance."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from made_domains import config_of, own_vectors
from streams import CPU
from tiny import Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.data.loading.sampler import Order
from dann.runner.planning import launch
from dann.runner.records import read_record
from dann.training.building import build_trainer, load_pair

Y = torch.tensor([0] * 12 + [1] * 5 + [2] * 3)


def epoch(resample: str, number: int = 0) -> torch.Tensor:
    order = Order(Y, resample)  # type: ignore[arg-type]
    return order.rows(number * order.length, order.length, lambda e: 17 + e)


def test_over_sampling_shows_as_many_of_each_class_as_the_largest_has() -> None:
    rows = epoch("over")
    assert torch.bincount(Y[rows]).tolist() == [12, 12, 12]
    repeats = Counter(rows.tolist())
    assert set(repeats) == set(range(20))  # none is left out
    assert {repeats[row] for row in range(12, 17)} == {2, 3} and {repeats[row] for row in range(17, 20)} == {4}


def test_under_sampling_shows_as_many_as_the_smallest_has_and_others_each_epoch() -> None:
    first, second = epoch("under"), epoch("under", 1)
    assert torch.bincount(Y[first]).tolist() == [3, 3, 3] and len(set(first.tolist())) == 9
    assert set(first.tolist()) != set(second.tolist())


def test_balanced_batches_hold_each_class_equally() -> None:
    order = Order(Y, "balanced")
    for first in range(0, 2 * order.length, 6):
        assert torch.bincount(Y[order.rows(first, 6, lambda e: e)]).tolist() == [2, 2, 2]
    assert [int(y) for y in Y[order.rows(0, 12, lambda e: e)]] != [0, 1, 2] * 4  # the order in a round is random


@pytest.mark.parametrize("resample", ["over", "under", "balanced", "none"])
def test_resampled_orders_are_functions_of_seed_and_place(resample: str) -> None:
    whole = epoch(resample)
    order = Order(Y, resample)  # type: ignore[arg-type]
    again = torch.cat([order.rows(i, 1, lambda e: 17 + e) for i in reversed(range(order.length))]).flip(0)
    assert torch.equal(whole, again)


@pytest.mark.parametrize("resample", ["over", "under", "balanced", "smote"])
def test_an_imbalanced_run_says_so_and_trains(tmp_path: Path, resample: str) -> None:
    data = own_vectors(tmp_path, gaps=False)
    file = write_tiny(tmp_path / "tiny.yaml", base={"data": {**data, "resample": resample}})
    experiment, watching = read_experiment(file), Silent()
    runs = list(experiment.runs(["DANN"], [0]))
    launch(experiment, runs, tmp_path / "runs", CPU, watching, file)
    recorded = read_record(tmp_path / "runs/dann/seed-0").data
    evened = resample == "smote"
    assert recorded["class_counts"]["train"] == ([27, 27, 27] if evened else [27, 18, 9])
    assert recorded["imbalance"] == (1.0 if evened else 3.0) and watching.data == recorded
    assert recorded.get("synthetic") == ({"examples": 27, "imbalance_without": 3.0} if evened else None)
    assert recorded["class_counts"]["target_test"] == [15, 10, 5]


def test_balanced_batches_of_a_run_hold_each_class_equally(tmp_path: Path) -> None:
    config = config_of({**own_vectors(tmp_path, gaps=False), "resample": "balanced", "batch_size": 12})
    stream = build_trainer(config, load_pair(config.data), 0, CPU).stream
    assert all(torch.bincount(stream[i].source_y).tolist() == [4, 4, 4] for i in range(20))
