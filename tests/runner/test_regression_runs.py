"""Runs that predict numbers: records, tables, figures, predictions, resumption, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from number_tables import write_numbers, write_tables
from tiny import Silent

from dann import load
from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.errors import BadInput
from dann.inference.ensemble import Ensemble
from dann.inference.predict import predict
from dann.reporting.experiment_tables import make_tables
from dann.reporting.figures.draw import draw_all
from dann.reporting.html.page import write_report
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch
from dann.runner.record_comparison import compare_accuracies, tolerance
from dann.runner.records import read_record

CPU = torch.device("cpu")


def made(file: Path, folder: Path, observer: Silent | None = None, **more: Any) -> Path:
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), folder, CPU, observer or Silent(), file, **more)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The file of an experiment whose runs are made, and their folder."""
    folder = tmp_path_factory.mktemp("numbers")
    file = write_numbers(folder, write_tables(folder), selections=["last", "source_val", "dev", "mmd", "oracle"])
    return file, made(file, folder / "runs" / "numbers")


def test_a_record_has_errors_and_no_class(finished: tuple[Path, Path]) -> None:
    record = read_record(finished[1] / "dann" / "seed-0")
    assert record.of_numbers and record.classes == [] and record.confusion == {} and record.reliability == {}
    last = record.evaluations[-1]
    assert {"target_test", "target_test_rmse", "target_test_mae", "source_validation", "source_test_rmse"} <= set(last)
    assert {"score_dev", "score_mmd", "score_coral", "score_rankme", "discriminator_target"} <= set(last)
    assert "share_distance" not in last and not any("macro" in key for key in last)
    assert record.data["labels"]["deviation"] > 5 and record.shares == [[], [], []]


def test_predictions_are_in_the_unit_of_the_labels(finished: tuple[Path, Path], tmp_path: Path) -> None:
    file, folder = finished
    run, record = folder / "dann" / "seed-0", read_record(folder / "dann" / "seed-0")
    model = load(run, "cpu")
    lines = (file.parent / "target.csv").read_text().splitlines()[1:]
    values = np.array([[float(field) for field in line.split(",")] for line in lines])
    x, y = values[:, :3].astype(np.float32), values[:, 3]
    predicted = model.predict(x)
    assert predicted.shape == (60,) and 20 < predicted.mean() < 80
    order = np.random.RandomState(1).permutation(60)  # of the test split held out: 15, evenly spaced in their order
    by_label = order[np.argsort(y[order].astype(np.float32), kind="stable")]
    held = np.linspace(1, 58, 15).round().astype(int)
    errors = (predicted - y)[by_label[held]]
    assert record.evaluations[-1]["target_test_rmse"] == pytest.approx(float(np.sqrt((errors**2).mean())), rel=1e-4)
    both = Ensemble([model, load(folder / "dann" / "seed-1", "cpu")])
    found = predict(both, [file.parent / "target.csv"])
    np.testing.assert_allclose(found.values, np.mean([each.predict(x) for each in both.models], axis=0), rtol=1e-5)
    header, first, *_ = found.csv().decode().splitlines()
    assert header == "input,prediction" and float(first.split(",")[1]) == pytest.approx(
        float(found.values[0]), rel=1e-5
    )
    with pytest.raises(BadInput, match="tent lowers the entropy of classes"):
        model.predict(x, adapt="tent")


