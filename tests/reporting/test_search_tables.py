"""Tables of a search with seeds of its own, against values computed by hand from made records."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from random import Random
from typing import Any

import pytest
from made_records import column, record_of, texts, titles

from dann.config.experiment import Experiment
from dann.evaluation.statistics import kendall
from dann.reporting.experiment_tables import make_tables
from dann.reporting.table import Table
from dann.runner.records import Record

LR = "optimizer.lr"
METHODS = {"source only": "source_only", "A": "dann", "B": "mcc"}
TUNED: dict[str, Any] = {
    "title": "Made",
    "seeds": [0, 1],
    "base": {"data": {"source": "moons", "target": "moons_rotated"}},
    "variants": {name: {"method": {"name": method}} for name, method in METHODS.items()},
    "search": {"budget": 2, "keys": {LR: [0.02, 0.1]}, "seeds": [100]},
}
SETTINGS: tuple[dict[str, float], ...] = ({LR: 0.02}, {LR: 0.1}, {})


def made(
    variant: str,
    setting: dict[str, float],
    seed: int,
    target: float,
    source: float = 0.9,
    task: str | None = None,
    validation: float = 0.9,
    seconds: float = 360.0,
) -> Record:
    record = record_of(variant, seed, target, task)
    last = {**record.evaluations[-1], "source_validation": validation, "source_test": source}
    return replace(record, setting=setting, evaluations=[*record.evaluations[:-1], last], seconds=seconds)


def row(
    variant: str,
    validations: Sequence[float],
    searched: Sequence[float],
    fresh: Sequence[Sequence[float]],
    source: float = 0.9,
    task: str | None = None,
) -> list[Record]:
    """A row's records: of the low rate, the high one and own values the validation and target accuracy in the search,
    then the target accuracies with the fresh seeds."""
    records = [made(variant, setting, 100, target, source, task, validation)
               for setting, validation, target in zip(SETTINGS, validations, searched, strict=True)]  # fmt: skip
    for setting, values in zip(SETTINGS, fresh, strict=True):
        records += [made(variant, setting, seed, target, source, task) for seed, target in enumerate(values)]
    return records


# Own values are the baseline's choice, low rates that of A, high ones that of B; the oracle's are high, high and low.
ROWS = [
    *row("source only", [0.5, 0.6, 0.7], [0.1, 0.6, 0.5], [[], [0.62, 0.58], [0.50, 0.52]]),
    *row("A", [0.9, 0.8, 0.7], [0.4, 0.8, 0.6], [[0.40, 0.44], [0.80, 0.84], [0.60, 0.62]], 0.3),
    *row("B", [0.5, 0.9, 0.7], [0.9, 0.4, 0.3], [[0.88, 0.90], [0.70, 0.74], [0.40, 0.42]]),
]


def tables(records: Sequence[Record] = ROWS, rule: str = "last", **changes: Any) -> list[Table]:
    return make_tables(Experiment(**{**TUNED, **changes}), records, rule)


def notes(table: Table) -> str:
    return " ".join(table.notes)


def test_default_tuned_and_oracle_stand_beside_each_other() -> None:
    table, *_ = tables()
    assert titles(table) == [
        "target accuracy, default, %", "target accuracy, tuned, %", "95 % interval",
        "target accuracy, oracle (upper bound), %", "rank, default", "rank, tuned", "rank, oracle",
        "source accuracy, tuned, %",
    ]  # fmt: skip
    assert texts(table, "target accuracy, default, %") == {
        "source only": "51.0 ± 1.4", "A": "61.0 ± 1.4", "B": "41.0 ± 1.4"
    }  # fmt: skip
    assert texts(table, "target accuracy, tuned, %") == {
        "source only": "51.0 ± 1.4", "A": "42.0 ± 2.8", "B": "72.0 ± 2.8"
    }  # fmt: skip
    assert texts(table, "target accuracy, oracle (upper bound), %") == {
        "source only": "60.0 ± 2.8", "A": "82.0 ± 2.8", "B": "89.0 ± 1.4"
    }  # fmt: skip
    assert texts(table, "95 % interval")["B"] == "46.6–97.4"  # 72 ± 12.706 · 2.828 / √2
    assert list(texts(table, "rank, default").values()) == ["2", "1", "3"]
    assert list(texts(table, "rank, tuned").values()) == ["2", "3", "1"]
    assert list(texts(table, "rank, oracle").values()) == ["3", "2", "1"]


def test_notes_say_how_much_the_order_changes() -> None:
    text = notes(tables()[0])
    # Orders 2 1 3, 2 3 1 and 3 2 1: of three pairs all three, then two, change sides.
    assert "Kendall's τ-b: −1.00 between default and tuned (3 rows), 0.33 between tuned and oracle (3 rows)" in text
    assert "Best row by accuracy: default: A; tuned: B; oracle: B." in text
    assert "2 of 2 rows change the side of source only when tuned: A, B." in text
    assert "Tuned: of these and 2 searched ones" in text and "runs with seed 100." in text
    assert "Oracle: the one with the best target accuracy of the same runs" in text
    assert "Oracle: at the setting and step" not in text


def test_a_row_that_has_lost_the_source_is_marked() -> None:
    table, *_ = tables()
    assert texts(table, "source accuracy, tuned, %") == {
        "source only": "90.0 ± 0.0", "A": "30.0 ± 0.0, collapsed", "B": "90.0 ± 0.0"
    }  # fmt: skip
    assert "Collapsed: the source accuracy is below half of the best row's; A." in notes(table)
    assert "ollapsed" not in tables([record for record in ROWS if record.variant != "A"])[0].markdown()


def test_differences_are_those_of_the_tuned_rows() -> None:
    differences = next(table for table in tables() if "against source only" in table.title)
    assert texts(differences, "difference, points") == {"A": "−9.0", "B": "+21.0"}  # means of −10, −8 and 20, 22


def test_the_search_is_paid_for() -> None:
    table = tables()[-1]
    assert texts(table, "search runs") == dict.fromkeys(METHODS, "3")
    assert texts(table, "search, hours") == dict.fromkeys(METHODS, "0.30")  # three runs of six minutes
    assert list(texts(table, "chosen").values()) == ["own values", f"{LR} = 0.02", f"{LR} = 0.1"]
    assert list(texts(table, "oracle's choice").values()) == [f"{LR} = 0.1", f"{LR} = 0.1", f"{LR} = 0.02"]
    assert (
        "The search took 9 runs and 0.90 hours in all; the 6 runs of its choices with fresh seeds took 0.60"
        in notes(table)
    )
    assert table.facts["runs"] == 9 and table.facts["hours"] == pytest.approx(0.9)


def test_target_accuracies_of_the_search_leave_default_and_tuned_as_they_are() -> None:
    shuffled = [replace(record, evaluations=[*record.evaluations[:-1],
                                             {**record.evaluations[-1], "target_test": Random(at).random()}])
                if record.seed == 100 else record for at, record in enumerate(ROWS)]  # fmt: skip
    before, after = tables()[0], tables(shuffled)[0]
    for name in ("target accuracy, default, %", "target accuracy, tuned, %", "rank, default", "rank, tuned"):
        assert texts(before, name) == texts(after, name)


def test_failures_of_the_search_are_told_and_count_in_no_cell() -> None:
    records = [replace(record, failed="step 3: loss_label nan") if record.setting == {LR: 0.02} and record.seed == 100
               and record.variant == "A" else record for record in ROWS]  # fmt: skip
    table = tables(records)[0]
    assert texts(table, "target accuracy, tuned, %")["A"] == "82.0 ± 2.8"  # the high rate is now the best
    assert "1 setting had a failed run in the search and cannot be chosen." in notes(table)
    assert f"A, {LR} = 0.02: " in notes(table) and "failed at step 3: loss_label nan" in notes(table)
    assert texts(tables(records)[-1], "settings failed") == {"source only": "0", "A": "1", "B": "0"}
    fresh = [replace(record, failed="step 3: loss_label nan") if record.setting == {LR: 0.02} and record.seed == 1
             and record.variant == "A" else record for record in ROWS]  # fmt: skip
    table = tables(fresh)[0]
    assert texts(table, "target accuracy, tuned, %")["A"] == "40.0 (n = 1, 1 failed)"
    assert texts(table, "target accuracy, default, %")["A"] == "61.0 ± 1.4"


def test_a_search_that_is_not_complete_shows_own_values_alone() -> None:
    table = tables([record for record in ROWS if record.setting != {LR: 0.1} or record.variant != "A"])[0]
    assert texts(table, "target accuracy, tuned, %")["A"] == "—" == texts(table, "rank, tuned")["A"]
    assert texts(table, "target accuracy, default, %")["A"] == "61.0 ± 1.4"
    assert "1 run of the search is missing, so that nothing is chosen for A." in notes(table)
    few = [record for record in ROWS if record.seed != 100]
    assert "9 runs of the search are missing" in notes(tables(few)[0])


TASKED = {"tasks": {"near": {}, "far": {}}}
BY_TASK = [replace(record, task=task) for task in ("near", "far") for record in ROWS if record.variant != "A"]


def test_each_task_has_its_choice_and_the_average_is_over_tasks() -> None:
    validations = {("far", "B"): {0.02: 0.9, 0.1: 0.5}}  # there B's rule chooses the low rate
    records = [replace(record, evaluations=[*record.evaluations[:-1], {**record.evaluations[-1], "source_validation":
               validations.get((record.task, record.variant), {}).get(record.setting.get(LR),
                                                                      record.evaluations[-1]["source_validation"])}])
               for record in BY_TASK]  # fmt: skip
    variants = {name: {"method": {"name": METHODS[name]}} for name in ("source only", "B")}
    table, *others = tables(records, variants=variants, **TASKED)
    assert texts(table, "near, tuned")["B"] == "72.0 ± 2.8" and texts(table, "far, tuned")["B"] == "89.0 ± 1.4"
    assert texts(table, "average, tuned")["B"] == "80.5 ± 2.1"  # of 79 and 82
    assert texts(table, "average, default")["B"] == "41.0 ± 1.4"
    each = next(table for table in others if "on each task" in table.title)
    assert titles(each) == [f"{task}, {name}" for task in TASKED["tasks"]
                            for name in ("default", "tuned", "oracle (upper bound)")]  # fmt: skip
    assert texts(each, "far, oracle (upper bound)")["B"] == "89.0 ± 1.4"
    chosen = column(others[-1], "chosen")["B"]
    assert chosen.text == f"near: {LR} = 0.1; far: {LR} = 0.02"
    assert chosen.facts == [{"task": "near", "setting": {LR: 0.1}}, {"task": "far", "setting": {LR: 0.02}}]
    assert texts(table, "source accuracy, average, tuned, %")["B"] == "90.0 ± 0.0"


def test_without_target_labels_there_is_neither_oracle_nor_rank() -> None:
    bare = [replace(record, evaluations=[{key: value for key, value in each.items() if key != "target_test"}
                                         for each in record.evaluations]) for record in ROWS]  # fmt: skip
    table, *others = tables(bare)
    assert titles(table) == ["source accuracy, tuned, %"] and "racle:" not in notes(table)
    assert texts(others[-1], "oracle's choice") == dict.fromkeys(METHODS, "—")


def test_a_rule_for_steps_leaves_the_setting_as_it_is() -> None:
    first, *_, last = tables(rule="oracle")
    tuned = texts(first, "target accuracy, tuned, oracle steps (upper bound), %")
    assert tuned["A"] == "70.0 ± 0.0"  # the second step of the low rate's runs
    assert texts(last, "chosen")["A"] == f"{LR} = 0.02"


def test_an_upper_bound_has_no_rank() -> None:
    on_target = [replace(record, data={**record.data, "source": record.data["target"]}) if record.variant == "B"
                 else record for record in ROWS]  # fmt: skip
    table = tables(on_target)[0]
    assert texts(table, "rank, tuned") == {"source only": "1", "A": "2", "B": "—"}
    assert "Best row by accuracy: default: A; tuned: source only; oracle: A." in notes(table)


def test_facts_name_the_candidate() -> None:
    columns = json.loads(tables()[0].json())["columns"]
    assert columns["target accuracy, oracle (upper bound), %"]["candidate"] == "oracle"
    assert "candidate" not in columns["target accuracy, tuned, %"]


def brute(ours: Sequence[float], others: Sequence[float]) -> float:
    """τ-b by counting pairs."""
    pairs = combinations(zip(ours, others, strict=True), 2)
    signs = [((a > b) - (a < b), (c > d) - (c < d)) for (a, c), (b, d) in pairs]
    concordant = sum(one * other for one, other in signs)
    return float(concordant / (sum(bool(one) for one, _ in signs) * sum(bool(other) for _, other in signs)) ** 0.5)


def test_kendall_is_the_count_of_pairs() -> None:
    random = Random(0)
    for _ in range(50):
        ours, others = ([random.choice([1, 2, 3, 4.5]) for _ in range(6)] for _ in range(2))
        if len(set(ours)) > 1 < len(set(others)):
            assert kendall(ours, others) == pytest.approx(brute(ours, others))
    assert kendall([1, 2, 3], [3, 2, 1]) == pytest.approx(-1) and kendall([1, 1], [1, 2]) is None
    assert kendall([], []) is None
