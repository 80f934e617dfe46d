"""The tables of each row against each other and of the distance of domains."""

from dataclasses import replace

import pytest
from made_records import tasked

from dann.evaluation.statistics import poisson_binomial
from dann.reporting.distance_table import distance_tables
from dann.reporting.experiment_tables import make_tables
from dann.reporting.pairwise_table import pairwise_tables
from dann.reporting.scores import apply_rule


def test_each_row_is_compared_with_each_other_over_tasks() -> None:
    experiment, records = tasked([0, 1], variants=3, tasks=2)
    experiment = experiment.model_copy(update={"pairwise": "poisson_binomial"})
    [table] = [each for each in make_tables(experiment, records) if "against each other" in each.title]
    assert list(table.rows) == [column.title for column in table.columns] == ["row 0", "row 1", "row 2"]
    ours = apply_rule(experiment, records)
    means = {(task, row): sum(ours.scores(row, task, "accuracy").values()) / 2
             for task in experiment.tasks for row in experiment.variants}  # fmt: skip
    expected = poisson_binomial([(means[task, "row 0"], means[task, "row 1"], 40) for task in experiment.tasks])
    assert table.rows["row 0"][1].facts == pytest.approx(expected)
    assert table.rows["row 1"][0].facts == pytest.approx(1 - expected) and table.rows["row 2"][2].text == "0.50"
    assert "Poisson binomial test" in table.markdown()


def test_there_is_no_such_table_unless_it_is_wanted_and_there_are_tasks() -> None:
    experiment, records = tasked([0], variants=2, tasks=1)
    assert not any("against each other" in each.title for each in make_tables(experiment, records))
    single = experiment.model_copy(update={"tasks": {}})
    assert pairwise_tables(apply_rule(single, [replace(record, task=None) for record in records])) == []


def test_distances_are_shown_where_they_were_measured() -> None:
    experiment, records = tasked([0, 1], variants=2, tasks=2)
    assert distance_tables(apply_rule(experiment, records)) == []
    for at, record in enumerate(records):
        if record.variant == "row 0":
            record.evaluations[-1]["distance_lowest"] = 1.0 + 0.1 * at
    [table] = distance_tables(apply_rule(experiment, records))
    assert list(table.rows) == ["row 0"] and [column.title for column in table.columns] == [
        "task 0",
        "task 1",
        "average",
    ]
    measured = {task: [each.evaluations[-1]["distance_lowest"] for each in records
                       if (each.task, each.variant) == (task, "row 0")] for task in experiment.tasks}  # fmt: skip
    assert table.rows["row 0"][0].facts["mean"] == pytest.approx(sum(measured["task 0"]) / 2)
    assert table.rows["row 0"][2].facts == pytest.approx(sum(map(sum, measured.values())) / 4)