def test_commands_show_numbers(finished: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    file, folder = finished
    assert main(["predict", str(folder / "dann" / "seed-0"), str(file.parent / "target.csv")]) == 0
    assert "prediction" in (shown := capsys.readouterr().out) and "probability" not in shown
    assert main(["export", str(folder / "dann" / "seed-0"), "--format", "torch_export"]) == 0
    extra = {"output": "", "classes": ""}
    program = torch.export.load(folder / "dann" / "seed-0" / "model.pt2", extra_files=extra)
    assert json.loads(extra["output"]) == {"name": "numbers", "shape": [None, 1], "unit": "that of the labels"}
    assert 20 < float(program.module()(torch.zeros(2, 3)).detach().mean()) < 80


def test_tables_have_errors_and_r2(finished: tuple[Path, Path]) -> None:
    experiment = read_experiment(finished[0])
    assert experiment.metrics == ["rmse", "mae", "r2"] and experiment.of_numbers
    records = list(read_records(experiment, finished[1]).values())
    rmse, mae, r2, *others = make_tables(experiment, records)
    assert [column.title for column in rmse.columns][:3] == [
        "target RMSE",
        "95 % interval",
        "target RMSE, oracle (upper bound)",
    ]
    assert "source R²" in [column.title for column in rmse.columns] and mae.facts["metric"] == "mae"
    runs = [record.evaluations[-1] for record in records if record.variant == "DANN"]
    mean = np.mean([run["target_test_rmse"] for run in runs])
    cell = rmse.column("score")["DANN"]
    assert cell.facts["mean"] == pytest.approx(mean)
    assert float(cell.text.partition(" ± ")[0]) == pytest.approx(mean, abs=0.005)
    assert r2.column("score")["DANN"].facts["mean"] == pytest.approx(np.mean([run["target_test"] for run in runs]))
    whole = "\n".join(table.markdown() for table in (rmse, mae, r2, *others))
    assert (
        "accuracy" not in whole and "points" not in whole and "RMSE, in the unit of the labels, on test splits" in whole
    )
    assert "the lowest squared error on the source's validation split" in whole
    for rule in ("source_val", "mmd", "oracle"):
        assert make_tables(experiment, records, rule)
    with pytest.raises(BadInput, match=r"--selection im is of predicted classes, but data\.task is regression"):
        make_tables(experiment, records, "im")


@pytest.mark.slow
def test_figures_and_the_page_show_them(finished: tuple[Path, Path], tmp_path: Path) -> None:
    file, folder = finished
    names = {path.stem for path in draw_all(read_experiment(file), folder)}
    assert {"bars", "curves", "diagnosis"} <= names and not names & {"confusion", "reliability", "errors"}
    page = write_report([folder], tmp_path).read_text()
    assert (
        "target RMSE" in page
        and "source R²" in page
        and "accuracy, %" not in page.replace("discriminator accuracy, %", "")
    )


def test_a_run_resumes_with_the_same_bits(finished: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        made(finished[0], tmp_path / "again", Silent(stop_at=6))
    again = made(finished[0], tmp_path / "again")
    for name in ("source-only", "dann"):
        whole, broken = (read_record(folder / name / "seed-0") for folder in (finished[1], again))
        assert whole.evaluations == broken.evaluations and whole.losses == broken.losses


def test_a_target_without_labels_has_scores_alone(tmp_path: Path) -> None:
    base = write_tables(tmp_path, unlabelled=True)
    file = write_numbers(
        tmp_path, base, seeds=[0], variants={"train on target": {"data": {"source": base["data"]["source"]}}}
    )
    folder = made(file, tmp_path / "runs" / "numbers")
    record = read_record(folder / "dann" / "seed-0")
    assert "target_test" not in record.evaluations[-1] and record.evaluations[-1]["score_mmd"] <= 0
    table, *_ = make_tables(read_experiment(file), list(read_records(read_experiment(file), folder).values()))
    titles = [column.title for column in table.columns]
    assert "source R²" in titles and "mmd score" in titles and "target RMSE" not in titles


def test_runs_made_again_are_compared_by_r2(finished: tuple[Path, Path]) -> None:
    record = read_record(finished[1] / "dann" / "seed-0")
    old = record.evaluations[-1]["target_test"]
    assert tolerance(record, "target_test", []) == pytest.approx(3 * np.sqrt(2 * (1 - old) ** 2 / 15))
    assert all(close and "%" not in text for close, text in compare_accuracies(record, record, []))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"metrics": ["accuracy"]}, "metrics: accuracy is of classes, but data.task is regression: choose among rmse"),
        ({"selections": ["vote"]}, "selections: vote is of predicted classes, but data.task is regression"),
        ({"published": {"DANN": 0.5}, "published_metric": "r2"}, "published: is of accuracies, but data.task is"),
        ({"guard": True}, "guard: is of accuracies"),
        ({"variants": {"DANN": {"data": {"task": "classification"}}}}, "data.task: DANN, seed 0 is of another task"),
    ],
)  # fmt: skip
def test_experiments_that_need_classes_are_refused(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    file = write_numbers(tmp_path, write_tables(tmp_path), **changes)
    with pytest.raises(BadInput) as caught:
        read_experiment(file)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_commands_for_classes_refuse_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_numbers(tmp_path, write_tables(tmp_path))
    for command in (["recommend", str(file)], ["rank", str(file)]):
        assert main(command) == 2
        message = capsys.readouterr().err.strip()
        assert "this is a regression" in message and "\n" not in message
