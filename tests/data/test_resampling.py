"""Class weights and SMOTE."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_domains import config_of, own_vectors
from streams import CPU
from tiny import TINY

from dann.config.merging import merge
from dann.config.schema import resolve
from dann.data.domain import Split
from dann.data.preprocessing.resampling import apply_smote, class_weights
from dann.data.store import TensorStore
from dann.errors import BadInput
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair

Y = torch.tensor([0] * 12 + [1] * 5 + [2] * 3)


def test_class_weights_are_the_formulas() -> None:
    n = np.array([12.0, 5.0, 3.0])
    for how, raw in (("inverse", 1 / n), ("effective", (1 - 0.9) / (1 - 0.9**n))):
        expected = raw * n.sum() / (raw * n).sum()
        weights = class_weights([12, 5, 3], how, 0.9)  # type: ignore[arg-type]
        np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert class_weights([12, 5, 3], "none", 0.9) is None
    # β = 0 is no weighting, β → 1 the inverse frequency (Cui et al. 2019, section 3.2)
    np.testing.assert_allclose(class_weights([12, 5, 3], "effective", 0.0), 1.0)
    np.testing.assert_allclose(
        class_weights([12, 5, 3], "effective", 1 - 1e-7), class_weights([12, 5, 3], "inverse", 0.0), rtol=1e-5
    )


def test_resampling_and_weights_together_are_refused() -> None:
    config = resolve(merge(TINY["base"], {"data": {"class_weights": "inverse", "resample": "over"}}), "test")
    with pytest.raises(BadInput, match="leave class_weights out"):
        load_pair(config.data)


@pytest.mark.parametrize("other", [{"resample": "over"}, {"class_weights": "inverse"}])
def test_a_bootstrap_beside_another_balance_is_refused(other: dict[str, str]) -> None:
    config = resolve(merge(TINY["base"], {"data": {"bootstrap": True, **other}}), "test")
    with pytest.raises(BadInput, match=r"data\..*: .* balances the classes already: leave \w+ out"):
        load_pair(config.data)


def test_smote_evens_vectors_out_between_their_neighbours() -> None:
    torch.manual_seed(0)
    x = torch.randn(20, 3) + 10 * Y[:, None]
    split = Split.of(x, Y)
    more = apply_smote(split)
    assert torch.bincount(more.y).tolist() == [12, 12, 12]
    assert torch.equal(more.x[:20], x) and torch.equal(more.y[:20], Y)
    made, label = more.x[20:], more.y[20:]
    for point, y in zip(made, label, strict=True):  # on a segment between two examples of the class
        own = x[y == Y]
        a, b = own[:, None], own[None]
        t = ((point - a) * (b - a)).sum(-1) / (b - a).square().sum(-1).clamp(min=1e-12)
        distance = (a + t.clamp(0, 1)[..., None] * (b - a) - point).norm(dim=-1)
        assert distance.min() < 1e-3
    assert torch.equal(apply_smote(split).x, more.x)


def test_smote_mixes_images_pixel_by_pixel() -> None:
    x = torch.randint(0, 256, (20, 3, 2, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    more = apply_smote(Split.of(x, Y))
    assert torch.bincount(more.y).tolist() == [12, 12, 12]
    assert more.x.dtype == torch.uint8 and torch.equal(more.x[:20], x)
    vectors = apply_smote(Split.of(x.flatten(1).float(), Y))
    assert torch.equal(more.x.flatten(1), vectors.x.round().to(torch.uint8))


class Streamed(TensorStore):
    streamed = True


def test_smote_of_files_or_of_a_lonely_example_is_refused() -> None:
    x, y = torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 0, 1, 1])
    with pytest.raises(BadInput, match="smote needs all examples in memory"):
        apply_smote(Split.of(Streamed(x), y))
    with pytest.raises(BadInput, match="two examples of each class"):
        apply_smote(Split.of(torch.randn(4, 2), torch.tensor([0, 0, 0, 1])))


def test_class_weights_follow_the_counts_of_training(tmp_path: Path) -> None:
    config = config_of({**own_vectors(tmp_path, gaps=False), "class_weights": "inverse"})
    stream = build_trainer(config, load_pair(config.data), 0, CPU).stream
    batch = stream[0]
    assert batch.source_weight is not None
    for y, weight in zip(batch.source_y.tolist(), batch.source_weight.tolist(), strict=True):
        assert weight == pytest.approx(54 / 3 / (27, 18, 9)[y])
