"""The estimator of numbers, of the methods that serve them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from dann.data.readers.label_numbers import read_number_array
from dann.estimators.adaptation_estimator import AdaptationEstimator, Known


class AdaptationRegressor(RegressorMixin, AdaptationEstimator):  # type: ignore[misc]
    """A regression that is trained on labelled source examples and unlabelled target examples.

    ``dann.estimators.adaptation_estimator.AdaptationEstimator`` has its arguments and attributes. ``method`` serves
    numbers, as ``dann describe method NAME`` says; ``data={"huber": 1.0}`` takes Huber's loss in place of the squared
    error.
    """

    task = "regression"

    def predict(self, X: Any, *, sample_domain: Any = None, allow_source: bool = True) -> NDArray[np.float32]:
        """The number of each example in the unit of the labels, shape ``(N,)``; arguments as of ``transform``."""
        return self._apply(lambda model, x: model.predict(x, "X"), X)

    def score(
        self, X: Any, y: Any, sample_weight: Any = None, *, sample_domain: Any = None, allow_source: bool = True
    ) -> float:
        """R², the coefficient of determination, over the examples that have a label; of masked target ones none has.

        Args:
            X: as of ``transform``.
            y: numbers, shape ``(N,)``; NaN and None mean no label.
            sample_weight: of each example, shape ``(N,)``.
            sample_domain: not read.
            allow_source: not read.
        """
        return self._score(X, y, sample_weight, _read_numbers, r2_score)


def _read_numbers(y: NDArray[Any]) -> Known:
    numbers = read_number_array(y, None, "y").numpy()
    return numbers, ~np.isnan(numbers)
