"""A user's arrays as examples."""

from typing import Any

import numpy as np
import pytest
import torch
from array_fixtures import X, Y

from dann.data.datasets.own_arrays import from_arrays
from dann.errors import BadInput


def test_examples_of_each_kind() -> None:
    grey, colour = np.arange(240, dtype=np.uint8).reshape(2, 12, 10), np.arange(720).reshape(2, 3, 12, 10) % 251
    colour = colour.astype(np.uint8)

    def read(x: Any) -> torch.Tensor:
        return from_arrays("mine", x, None).train.x

    assert read(grey).shape == (2, 1, 12, 10) and read(grey).dtype == torch.uint8
    assert torch.equal(read(colour), torch.from_numpy(colour))
    assert torch.equal(read(colour.transpose(0, 2, 3, 1)), torch.from_numpy(colour))
    assert torch.equal(read(grey[..., None]), read(grey)) and torch.equal(read(grey[:, None]), read(grey))
    assert read(np.zeros((5, 7), np.int16)).dtype == torch.float32
    assert read(np.zeros((5, 7), np.uint8)).shape == (5, 7)  # two dimensions are vectors
    assert read(np.zeros((5, 9, 128))).shape == (5, 9, 128) and read(np.zeros((5, 9, 128))).dtype == torch.float32
    assert read(torch.ones(2, 3, dtype=torch.bfloat16, requires_grad=True)).tolist() == [[1.0] * 3] * 2
    assert read(X.astype(">f8")[::-1]).tolist() == X[::-1].tolist()
    constant = X.copy()
    constant.flags.writeable = False
    assert read(constant).tolist() == X.tolist()


def test_missing_values_are_kept() -> None:
    x = X.copy()
    x[3, 1] = np.nan
    domain = from_arrays("mine", x, Y)
    assert domain.train.x.isnan().nonzero().tolist() == [[3, 1]]


def test_dates_in_a_data_frame_are_refused_by_name() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"value": [1.0, 2.0], "when": pandas.to_datetime(["2020-01-01", "2020-01-02"])})
    with pytest.raises(BadInput, match="mine: x: dates or durations in when: convert them to numbers, or drop them"):
        from_arrays("mine", frame, None)
    assert from_arrays("mine", frame[["value"]], None).train.x.shape == (2, 1)
