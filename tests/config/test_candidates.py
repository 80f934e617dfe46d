"""Which sources and networks of an experiment file are candidates."""

from pathlib import Path
from typing import Any

import pytest
from tiny import TINY

from dann.config.candidates import group_candidates
from dann.config.experiment import Experiment
from dann.config.merging import merge

FILE = Path("e.yaml")
MOONS = {f"{points} points": {"data": {"source": {"points": points}}} for points in (20, 30)}


def groups(**changes: Any) -> list[list[tuple[str, list[str]]]]:
    """The network and the rows of each candidate, by group."""
    experiment = Experiment(**{**merge(TINY, changes), "published": {}})
    return [[(each.network, ["/".join(filter(None, row)) for row in each.rows]) for each in group.candidates]
            for group in group_candidates(experiment, FILE)]  # fmt: skip


def test_rows_that_differ_in_training_alone_are_one_candidate() -> None:
    variants = {
        "larger batches": {"data": {"batch_size": 8, "target_view": {"mask": 0.3}, "class_weights": "inverse"}},
        "a wider network": {"network": {"hidden": 16}},  # not pretrained: its inputs are scored
        "noise added": {"data": {"transform": {"noise": 0.1}}, "method": {"weight": 0.1}},
    }
    assert groups(variants=variants) == [[("inputs", ["source only", "DANN", *variants])]]


def test_what_changes_the_examples_is_another_candidate() -> None:
    variants = {"standardised": {"data": {"transform": {"normalise": "standard"}}}, **MOONS}
    found = groups(variants=variants)
    assert [rows for _, rows in found[0]] == [["source only", "DANN", "20 points"], ["standardised"], ["30 points"]]


def test_tasks_with_one_target_are_one_group() -> None:
    other = {"another target": {"data": {"target": {"degrees": 60.0}}}}
    found = groups(tasks={**MOONS, **other})
    assert [[rows[0] for _, rows in group] for group in found] == [
        ["20 points/source only", "30 points/source only"],
        ["another target/source only"],
    ]


def test_rows_that_train_on_the_target_are_left_out_unless_all_do() -> None:
    bound = {"train on target": {"data": {"source": "target"}}}
    assert [rows for _, rows in groups(variants=bound)[0]] == [["source only", "DANN"]]
    base = merge(TINY["base"], {"data": {"source": "target"}})
    assert [rows for _, rows in groups(base=base)[0]] == [["source only", "DANN"]]


@pytest.mark.parametrize("head", ["linear", "bottleneck", "pooled"])
def test_a_pretrained_network_is_one_candidate_whatever_is_behind_it(head: str) -> None:
    base = {"network": {"name": "torchvision", "model": "resnet18"}}
    variants = {"head": {"network": {"head": head, "dropout": 0.5}, "finetune": {"backbone": 0.1}},
                "untrained": {"network": {"weights": "none"}},
                "own": {"network": {"weights": "/x/own.pt"}}}  # fmt: skip
    assert groups(base=base, variants=variants) == [
        [("resnet18", ["source only", "DANN", "head"]), ("resnet18 (weights none)", ["untrained"]),
         ("resnet18 (weights own.pt)", ["own"])]
    ]  # fmt: skip
