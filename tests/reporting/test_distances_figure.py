"""The figure of the domains' distance by the features of two rows each."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_records import tasked

from dann.config.experiment import Experiment
from dann.reporting.figures.distances_figure import abbreviate, choose_pairs, distances
from dann.reporting.figures.draw import draw_all
from dann.reporting.scores import apply_rule
from dann.runner.experiment_records import pack_records
from dann.runner.records import Record


def measured(variants: int = 3, tasks: int = 2, shown: tuple[str, ...] = ()) -> tuple[Experiment, list[Record]]:
    """Distances of 0.1 times the number of the row and task, and 0.01 more for the second seed."""
    experiment, records = tasked([0, 1], variants, tasks)
    for record in records:
        row, task = int(record.variant[-1]), int(str(record.task)[-1])
        record.evaluations[-1]["distance_lowest"] = 0.1 * row + task + 0.01 * record.seed
    chosen = experiment.shown.model_copy(update={"variants": list(shown)})
    return experiment.model_copy(update={"shown": chosen}), records


def test_each_pair_of_rows_has_a_panel_with_a_point_for_each_task() -> None:
    experiment, records = measured()
    figure = distances(experiment, records)
    figure.canvas.draw()
    assert [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes] == [
        ("distance by row 0", "distance by row 1"),
        ("distance by row 0", "distance by row 2"),
        ("distance by row 1", "distance by row 2"),
    ]
    points = figure.axes[1].lines[-1]
    assert list(points.get_xdata()) == pytest.approx([0.005, 1.005])
    assert list(points.get_ydata()) == pytest.approx([0.205, 1.205])
    assert [text.get_text() for text in figure.axes[1].texts] == ["task 0", "task 1"]
    assert len({axes.get_xlim() for axes in figure.axes} | {axes.get_ylim() for axes in figure.axes}) == 1
    assert figure.get_suptitle() == "proxy A-distance, mean over 2 seeds"


def test_rows_are_those_shown_in_their_order_and_at_most_four() -> None:
    experiment, records = measured(shown=("row 2", "row 0"))
    assert choose_pairs(apply_rule(experiment, records)) == [("row 2", "row 0")]
    assert len(choose_pairs(apply_rule(*measured(variants=6)))) == 6
    assert len(distances(*measured(variants=6)).axes) == 6


def test_there_is_no_panel_without_two_rows_on_two_tasks() -> None:
    experiment, records = measured()
    for missing in ("row 1", "row 2"):
        del next(r for r in records if (r.variant, r.task) == (missing, "task 0")).evaluations[-1]["distance_lowest"]
    alone = [record for record in records if record.seed == 0 or record.variant == "row 0"]
    assert choose_pairs(apply_rule(experiment, records)) != []  # the second seed has it
    assert choose_pairs(apply_rule(experiment, alone)) == []
    assert choose_pairs(apply_rule(*measured(tasks=1))) == choose_pairs(apply_rule(*measured(variants=1))) == []
    single, plain = tasked([0], 2, 0)
    assert choose_pairs(apply_rule(single, plain)) == []


def test_it_is_drawn_once_for_all_tasks(tmp_path: Path) -> None:
    experiment, records = measured()
    made = [replace(each, declared=experiment.merge_configuration(each.variant, each.task)) for each in records]
    pack_records(made, tmp_path)
    assert [path.name for path in draw_all(experiment, tmp_path, ["distances"])] == ["distances.png"]


def test_points_have_short_names() -> None:
    names, letters = abbreviate(["books → dvd", "dvd → kitchen", "kitchen → kettles"])
    assert names == ["B→D", "D→Ki", "Ki→Ke"]
    assert letters == {"B": "books", "D": "dvd", "Ki": "kitchen", "Ke": "kettles"}
    assert abbreviate(["2 → 11", "11 → 1"]) == (["2→11", "11→1"], {})
    for others in (["MNIST → MNIST-M", "MNIST-M → MNIST"], ["in both", "in the target"], ["a → b → c", "a → b"]):
        assert abbreviate(others) == (others, {})
    (long, short), _ = abbreviate(["a very long name of a task", "b → c"])
    assert (len(long), short) == (16, "b → c")
