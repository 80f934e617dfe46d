"""Log of a run while it trains: its metrics.jsonl and TensorBoard events."""

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dann.diagnostics.alarms import Alarm, find_alarms, share_distance
from dann.evaluation.metrics import calibration_error, compute_metrics
from dann.evaluation.rules import Evaluation
from dann.files.atomic_files import write_whole
from dann.runner.tensorboard import Board
from dann.training.checkpoint import Facts
from dann.training.evaluate import Scores, reported_scores

METRICS = "metrics.jsonl"
FAILED = "failed"  # the key of the line that says that a run failed
CURVE_POINTS = 200  # points of a loss curve in the record; metrics.jsonl has all


class RunLog:
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
    ) -> None:
        self.path = folder / METRICS
        content = _content_before(self.path, start, facts)
        write_whole(self.path, content)
        self.entries: list[dict[str, Any]] = [json.loads(line) for line in content.splitlines()]
        self.length, self.digest = len(content), hashlib.sha256(content)
        self.board = Board(folder, dict(zip(classes, prior, strict=True)), start)
        self.steps, self.prior, self.unseen = steps, prior, unseen
        logged = max((entry.get("seconds", 0.0) for entry in self.entries), default=0.0)
        self.seconds_before = logged if facts is None else facts.seconds
        self.began, self.share = time.perf_counter(), share

    def log(self, step: int, learning_rate: float, coefficients: dict[str, float], terms: dict[str, float]) -> None:
        """Log losses and schedules after ``step`` steps; a loss that is not finite is written as null."""
        losses = {f"loss_{name}": value if math.isfinite(value) else None for name, value in terms.items()}
        self._append({"step": step, "learning_rate": learning_rate, **coefficients, **losses})
        self.board.log(step, learning_rate, coefficients, terms)

    def log_evaluation(self, step: int, scores: Mapping[str, Scores], diagnosed: dict[str, float]) -> list[Alarm]:
        """Log metrics and diagnostics after ``step`` steps; returns the alarms that are new.

        Args:
            diagnosed: values of ``dann.diagnostics.measurements``.
        """
        accuracies = {split: score.accuracy for split, score in scores.items() if score.accuracy is not None}
        values: Evaluation = {"step": step, **accuracies}
        for split, score in reported_scores(scores).items():
            measured = compute_metrics(score.labels.numpy(), score.probabilities.numpy(), self.unseen)
            values |= {f"{split}_{name}": value for name, value in measured.items()}
        shares = _class_shares(scores["target_test"])
        values |= _discriminator(scores) | diagnosed | {"share_distance": share_distance(shares, self.prior)}
        self._append({**values, "shares": shares, "evaluation": True, "seconds": self.seconds()})
        self.board.log_evaluation(values, shares)
        before = {entry["alarm"] for entry in self.alarms()}
        new = [alarm for alarm in find_alarms(self.entries, self.prior, self.steps) if alarm.alarm not in before]
        for alarm in new:
            self._append(alarm.entry())
        return new

    def log_failure(
        self, step: int, learning_rate: float, coefficients: dict[str, float], terms: dict[str, float], reason: str
    ) -> None:
        """Log the step at which a run failed, with its losses where they are known, and the alarm for it."""
        if terms:
            self.log(step, learning_rate, coefficients, terms)
        self._append({"step": step, FAILED: reason})
        self._append(Alarm("divergence", step, f"{reason}: a lower learning rate may help").entry())

    def seconds(self) -> float:
        """Wall time of the run in seconds, without steps that an interruption undid."""
        return self.seconds_before + self.share * (time.perf_counter() - self.began)

    def _append(self, entry: dict[str, Any]) -> None:
        line = (json.dumps(entry) + "\n").encode()
        with self.path.open("ab") as file:
            file.write(line)
        self.entries.append(entry)
        self.length += len(line)
        self.digest.update(line)

    def sync(self) -> tuple[int, str]:
        """Wait until the log is on the disk; returns the length of metrics.jsonl in bytes and its SHA-256."""
        self.board.writer.flush()
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        return self.length, self.digest.hexdigest()

    def evaluations(self) -> list[Evaluation]:
        """All evaluations so far."""
        marked = [entry for entry in self.entries if entry.get("evaluation")]
        other = {"evaluation", "seconds", "shares"}
        return [{key: value for key, value in entry.items() if key not in other} for entry in marked]

    def shares(self) -> list[list[float]]:
        """At each evaluation the share of each class among the predictions on the target."""
        return [entry["shares"] for entry in self.entries if entry.get("evaluation")]

    def alarms(self) -> list[dict[str, Any]]:
        """All alarms so far."""
        return [entry for entry in self.entries if "alarm" in entry]

    def losses(self) -> dict[str, list[float | None]]:
        """``step`` and each loss term, or None, at up to ``CURVE_POINTS`` logged steps, to five significant digits."""
        logged = [entry for entry in self.entries if "learning_rate" in entry]
        rows = np.unique(np.linspace(0, len(logged) - 1, min(CURVE_POINTS, len(logged))).round().astype(int))
        names = dict.fromkeys(key for row in rows for key in logged[row] if key.startswith("loss_"))
        curves = {name.removeprefix("loss_"): [_digits(logged[row].get(name)) for row in rows] for name in names}
        return {"step": [logged[row]["step"] for row in rows], **curves}


def _class_shares(scores: Scores) -> list[float]:
    """The share of each class among predictions, shape ``(K,)``; reads no label."""
    classes = scores.probabilities.shape[1]
    counts = np.bincount(scores.probabilities.argmax(dim=1).numpy(), minlength=classes)
    return [round(float(share), 4) for share in counts / counts.sum()]


def _discriminator(scores: Mapping[str, Scores]) -> dict[str, float]:
    """The discriminator's accuracy and mean confidence on each domain, and its calibration error on both together.

    The accuracy of a calibrated discriminator equals its confidence; at chance both are 0.5.
    """
    source = scores.get("source_test", scores["source_validation"]).as_target
    target = scores["target_test"].as_target
    if source is None or target is None:
        return {}
    if not (source.isfinite().all() and target.isfinite().all()):  # after divergence
        return {}
    sides = {"source": 1.0 - source.numpy(), "target": target.numpy()}  # the probability of the true domain
    right = {"source": source.numpy() <= 0.5, "target": target.numpy() > 0.5}  # 0.5 counts as source
    values: dict[str, float] = {}
    for domain, true in sides.items():
        values[f"discriminator_{domain}"] = float(right[domain].mean())
        values[f"discriminator_{domain}_confidence"] = float(np.maximum(true, 1.0 - true).mean())
    fewest = min(map(len, sides.values()))  # equally many of each: the larger domain must not weigh more
    kept = {domain: np.linspace(0, len(true) - 1, fewest).round().astype(int) for domain, true in sides.items()}
    both, correct = (np.concatenate([of[domain][kept[domain]] for domain in kept]) for of in (sides, right))
    return values | {"discriminator_calibration_error": calibration_error(correct, np.maximum(both, 1.0 - both))}


def _digits(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


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
