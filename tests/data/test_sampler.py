"""Orders of an epoch against class imbalance."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from made_domains import config_of, own_vectors
from streams import CPU
from tiny import TINY, Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.config.schema import resolve
from dann.data.loading.sampler import Order, draw_bootstrap
from dann.errors import BadInput
from dann.runner.planning import launch
from dann.runner.records import read_record
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair

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


def test_a_bootstrap_is_as_large_as_the_whole_and_balanced() -> None:
    bag = draw_bootstrap(Y, seed=3)
    assert torch.bincount(Y[bag]).tolist() == [7, 7, 7]  # 20 examples of three classes
    assert torch.equal(bag, draw_bootstrap(Y, seed=3)) and not torch.equal(bag, draw_bootstrap(Y, seed=4))
    many = torch.cat([draw_bootstrap(Y, seed) for seed in range(300)])
    for label, size in enumerate((12, 5, 3)):  # each example of a class is drawn equally often
        counts = torch.bincount(many, minlength=20)[label == Y].double()
        assert len(counts) == size and (counts / counts.mean() - 1).abs().max() < 0.25


def test_an_order_shows_the_examples_of_its_bootstrap_alone_and_each_once_an_epoch() -> None:
    order = Order(Y, bag_seed=3)
    for number in range(2):
        rows = order.rows(number * order.length, order.length, lambda e: 17 + e)
        assert sorted(rows.tolist()) == sorted(draw_bootstrap(Y, 3).tolist())


def test_runs_of_other_seeds_have_other_bootstraps_of_the_same_source(tmp_path: Path) -> None:
    config = config_of({**own_vectors(tmp_path, gaps=False), "bootstrap": True})
    pair = load_pair(config.data)
    streams = [build_trainer(config, pair, seed, CPU).stream for seed in (0, 0, 1)]
    shown = [sorted(stream.rows(0, 0, stream.orders[0].length).tolist()) for stream in streams]
    assert shown[0] == shown[1] != shown[2]
    counts = torch.bincount(pair.train.y[shown[2]])
    assert counts.min() == counts.max() == round(len(pair.train) / len(counts))
    assert all(len(stream.source) == len(pair.train) for stream in streams)  # diagnoses are on the whole source
    batch = streams[2][0]
    rows = streams[2].rows(0, 0, len(batch.source_y))
    assert torch.equal(batch.source_y, pair.train.y[rows])


@pytest.mark.parametrize(
    ("section", "option", "value"),
    [
        ("data", "bootstrap", True),
        ("data", "class_weights", "inverse"),
        ("data", "resample", "balanced"),
        ("train", "ema", 0.9),
        ("self_training", None, {}),
    ],
)
def test_a_machine_that_reads_no_batches_takes_no_option_of_them(
    tmp_path: Path, section: str, option: str | None, value: Any
) -> None:
    base = {**TINY["base"], "data": own_vectors(tmp_path, gaps=False), "method": {"name": "linear_svm"}}
    base |= {section: value if option is None else {**base[section], option: value}}
    config = resolve(base, "test")
    place = section if option is None else f"{section}.{option}"
    with pytest.raises(BadInput, match=f"{place}: linear_svm is fitted to the whole source"):
        build_trainer(config, load_pair(config.data), 0, CPU)


def test_the_bootstrap_leaves_older_fingerprints_as_they_were(tmp_path: Path) -> None:
    data = own_vectors(tmp_path, gaps=False)
    plain, bagged = config_of(data), config_of({**data, "bootstrap": True})
    assert "bootstrap" in plain.model_dump()["data"] and plain.fingerprint() != bagged.fingerprint()
