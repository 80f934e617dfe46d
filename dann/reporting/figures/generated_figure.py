"""What generators make of labelled images, as runs filed it. Imports no torch."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dann.config.experiment import Experiment
from dann.config.naming import shorten
from dann.errors import BadInput
from dann.reporting.figures.bars import new_axes
from dann.runner.records import GENERATED, Record

CELL = 0.55  # inches of an image
GAP = 0.08  # of an image, as a share of its side
ROWS = ("source", "generated", "target")


def generated(experiment: Experiment, runs: Mapping[Path, Record]) -> Figure:
    """A panel for each row whose method makes images: its first seed that filed some.

    Raises:
        BadInput: a file is damaged.
    """
    chosen = choose_pictures(experiment, runs)
    filed = {place: read_pictures(place / GENERATED) for place in chosen}
    rows, columns = (max(images.shape[axis] for images, _, _ in filed.values()) for axis in (0, 1))
    size = len(chosen) * (CELL * columns + 1.2), CELL * rows + 0.8
    figure, panels = new_axes(len(chosen), *size)
    for axes, (place, pictures) in zip(panels, filed.items(), strict=True):
        _draw(axes, *pictures, runs[place].classes)
        axes.set_title(f"{shorten(runs[place].variant, 24)}, seed {runs[place].seed}", fontsize=10)
    return figure


def choose_pictures(experiment: Experiment, runs: Mapping[Path, Record]) -> list[Path]:
    """The runs that the figure shows, in the order of the rows."""
    first: dict[str, Path] = {}
    for place, record in runs.items():
        if (place / GENERATED).is_file():
            first.setdefault(record.variant, place)
    return [first[variant] for variant in experiment.variants if variant in first]


def read_pictures(path: Path) -> tuple[NDArray[np.uint8], list[str], list[int]]:
    """The images ``(R, K, C, H, W)`` that a run filed, what their rows show, and the classes of their columns.

    Raises:
        BadInput: the file is damaged.
    """
    try:
        with np.load(path) as stored:
            images, rows, classes = stored["images"], stored["rows"].tolist(), stored["classes"].tolist()
        sizes = (len(rows), len(classes))
        if images.dtype != np.uint8 or images.ndim != 5 or images.shape[:2] != sizes or images.shape[2] not in (1, 3):
            raise ValueError("other shapes or values than are written")
        if not set(rows) <= set(ROWS) or not all(isinstance(k, int) and k >= 0 for k in classes) or images.size == 0:
            raise ValueError("other names than are written")
    except Exception as error:  # of damaged archives NumPy raises a dozen types
        raise BadInput(f"{path}: damaged: remove it to draw the figures without it") from error
    return images, rows, classes


def _draw(axes: Axes, images: NDArray[np.uint8], rows: list[str], columns: list[int], classes: list[str]) -> None:
    """The images in a grid, with what each row shows and the class of each column."""
    high, wide = images.shape[3:]
    for row in range(len(rows)):
        for column in range(len(columns)):
            image = images[row, column].transpose(1, 2, 0)
            left, bottom = column * (1 + GAP), row * (1 + GAP) * high / wide
            extent = left, left + 1, bottom + high / wide, bottom
            axes.imshow(image if image.shape[2] == 3 else image[:, :, 0], extent=extent, cmap="gray", vmin=0, vmax=255)
    axes.set_xlim(0, len(columns) * (1 + GAP))
    axes.set_ylim(len(rows) * (1 + GAP) * high / wide, 0)
    names = [shorten(classes[k], 12) if k < len(classes) else "" for k in columns]
    middle = 0.5 + (1 + GAP) * np.arange(max(len(rows), len(columns)))
    axes.set_xticks(middle[: len(columns)], names, fontsize=8, rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(middle[: len(rows)] * high / wide, rows, fontsize=8)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
