"""The order of the axes of a user's arrays, and images of a stated range."""

from typing import Any

import numpy as np
import pytest
import torch

from dann.data.datasets.own_arrays import from_arrays
from dann.errors import BadInput

SERIES = np.random.default_rng(0).normal(size=(6, 4, 40)).astype(np.float32)  # (N, C, L)
BANDS = np.random.default_rng(1).integers(0, 256, (4, 5, 12, 12), dtype=np.uint8)  # (N, C, H, W)


def read(x: Any, **options: Any) -> torch.Tensor:
    return from_arrays("mine", x, None, **options).train.x


def test_series_of_either_layout_are_the_same_examples() -> None:
    expected = torch.from_numpy(SERIES)
    by_time = SERIES.transpose(0, 2, 1)
    assert torch.equal(read(SERIES), expected) and torch.equal(read(by_time), expected)  # few channels, many steps
    assert torch.equal(read(by_time, layout="nlc"), expected) and torch.equal(read(SERIES, layout="ncl"), expected)
    assert read(SERIES[:, :1]).shape == (6, 1, 40) and read(SERIES[:, :1].transpose(0, 2, 1)).shape == (6, 1, 40)


@pytest.mark.parametrize("shape", [(6, 20, 64), (6, 64, 20), (6, 12, 12), (6, 5, 9), (6, 30, 300), (6, 300, 30)])
def test_series_whose_shape_does_not_decide_are_asked_for(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match=f"set layout: ncl for {shape[1]} channels of {shape[2]} steps, or layout: nlc"):
        read(np.zeros(shape, np.float32))
    assert read(np.zeros(shape, np.float32), layout="nlc").shape == (6, shape[2], shape[1])


def test_images_of_any_number_of_bands() -> None:
    expected = torch.from_numpy(BANDS)
    last = BANDS.transpose(0, 2, 3, 1)
    assert torch.equal(read(BANDS), expected) and torch.equal(read(last), expected)  # equal sides decide
    narrow = np.ascontiguousarray(BANDS[:, :, :7])
    with pytest.raises(BadInput, match="set layout: nchw for bands first, layout: nhwc for bands last"):
        read(narrow)
    assert torch.equal(read(narrow, layout="nchw"), torch.from_numpy(narrow))
    assert torch.equal(read(narrow.transpose(0, 2, 3, 1), layout="nhwc"), torch.from_numpy(narrow))
    cube = np.zeros((4, 8, 8, 8), np.uint8)
    with pytest.raises(BadInput, match="set layout: nchw, nhwc"):
        read(cube)
    assert read(cube, layout="nhwc").shape == (4, 8, 8, 8)
    assert read(np.zeros((4, 3, 9), np.uint8), layout="nhw").shape == (4, 1, 3, 9)


def test_a_layout_that_does_not_fit() -> None:
    for x, layout, right in ((SERIES, "nchw", "ncl or nlc"), (BANDS, "ncl", "nchw or nhwc")):
        with pytest.raises(BadInput, match=f"layout: {layout} does not fit: set layout: {right}, or leave it out"):
            read(x, layout=layout)


def test_float_images_have_the_levels_of_their_range() -> None:
    levels = torch.from_numpy(BANDS).float()
    for x, span in (
        (BANDS / 255, (0, 1)),
        ((BANDS / 255).astype(np.float32), [0.0, 1.0]),
        (BANDS / 127.5 - 1, (-1, 1)),
        (BANDS.astype(np.uint16) * 257, (0, 65535)),
        (BANDS.astype(np.int64), (0, 255)),
    ):
        assert torch.equal(read(x, range=span), levels) and read(x, range=span).dtype == torch.float32
    between = read(np.full((2, 3, 4, 4), 0.5011), range=(0, 1))
    torch.testing.assert_close(between, torch.full((2, 3, 4, 4), 0.5011 * 255))  # not rounded to a level
    assert read(BANDS[:, 0] / 255, range=(0, 1)).shape == (4, 1, 12, 12)  # a range says that they are images
    assert read(BANDS, range=(0, 255)).dtype == torch.uint8


def test_float_images_without_their_range_are_asked_for() -> None:
    for x, says in (
        (BANDS / 255, r"such as range: \[0, 1\]"),
        (BANDS / 127.5 - 1, r"such as range: \[-1, 1\]"),
        (BANDS.astype(np.uint16) * 200, r"such as range: \[0, 65535\]"),
        (BANDS * 1000.0, r"such as range: \[0, 255000\]"),
    ):
        with pytest.raises(BadInput, match=says):
            read(x)


def test_images_outside_their_range() -> None:
    hole = BANDS / 255
    hole[0, 0, 0, 0] = np.nan
    for x, span, says in (
        (BANDS / 200, (0, 1), r"values from 0 to 1.275, outside range: \[0, 1\]"),
        (hole, (0, 1), "pixels that are NaN"),
        (BANDS / 255, (1, 0), r"range is \[1, 0\]: write"),
        (SERIES[:, 0], (0, 1), "range is for images"),
    ):
        with pytest.raises(BadInput, match=says):
            read(x, range=span)


def test_sparse_matrices_and_data_frames() -> None:
    import scipy.sparse

    x = np.array([[0, 1.5, 0], [2, 0, 0]], np.float32)
    for kind in (scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_array):
        assert read(kind(x)).tolist() == x.tolist()
    with pytest.raises(BadInput, match="GiB, too much for"):
        read(scipy.sparse.csr_matrix((2**24, 2**24), dtype=np.float32))
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": [0.5, None]})
    assert read(frame)[:, 0].tolist() == [1, 2] and bool(read(frame)[1, 1].isnan())
    gaps = pandas.DataFrame({"a": pandas.array([1, None], dtype="Int64")})
    assert read(gaps)[0].tolist() == [1] and bool(read(gaps)[1].isnan())
    domain = from_arrays("mine", frame, pandas.Series(["cat", "dog"]))
    assert domain.classes == ("cat", "dog") and domain.train.y.tolist() == [0, 1]
    with pytest.raises(BadInput, match="mine: x"):
        read(pandas.DataFrame({"a": ["x", "y"]}))


def test_the_layout_says_whether_three_axes_are_series_or_images() -> None:
    by_time = np.arange(5 * 40 * 3, dtype=np.uint8).reshape(5, 40, 3)
    with pytest.raises(BadInput, match="; of series, ncl or nlc"):
        read(by_time)
    expected = torch.from_numpy(by_time.transpose(0, 2, 1).astype(np.float32))
    assert torch.equal(read(by_time, layout="nlc"), expected)
    grey = np.linspace(0, 1, 2 * 24 * 24, dtype=np.float32).reshape(2, 24, 24)
    with pytest.raises(BadInput, match=r"state what is black and white, such as range: \[0, 1\]"):
        read(grey, layout="nhw")
    assert read(grey, layout="nhw", range=(0, 1)).shape == (2, 1, 24, 24)
