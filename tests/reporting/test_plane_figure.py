"""The figure of two-dimensional inputs, from hand-made files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import scored
from matplotlib.axes import Axes

from dann.config.experiment import Experiment
from dann.errors import BadInput
from dann.reporting.figures.plane_figure import choose_letters, choose_rows, plane, read_plane
from dann.runner.records import PLANE, Record

METHODS = {"source only": "source_only", "DANN": "dann", "DANN, weak": "dann", "CDAN": "cdan"}
SOURCE, TARGET = [[-1, 0], [0, 0], [1, 0], [0, 0.1]], [[-1, 1], [0, 1], [1, 1], [2.5, 1]]


def write_plane(folder: Path, **changes: Any) -> None:
    """A file in which the class is the side of x = 0, the domain that of y = 0.5."""
    x, y = np.linspace(-3, 3, 30), np.linspace(-1, 2, 20)
    right, up = np.broadcast_to(x > 0, (20, 30)), np.broadcast_to((y > 0.5)[:, None], (20, 30))
    content: dict[str, Any] = {
        "source": SOURCE, "label": [0, 0, 1, 1], "target": TARGET, "x": x, "y": y, "probabilities": [~right, right],
        "as_target": up, "discriminator": True, "units": [[1, 0, 0], [0, 2, -1], [0, 0, 1]],
        "source_plane": SOURCE, "target_plane": TARGET, "shares": [0.8, 0.15],
    }  # fmt: skip
    folder.mkdir(parents=True)
    np.savez(folder / PLANE, **{name: np.asarray(value, float) for name, value in (content | changes).items()})


def made(
    folder: Path, methods: dict[str, str], seeds: int = 1, **changes: Any
) -> tuple[Experiment, dict[Path, Record]]:
    """An experiment, and a run with a plane for each record."""
    experiment, records = scored({name: [0.5 + 0.1 * seed for seed in range(seeds)] for name in methods}, **changes)
    runs = {}
    for record in records:
        place = folder / record.variant / f"seed-{record.seed}"
        write_plane(place)
        runs[place] = replace(record, config={"method": {"name": methods[record.variant]}})
    return experiment, runs


def rows_of(experiment: Experiment, runs: dict[Path, Record]) -> list[str]:
    return [f"{runs[place].variant}, {runs[place].seed}" for place in choose_rows(experiment, runs)]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_rows_are_source_only_and_dann_unless_others_are_shown(tmp_path: Path) -> None:
    experiment, runs = made(tmp_path, METHODS, seeds=2)
    assert rows_of(experiment, runs) == ["source only, 0", "DANN, 0"]
    (tmp_path / "DANN/seed-0" / PLANE).unlink()
    assert rows_of(experiment, runs) == ["source only, 0", "DANN, 1"]
    shown = experiment.model_copy(update={"shown": experiment.shown.model_copy(update={"variants": ["CDAN"]})})
    others = {place: record for place, record in runs.items() if record.variant == "CDAN"}
    assert rows_of(shown, others) == rows_of(experiment, others) == ["CDAN, 0"]
    for place in runs:
        (place / PLANE).unlink(missing_ok=True)
    assert rows_of(experiment, runs) == []


def test_a_run_on_the_target_itself_has_no_row(tmp_path: Path) -> None:
    experiment, runs = made(tmp_path, {"source only": "source_only", "source only, bound": "source_only"})
    for record in runs.values():
        record.data["source"] = record.data["target"]
    assert choose_rows(experiment, runs) == []


def test_panels_show_what_is_filed(tmp_path: Path) -> None:
    experiment, runs = made(tmp_path, METHODS, shown={"points": [[-1.1, 0.9], [1, -0.2], [3, 3]]})
    figure = plane(experiment, runs)
    figure.canvas.draw()
    first, second = figure.axes[:4], figure.axes[4:]
    assert [axes.get_title() for axes in first][::3] == ["label classification", "hidden neurons"]
    assert [row[0].get_ylabel() for row in (first, second)] == ["source only, seed 0", "DANN, seed 0"]
    label, components, domain, hidden = first
    assert texts(label) == texts(components) == ["A", "B", "C"]
    assert [tuple(text.xy) for text in label.texts] == [(-1, 1), (1, 0), (2.5, 1)]
    assert label.get_xlabel() == "target test accuracy 50.0 %"
    assert components.get_xlabel() == "component 1, 80 % of variance"
    assert domain.get_xlabel() == "discriminator, 100 % right"
    assert hidden.get_xlabel() == "3 units" and len(hidden.lines) == 2  # a unit without weights has no line
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:3] == ["source, a", "source, b", "target, unlabelled"]


def test_ties_of_rounded_probabilities_leave_no_gap(tmp_path: Path) -> None:
    experiment, runs = made(tmp_path, {"DANN": "dann"})
    (tmp_path / "DANN/seed-0" / PLANE).unlink()
    (tmp_path / "DANN/seed-0").rmdir()
    tied = np.full((20, 30), 0.5)
    tied[:5], tied[15:] = 0.4, 0.6
    write_plane(tmp_path / "DANN/seed-0", as_target=tied)
    figure = plane(experiment, runs)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
    left, bottom, right, top = figure.axes[2].get_window_extent().extents.round().astype(int)
    inside = pixels[len(pixels) - top + 3 : len(pixels) - bottom - 3, left + 3 : right - 3]
    assert not (inside == 255).all(axis=2).any()


def test_what_cannot_be_drawn_says_why(tmp_path: Path) -> None:
    experiment, runs = made(tmp_path, {"source only": "source_only"})
    (place,) = runs
    (place / PLANE).unlink()
    place.rmdir()
    # One class everywhere, and features that are all the same.
    write_plane(place, units=np.empty((0, 3)), discriminator=False, probabilities=np.ones((1, 20, 30)),
                label=[0] * 4, source_plane=np.zeros((4, 2)), target_plane=np.zeros((4, 2)), shares=[0, 0])  # fmt: skip
    figure = plane(experiment, runs)
    figure.canvas.draw()
    assert texts(figure.axes[3]) == ["not drawn: the features are not\none layer of hidden units"]
    assert figure.axes[2].get_xlabel() == "logistic regression on the features, 100 % right"


def test_letters_are_of_examples_far_from_the_other_domain_where_no_points_are_named(tmp_path: Path) -> None:
    write_plane(
        tmp_path / "run", source=[[0, 0], [0.1, 0], [9, 0], [-5, 0]], target=[[0, 1], [0, 7], [0.2, 1], [0, -6]]
    )
    assert choose_letters(read_plane(tmp_path / "run" / PLANE), []) == [(True, 1), (False, 2), (False, 3), (True, 3)]


@pytest.mark.parametrize(
    "changes",
    [
        {"units": [[1.0, 2.0]]},
        {"label": [0, 1]},
        {"as_target": np.zeros((20, 29))},
        {"x": [0.0]},
        {"target_plane": [[np.nan, 0.0]] * 4},
    ],
)
def test_a_damaged_file_is_named(changes: dict[str, Any], tmp_path: Path) -> None:
    write_plane(tmp_path / "run", **changes)
    with pytest.raises(BadInput, match=r"run/plane\.npz: damaged: remove it"):
        read_plane(tmp_path / "run" / PLANE)
    (tmp_path / "run" / PLANE).write_bytes(b"PK")
    with pytest.raises(BadInput, match="damaged"):
        read_plane(tmp_path / "run" / PLANE)
