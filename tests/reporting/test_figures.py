"""Figures from records."""

import lzma
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pages
import publish
import pytest
from made_records import TARGET, column, scored, table_of, tasked
from matplotlib.figure import Figure
from tiny import TINY, TURNS, write_tiny

from dann.cli.main import main
from dann.config.experiment import Experiment
from dann.config.experiment_fields import FigureKind
from dann.config.naming import slug
from dann.reporting.figure_captions import CAPTIONS, captioned_figures
from dann.reporting.figures import draw
from dann.reporting.figures.bars import bars
from dann.reporting.figures.curves import diagnosis, errors
from dann.reporting.figures.draw import DRAW, describe_cut, draw_all
from dann.runner.experiment_records import PACKED, pack_records
from dann.runner.records import Record


@pytest.mark.parametrize(
    ("variants", "tasks", "lying", "columns"),
    [(8, 4, False, 5), (9, 4, True, 5), (12, 5, False, 1), (13, 4, True, 5), (33, 12, True, 1), (13, 0, True, 1)],
)
def test_many_bars_lie_and_many_tasks_are_averaged(variants: int, tasks: int, lying: bool, columns: int) -> None:
    experiment, records = tasked([0, 1], variants, tasks)
    figure = bars(experiment, records)
    (axes,) = figure.axes
    rows, lengths = (
        (axes.get_yticklabels(), [bar.get_width() for bar in axes.patches])
        if lying
        else (axes.get_xticklabels(), [bar.get_height() for bar in axes.patches])
    )
    assert [row.get_text() for row in rows] == list(experiment.variants) and len(lengths) == variants * columns
    means = column(table_of(experiment, records), "average" if tasks else TARGET).values()
    last = [cell.facts["mean"] for cell in means]
    assert lengths[-variants:] == pytest.approx([100 * mean for mean in last])
    assert (f"average of {tasks} tasks" in axes.get_xlabel() + axes.get_ylabel()) == (tasks > 4)
    figure.canvas.draw()
    if lying:
        boxes = [row.get_window_extent() for row in rows]
        assert all(above.y0 > below.y1 for above, below in pairwise(boxes))
        assert figure.get_figwidth() == 8 and figure.get_figheight() < 12
    assert len([*figure.legends, axes.get_legend()]) - (axes.get_legend() is None) == (columns > 1)


def test_the_legend_names_every_colour_where_the_first_variant_has_no_runs() -> None:
    experiment, records = tasked([0, 1], 2, 2)
    some = [record for record in records if record.variant != next(iter(experiment.variants))]
    (legend,) = bars(experiment, some).legends
    assert len(legend.get_texts()) == 3  # two tasks and their average


def test_long_names_do_not_overlap_and_a_row_without_runs_says_so() -> None:
    names = [f"DANN on the {place} convolution" for place in ("first", "second", "third", "fourth", "fifth", "sixth")]
    experiment, records = scored({"source only": [0.5, 0.6]} | {name: [0.7, 0.8] for name in names})
    figure = bars(experiment, [record for record in records if record.variant != names[2]])
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    (text,) = axes.texts
    assert (text.get_text().strip(), text.get_position()[0]) == ("no result", 3)


def test_a_published_number_is_a_line_across_its_bar() -> None:
    for variants, axis in ((2, 1), (13, 0)):
        experiment, records = tasked([0], variants, 0)
        experiment = experiment.model_copy(update={"published": {"row 1": 0.9}})
        (axes,) = bars(experiment, records).axes
        lines = [path.vertices for line in axes.collections for path in line.get_paths() if line.get_linestyle()[0][1]]
        ((start, end),) = lines
        assert start[axis] == end[axis] == pytest.approx(90)
        assert (start[1 - axis] + end[1 - axis]) / 2 == pytest.approx(1)


def test_the_diagnosis_is_drawn_where_there_is_one(tmp_path: Path) -> None:
    experiment, records = scored({"source only": [0.5, 0.6], "DANN": [0.7, 0.8]})
    measured = {"distance_svm": 1.5, "distance_mlp": 1.6, "gradient_ratio": 0.5, "features_target_rank": 3.0}
    records = [replace(record, evaluations=[each | measured for each in record.evaluations]) for record in records]
    distance, ratio, cosine, rank, shares = diagnosis(experiment, records).axes
    assert [len(axes.lines) for axes in (distance, ratio, cosine, rank, shares)] == [
        4,
        3,
        1,
        2,
        0,
    ]  # with lines at 1, 0
    assert distance.lines[0].get_ydata()[-1] == 1.5 and distance.lines[1].get_ydata()[-1] == 1.6


