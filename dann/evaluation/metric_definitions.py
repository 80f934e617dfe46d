"""Metrics on the target's test examples: name, label, direction and the key under which an evaluation stores each.

``dann.evaluation.metrics`` and, for numbers, ``dann.evaluation.regression_metrics`` compute them; command line,
experiment files, tables and captions read them from here.
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
        of_numbers: it is of a regression (``data.task``), not of classes; its values are no shares of 1.
    """

    name: str
    label: str
    sentence: str
    higher_is_better: bool = True
    needs_target_labels: bool = True
    for_unseen_classes: bool = False
    shows_transfer: bool = True
    of_numbers: bool = False

    @property
    def reads(self) -> str:
        """The key of an evaluation that holds the value."""
        return "target_test" if self.name in SPLIT_SCORES else f"target_test_{self.name}"

    @property
    def heading(self) -> str:
        """The label with its unit; that of RMSE and MAE is the labels' own."""
        return self.heading_with("")

    def heading_with(self, words: str) -> str:
        """The same with words behind the label."""
        return f"{self.label}{words}{'' if self.of_numbers else ', %'}"


SPLIT_SCORES = ("accuracy", "r2")  # what an evaluation stores under the name of a split itself: of classes, of numbers


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
    Metric(
        "rmse",
        "RMSE",
        "Root of the mean squared error, in the unit of the labels; lower is better.",
        higher_is_better=False,
        shows_transfer=False,
        of_numbers=True,
    ),
    Metric(
        "mae",
        "MAE",
        "Mean absolute error, in the unit of the labels; lower is better.",
        higher_is_better=False,
        shows_transfer=False,
        of_numbers=True,
    ),
    Metric(
        "r2",
        "R²",
        "1 minus the squared error over that of the mean of the test labels; 1 at best, below 0 if the mean is better.",
        of_numbers=True,
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
