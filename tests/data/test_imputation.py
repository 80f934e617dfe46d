"""Missing values: what is fitted on what, and what stays as it is."""

import numpy as np
import pytest
import torch
from torch import Tensor

from dann.data.preprocessing.imputation import Imputer, check_complete, is_complete
from dann.errors import BadInput

NAN = float("nan")
HOWS = ("mean", "median", "knn")


def vectors(examples: int, seed: int, gaps: float = 0.2) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(examples, 4, generator=random)
    x[torch.rand(examples, 4, generator=random) < gaps] = NAN
    return x


def same(a: Tensor, b: Tensor) -> bool:
    """Whether all bits agree."""
    return torch.equal(a.view(torch.int32), b.view(torch.int32))


def test_mean_and_median_are_of_source_and_target_training_rows() -> None:
    train, unlabelled = vectors(30, 0), vectors(21, 1)
    rows = np.concatenate([train.numpy(), unlabelled.numpy()]).astype(np.float64)
    blank = torch.full((1, 4), NAN)
    for how, statistic in (("mean", np.nanmean), ("median", np.nanmedian)):
        filled = Imputer.fit(how, train, unlabelled).apply(blank)[0]  # type: ignore[arg-type]
        np.testing.assert_allclose(filled.numpy(), statistic(rows, axis=0), rtol=1e-6)


def test_knn_takes_the_mean_of_the_five_nearest() -> None:
    train, unlabelled, x = vectors(40, 0, gaps=0), vectors(30, 1, gaps=0), vectors(5, 2, gaps=0)
    whole = x.clone()
    whole[:, 2] = NAN
    filled = Imputer.fit("knn", train, unlabelled).apply(whole)
    rows = torch.cat([train, unlabelled])
    for row in range(5):
        others = [0, 1, 3]
        nearest = (rows[:, others] - x[row, others]).norm(dim=1).argsort()[:5]
        torch.testing.assert_close(filled[row, 2], rows[nearest, 2].mean())


@pytest.mark.parametrize("how", HOWS)
def test_values_that_are_there_keep_their_bits(how: str) -> None:
    imputer = Imputer.fit(how, vectors(30, 0), vectors(20, 1))  # type: ignore[arg-type]
    x = vectors(50, 2)
    x[0], x[1, 1] = torch.tensor([0.1, -0.0, 1e-42, 3e38]), -0.0
    before = x.clone()
    filled = imputer.apply(x)
    assert same(x, before)
    assert filled.dtype == torch.float32 and is_complete(filled).all()
    assert same(filled[~x.isnan()], x[~x.isnan()]) and same(filled[0], x[0])
    assert same(imputer.apply(filled), filled)
    assert same(imputer.apply(x[7:9]), filled[7:9])  # whatever else is in the batch


@pytest.mark.parametrize("how", HOWS)
def test_held_out_rows_do_not_change_what_is_fitted(how: str) -> None:
    source, target = vectors(60, 0), vectors(60, 1)

    def filled(source: Tensor, target: Tensor) -> Tensor:
        """The training rows, when validation is the source's last third and the test split the target's."""
        imputer = Imputer.fit(how, source[:40], target[:40])  # type: ignore[arg-type]
        for held in (source[40:], target[40:]):
            imputer.apply(held)
        return imputer.apply(torch.cat([source[:40], target[:40]]))

    before = filled(source, target)
    other_source, other_target = source.clone(), target.clone()
    other_source[40:], other_target[40:] = 1000.0, torch.linspace(-9e5, 9e5, 80).reshape(20, 4)
    other_target[45:50] = NAN
    assert same(filled(other_source, other_target), before)
    other_target[3] += 1
    assert not same(filled(other_source, other_target), before)  # training rows do


@pytest.mark.parametrize("how", HOWS)
def test_feature_without_any_value_is_refused_not_dropped(how: str) -> None:
    train, unlabelled = vectors(10, 0), vectors(10, 1)
    train[:, 2] = NAN
    whole = Imputer.fit(how, train, unlabelled).apply(train)  # type: ignore[arg-type]
    assert whole.shape == (10, 4) and is_complete(whole).all()  # the target has it
    unlabelled[:, 2] = NAN
    with pytest.raises(BadInput, match=r"1 of 4 features \(first: 2\) are missing in all 20 training examples"):
        Imputer.fit(how, train, unlabelled)  # type: ignore[arg-type]


def test_images_and_series_are_not_imputed() -> None:
    with pytest.raises(BadInput, match="only vectors can be imputed"):
        Imputer.fit("mean", torch.ones(3, 2, 5), torch.ones(3, 2, 5))
    with pytest.raises(ValueError, match="an imputer of 4 features"):
        Imputer.fit("mean", vectors(9, 0), vectors(9, 1)).apply(torch.ones(2, 3))


def test_error_counts_the_examples_and_names_the_options() -> None:
    x = torch.ones(6, 3)
    check_complete(x, "data.source: mine")
    x[1], x[4, 0] = NAN, NAN
    with pytest.raises(BadInput, match=r"data.source: mine: 2 of 6 examples .*drop, mean, median or knn"):
        check_complete(x, "data.source: mine")


def test_drop_is_a_mask_of_complete_examples() -> None:
    x = torch.ones(4, 2, 3)
    x[2, 1, 0] = NAN
    assert is_complete(x).tolist() == [True, True, False, True]
    assert is_complete(torch.zeros(2, 3, 4, 4, dtype=torch.uint8)).all()
