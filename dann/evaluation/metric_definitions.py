"""Metrics on the target's test examples: name, label, direction and the key under which an evaluation stores each.

``dann.evaluation.metrics`` computes them; command line, experiment files, tables and captions read them from here.
Imports nothing that takes time.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A score of predictions on the target's test examples.

    Args:
        name: in experiment files.
        label: in headings and captions.
        sentence: its definition, one line.
        higher_is_better: False for errors.
        needs_target_labels: it compares predictions with target test labels, as every metric so far does.
        for_unseen_classes: defined only where ``data.unseen`` names classes without labelled training examples.
        shows_transfer: a loss against source only is negative transfer. Not so for errors, nor for the recalls of seen
            and of unseen classes alone, which calibration trades for one another.
    """

    name: str
    label: str
    sentence: str
    higher_is_better: bool = True
    needs_target_labels: bool = True
    for_unseen_classes: bool = False
    shows_transfer: bool = True

    @property
    def reads(self) -> str:
        """The key of an evaluation that holds the value."""
        return "target_test" if self.name == "accuracy" else f"target_test_{self.name}"


_METRICS = (
    Metric("accuracy", "accuracy", "Share of examples that are classified correctly."),
    Metric("balanced_accuracy", "balanced accuracy", "Recall, averaged over classes."),
    Metric("macro_precision", "macro-precision", "Precision, averaged over classes."),
    Metric("macro_f1", "macro-F1", "F1 score, averaged over classes."),
    Metric("auc", "AUC", "Area under the ROC curve of each class against the rest, averaged over classes."),
    Metric(
        "calibration_error",
        "calibration error",
        "Expected calibration error over 15 bins of confidence (Guo et al. 2017, equation 3); lower is better.",
        higher_is_better=False,
        shows_transfer=False,
    ),
    Metric(
        "seen",
        "mean recall of seen classes",
        "Recall, averaged over classes with labelled training examples; all classes are candidates (Xian et al. 2017).",
        for_unseen_classes=True,
        shows_transfer=False,
    ),
    Metric(
        "unseen",
        "mean recall of unseen classes",
        "Recall, averaged over classes without labelled training examples; all classes are candidates "
        "(Xian et al. 2017).",
        for_unseen_classes=True,
        shows_transfer=False,
    ),
    Metric(
        "harmonic",
        "harmonic mean of both recalls",
        "Harmonic mean of the mean recalls of seen and of unseen classes (Xian et al. 2017).",
        for_unseen_classes=True,
    ),
    Metric(
        "zero_shot",
        "mean recall of unseen classes among themselves",
        "Recall, averaged over unseen classes, which alone are candidates (Xian et al. 2017).",
        for_unseen_classes=True,
        shows_transfer=False,
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
