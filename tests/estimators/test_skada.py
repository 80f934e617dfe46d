"""The scorers and splitters of skada around an estimator."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from made_sides import make_joined, small
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

with sklearn.config_context():  # importing skada switches metadata routing on, for all other tests too
    metrics = pytest.importorskip("skada.metrics")
    splitters = pytest.importorskip("skada.model_selection")


@pytest.fixture(autouse=True)
def routing() -> Iterator[None]:
    """Metadata routing, as after an import of skada."""
    with sklearn.config_context(enable_metadata_routing=True):
        yield


SCORERS = ["PredictionEntropyScorer", "SoftNeighborhoodDensity", "ImportanceWeightedScorer", "CircularValidation",
           "MixValScorer", "SupervisedScorer"]  # fmt: skip


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_and_splitters(name: str) -> None:
    x, y, sample_domain = make_joined()
    split = splitters.SourceTargetShuffleSplit(n_splits=1, test_size=0.3, random_state=0)
    params: dict[str, Any] = {"sample_domain": sample_domain}
    if name == "SupervisedScorer":
        params["target_labels"] = np.where(y < 0, np.arange(len(y)) % 2, y)
    model, scorer = small(data={"validation": 0.3}), getattr(metrics, name)()
    found = cross_validate(model, x, y, cv=split, params=params, scoring=scorer, error_score="raise")
    assert np.isfinite(found["test_score"]).all()


def test_deep_embedded_validation_reads_the_features_of_a_pipeline() -> None:
    x, y, sample_domain = make_joined()
    split = splitters.StratifiedDomainShuffleSplit(n_splits=1, test_size=0.4, random_state=0)
    pipeline, scorer = make_pipeline(StandardScaler(), small()), metrics.DeepEmbeddedValidation(random_state=0)
    found = cross_validate(
        pipeline, x, y, cv=split, params={"sample_domain": sample_domain}, scoring=scorer, error_score="raise"
    )
    assert np.isfinite(found["test_score"]).all()


def test_a_search_chooses_without_target_labels() -> None:
    x, y, sample_domain = make_joined()
    split = splitters.SourceTargetShuffleSplit(n_splits=1, test_size=0.3, random_state=0)
    search = GridSearchCV(small(), {"method__weight": [0.0, 1.0]}, cv=split, scoring=metrics.PredictionEntropyScorer())
    search.fit(x, y, sample_domain=sample_domain)
    assert search.best_params_["method__weight"] in (0.0, 1.0) and search.predict(x).shape == (len(x),)
