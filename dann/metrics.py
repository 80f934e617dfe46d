"""What predictions are worth beside their accuracy, where classes are not of one size."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, recall_score, roc_auc_score


def metrics(
    labels: NDArray[np.int64], probabilities: NDArray[np.float32], unseen: Sequence[int] = ()
) -> dict[str, float]:
    """Balanced accuracy, macro-F1 and one-vs-rest AUC-ROC, each the plain mean over the classes there are.

    Balanced accuracy is the mean recall. A class without an example has no recall and is left out of all three; the
    only class there is has no AUC, which is then 0.5.

    Args:
        labels: shape ``(N,)``.
        probabilities: shape ``(N, K)``; what is not a number counts as 0.
        unseen: classes that training had no labelled example of; then the mean recalls of these and of the others,
            all classes being candidates, and the harmonic mean of the two are told as well (Xian et al. 2017), and
            that of the unseen ones among these alone, ``zero_shot``.
    """
    classes = np.unique(labels)
    probabilities = np.nan_to_num(probabilities)
    predicted = probabilities.argmax(axis=1)
    options = {"labels": classes, "average": "macro", "zero_division": 0.0}
    ranked = [float(roc_auc_score(labels == k, probabilities[:, k])) for k in classes if len(classes) > 1]
    found = {
        "balanced_accuracy": float(recall_score(labels, predicted, **options)),
        "macro_f1": float(f1_score(labels, predicted, **options)),
        "auc": float(np.mean(ranked)) if ranked else 0.5,
    }
    if not unseen:
        return found
    new = _recall(labels, predicted, unseen)
    old = _recall(labels, predicted, [k for k in classes.tolist() if k not in unseen])
    among = np.array(unseen)[probabilities[:, list(unseen)].argmax(axis=1)]
    found |= {"unseen": new, "seen": old, "zero_shot": _recall(labels, among, unseen)}
    return found | {"harmonic": 2 * new * old / (new + old) if new + old else 0.0}


def _recall(labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: Sequence[int]) -> float:
    """The mean recall of those of some classes that there are; 0 if there is none."""
    members = [labels == k for k in classes if (labels == k).any()]
    return float(np.mean([(predicted == labels)[chosen].mean() for chosen in members])) if members else 0.0
