"""A user's labels as class indices."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from array_fixtures import X

from dann.data.datasets.own_arrays import from_arrays


@pytest.mark.parametrize(
    ("y", "expected", "classes"),
    [
        ([2, 0, -1, 7], [1, 0, -1, 2], ("0", "2", "7")),
        ([2.0, 0.0, np.nan, 7.0], [1, 0, -1, 2], ("0", "2", "7")),
        (np.array([2, 0, 255, 7], np.uint8), [1, 0, 3, 2], ("0", "2", "7", "255")),
        ([True, False, False, True], [1, 0, 0, 1], ("0", "1")),
        (["dog", "cat", "", "-1"], [1, 0, -1, -1], ("cat", "dog")),
        (["10", "9", "", "b"], [1, 0, -1, 2], ("9", "10", "b")),
        (np.array([b"dog", b"cat", b"", b"dog"]), [1, 0, -1, 1], ("cat", "dog")),
        (np.array(["dog", None, np.nan, "cat"], object), [1, -1, -1, 0], ("cat", "dog")),
        (np.array([3, None, np.nan, 1], object), [1, -1, -1, 0], ("1", "3")),
        (np.array([3.0, None, np.nan, np.int64(1)], object), [1, -1, -1, 0], ("1", "3")),
        (np.array([True, None, False, np.True_], object), [1, -1, 0, 1], ("0", "1")),
        (np.array([b"dog", None, b"cat", b"dog"], object), [1, -1, 0, 1], ("cat", "dog")),
        (pd.Series(["dog", None, "cat", "dog"], dtype="string"), [1, -1, 0, 1], ("cat", "dog")),
        (pd.Series([2, None, 5, 2], dtype="Int64"), [0, -1, 1, 0], ("2", "5")),
        (pd.Series(["dog", None, "cat", "dog"], dtype="category"), [1, -1, 0, 1], ("cat", "dog")),
        ([-1, -1, -1, -1], [-1, -1, -1, -1], ()),
        ([-1, 1, 1, -1], [0, 1, 1, 0], ("-1", "1")),
        ([-1.0, 0.0, 1.0, np.nan], [0, 1, 2, -1], ("-1", "0", "1")),
        (["none", "ok", "none", ""], [0, 1, 0, -1], ("none", "ok")),
        (["NA", "1", "0", "1"], [-1, 1, 0, 1], ("0", "1")),
        (torch.tensor([-2, 0, 2, -2]), [0, 1, 2, 0], ("-2", "0", "2")),
        (["", "", "", ""], [-1, -1, -1, -1], ()),
        (None, [-1, -1, -1, -1], ()),
    ],
)
def test_labels_of_each_kind(y: Any, expected: list[int], classes: tuple[str, ...]) -> None:
    domain = from_arrays("mine", X[:4], y)
    assert domain.train.y.tolist() == expected and domain.train.y.dtype == torch.int64
    assert domain.classes == classes


def test_the_option_says_what_means_no_label() -> None:
    assert from_arrays("mine", X[:4], [-1, 0, 1, 0], unlabelled=[-1]).classes == ("0", "1")
    domain = from_arrays("mine", X[:4], [-1, 0, 2, 0], unlabelled=[])
    assert domain.classes == ("-1", "0", "2") and domain.train.y.tolist() == [0, 1, 2, 1]
    named = from_arrays("mine", X[:4], [0, 1, -1, 0], classes=["a", "b"])
    assert named.classes == ("a", "b") and named.train.y.tolist() == [0, 1, -1, 0]
    words = from_arrays("mine", X[:4], ["none", "ok", "", "none"], classes=["ok", "none"])
    assert words.train.y.tolist() == [1, 0, -1, 1]


def test_a_test_part_needs_no_labels() -> None:
    domain = from_arrays("mine", X[:4], x_test=X[4:7])
    assert domain.test is not None and domain.test.y.tolist() == [-1, -1, -1] and domain.classes == ()
    domain = from_arrays("mine", X[:4], [0, 1, 0, 1], x_test=X[4:7])
    assert domain.test is not None and domain.test.y.tolist() == [-1, -1, -1] and domain.classes == ("0", "1")
