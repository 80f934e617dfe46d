"""Measurements of a run while it trains, in memory."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dann.diagnostics.alarms import Alarm, find_alarms, share_distance
from dann.evaluation.metrics import calibration_error, compute_metrics
from dann.evaluation.regression_metrics import compute_errors
from dann.evaluation.rules import Evaluation
from dann.training.evaluate import Scores, reported_scores

FAILED = "failed"  # the key of the entry that says that a run failed
CURVE_POINTS = 200  # points of a loss curve in the record; the entries have all


class History:
    """Keeps what a run logs: losses every few steps, evaluations, alarms, and why it failed.

    Args:
        steps: of the whole run.
        prior: the share of each class among the labelled training examples, shape ``(K,)``.
        unseen: classes without a labelled training example.

    Attributes:
        entries: in order; those with ``learning_rate`` have losses, those with ``evaluation`` metrics and diagnostics.
    """

    def __init__(self, *, steps: int, prior: Sequence[float], unseen: Sequence[int] = ()) -> None:
        self.entries: list[dict[str, Any]] = []
        self.steps, self.prior, self.unseen = steps, prior, unseen
        self.began = time.perf_counter()

    def log(self, step: int, learning_rate: float, coefficients: dict[str, float], terms: dict[str, float]) -> None:
        """Log losses and schedules after ``step`` steps; a loss that is not finite is None."""
        losses = {f"loss_{name}": value if math.isfinite(value) else None for name, value in terms.items()}
        self._append({"step": step, "learning_rate": learning_rate, **coefficients, **losses})

    def log_evaluation(self, step: int, scores: Mapping[str, Scores], diagnosed: dict[str, float]) -> list[Alarm]:
        """Log metrics and diagnostics after ``step`` steps; returns the alarms that are new.

        Args:
            diagnosed: values of ``dann.diagnostics.measurements``.
        """
        labelled = {split: each.score for split, each in scores.items() if each.score is not None}
        values: Evaluation = {"step": step, **labelled}
        for split, score in reported_scores(scores).items():
            values |= {f"{split}_{name}": value for name, value in _measure(score, self.unseen).items()}
        shares = _class_shares(scores["target_test"])
        values |= _discriminator(scores) | diagnosed
        values |= {"share_distance": share_distance(shares, self.prior)} if shares else {}
        self._append({**values, "shares": shares, "evaluation": True, "seconds": self.seconds()})
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
        """Wall time of the run in seconds."""
        return time.perf_counter() - self.began

    def _append(self, entry: dict[str, Any]) -> None:
        self.entries.append(entry)

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


def _measure(scores: Scores, unseen: Sequence[int]) -> dict[str, float]:
    """The metrics of a labelled split beside its score, by name."""
    labels, predictions = scores.labels.numpy(), scores.predictions.numpy()
    if scores.of_numbers:
        return compute_errors(labels, predictions[:, 0])
    return compute_metrics(labels, predictions, unseen)


def _class_shares(scores: Scores) -> list[float]:
    """The share of each class among predictions, shape ``(K,)``, empty for numbers; reads no label."""
    if scores.of_numbers:
        return []
    classes = scores.predictions.shape[1]
    counts = np.bincount(scores.predictions.argmax(dim=1).numpy(), minlength=classes)
    return [round(float(share), 4) for share in counts / counts.sum()]


def _discriminator(scores: Mapping[str, Scores]) -> dict[str, float]:
    """The discriminator's accuracy and mean confidence on each domain, and its calibration error on both together.

    The accuracy of a calibrated discriminator equals its confidence; at chance both are 0.5.
    """
    side = scores.get("source_test", scores.get("source_validation"))
    source, target = None if side is None else side.as_target, scores["target_test"].as_target
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
