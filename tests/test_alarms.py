"""Each alarm is raised at its threshold and by a run that goes wrong in its way; healthy runs raise none."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import Silent, write_tiny

from dann.alarms import CHANCE, raised, share_distance
from dann.data import DOMAINS, Domain, from_arrays
from dann.experiment import read_experiment
from dann.launch import launch
from dann.records import Record, read_record

STEPS = 100
EVEN = [0.25] * 4
Entry = dict[str, Any]


def logged(every: int = 10, upto: int = STEPS, **losses: Callable[[int], float | None]) -> list[Entry]:
    """What is logged every so many steps; the losses are given as functions of the step."""
    steps = range(every, upto + 1, every)
    return [{"step": step, "learning_rate": 0.1} | {f"loss_{name}": loss(step) for name, loss in losses.items()}
            for step in steps]  # fmt: skip


def evaluated(step: int, shares: list[float], **found: float) -> Entry:
    return {"step": step, "evaluation": True, "shares": shares} | found


def names(entries: list[Entry], prior: list[float] = EVEN, steps: int = STEPS) -> list[tuple[str, int]]:
    return [(alarm.alarm, alarm.step) for alarm in raised(entries, prior, steps)]


def test_a_run_that_has_told_nothing_or_only_good_things_raises_none() -> None:
    assert names([]) == []
    healthy = logged(label=lambda step: 1.4 / step, domain=lambda step: 0.5 + step / 1000)
    assert names([*healthy, evaluated(100, EVEN, features_target_rank=4.0, features_source_rank=4.0)]) == []


@pytest.mark.parametrize(
    ("low_from", "low_until", "value", "step"),
    [
        (50, 70, 0.049, 70),  # for a fifth of training
        (50, 60, 0.049, None),  # for less
        (10, 100, 0.05, None),  # never below
        (10, 100, 0.0, 30),  # from the start; reported as soon as it is due
        (80, 100, 0.0, 100),
        (90, 100, 0.0, None),
    ],
)
def test_discriminator_won(low_from: int, low_until: int, value: float, step: int | None) -> None:
    entries = logged(domain=lambda at: value if low_from <= at <= low_until else 0.4)
    assert names(entries) == ([] if step is None else [("discriminator won", step)])


def test_a_discriminator_that_wins_twice_for_a_short_while_has_not_won() -> None:
    assert names(logged(domain=lambda step: 0.4 if step % 30 == 0 else 0.01)) == []


@pytest.mark.parametrize(
    ("away", "upto", "expected"),
    [
        (lambda step: 0.0, 30, [("discriminator dead", 30)]),
        (lambda step: 9e-4 * (-1) ** step, 30, [("discriminator dead", 30)]),
        (lambda step: 2e-3 if step == 10 else 0.0, 100, []),  # it left once: it is fooled, not dead
        (lambda step: -2e-3 if step == 90 else 0.0, 100, []),
        (lambda step: 0.0, 20, []),  # of two values nothing is said
    ],
)
def test_discriminator_dead(away: Callable[[int], float], upto: int, expected: list[Any]) -> None:
    assert names(logged(upto=upto, domain=lambda step: CHANCE + away(step))) == expected


def test_a_discriminator_is_not_dead_before_a_tenth_of_training() -> None:
    entries = logged(every=1, upto=11, domain=lambda step: CHANCE)
    assert names(entries[:10]) == [] and names(entries) == [("discriminator dead", 11)]


def test_divergence() -> None:
    not_finite = logged(label=lambda step: None if step >= 40 else 1.0, domain=lambda step: 0.5)
    assert names(not_finite) == [("divergence", 40)]
    assert names(logged(label=lambda step: 1.0, domain=lambda step: None if step == 20 else 0.5)) == [
        ("divergence", 20)
    ]
    guessing = math.log(4)
    assert names(logged(label=lambda step: 2.99 * guessing)) == []
    assert names(logged(label=lambda step: 3.01 * guessing)) == [("divergence", 100)]
    assert names(logged(upto=20, label=lambda step: 9 * guessing)) == []  # it may yet come down
    assert names(logged(label=lambda step: 9 * guessing if step < 90 else 0.1)) == []  # and it did
    assert names(logged(domain=lambda step: 0.5)) == []  # a phase without a label loss


def test_collapse_of_predictions() -> None:
    one, two = [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]
    assert ("collapse", 50) in names([evaluated(50, one)])
    assert names([evaluated(49, one)]) == []  # the first half of training is not judged
    # Two equal classes are 2 in effect, of 4: above 1 + 0.3 · 3 = 1.9, which a little less even ones are not.
    assert "collapse" not in dict(names([evaluated(100, two)]))
    assert "collapse" in dict(names([evaluated(100, [0.7, 0.3, 0.0, 0.0])]))
    assert names([evaluated(100, one)], prior=[1.0, 0.0, 0.0, 0.0]) == []  # the source has no other class


def test_collapse_of_the_rank() -> None:
    def ranks(*target: float, source: float = 8.0) -> list[Entry]:
        return [evaluated(50 + 10 * i, EVEN, features_target_rank=rank, features_source_rank=source)
                for i, rank in enumerate(target)]  # fmt: skip

    assert names(ranks(8.0, 3.9)) == [("collapse", 60)] and names(ranks(8.0, 4.1)) == []
    assert names(ranks(8.0, 3.9, source=7.0)) == []  # the source's fell likewise: that is learning
    assert names(ranks(3.9)) == [] and names([*ranks(8.0), evaluated(60, EVEN)]) == []


def test_label_shift() -> None:
    shares = [0.5, 0.5, 0.0, 0.0]
    assert names([evaluated(100, [0.5, 0.25, 0.25, 0.0])]) == []  # 0.25 is not above 0.25
    assert names([evaluated(100, [0.51, 0.25, 0.24, 0.0])]) == [("label shift", 100)]
    assert names([evaluated(100, shares)], prior=shares) == []
    assert names([evaluated(40, shares), evaluated(80, EVEN)]) == []  # the last one counts


def test_share_distance_is_the_total_variation() -> None:
    one, other = np.random.default_rng(0).dirichlet(np.ones(5), 2)
    largest = max(abs(sum(one[list(event)]) - sum(other[list(event)])) for event in subsets(5))
    assert share_distance(one.tolist(), other.tolist()) == pytest.approx(largest)
    assert share_distance([1.0, 0.0], [0.0, 1.0]) == 1.0


def subsets(count: int) -> list[list[int]]:
    return [[k for k in range(count) if mask >> k & 1] for mask in range(2**count)]


# Runs


def run_of(folder: Path, base: Entry, observer: Silent) -> Record:
    """The record of one run of the tiny experiment with ``base`` laid over it."""
    file = write_tiny(folder / "tiny.yaml", base=base, seeds=[0], variants={"it": {}})
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only="it")), folder / "runs", torch.device("cpu"), observer, file)
    return read_record(folder / "runs/it/seed-0")


def told(folder: Path) -> list[Entry]:
    lines = (folder / "runs/it/seed-0/metrics.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if "alarm" in entry]


def far_moons(*, points: int = 20) -> Domain:
    """The moons, moved away by three times their width."""
    domain = DOMAINS["moons"](points=points)
    assert domain.test is not None
    parts = [from_arrays("far", split.x.numpy() + np.float32(20), split.y.numpy()).train
             for split in (domain.train, domain.test)]  # fmt: skip
    return replace(domain, name="far_moons", train=parts[0], test=parts[1])


MOONS: Entry = {
    "data": {"source": {"points": 60}, "target": {"points": 60}},
    "network": {"hidden": 15},
    "optimizer": {"lr": 0.03, "schedule": "inverse"},
    "train": {"steps": 200, "evaluate_every": 50, "log_every": 10},
    "diagnose": {"examples": 50},
}
DIGITS: Entry = {
    "data": {"source": {"name": "digits", "size": 16}, "target": {"name": "digits_m", "size": 16}},
    "network": {"name": "mnist"},
    "optimizer": {"name": "adam", "lr": 0.002},
    "train": {"steps": 60, "evaluate_every": 30, "log_every": 5},
    "diagnose": {"examples": 100},
}
