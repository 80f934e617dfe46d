"""The estimator of numbers, of the methods that serve them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_consistent_length, column_or_1d

from dann.data.readers.example_arrays import to_array
from dann.data.readers.label_numbers import read_number_array
from dann.estimators.adaptation_estimator import AdaptationEstimator
from dann.estimators.value_errors import as_value_error


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
        predicted = self.predict(X)
        check_consistent_length(predicted, y)
        with as_value_error():
            numbers = read_number_array(column_or_1d(to_array(y, "y")), None, "y").numpy()
        labelled = ~np.isnan(numbers)
        if not labelled.any():
            raise ValueError("y: no example has a label: give some to score")
        weights = None if sample_weight is None else np.asarray(sample_weight)[labelled]
        return float(r2_score(numbers[labelled], predicted[labelled], sample_weight=weights))
