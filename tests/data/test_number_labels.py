"""Labels that are numbers: how they are read and divided, their scale, and what is refused of them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from number_tables import number_config, write_tables

from dann.config.merging import merge
from dann.config.schema import resolve
from dann.data.datasets.diabetes import diabetes
from dann.data.datasets.own_arrays import arrays, from_arrays
from dann.data.datasets.own_table import table
from dann.data.datasets.turned_digits import _turn, turned_digits
from dann.data.domain import Split, is_labelled, remove_labels
from dann.data.number_labels import LabelScale
from dann.data.pair_builder import PairOptions, build_pair
from dann.data.readers.label_numbers import read_numbers
from dann.data.splits import hold_out
from dann.errors import BadInput
from dann.estimators.pair_fitting import fit
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair


def test_numbers_are_read_and_what_means_none_is_nan() -> None:
    found = read_numbers(["-1", "2.5", "1e2", "", "NaN", "none", "unlabelled"], None, "a.csv")
    assert found.dtype == torch.float32
    assert np.array_equal(found.numpy(), np.array([-1, 2.5, 100, *[np.nan] * 4], np.float32), equal_nan=True)
    assert read_numbers(["-9", "3"], [-9], "a.csv").isnan().tolist() == [True, False]
    assert is_labelled(found).tolist() == [True] * 3 + [False] * 4 and remove_labels(found).isnan().all()


@pytest.mark.parametrize(
    ("label", "says"), [("high", "label 'high' is no number"), ("inf", "not finite"), ("1e99", "too large")]
)
def test_other_labels_are_one_line(label: str, says: str) -> None:
    with pytest.raises(BadInput, match=rf"a\.csv: label '{label}'.*") as caught:
        read_numbers(["1", label], None, "a.csv")
    assert says in str(caught.value)


def test_a_table_has_numbers_or_classes(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,label,split\n1,3,train\n2,,train\n3,4,test\n")
    numbers, classes = table("regression", path=str(file)), table(path=str(file))
    assert numbers.task == "regression" and numbers.classes == () and numbers.has_labels
    assert numbers.label_notes is not None and numbers.label_notes.sentences == ("1 examples without a label",)
    assert len(numbers.train.labelled) == 1 and classes.classes == ("3", "4") and classes.task == "classification"


def test_arrays_have_numbers_too(tmp_path: Path) -> None:
    x = np.zeros((4, 2), np.float32)
    for y in (np.array([0.5, np.nan, -1, 3]), np.array([0.5, None, -1, 3], object), np.array(["0.5", "", "-1", "3"])):
        domain = from_arrays("mine", x, y, task="regression")
        assert np.array_equal(domain.train.y.numpy(), np.array([0.5, np.nan, -1, 3], np.float32), equal_nan=True)
    np.savez(tmp_path / "a.npz", x=x, y=np.array([0.5, 1, 2, 3]), x_test=x, y_test=np.array([-9.0, 1, 2, 3]))
    domain = arrays("regression", path=str(tmp_path / "a.npz"), unlabelled=[-9])
    assert domain.test is not None and domain.test.y.isnan().tolist() == [True, False, False, False]
    assert from_arrays("mine", x, task="regression").train.y.isnan().all()
    with pytest.raises(BadInput, match="mine: y: label inf is not finite"):
        from_arrays("mine", x, np.array([1, np.inf, 2, 3]), task="regression")
    with pytest.raises(BadInput, match="mine: y has shape"):
        from_arrays("mine", x, np.zeros((4, 2)), task="regression")
    with pytest.raises(BadInput, match="names of classes stand beside it"):
        from_arrays("mine", x, np.zeros(4), classes=["a"], task="regression")


def test_a_pair_of_arrays_is_fitted_without_a_file() -> None:
    random = np.random.default_rng(0)
    made = [(random.normal(size=(40, 3)).astype(np.float32), random.normal(size=40)) for _ in range(2)]
    sides = [from_arrays(name, *each, task="regression") for name, each in zip(("one", "other"), made, strict=True)]
    pair = build_pair(sides[:1], sides[1], PairOptions(task="regression"))
    fitted = fit(
        pair, "dare_gram", {"name": "mlp", "hidden": 4}, steps=3, data={"huber": 1.0}, diagnose={"examples": 0}
    )
    assert fitted.model.predict(np.zeros((5, 3), np.float32)).shape == (5,)
    assert "target_test_rmse" in fitted.history.evaluations()[-1]
    with pytest.raises(BadInput, match=r"the labels of one are numbers: set data\.task: regression"):
        build_pair(sides[:1], sides[1], PairOptions())


def test_the_scale_standardises_and_restores() -> None:
    y = torch.tensor([1.0, 2.0, 6.0])
    scale = LabelScale.of(y)
    assert (scale.mean, scale.deviation) == (pytest.approx(3.0), pytest.approx(np.std([1, 2, 6])))
    torch.testing.assert_close(scale.standardise(y).mean(), torch.tensor(0.0))
    torch.testing.assert_close(scale.restore(scale.standardise(y)), y)


def test_a_split_held_out_spans_the_numbers(tmp_path: Path) -> None:
    domain = table("regression", path=write_tables(tmp_path)["data"]["source"]["path"], label="yield")
    kept, held = hold_out(domain.train, 0.2)
    assert (len(kept), len(held)) == (48, 12) and not set(kept.rows.tolist()) & set(held.rows.tolist())
    ranks = sorted(domain.train.y.argsort().argsort()[held.rows].tolist())
    assert (ranks[0], ranks[-1]) == (1, 58) and {later - rank for rank, later in pairwise(ranks)} <= {5, 6}
    assert hold_out(domain.train, 0.2)[1].rows.tolist() == held.rows.tolist()


@pytest.mark.parametrize(
    ("size", "share", "ranks"),
    [(10, 0.1, [1, 8]), (4, 0.1, [1, 2]), (3, 0.5, [1]), (2, 0.5, []), (10, 0.0, []), (7, 0.99, [1, 2, 3, 4, 5])],
)
def test_of_few_numbers_two_are_held_out_and_the_extremes_kept(size: int, share: float, ranks: list[int]) -> None:
    split = Split.of(torch.zeros(size, 1), torch.arange(size) / 2)
    assert hold_out(split, share)[1].rows.tolist() == ranks


def test_a_pair_has_one_output_a_scale_and_no_class(tmp_path: Path) -> None:
    config = number_config(tmp_path)
    pair = load_pair(config.data)
    assert (pair.task, pair.outputs, pair.classes, pair.prior) == ("regression", 1, (), [])
    assert pair.unlabelled.y.isnan().all() and len(pair.target_test) == 15 and pair.has_target_labels
    described = pair.describe()
    assert described["class_counts"] == {"train": [], "target_test": []} and described["imbalance"] is None
    assert described["labels"]["mean"] == pytest.approx(float(pair.train.y.double().mean()))
    batch = build_trainer(config, pair, 0, torch.device("cpu")).stream[0]
    assert batch.source_y.dtype == torch.float32 and batch.source_y.abs().max() < 4


def refused(folder: Path, **changes: Any) -> str:
    config = resolve(merge(write_tables(folder), changes), "test")
    with pytest.raises(BadInput) as caught:
        build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": {"resample": "over"}}, "data.resample: is of classes, but data.task is regression"),
        ({"data": {"target_labelled": 2}}, "data.target_labelled: is of classes"),
        ({"data": {"unseen": ["a"]}}, "data.unseen: is of classes"),
        ({"data": {"source_degradation": {"examples": 0.5}}}, "data.source_degradation: thins out classes"),
        ({"data": {"task": "classification", "huber": 1.0}}, "data.huber: is a loss of numbers"),
        ({"data": {"task": "classification"}}, "is a number that is no integer"),
        ({"data": {"source": {"name": "moons"}}}, "the labels of moons are classes"),
        ({"method": {"name": "mcc"}}, "method: mcc is of classes, but data.task is regression: choose one of source"),
        ({"self_training": {}}, "self_training: labels the target with classes"),
        ({"diagnose": {"mixval": True}}, "diagnose.mixval: compares classes"),
        ({"diagnose": {"reverse_steps": 5}}, "diagnose.reverse_steps: compares classes"),
        ({"data": {"source": {"label": None}}}, "source has no labels"),
    ],
)  # fmt: skip
def test_what_needs_classes_is_refused(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    if changes["data"].get("source", {}).get("name") if "data" in changes else False:
        changes = {"data": {**changes["data"], "target": {"name": "moons_rotated"}}}
    message = refused(tmp_path, **changes)
    assert says in message and "\n" not in message


def test_numbers_need_the_task_and_two_values(tmp_path: Path) -> None:
    older = {"name": "diabetes", "patients": "older"}
    message = refused(tmp_path, data={"task": "classification", "source": {"name": "diabetes"}, "target": older})
    assert message == "data: the labels of diabetes/younger are numbers: set data.task: regression"
    write_tables(tmp_path)
    (tmp_path / "same.csv").write_text("a,b,c,yield\n" + "1,2,3,7\n" * 20)
    assert "all labels of same are 7" in refused(tmp_path, data={"source": {"path": str(tmp_path / "same.csv")}})


def test_diabetes_is_cut_by_age() -> None:
    younger, older = diabetes(), diabetes(patients="older")
    assert (len(younger.train), len(older.train)) == (227, 215) and younger.test is None
    assert younger.columns == ("sex", "bmi", "bp", *(f"s{number}" for number in range(1, 7)))
    assert younger.input_shape == (9,) and 25 <= younger.train.y.min() < older.train.y.max() <= 346


def test_digits_are_turned_counter_clockwise_by_their_label() -> None:
    bar = torch.zeros(1, 1, 21, 21, dtype=torch.uint8)
    bar[..., 2:9, 10] = 255  # from the centre upwards
    turned = _turn(bar, torch.tensor([90.0]))[0, 0].float()
    rows, columns = turned.nonzero(as_tuple=True)
    assert set(rows.tolist()) == {10} and columns.max() < 10  # to the left
    plain, photos = turned_digits(), turned_digits(photos=True, degrees=10.0, size=12)
    assert plain.input_shape == (1, 28, 28) and photos.input_shape == (3, 12, 12) and plain.test is not None
    assert (len(plain.train), len(plain.test)) == (674, 224)
    assert plain.train.y.abs().max() <= 45 and 9 < photos.train.y.abs().max() <= 10
    assert torch.equal(turned_digits().train.y, plain.train.y)
