"""Helpers of tests of streams and transforms."""

import torch

from dann.data.domain import Split
from dann.data.loading.stream import Batch
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions

CPU = torch.device("cpu")


def plain(split: Split) -> tuple[Transform, Transform]:
    transform = Transform(TransformOptions(), split)
    return transform, transform


def equal(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))
