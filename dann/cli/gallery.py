"""Pictures of data sets: images in a grid, vectors and series along two principal axes."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib.figure
import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from dann.config.naming import slug
from dann.data.domain import Domain
from dann.data.text_store import holds_texts
from dann.data.visible_bands import select_visible_bands

GRID_ROWS, GRID_COLUMNS = 3, 12
SCATTERED = 1000  # vectors drawn of a domain


@dataclass(frozen=True)
class Panel:
    """Examples to draw under one title.

    Args:
        x: images, uint8 or float of any range, shape ``(N, C, H, W)``, or vectors or series.
        labels: the class name of each example, or the quarter of its number; empty for an unlabelled one.
    """

    title: str
    x: Tensor
    labels: list[str]


def select_panel(domain: Domain) -> Panel | None:
    """Training examples of a domain, spread evenly over its rows; None for raw texts, which are no picture."""
    if holds_texts(domain.train.store):
        return None
    count = GRID_ROWS * GRID_COLUMNS if len(domain.input_shape) == 3 else SCATTERED
    shown = domain.train.spread(count)
    if domain.task == "regression":
        names = name_quarters(shown.y)
    else:
        names = [domain.classes[y] if y >= 0 else "" for y in shown.y.tolist()]
    return Panel(f"{domain.name}: {domain.origin}", shown.x, names)


def name_quarters(y: Tensor) -> list[str]:
    """The quarter in which each number lies, by the quartiles of all; empty where there is none."""
    known = y[~y.isnan()].double()
    bounds = known.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)) if len(known) else known
    ends = [f"{bound:.4g}" for bound in bounds.tolist()]
    names = (
        [f"to {ends[0]}", *(f"{low} to {high}" for low, high in pairwise(ends)), f"above {ends[-1]}"] if ends else []
    )
    places = torch.bucketize(y.double().nan_to_num(), bounds).tolist()
    return ["" if missing else names[place] for place, missing in zip(places, y.isnan().tolist(), strict=True)]


def draw(panels: list[Panel], name: str, folder: Path) -> Path:
    """Draw the panels below one another in a PNG file called after ``name`` in ``folder``; returns its path."""
    with matplotlib.rc_context({"text.parse_math": False}):  # a dollar sign in a name begins no formula
        return _draw(panels, name, folder)


def _draw(panels: list[Panel], name: str, folder: Path) -> Path:
    figure = matplotlib.figure.Figure(figsize=(12, 3.6 * len(panels)), layout="constrained")
    for number, shown in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, number + 1)
        axes.set_title(shown.title, fontsize=10)
        if shown.x.ndim == 4:
            axes.imshow(
                tile(to_pixels(select_visible_bands(shown.x[: GRID_ROWS * GRID_COLUMNS]))),
                cmap="gray",
                vmin=0,
                vmax=255,
            )
            axes.set_axis_off()
        else:
            _draw_scatter(axes, shown)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug(name)[:80]}.png"
    figure.savefig(path, dpi=110)
    return path


def to_pixels(x: Tensor) -> NDArray[np.uint8]:
    """Images as uint8; float images are stretched from their smallest to their largest value."""
    if x.is_floating_point():
        lowest, highest = x.min(), x.max()
        x = ((x - lowest) / (highest - lowest).clamp(min=1e-12) * 255).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = x.cpu().numpy()
    return pixels


def tile(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images ``(N, C, H, W)`` as one image, ``GRID_COLUMNS`` a row: ``(…, …, 3)``, or ``(…, …)`` if grey."""
    count, channels, height, width = x.shape
    rows = -(-count // GRID_COLUMNS)
    sheet = np.zeros((rows * GRID_COLUMNS, channels, height, width), np.uint8)
    sheet[:count] = x
    grid = sheet.reshape(rows, GRID_COLUMNS, channels, height, width).transpose(0, 3, 1, 4, 2)
    image = grid.reshape(rows * height, GRID_COLUMNS * width, channels)
    return image[:, :, 0] if channels == 1 else image


def _draw_scatter(axes: Axes, shown: Panel) -> None:
    x = shown.x.flatten(1).double().nan_to_num(0.0)
    left, spread, _ = torch.linalg.svd(x - x.mean(dim=0), full_matrices=False)
    plane = (left * spread)[:, :2].numpy() if x.shape[1] > 2 else x.numpy()
    labels = np.array(shown.labels)
    for name in sorted(set(shown.labels))[:10]:
        axes.plot(plane[labels == name, 0], plane[labels == name, -1], ".", label=name or "no label", markersize=4)
    axes.set_xlabel("first principal axis" if x.shape[1] > 2 else "x")
    axes.set_ylabel("second" if x.shape[1] > 2 else "y")
    axes.legend(fontsize=7)
