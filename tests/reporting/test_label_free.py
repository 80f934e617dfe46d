"""Tables, pages and figures of runs whose target has no test labels, or only that of some tasks or rows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import TARGET, column, record_of, table_of, tables_of, titles
from tiny import TINY

from dann.config.experiment import EXPERIMENT, Experiment
from dann.errors import BadInput
from dann.reporting.experiment_tables import make_tables
from dann.reporting.figures.draw import draw_all
from dann.reporting.html.page import write_report
from dann.reporting.negative_transfer import negative_transfer
from dann.reporting.scores import apply_rule
from dann.runner.experiment_records import pack_records
from dann.runner.records import Record

SCORES = {"score_entropy": -0.5, "score_im": 0.25}


def without_labels(record: Record, **scores: float) -> Record:
    """The record as it is where no test example of the target has a label."""
    kept = [{key: value for key, value in each.items() if "target_test" not in key} for each in record.evaluations]
    confusion = {split: counts for split, counts in record.confusion.items() if split != "target_test"}
    return replace(record, evaluations=[{**each, **SCORES, **scores} for each in kept], confusion=confusion)


def runs(seeds: int = 2) -> list[Record]:
    variants = TINY["variants"]
    return [
        without_labels(record_of(name, seed), score_im=0.1 * (seed + 1)) for name in variants for seed in range(seeds)
    ]


def test_the_table_has_the_source_and_label_free_scores_alone() -> None:
    content = {**TINY, "metrics": ["accuracy", "macro_f1"], "published": {"DANN": 0.9}, "compare_rules": True}
    (table,) = make_tables(Experiment(**content), runs())
    assert titles(table) == ["source accuracy, %", "entropy score", "im score"]
    assert column(table, "entropy score")["DANN"].text == "−0.500 ± 0.000"
    assert column(table, "im score")["DANN"].text == "0.150 ± 0.071"
    notes = " ".join(table.notes)
    assert notes.startswith("The target has no test labels: no accuracy on it, no oracle, and no comparison")
    assert "source accuracy and label-free scores" in notes and "mean ± standard deviation over 2 seeds" in notes
    assert "40 of moons_rotated without labels" in notes and "nan" not in notes
    assert json.loads(table.json())["differences"] == {}
    assert "nan" not in table.markdown() + table.latex()


def test_only_a_rule_without_target_labels_chooses() -> None:
    experiment = Experiment(**TINY)
    for rule in ("last", "source_val", "im", "entropy"):
        assert titles(table_of(experiment, runs(), rule)) == ["source accuracy, %", "entropy score", "im score"]
    with pytest.raises(BadInput, match="--selection oracle: the target has no test labels, by which this rule chooses"):
        make_tables(experiment, runs(), "oracle")
    assert negative_transfer(apply_rule(experiment, runs()), "accuracy") == {}


def of_tasks(**content: Any) -> tuple[Experiment, list[Record]]:
    """An experiment of the tasks ``seen``, with target labels, and ``blind``, without."""
    tasks = {"seen": {}, "blind": {"data": {"target": {"name": "moons_rotated", "points": 50}}}}
    experiment = Experiment(**{**TINY, "tasks": tasks, **content})
    records = [
        replace(
            record_of(variant, seed, 0.6 + 0.1 * seed, task), declared=experiment.merge_configuration(variant, task)
        )
        for variant in experiment.variants
        for task in tasks
        for seed in (0, 1)
    ]
    return experiment, [without_labels(record) if record.task == "blind" else record for record in records]


def test_tasks_without_target_labels_are_left_out_of_the_average() -> None:
    published = {"DANN": {"seen": 0.6, "blind": 0.5}}
    experiment, records = of_tasks(metrics=["accuracy", "balanced_accuracy"], published=published)
    records = [
        replace(record, evaluations=[{**e, "target_test_balanced_accuracy": 0.5} for e in record.evaluations])
        if record.task == "seen"
        else record
        for record in records
    ]
    first, second = tables_of(experiment, records)
    assert titles(first) == [
        "seen", "seen, published", "seen, − published", "average", "95 % interval", "average, oracle (upper bound)",
        "blind, source accuracy, %", "blind, entropy score", "blind, im score",
    ]  # fmt: skip
    assert titles(second) == ["seen", "average", "95 % interval", "average, oracle (upper bound)"]
    assert column(first, "average")["DANN"].text == column(first, "seen")["DANN"].text == "65.0 ± 7.1"
    notes = " ".join(first.notes)
    assert "of the average over seen" in notes and "The target of blind has no test labels" in notes
    (difference, _) = make_tables(experiment, records)[2:]
    assert "averaged over 1 tasks" in difference.notes[0]


def test_rows_without_target_labels_beside_rows_with_them() -> None:
    records = [record_of("DANN", 0), without_labels(record_of("source only", 0))]
    table = table_of(Experiment(**TINY), records)
    assert (column(table, TARGET)["DANN"].text, column(table, TARGET)["source only"].text) == ("60.0", "—")
    assert column(table, "im score")["source only"].text == "0.250"
    assert "The target of source only has no test labels" in " ".join(table.notes)


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [False, True], ids=["rows", "tasks"])
def test_page_and_figures_of_targets_without_labels(tasks: bool, tmp_path: Path) -> None:
    experiment, records = of_tasks(compare_rules=True) if tasks else (Experiment(**TINY), runs())
    folder = tmp_path / "e"
    folder.mkdir()
    (folder / EXPERIMENT).write_text(json.dumps(experiment.model_dump(mode="json", exclude_unset=True)))
    pack_records(records, folder)
    names = {path.name for path in draw_all(experiment, folder, ["bars", "curves", "confusion"])}
    assert ("bars.png" in names) == tasks and any(name.startswith("confusion") for name in names)
    page = write_report([folder], tmp_path / "out").read_text(encoding="utf-8")
    assert "no test labels" in page and "im score" in page and ">nan<" not in page
    with pytest.raises(BadInput, match="no test labels") if not tasks else pytest.MonkeyPatch.context():
        write_report([folder], tmp_path / "oracle", "oracle")
