"""The table and the figure of rows on a numeric axis."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import scored
from tiny import write_tiny

from dann.cli.main import main
from dann.config.experiment import Experiment, read_experiment, write_experiment
from dann.errors import BadInput
from dann.reporting.axis_table import axis_tables
from dann.reporting.experiment_tables import make_tables
from dann.reporting.figures.axis_figure import axis_figure
from dann.reporting.figures.draw import draw_all
from dann.reporting.scores import apply_rule
from dann.runner.experiment_records import pack_records
from dann.runner.records import Record

SHARES = {
    "source only": [0.5, 0.5, 0.5], "source only, 1": [0.6, 0.7, 0.65], "source only, 3": [0.8, 0.85, 0.9],
    "DANN": [0.7, 0.75, 0.8], "DANN, 1": [0.8, 0.8, 0.8], "DANN, 3": [0.9, 0.9, 0.9],
    "other": [0.95, 0.95, 0.95],
}  # fmt: skip
AXIS: dict[str, Any] = {
    "name": "labels of each class",
    "values": [0, 1, 3],
    "lines": {
        "without": ["source only", "source only, 1", "source only, 3"],
        "DANN": ["DANN", "DANN, 1", "DANN, 3"],
        "other": ["other", "DANN, 1", "DANN, 3"],
    },
}


def example(tasks: tuple[str, ...] = ()) -> tuple[Experiment, list[Record]]:
    experiment, records = scored(SHARES, axis=AXIS, tasks={task: {} for task in tasks})
    return experiment, [replace(record, task=task) for record in records for task in tasks or [None]]


def test_the_worth_of_a_line_is_where_the_first_reaches_its_start() -> None:
    experiment, records = example()
    (table,) = axis_tables(apply_rule(experiment, records))
    assert [column.title for column in table.columns] == ["labels of each class"]
    (worth,) = table.rows["DANN"]
    assert worth.facts["value"] == pytest.approx(2**1.5 - 1)  # 0.75 between 0.65 and 0.85
    assert worth.facts["interval"] == pytest.approx([2 ** (4 / 3) - 1, 2**1.6 - 1])  # of one seed alone
    assert worth.text == "1.8 (1.5 to 2)" and [cell.text for cell in table.rows["other"]] == ["> 3 (> 3 to > 3)"]
    assert "The labels of each class at which without has the mean target accuracy" in table.markdown()
    assert table.title in [each.title for each in make_tables(experiment, records)] and table.json()


def test_each_task_and_the_average_have_their_worth() -> None:
    experiment, records = example(("one", "two"))
    worse = [replace(each, evaluations=[{**each.evaluations[-1], "target_test": 0.4}])
             if (each.task, each.variant) == ("two", "DANN") else each for each in records]  # fmt: skip
    (table,) = axis_tables(apply_rule(experiment, worse))
    assert [column.title for column in table.columns] == ["one", "two", "average"]
    assert [cell.text for cell in table.rows["DANN"]][:2] == ["1.8 (1.5 to 2)", "0 (0 to 0)"]
    some = [record for record in worse if record.variant != "DANN, 3" and record.variant != "source only, 3"]
    (table,) = axis_tables(apply_rule(experiment, some))
    assert {cell.text for cells in table.rows.values() for cell in cells} == {"—"}


def test_the_figure_has_a_panel_for_each_task_and_a_line_for_each_name(tmp_path: Path) -> None:
    experiment, records = example(("one", "two"))
    assert experiment.axis is not None
    figure = axis_figure(experiment, experiment.axis, records)
    assert [axes.get_title() for axes in figure.axes] == ["one", "two", "average of 2 tasks"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(AXIS["lines"])
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "1", "3"]
    assert list(figure.axes[0].containers[0].lines[0].get_ydata()) == pytest.approx([50, 65, 85])
    plain = experiment.model_copy(update={"axis": None})
    own = [replace(each, declared=experiment.merge_configuration(each.variant, each.task)) for each in records]
    pack_records(own, tmp_path)
    assert [path.name for path in draw_all(experiment, tmp_path, ["axis"])] == ["axis.png"]
    assert draw_all(plain, tmp_path, ["axis"]) == [] and axis_tables(apply_rule(plain, records)) == []


def test_a_file_keeps_its_axis(tmp_path: Path) -> None:
    experiment, _ = example()
    write_experiment(experiment, tmp_path / "experiment.yaml")
    assert read_experiment(tmp_path / "experiment.yaml").axis == experiment.axis


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"values": [0, 0, 3]}, "values should increase"),
        ({"values": [0, 1]}, "without has 3 rows for 2 values"),
        ({"values": [-1, 1, 3]}, "values"),
        ({"lines": {"one": ["source only", "DANN", "DAN"]}}, "axis.lines: .*DAN"),
        ({"lines": {}}, "lines"),
        ({"scale": "log"}, "scale"),
    ],
)
def test_an_axis_that_does_not_fit_its_rows_is_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    file = write_tiny(tmp_path / "x.yaml", variants={name: {} for name in SHARES}, axis={**AXIS, **changes})
    with pytest.raises(BadInput, match=says) as caught:
        read_experiment(file)
    assert "\n" not in str(caught.value) and str(file) in str(caught.value)


@pytest.mark.slow
def test_an_experiment_with_an_axis_is_run_and_shown(project: Path, capsys: Any) -> None:
    lines = {"rate": ["DANN", "DANN, slow"], "source only": ["source only", "source only"]}
    axis = {"name": "slowness", "values": [1, 2], "lines": lines}
    write_tiny(Path("experiments/tiny.yaml"), variants={"DANN, slow": {"optimizer": {"lr": 0.005}}}, axis=axis)
    assert main(["run", "experiments/tiny.yaml"]) == 0 and Path("runs/tiny/axis.png").is_file()
    assert "slowness" in capsys.readouterr().out
    assert main(["report", "runs/tiny", "--out", "report"]) == 0
