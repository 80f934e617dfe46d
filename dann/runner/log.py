"""Log of a run while it trains: its metrics.jsonl and TensorBoard events."""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dann.diagnostics.alarms import Alarm
from dann.files.atomic_files import write_whole
from dann.runner.chart_names import name_evaluation, name_losses
from dann.runner.history import FAILED, History
from dann.runner.records import METRICS
from dann.runner.tensorboard import Board
from dann.runner.trackers import End, Tracking
from dann.training.checkpoint import Facts
from dann.training.evaluate import Scores


class RunLog(History):
    """Writes metrics.jsonl and TensorBoard events as a run goes on.

    Args:
        folder: of the unfinished run.
        start: the number of steps done when the run is resumed; later entries of the interrupted run are dropped.
        facts: of the checkpoint that it is resumed from, if they are known.
        steps: of the whole run.
        classes: the K names.
        prior: the share of each class among the labelled training examples, shape ``(K,)``.
        share: the share of the wall time that counts for this run; 1 / R in a stack of R.
        unseen: classes without a labelled training example.
        tracking: receives losses and evaluations too.
    """

    def __init__(
        self,
        folder: Path,
        start: int,
        *,
        facts: Facts | None = None,
        steps: int,
        classes: Sequence[str],
        prior: Sequence[float],
        share: float = 1.0,
        unseen: Sequence[int] = (),
        tracking: Tracking | None = None,
    ) -> None:
        self.path = folder / METRICS
        content = _content_before(self.path, start, facts)
        write_whole(self.path, content)
        super().__init__(steps=steps, prior=prior, unseen=unseen)
        self.entries = [json.loads(line) for line in content.splitlines()]
        self.length, self.digest = len(content), hashlib.sha256(content)
        self.tracking = tracking
        self.board = Board(folder, dict(zip(classes, prior, strict=True)), start)
        logged = max((entry.get("seconds", 0.0) for entry in self.entries), default=0.0)
        self.seconds_before = logged if facts is None else facts.seconds
        self.began, self.share = time.perf_counter(), share

    def log(self, step: int, learning_rate: float, coefficients: dict[str, float], terms: dict[str, float]) -> None:
        """Log losses and schedules after ``step`` steps; a loss that is not finite is written as null."""
        super().log(step, learning_rate, coefficients, terms)
        self.board.log(step, learning_rate, coefficients, terms)
        if self.tracking is not None:
            self.tracking.log(step, name_losses(learning_rate, coefficients, terms))

    def log_evaluation(self, step: int, scores: Mapping[str, Scores], diagnosed: dict[str, float]) -> list[Alarm]:
        """The same, shown on the board and in the tracker too."""
        new = super().log_evaluation(step, scores, diagnosed)
        self.board.log_evaluation(self.evaluations()[-1], self.shares()[-1])
        if self.tracking is not None:
            self.tracking.log(step, name_evaluation(self.evaluations()[-1], of_numbers=not self.board.prior))
        return new

    def close(self, end: End) -> None:
        """Close the board and the tracker, which may be closed already."""
        self.board.close()
        if self.tracking is not None:
            self.tracking.close(end)

    def seconds(self) -> float:
        """Wall time of the run in seconds, without steps that an interruption undid."""
        return self.seconds_before + self.share * (time.perf_counter() - self.began)

    def _append(self, entry: dict[str, Any]) -> None:
        line = (json.dumps(entry) + "\n").encode()
        with self.path.open("ab") as file:
            file.write(line)
        super()._append(entry)
        self.length += len(line)
        self.digest.update(line)

    def sync(self) -> tuple[int, str]:
        """Wait until the log is on the disk; returns the length of metrics.jsonl in bytes and its SHA-256."""
        self.board.writer.flush()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        return self.length, self.digest.hexdigest()


def is_log_of(path: Path, facts: Facts) -> bool:
    """Whether metrics.jsonl still begins with the lines logged up to a checkpoint."""
    return _digest(path, facts.log_length) == facts.log_sha256


def has_failed(path: Path, facts: Facts | None) -> bool:
    """Whether the run failed after a checkpoint, by its metrics.jsonl."""
    content = path.read_bytes() if path.is_file() else b""
    return f'"{FAILED}": '.encode() in content[0 if facts is None else facts.log_length :]


def _digest(path: Path, length: int) -> str | None:
    content = path.read_bytes()[:length] if path.is_file() else b""
    return hashlib.sha256(content).hexdigest() if len(content) == length else None


def _content_before(path: Path, start: int, facts: Facts | None) -> bytes:
    """The lines of metrics.jsonl up to step ``start``; a line that a crash cut short is not part of it."""
    content = path.read_bytes() if path.is_file() and start else b""
    if facts is not None:
        return content[: facts.log_length]
    kept = b""
    for line in content.splitlines(keepends=True):  # a checkpoint of version 0.2.0 or earlier does not say how far
        try:
            before = json.loads(line)["step"] <= start
        except ValueError:
            break
        kept += line.rstrip() + b"\n" if before else b""
    return kept
