"""The growing account of a run: its metrics.jsonl and TensorBoard events."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dann.evaluate import Scores
from dann.files import write_whole
from dann.metrics import metrics
from dann.records import Evaluation
from dann.tensorboard import Board

METRICS = "metrics.jsonl"
CURVE_POINTS = 200  # of a loss curve in the record; metrics.jsonl has all


class Journal:
    """Writes metrics.jsonl and TensorBoard events as a run goes on.

    Args:
        folder: the unfinished run's own.
        start: steps done when the run is resumed; what an interrupted run logged after them is dropped.
        share: of the time that counts as this run's; 1 / R in a stack of R.
        unseen: the classes of which no labelled example is trained on.
    """

    def __init__(self, folder: Path, start: int, share: float = 1.0, unseen: Sequence[int] = ()) -> None:
        self.path = folder / METRICS
        self.entries = [entry for entry in _read_lines(self.path) if entry["step"] <= start]
        write_whole(self.path, "".join(json.dumps(entry) + "\n" for entry in self.entries).encode())
        self.board, self.unseen = Board(folder, start), unseen
        self.seconds_before = max((entry.get("seconds", 0.0) for entry in self.entries), default=0.0)
        self.began, self.share = time.perf_counter(), share

    def log(self, step: int, learning_rate: float, coefficients: dict[str, float], terms: dict[str, float]) -> None:
        """Losses and schedules after ``step`` steps; a loss that is not finite is written as null."""
        losses = {f"loss_{name}": value if math.isfinite(value) else None for name, value in terms.items()}
        self._append({"step": step, "learning_rate": learning_rate, **coefficients, **losses})
        self.board.log(step, learning_rate, coefficients, terms)

    def evaluation(self, step: int, scores: Mapping[str, Scores]) -> None:
        """Accuracies after ``step`` steps."""
        values = {"step": step, **{split: score.accuracy for split, score in scores.items()}}
        for split, score in scores.items():
            if split.endswith("_test"):
                found = metrics(score.labels.numpy(), score.probabilities.numpy(), self.unseen)
                values |= {f"{split}_{name}": value for name, value in found.items()}
        for domain in ("source", "target"):
            shown = scores.get(f"{domain}_test", scores["source_validation"])
            if (as_target := shown.as_target) is not None:
                values[f"discriminator_{domain}"] = as_target if domain == "target" else 1.0 - as_target
        self._append({**values, "evaluation": True, "seconds": self.seconds()})
        self.board.evaluation(values)

    def seconds(self) -> float:
        """Wall time of the run, without the steps lost to an interruption."""
        return self.seconds_before + self.share * (time.perf_counter() - self.began)

    def _append(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def evaluations(self) -> list[Evaluation]:
        """All evaluations so far."""
        marked = [entry for entry in self.entries if entry.get("evaluation")]
        return [
            {key: value for key, value in entry.items() if key not in {"evaluation", "seconds"}} for entry in marked
        ]

    def losses(self) -> dict[str, list[float | None]]:
        """``step`` and each loss term at up to ``CURVE_POINTS`` logged steps, five significant digits; None without."""
        logged = [entry for entry in self.entries if not entry.get("evaluation")]
        rows = np.unique(np.linspace(0, len(logged) - 1, min(CURVE_POINTS, len(logged))).round().astype(int))
        names = dict.fromkeys(key for row in rows for key in logged[row] if key.startswith("loss_"))
        curves = {name.removeprefix("loss_"): [_digits(logged[row].get(name)) for row in rows] for name in names}
        return {"step": [logged[row]["step"] for row in rows], **curves}


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """The entries of metrics.jsonl; a last line cut short by a crash is dropped."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            entries.append(json.loads(line))
        except ValueError:
            break
    return entries
