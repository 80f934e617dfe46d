"""The figures of an experiment as parts of the HTML page. Imports no torch."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dann.config.experiment import Experiment
from dann.files.file_search import find_files
from dann.reporting.figure_captions import captioned_figures
from dann.runner.records import RECORD


@dataclass(frozen=True)
class Drawing:
    """A figure as part of the page."""

    caption: str
    address: str
    width: int
    height: int


def find_drawings(experiment: Experiment, folder: Path, redraw: bool) -> Iterator[Drawing]:
    """The figures in an experiment's folder; drawn first if there are none, or if a run was recorded since.

    Args:
        redraw: draw; else there are none then.
    """
    drawn = [path.stat().st_mtime for path in folder.glob("*.png")]
    recorded = [path.stat().st_mtime for path in find_files(folder, RECORD)]
    if not drawn or max(recorded, default=0.0) > max(drawn):
        if not redraw:
            return
        from dann.reporting.figures.draw import (
            draw_all,  # here, because matplotlib takes a second that is seldom needed
        )

        draw_all(experiment, folder)
    for path, caption in captioned_figures(experiment, folder):
        with Image.open(path) as image:
            width, height = image.size
        address = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        yield Drawing(caption, address, width, height)
