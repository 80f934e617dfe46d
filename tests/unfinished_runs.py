"""The files of runs that are under way, written by hand."""

import json
import os
import time
from pathlib import Path
from typing import Any

from dann.runner.locks import Owner, lock_file
from dann.runner.records import CONFIGURATION, METRICS, unfinished_folder

OWNER = Owner("node-7", 4711, "12:00:00")


def write_unfinished(place: Path, entries: list[dict[str, Any]], steps: int = 40, began: float = 100.0) -> Path:
    """The folder of a run that is begun ``began`` seconds ago and has logged ``entries`` until now."""
    folder = unfinished_folder(place)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIGURATION).write_text(json.dumps({"train": {"steps": steps}}))
    (folder / METRICS).write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    os.utime(folder / CONFIGURATION, (time.time() - began,) * 2)
    return folder


def write_lock(place: Path, owner: Owner = OWNER, age: float = 1.0) -> None:
    """The lock of a run whose owner renewed it ``age`` seconds ago."""
    lock_file(place).parent.mkdir(parents=True, exist_ok=True)
    lock_file(place).write_text(json.dumps(owner._asdict()))
    os.utime(lock_file(place), (time.time() - age,) * 2)


def losses(step: int) -> dict[str, Any]:
    return {"step": step, "learning_rate": 0.1, "loss_label": 0.5}


def evaluation(step: int, seconds: float) -> dict[str, Any]:
    return {"step": step, "target_test": 0.5, "shares": [0.5, 0.5], "evaluation": True, "seconds": seconds}