def test_errors_are_those_of_both_domains() -> None:
    experiment, records = scored({"source only": [0.5, 0.7], "DANN": [0.8, 1.0]})
    (axes,) = errors(experiment, records).axes
    target, source, adapted, _ = axes.lines
    assert list(target.get_ydata()) == pytest.approx([50, 30, 35, 40]) and target.get_linestyle() == "-"
    assert list(source.get_ydata()) == pytest.approx([10, 6, 4, 3]) and source.get_linestyle() == ":"
    assert adapted.get_ydata()[-1] == pytest.approx(10) and axes.get_yscale() == "log"


def test_no_error_at_all_has_no_logarithm() -> None:
    experiment, records = scored({"source only": [1.0, 1.0]})
    perfect = {"target_test": 1.0, "source_test": 1.0, "source_validation": 1.0}
    records = [replace(record, evaluations=[each | perfect for each in record.evaluations]) for record in records]
    assert errors(experiment, records).axes[0].get_yscale() == "linear"


def test_a_single_evaluation_is_a_mark_with_the_range_of_the_seeds() -> None:
    """A line of one point would not show."""
    experiment, records = scored({"source only": [0.5, 0.6]})
    records = [replace(record, evaluations=[record.evaluations[-1] | {"distance_svm": 1.0 + record.seed}])
               for record in records]  # fmt: skip
    distance = diagnosis(experiment, records).axes[0]
    (mark,), (bar,) = distance.lines, distance.collections
    assert mark.get_marker() == "o" and list(mark.get_ydata()) == [1.5]
    assert [list(path.vertices[:, 1]) for path in bar.get_paths()] == [[1.0, 2.0]]


@pytest.mark.slow
def test_figures_are_drawn(project: Path, capsys: Any) -> None:
    drawn = sorted(path.name for path in (project / "runs/theme/tiny").glob("*.png"))
    assert drawn == [
        f"{kind}.png" for kind in sorted({*get_args(FigureKind)} - {"diagnosis", "distances", "axis", "generated"})
    ]
    (project / "runs/theme/tiny/tsne.png").unlink()
    capsys.readouterr()
    assert main(["plot", "experiments/theme/tiny.yaml"]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.split()]
    assert len(printed) == 8 and all(path.stat().st_size > 2000 for path in printed)


