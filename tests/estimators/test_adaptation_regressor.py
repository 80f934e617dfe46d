from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from made_sides import SMALL, Array
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from tiny import Silent

import dann
from dann.config.experiment import read_experiment
from dann.estimators.adaptation_regressor import AdaptationRegressor
from dann.runner.planning import launch

GIVEN = SMALL | {"network": {"name": "mlp", "hidden": 16}, "steps": 150}


def make_numbers() -> tuple[Array, Array, Array, Array]:
    """Source examples of a plane with numbers between -40 and 40, and target examples of the same, moved aside."""
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 3)).astype(np.float32)
    x_target = (random.normal(size=(50, 3)) + 0.5).astype(np.float32)
    y, y_target = (10 * each @ [1.0, -1.0, 0.5] for each in (x, x_target))
    return x, y, x_target, y_target


def test_numbers_are_predicted_in_their_unit() -> None:
    x, y, x_target, y_target = make_numbers()
    model = AdaptationRegressor(**GIVEN).fit(x, y, X_target=x_target)
    predicted = model.predict(x_target)
    assert predicted.shape == (50,) and model.transform(x_target).shape == (50, 16)
    assert not hasattr(model, "classes_") and not hasattr(model, "predict_proba")
    assert model.config_["data"]["task"] == "regression" and "target_test" not in model.history_.evaluations()[-1]
    assert model.score(x_target, y_target) == pytest.approx(r2_score(y_target, predicted)) and predicted.std() > 5
    half = np.where(np.arange(50) % 2, np.nan, y_target)
    weights = np.linspace(1, 2, 50)
    expected = r2_score(y_target[::2], predicted[::2], sample_weight=weights[::2])
    assert model.score(x_target, half, sample_weight=weights) == pytest.approx(expected)
    with pytest.raises(ValueError, match="no example has a label"):
        model.score(x_target, np.full(50, np.nan))


def test_the_three_ways_to_name_the_target_are_one_and_read_no_label_of_it() -> None:
    x, y, x_target, y_target = make_numbers()
    y[0] = -1.0  # which is a number
    joined, masked = np.concatenate([x, x_target]), np.concatenate([y, np.full(50, np.nan)])
    told, sample_domain = np.concatenate([y, y_target]), np.repeat([1, -2], [80, 50])
    first = AdaptationRegressor(**GIVEN).fit(x, y, X_target=x_target).predict(x_target)
    for given in (
        {"y": masked},
        {"y": [None if np.isnan(value) else value for value in masked]},
        {"y": told, "sample_domain": sample_domain},
    ):
        assert np.array_equal(AdaptationRegressor(**GIVEN).fit(joined, **given).predict(x_target), first)


def test_the_weights_are_those_of_a_run(tmp_path: Path) -> None:
    x, y, x_target, _ = make_numbers()
    np.savez(tmp_path / "source.npz", x=x, y=y)
    np.savez(tmp_path / "target.npz", x=x_target, y=np.full(50, np.nan))
    paths = {side: {"name": "arrays", "path": str(tmp_path / f"{side}.npz")} for side in ("source", "target")}
    data = {"task": "regression", "huber": 0.5, **paths, "batch_size": GIVEN["batch_size"], "transductive": True}
    train = {"steps": 20, "precision": "fp32"}
    base = {"data": data, "network": GIVEN["network"], "optimizer": GIVEN["optimizer"], "train": train}
    variants = {"source only": {"method": {"name": "source_only"}}, "row": {"method": {"name": "dare_gram"}}}
    file = tmp_path / "same.yaml"
    file.write_text(yaml.safe_dump({"title": "Same", "seeds": [3], "base": base, "variants": variants}))
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["row"])), tmp_path / "runs", torch.device("cpu"), Silent(), file)
    run = dann.load(tmp_path / "runs/row/seed-3", "cpu")
    fitted = AdaptationRegressor("dare_gram", **GIVEN | {"steps": 20}, data={"huber": 0.5}).fit(x, y, X_target=x_target)
    assert np.array_equal(fitted.predict(x_target), run.predict(x_target))


def test_a_search_chooses_by_r_squared() -> None:
    x, y, _, _ = make_numbers()
    model = AdaptationRegressor("source_only", **GIVEN)
    search = GridSearchCV(model, {"optimizer__lr": [1e-6, 0.05]}, cv=2).fit(x, y)
    assert search.best_params_ == {"optimizer__lr": 0.05} and search.best_score_ > 0.8


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"method": "mcd"}, {}, "method: mcd is of classes, but data.task is regression"),
    ({"data": {"task": "classification"}}, {}, "data.task is an argument"),
    ({}, {"y": np.full(80, 3.0)}, "all labels of source are 3"),
    ({}, {"y": np.full(80, "a")}, "label 'a' is no number"),
    ({}, {"y": np.full(80, np.inf)}, "label inf is not finite"),
    ({}, {"y": np.full(80, np.nan)}, "no example has a label"),
]


@pytest.mark.parametrize(("parameters", "given", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_what_does_not_fit_is_one_line(parameters: dict[str, Any], given: dict[str, Any], message: str) -> None:
    x, y, x_target, _ = make_numbers()
    with pytest.raises(ValueError, match=message) as raised:
        AdaptationRegressor(**GIVEN | parameters).fit(x, **{"y": y, "X_target": x_target} | given)
    assert "\n" not in str(raised.value)
