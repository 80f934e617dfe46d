"""Stores of raw examples."""

import torch
from streams import CPU

from dann.data.store import JoinedStore, Store, TensorStore, move_once


def test_joined_stores_read_as_one() -> None:
    x = torch.arange(40).reshape(10, 4)
    parts = JoinedStore((TensorStore(x[:3]), TensorStore(x[3:4]), TensorStore(x[4:])))
    rows = torch.tensor([9, 0, 3, 3, 5, 2, 4])
    assert torch.equal(parts.read(rows), x[rows]) and len(parts) == 10 and parts.shape == (4,)
    assert torch.equal(parts.read(torch.tensor([1, 2])), x[1:3])


def test_channels_last_files_read_as_other_images_do() -> None:
    x = torch.randint(0, 256, (9, 5, 6, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    rows = torch.tensor([4, 4, 0, 8])
    read = TensorStore(x).read(rows)
    assert torch.equal(read, x.contiguous()[rows]) and read.is_contiguous(memory_format=torch.channels_last)


def test_what_stores_share_is_moved_once() -> None:
    shared = TensorStore(torch.zeros(4, 2))
    moved: dict[int, Store] = {}
    one, other = (
        move_once(JoinedStore((shared, TensorStore(torch.ones(4, 2)))), CPU, moved),
        move_once(shared, CPU, moved),
    )
    assert isinstance(one, JoinedStore) and one.parts[0] is other
