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
            all classes being predicted, and the harmonic mean of the two are told as well (Xian et al. 2017).
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
    return found if not unseen else found | _by_kind(labels, predicted, unseen)


def _by_kind(labels: NDArray[np.int64], predicted: NDArray[np.int64], unseen: Sequence[int]) -> dict[str, float]:
    recalls = {k: float((predicted[labels == k] == k).mean()) for k in np.unique(labels).tolist()}
    new = float(np.mean([recall for k, recall in recalls.items() if k in unseen] or [0.0]))
    old = float(np.mean([recall for k, recall in recalls.items() if k not in unseen] or [0.0]))
    return {"unseen": new, "seen": old, "harmonic": 2 * new * old / (new + old) if new + old else 0.0}
