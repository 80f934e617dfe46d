"""Metrics of predictions beside accuracy: averages over classes, AUC, calibration.

``dann.evaluation.metric_definitions`` has their names and definitions.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 15  # of a reliability plot, as in Guo et al. 2017


def compute_metrics(
    labels: NDArray[np.int64], probabilities: NDArray[np.float32], unseen: Sequence[int] = ()
) -> dict[str, float]:
    """Balanced accuracy, macro-precision, macro-F1, one-vs-rest AUC and calibration error, by name.

    The first four are plain means over classes. A class without an example has no recall and is left out of them; with
    a single class AUC is 0.5.

    Args:
        labels: shape ``(N,)``.
        probabilities: shape ``(N, K)``; NaN counts as 0.
        unseen: classes without labelled training examples. Then also the mean recall of these, of the other classes,
            the harmonic mean of both (Xian et al. 2017), and the mean recall of the unseen classes when they alone are
            candidates, ``zero_shot``.
    """
    from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score  # takes a second to import

    classes = np.unique(labels)
    probabilities = np.nan_to_num(probabilities)
    predicted = probabilities.argmax(axis=1)
    options = {"labels": classes, "average": "macro", "zero_division": 0.0}
    ranked = [float(roc_auc_score(labels == k, probabilities[:, k])) for k in classes if len(classes) > 1]
    values = {
        "balanced_accuracy": float(recall_score(labels, predicted, **options)),
        "macro_precision": float(precision_score(labels, predicted, **options)),
        "macro_f1": float(f1_score(labels, predicted, **options)),
        "auc": float(np.mean(ranked)) if ranked else 0.5,
        "calibration_error": calibration_error(predicted == labels, probabilities.max(axis=1)),
    }
    if not unseen:
        return values
    new = _recall(labels, predicted, unseen)
    old = _recall(labels, predicted, [k for k in classes.tolist() if k not in unseen])
    among = np.array(unseen)[probabilities[:, list(unseen)].argmax(axis=1)]
    values |= {"unseen": new, "seen": old, "zero_shot": _recall(labels, among, unseen)}
    return values | {"harmonic": 2 * new * old / (new + old) if new + old else 0.0}


def reliability(correct: NDArray[np.bool_], confidence: NDArray[np.float32]) -> dict[str, list[float]]:
    """The points of a reliability plot: for each bin the ``share`` of examples, ``accuracy`` and mean ``confidence``.

    15 bins of equal width in confidence, as in Guo et al. 2017, section 2; empty bins are left out.

    Args:
        correct: whether each of N predictions is right, shape ``(N,)``.
        confidence: the probability of the predicted class, shape ``(N,)``.
    """
    from sklearn.calibration import calibration_curve  # takes a second to import

    confidence = np.clip(np.nan_to_num(confidence), 0.0, 1.0)
    accuracy, mean = calibration_curve(correct, confidence, n_bins=BINS)
    # calibration_curve does not return the number of examples in a bin; these are its bins.
    bins = np.searchsorted(np.linspace(0.0, 1.0, BINS + 1)[1:-1], confidence)
    shares = np.bincount(bins, minlength=BINS) / len(confidence)
    return {"share": shares[shares > 0].tolist(), "accuracy": accuracy.tolist(), "confidence": mean.tolist()}


def calibration_error(correct: NDArray[np.bool_], confidence: NDArray[np.float32]) -> float:
    """The expected calibration error (Guo et al. 2017, equation 3): Σ over bins share · |accuracy − confidence|."""
    points = {name: np.array(values) for name, values in reliability(correct, confidence).items()}
    return float((points["share"] * np.abs(points["accuracy"] - points["confidence"])).sum())


def _recall(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: Sequence[int]) -> float:
    """The mean recall of the classes that have examples; 0 if none has."""
    members = [labels == k for k in classes if (labels == k).any()]
    return float(np.mean([(predicted == labels)[chosen].mean() for chosen in members])) if members else 0.0
