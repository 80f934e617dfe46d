"""Fixed splits."""

import torch
from made_domains import values

from dann.data.domain import Split
from dann.data.splits import hold_out, take_few_shot


def test_hold_out_is_a_fixed_stratified_partition() -> None:
    split = Split.of(torch.arange(100.0)[:, None], torch.tensor([0] * 50 + [1] * 40 + [2] * 10))
    kept, held = hold_out(split, 0.2)
    assert torch.bincount(held.y).tolist() == [10, 8, 2]
    assert values(kept) | values(held) == set(range(100)) and not values(kept) & values(held)
    assert torch.equal(hold_out(split, 0.2)[1].x, held.x)
    assert not torch.equal(hold_out(split, 0.2, seed=1)[1].x, held.x)
    assert held.x.flatten().tolist()[:10] != list(range(10))
    assert len(hold_out(split, 0.0)[1]) == 0


def test_hold_out_leaves_one_of_each_class() -> None:
    split = Split.of(torch.arange(12.0)[:, None], torch.tensor([0] * 10 + [1, 2]))
    for share in (0.1, 0.5, 0.9):
        assert set(hold_out(split, share)[0].y.tolist()) == {0, 1, 2}


def test_few_shot_ignores_unlabelled_examples() -> None:
    split = Split.of(torch.arange(9.0)[:, None], torch.tensor([-1, 0, 1] * 3))
    shots, rest = take_few_shot(split, 1, ("a", "b"))
    assert sorted(shots.y.tolist()) == [0, 1] and len(rest) == 7
