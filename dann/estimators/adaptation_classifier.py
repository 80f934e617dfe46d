"""The estimator of classes, of any method on any network."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from dann.config.schema import Config
from dann.data.pair import Pair
from dann.estimators.adaptation_estimator import AdaptationEstimator, Known
from dann.estimators.example_sides import Sides, find_masked
from dann.estimators.quiet_training import QuietTraining


class AdaptationClassifier(ClassifierMixin, AdaptationEstimator):  # type: ignore[misc]
    """A classifier that is trained on labelled source examples and unlabelled target examples.

    ``dann.estimators.adaptation_estimator.AdaptationEstimator`` has its arguments and its other attributes.

    Attributes:
        classes_: the labels of the K classes, in the order of the columns of ``predict_proba``.
    """

    task = "classification"
    __metadata_request__predict_proba = {"sample_domain": True, "allow_source": True}  # noqa: RUF012

    def _keep(self, training: QuietTraining, pair: Pair, sides: Sides, config: Config) -> None:
        super()._keep(training, pair, sides, config)
        self.classes_ = sides.classes

    def predict(self, X: Any, *, sample_domain: Any = None, allow_source: bool = True) -> NDArray[Any]:
        """The most probable class of each example, shape ``(N,)``; arguments as of ``transform``."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def predict_proba(self, X: Any, *, sample_domain: Any = None, allow_source: bool = True) -> NDArray[np.float32]:
        """The probabilities of the classes, shape ``(N, K)``; arguments as of ``transform``."""
        return self._apply(lambda model, x: model.predict(x, "X"), X)

    def score(
        self, X: Any, y: Any, sample_weight: Any = None, *, sample_domain: Any = None, allow_source: bool = True
    ) -> float:
        """The accuracy over the examples that have a label; of masked target examples none has.

        Args:
            X: as of ``transform``.
            y: shape ``(N,)``; which labels mean none is read as by ``fit``.
            sample_weight: of each example, shape ``(N,)``.
            sample_domain: not read.
            allow_source: not read.
        """
        return self._score(X, y, sample_weight, self._read_classes, _accuracy)

    def _read_classes(self, y: NDArray[Any]) -> Known:
        return y, ~find_masked(y, self.classes_)


def _accuracy(labels: NDArray[Any], predicted: NDArray[Any], sample_weight: Any) -> float:
    return float(np.average(labels == predicted, weights=sample_weight))
