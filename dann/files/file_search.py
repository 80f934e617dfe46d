"""Files below a folder in which other processes may work."""

import os
from collections.abc import Iterator
from pathlib import Path


def find_files(folder: Path, name: str) -> Iterator[Path]:
    """The files called ``name`` at or below a folder; links to folders are not followed.

    Folders that vanish meanwhile, as that of a run that another process completes, are passed over; ``Path.rglob``
    would raise FileNotFoundError.
    """
    for place, _, files in os.walk(folder):
        if name in files:
            yield Path(place, name)
