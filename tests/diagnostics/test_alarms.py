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
from tiny import DIAGNOSED, Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.own_arrays import from_arrays
from dann.data.domain import Domain
from dann.diagnostics.alarms import CHANCE, find_alarms, share_distance
from dann.networks.network import DomainDiscriminator
from dann.runner.planning import launch
from dann.runner.records import Record, read_record

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
    return [(alarm.alarm, alarm.step) for alarm in find_alarms(entries, prior, steps)]


def test_an_empty_or_healthy_log_raises_none() -> None:
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
        (lambda step: 0.0, 40, [("discriminator dead", 40)]),
        (lambda step: 9e-4 * (-1) ** step, 40, [("discriminator dead", 40)]),
        (lambda step: 2e-3 if step == 10 else 0.0, 100, []),  # it left once: it is fooled, not dead
        (lambda step: -2e-3 if step == 90 else 0.0, 100, []),
        (lambda step: 0.0, 20, []),  # of two values nothing is said
    ],
)
def test_discriminator_dead(away: Callable[[int], float], upto: int, expected: list[Any]) -> None:
    assert names(logged(upto=upto, domain=lambda step: CHANCE + away(step))) == expected


def test_a_discriminator_is_not_dead_before_a_quarter_of_training() -> None:
    entries = logged(every=1, upto=26, domain=lambda step: CHANCE)
    assert names(entries[:25]) == [] and names(entries) == [("discriminator dead", 26)]


def test_divergence() -> None:
    not_finite = logged(label=lambda step: None if step >= 40 else 1.0, domain=lambda step: 0.5)
    assert names(not_finite) == [("divergence", 40)]
    assert names(logged(domain=lambda step: None if step == 20 else 0.5)) == [("divergence", 20)]
    broken = [*not_finite, evaluated(100, [1.0, 0.0, 0.0, 0.0])]
    assert names(broken) == [("divergence", 40)]  # what it predicts since is no matter
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
    assert names([evaluated(100, [0.59, 0.25, 0.16, 0.0])]) == []  # 0.34 is not above 0.35
    assert names([evaluated(100, [0.61, 0.25, 0.14, 0.0])]) == [("label shift", 100)]
    assert dict(names([evaluated(100, [1.0, 0.0, 0.0, 0.0])])) == {"collapse": 100}  # one thing is said of it
    assert names([evaluated(100, shares)], prior=shares) == []
    assert names([evaluated(40, shares)]) == [] and names([evaluated(60, shares)]) == [("label shift", 60)]
    assert names([evaluated(60, shares), evaluated(80, EVEN)]) == []  # the last one counts


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
    launch(experiment, list(experiment.runs(only=["it"])), folder / "runs", torch.device("cpu"), observer, file)
    return read_record(folder / "runs/it/seed-0")


def logged_alarms(folder: Path) -> list[Entry]:
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
    "train": {"steps": 100, "evaluate_every": 50, "log_every": 5},
}
DIGITS: Entry = {
    "data": {"source": {"name": "digits", "size": 16}, "target": {"name": "digits_m", "size": 16}},
    "network": {"name": "mnist"},
    "optimizer": {"name": "adamw", "lr": 0.002},
    "train": {"steps": 60, "evaluate_every": 30, "log_every": 5},
}


@pytest.fixture(autouse=True)
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOMAINS, "far_moons", far_moons)


