"""scikit-learn's own checks of an estimator, and its tools around one."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from made_sides import SMALL, make_joined, make_sides, small
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from dann.estimators.adaptation_classifier import AdaptationClassifier
from dann.estimators.adaptation_regressor import AdaptationRegressor
from dann.estimators.dann_classifier import DANNClassifier

QUICK = SMALL | {"steps": 30, "batch_size": 32}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no target is named:UserWarning")
@parametrize_with_checks(
    [DANNClassifier(**QUICK), AdaptationClassifier("source_only", **QUICK), AdaptationRegressor("source_only", **QUICK)]
)
def test_it_passes_the_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_a_pipeline_passes_both_domains_through_its_steps() -> None:
    x, y, sample_domain = make_joined()
    pipeline = Pipeline([("scale", StandardScaler()), ("adapt", small())])
    pipeline.fit(x, y, adapt__sample_domain=sample_domain)
    scaled = StandardScaler().fit_transform(x)
    alone = small().fit(scaled, y, sample_domain=sample_domain)
    assert np.array_equal(pipeline.predict_proba(x), alone.predict_proba(scaled))
    assert np.array_equal(pipeline[:-1].transform(x), scaled) and pipeline.transform(x).shape == (len(x), 8)


@pytest.mark.usefixtures("routing")
def test_a_pipeline_can_transform_the_target_that_is_given_apart() -> None:
    x, y, x_target = make_sides()
    adapt = small().set_fit_request(X_target=True)
    pipeline = Pipeline([("scale", StandardScaler()), ("adapt", adapt)], transform_input=["X_target"])
    pipeline.fit(x, y, X_target=x_target)
    scaler = StandardScaler().fit(x)
    alone = small().fit(scaler.transform(x), y, X_target=scaler.transform(x_target))
    assert np.array_equal(pipeline.predict_proba(x_target), alone.predict_proba(scaler.transform(x_target)))


def test_a_search_sets_options_within_sections() -> None:
    x, y, sample_domain = make_joined()
    values = {"method__weight": [0.0, 1.0], "optimizer__lr": np.array([0.05]), "steps": np.array([2])}
    search = GridSearchCV(small(), values, cv=StratifiedKFold(2))
    search.fit(x, y, sample_domain=sample_domain)
    assert {each["method__weight"] for each in search.cv_results_["params"]} == {0.0, 1.0}
    best = search.best_estimator_
    assert best.method == {"name": "dann", "weight": search.best_params_["method__weight"]}
    assert best.config_["optimizer"]["lr"] == 0.05 and best.config_["train"]["steps"] == best.n_iter_ == 2
    assert best.optimizer["name"] == "adam"


def test_cross_validation_scores_what_has_a_label() -> None:
    x, y, sample_domain = make_joined()
    scores = cross_val_score(small(steps=40), x, y, cv=StratifiedKFold(2), params={"sample_domain": sample_domain})
    assert len(scores) == 2 and scores.min() > 0.8  # a third of the labels is masked, and would count as wrong


def test_clones_and_pickles_are_whole() -> None:
    x, y, x_target = make_sides()
    model = small().fit(x, y, X_target=x_target)
    again = clone(model)
    assert not hasattr(again, "model_") and again.get_params() == model.get_params()
    assert np.array_equal(again.fit(x, y, X_target=x_target).predict_proba(x), model.predict_proba(x))
    kept = pickle.loads(pickle.dumps(model))
    assert np.array_equal(kept.predict_proba(x), model.predict_proba(x)) and kept.config_ == model.config_


def test_features_become_a_data_frame_with_names() -> None:
    pytest.importorskip("pandas")
    x, y, x_target = make_sides()
    frame = small().set_output(transform="pandas").fit(x, y, X_target=x_target).transform(x)
    assert list(frame.columns) == [f"adaptationclassifier{k}" for k in range(8)]


def test_parameters_within_a_module_are_refused() -> None:
    from torch import nn

    with pytest.raises(ValueError, match="a module has no options"):
        small(network=nn.Flatten()).set_params(network__hidden=3)
    with pytest.raises(ValueError, match="Invalid parameter"):
        small().set_params(heft__lr=3)