@pytest.mark.slow
def test_figures_and_features_are_of_what_is_shown(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    file, folder = "experiments/theme/turns.yaml", project / "results/theme/turns"
    kinds = ["bars", "curves", "confusion", "reliability", "tsne", "plane"]
    write_tiny(project / file, **TURNS, shown={"variants": ["DANN", "DANN, weak"], "tasks": ["30°"], "figures": kinds})
    assert main(["run", file]) == 0
    saved, save = {}, draw.save
    monkeypatch.setattr(draw, "save", lambda figure, path: [saved.update({path.name: figure}), save(figure, path)][1])
    assert publish.main([file]) == 0
    drawn = ["bars", "confusion-30", "curves-30", "plane-30", "reliability-30", "tsne-30"]
    assert sorted(saved) == [f"{name}.png" for name in drawn]
    assert [row.get_text() for row in saved["bars.png"].axes[0].get_xticklabels()] == [*TINY["variants"], "DANN, weak"]
    assert len(saved["bars.png"].axes[0].patches) == 3 * 3
    panels = [axes.get_title() for axes in saved["confusion-30.png"].axes if axes.get_title()]
    assert panels == ["DANN", "DANN, weak"] * 2  # of the target, then of the source
    assert [axes.get_title() for axes in saved["tsne-30.png"].axes] == ["DANN, seed 0", "DANN, weak, seed 0"]
    assert [axes.get_title() for axes in saved["reliability-30.png"].axes] == ["DANN", "DANN, weak"]
    assert [axes.get_ylabel() for axes in saved["plane-30.png"].axes[::4]] == ["DANN, seed 0", "DANN, weak, seed 0"]
    label = saved["curves-30.png"].axes[0]
    (legend,) = saved["curves-30.png"].legends
    assert [text.get_text() for text in legend.get_texts()] == ["DANN", "DANN, weak"]
    panels = [axes.get_title().split(",")[0] for axes in saved["curves-30.png"].axes]
    assert panels == ["label loss", "test accuracy", "domain loss", "discriminator accuracy"]
    assert [line.get_color() for line in label.lines] == ["C0", "C1"]
    features = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.npz"))
    assert features == [
        f"30/{row}/seed-0/{file}.npz" for row in ("dann-weak", "dann") for file in ("features", "plane")
    ]
    assert len(lzma.decompress((folder / PACKED).read_bytes()).splitlines()) == 6
    assert pages.main(["--check"]) == 0


def declared(experiment: Experiment, records: list[Record]) -> list[Record]:
    """The records as of runs of the experiment."""
    return [replace(each, declared=experiment.merge_configuration(each.variant, each.task)) for each in records]


def test_a_dollar_sign_in_a_name_begins_no_formula(tmp_path: Path) -> None:
    experiment, records = scored({r"source only $\frac{1}{$": [0.5], "$x$": [0.6]}, title="costs $5 or $6")
    pack_records(declared(experiment, records), tmp_path)
    assert [path.name for path in draw_all(experiment, tmp_path, ["bars", "curves"])] == ["bars.png", "curves.png"]


def test_long_names_are_shortened_and_ticks_of_losses_are_plain_numbers() -> None:
    long = "DANN with " + "very " * 40 + "long name"
    experiment, records = scored({"source only": [0.5], long: [0.6]}, title="t" * 300)
    losses = {"step": [1, 2, 3], "label": [1.0, 0.05, 0.002]}
    figure = DRAW["curves"](experiment, {Path(str(at)): replace(r, losses=losses) for at, r in enumerate(records)})
    figure.canvas.draw()
    ticks = [label.get_text() for label in figure.axes[0].get_yticklabels() if label.get_text()]
    assert {"0.01", "0.1"} <= set(ticks) and not any("e" in tick for tick in ticks)
    (axes,) = bars(experiment, records).axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert [len(name) for name in names] == [11, 60] and names[1].endswith("very long name")
    assert names[1] == figure.legends[0].get_texts()[1].get_text() and len(axes.get_title()) == 70


def test_figures_show_the_first_of_very_many_rows_and_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment, records = tasked([0], variants=4, tasks=3)
    pack_records(declared(experiment, records), tmp_path)
    monkeypatch.setattr("dann.reporting.figures.draw.MOST_DRAWN", 2)
    monkeypatch.setattr("dann.reporting.figures.draw.MOST_PANELS", 5)
    drawn: list[set[str]] = []
    monkeypatch.setitem(DRAW, "curves", lambda _, runs: drawn.append({r.variant for r in runs.values()}) or Figure())
    assert len(draw_all(experiment, tmp_path, ["curves"])) == 2
    assert drawn == [{"row 0", "row 1"}] * 2
    assert describe_cut(experiment) == "curves and the like show 2 of 4 rows and 2 of 3 tasks: shown chooses others"
    monkeypatch.undo()
    assert describe_cut(experiment) is None
    monkeypatch.setattr("dann.reporting.figures.bars.MOST_DRAWN", 3)
    assert bars(experiment, records).axes[0].get_title() == "Tiny moons, the first 3 of 4 variants"


def test_every_figure_has_a_caption_and_those_of_a_task_name_it(tmp_path: Path) -> None:
    assert set(CAPTIONS) == set(get_args(FigureKind))
    experiment, _ = tasked([0], 1, 2)
    task = list(experiment.tasks)[1]
    for name in ("curves", "bars", f"curves-{slug(task)}"):
        (tmp_path / f"{name}.png").touch()
    captions = {path.stem: caption for path, caption in captioned_figures(experiment, tmp_path)}
    assert list(captions) == ["bars", "curves", f"curves-{slug(task)}"]
    assert captions[f"curves-{slug(task)}"] == f"{task}: {CAPTIONS['curves']}"
    assert captions["bars"] == CAPTIONS["bars"]
    published = experiment.model_copy(update={"published": {"A": 0.5}})
    assert dict(captioned_figures(published, tmp_path))[tmp_path / "bars.png"].endswith("is a published number")