@pytest.fixture
def zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discriminators begin at 0: hidden layers then have no gradient, ever, and the domains' cancel at the output."""
    begin = DomainDiscriminator.__init__

    def at_zero(self: DomainDiscriminator, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        for parameter in self.parameters():
            torch.nn.init.zeros_(parameter)

    monkeypatch.setattr(DomainDiscriminator, "__init__", at_zero)


def assert_reported(folder: Path, record: Record, observer: Silent) -> None:
    """The same alarms on the screen, in metrics.jsonl and in the record."""
    assert record.alarms == logged_alarms(folder)
    shown = [alarm for alarm in record.alarms if alarm["alarm"] != "divergence" or record.failed is None]
    assert observer.warnings == [f"{alarm['alarm']}: {alarm['text']}" for alarm in shown]  # a failure is said as such
    assert all(set(alarm) == {"alarm", "step", "text"} for alarm in record.alarms)


@pytest.mark.parametrize("method", ["source_only", "dann"])
@pytest.mark.parametrize(
    "base", [MOONS, DIGITS, merge(DIGITS, {"data": {"target": {"name": "digits"}}})],
    ids=["moons", "digits over photos", "digits as they are"],
)  # fmt: skip
def test_healthy_runs_raise_no_alarm(base: Entry, method: str, tmp_path: Path) -> None:
    record = run_of(tmp_path, merge(base, DIAGNOSED | {"method": {"name": method}}), observer := Silent())
    assert record.alarms == [] and observer.warnings == [] and logged_alarms(tmp_path) == []
    assert record.evaluations[-1]["source_test"] > 0.8  # it did learn


PLANTED: dict[str, tuple[Entry, set[str]]] = {
    # Nothing reverses what a discriminator learns of moons 20 apart, so it wins, and what the classifier learned of the
    # source says "the same class" of all of the target.
    "no reversal": (
        {"data": {"target": {"name": "far_moons"}}, "network": {"discriminator": [16]}, "method": {"weight": 0.0}},
        {"discriminator won", "collapse"},
    ),
    "nothing but certainty": ({"method": {"name": "entropy", "weight": 5.0}}, {"collapse"}),
    "far too large steps": ({"optimizer": {"name": "sgd", "lr": 1e6}}, {"divergence"}),
    "infinite weights": (
        {"optimizer": {"name": "sgd", "lr": 1e30}, "network": {"activation": "relu"}},
        {"divergence"},
    ),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_run_that_goes_wrong_raises_its_alarm(case: str, tmp_path: Path) -> None:
    base, expected = PLANTED[case]
    record = run_of(tmp_path, merge(MOONS, base), observer := Silent())
    assert_reported(tmp_path, record, observer)
    assert {alarm["alarm"] for alarm in record.alarms} == expected and len(record.alarms) == len(expected)
    if case == "infinite weights":
        assert record.failed == "step 2: loss_label nan, learning rate 1e+30" and record.alarms[0]["step"] == 2
        assert record.alarms[0]["text"].startswith(record.failed)


def test_a_target_with_half_the_classes_raises_label_shift(tmp_path: Path) -> None:
    data = {"target_classes": ["0", "1", "2", "3", "4"], "partial": True}
    record = run_of(tmp_path, merge(DIGITS, {"data": data, "method": {"name": "source_only"}}), observer := Silent())
    assert_reported(tmp_path, record, observer)
    assert [alarm["alarm"] for alarm in record.alarms] == ["label shift"]
    assert share_distance(record.shares[-1], [0.2] * 5 + [0.0] * 5) < share_distance(record.shares[-1], [0.1] * 10)


DEAD = merge(MOONS, {"network": {"discriminator": [8]}})


def test_a_discriminator_that_does_not_learn_raises_its_alarm(zeros: None, tmp_path: Path) -> None:
    record = run_of(tmp_path, DEAD, observer := Silent())
    assert_reported(tmp_path, record, observer)
    assert [(alarm["alarm"], alarm["step"]) for alarm in record.alarms] == [("discriminator dead", 50)]
    assert {round(value, 5) for value in record.losses["domain"] if value is not None} == {0.69315}


def test_each_run_of_a_stack_raises_its_own(zeros: None, tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", base=merge(DEAD, {"train": {"replicas": 2}}))
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), tmp_path, torch.device("cpu"), observer := Silent(), file)
    records = [read_record(path.parent) for path in sorted(tmp_path.rglob("record.json"))]
    found = {(record.variant, record.seed): [alarm["alarm"] for alarm in record.alarms] for record in records}
    assert found == {("DANN", seed): ["discriminator dead"] for seed in (0, 1)} | {
        ("source only", seed): [] for seed in (0, 1)
    }
    assert len(observer.warnings) == 2 and all(record.environment["replicas"] == 2 for record in records)
