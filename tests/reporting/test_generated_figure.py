"""The figure of what generators make."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_records import scored

from dann.errors import BadInput
from dann.reporting.figures.generated_figure import choose_pictures, generated, read_pictures
from dann.runner.records import GENERATED

ROWS = ["source", "generated", "target"]


def write_pictures(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 1, 4, 5), dtype=np.uint8)
    arrays = {"images": images, "rows": np.array(ROWS), "classes": np.array([0, 1])} | changes
    np.savez(folder / GENERATED, **arrays)
    return folder / GENERATED


def test_a_panel_for_the_first_seed_of_each_row_that_filed_pictures(tmp_path: Path) -> None:
    experiment, records = scored({"source only": [0.5], "PixelDA": [0.6, 0.7]})
    runs = {tmp_path / record.variant / f"seed-{record.seed}": record for record in records}
    assert choose_pictures(experiment, runs) == []
    for place, record in runs.items():
        if record.variant == "PixelDA":
            write_pictures(place)
    assert choose_pictures(experiment, runs) == [tmp_path / "PixelDA/seed-0"]
    figure = generated(experiment, runs)
    (axes,) = figure.axes
    assert axes.get_title() == "PixelDA, seed 0" and len(axes.images) == 6
    assert [label.get_text() for label in axes.get_yticklabels()] == ROWS
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", "b"]


@pytest.mark.parametrize(
    "changes",
    [
        {"images": np.zeros((3, 2, 1, 4, 5))},
        {"images": np.zeros((2, 2, 1, 4, 5), np.uint8)},
        {"images": np.zeros((3, 2, 2, 4, 5), np.uint8)},
        {"rows": np.array(["source", "other", "target"])},
        {"classes": np.array([0, -1])},
        {"classes": np.array([0.5, 1])},
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write_pictures(tmp_path, **changes)
    with pytest.raises(BadInput, match=r"generated\.npz: damaged: remove it"):
        read_pictures(path)
    path.write_bytes(b"PK")
    with pytest.raises(BadInput, match="damaged"):
        read_pictures(path)
