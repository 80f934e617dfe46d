"""Hand-written records, and the tables made from them."""

from typing import Any

from tiny import TINY

from dann.config.experiment import Experiment
from dann.reporting.score_table import score_tables
from dann.reporting.scores import apply_rule
from dann.reporting.table import Cell, Table
from dann.runner.records import Record

TARGET, ORACLE = "target accuracy, %", "target accuracy, oracle (upper bound), %"  # headings without tasks
EVALUATIONS = [
    {"step": 10, "source_validation": 0.90, "source_test": 0.90, "target_test": 0.50},
    {"step": 20, "source_validation": 0.95, "source_test": 0.94, "target_test": 0.70},
    {"step": 30, "source_validation": 0.95, "source_test": 0.96, "target_test": 0.65},
    {"step": 40, "source_validation": 0.93, "source_test": 0.97, "target_test": 0.60},
]


def record_of(variant: str, seed: int, target: float = 0.6, task: str | None = None) -> Record:
    last = {**EVALUATIONS[-1], "target_test": target}
    return Record(
        task=task,
        variant=variant,
        seed=seed,
        fingerprint="f",
        declared=Experiment(**TINY).merge_configuration(variant, None)
        if task is None and variant in TINY["variants"]
        else {},
        config={},
        classes=["a", "b"],
        data={
            "source": {"name": "moons", "test": 40, "checksum": "1"},
            "target": {"name": "moons_rotated", "test": 40, "checksum": "2"},
            "validated_on": 10,
        },
        evaluations=[*map(dict, EVALUATIONS[:-1]), last],
        losses={"step": [1, 2], "label": [0.5, None], "domain": [0.7, 0.6]},
        confusion={"source_test": [[20, 0], [0, 20]], "target_test": [[15, 5], [0, 20]]},
        environment={"device": "a device", "threads": 1, "precision": "fp32", "torch": "2", "commit": "c"},
        seconds=60.0,
    )


def tables_of(experiment: Experiment, records: list[Record], rule: str = "last") -> list[Table]:
    return score_tables(apply_rule(experiment, records, rule))


def table_of(experiment: Experiment, records: list[Record], rule: str = "last") -> Table:
    return tables_of(experiment, records, rule)[0]


def column(table: Table, name: str) -> dict[str, Cell]:
    """A column by its heading."""
    return table.column(next(column.key for column in table.columns if column.title == name))


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns]


def texts(table: Table, name: str) -> dict[str, str]:
    return {variant: cell.text for variant, cell in column(table, name).items()}


def scored(shares: dict[str, list[float]], **changes: Any) -> tuple[Experiment, list[Record]]:
    """An experiment and its records, from the target accuracies of each variant, one for each seed."""
    variants = {v: {"method": {"name": "source_only" if v.startswith("source only") else "dann"}} for v in shares}
    seeds = list(range(max(len(TINY["seeds"]), *map(len, shares.values()))))
    experiment = Experiment(**{**TINY, "seeds": seeds, "variants": variants, "published": {}, **changes})
    return experiment, [record_of(v, seed, value) for v, values in shares.items() for seed, value in enumerate(values)]


def tasked(seeds: list[int], variants: int = 2, tasks: int = 2) -> tuple[Experiment, list[Record]]:
    """An experiment with tasks, and records of all its runs in order."""
    names = {"variants": {f"row {v}": {} for v in range(variants)}, "tasks": {f"task {t}": {} for t in range(tasks)}}
    experiment = Experiment(**{**TINY, **names, "seeds": seeds, "published": {}})
    return experiment, [record_of(run.variant, run.seed, 0.5 + 0.01 * at, run.task)
                        for at, run in enumerate(experiment.runs())]  # fmt: skip
