"""What a data set is to the rest of the project: a domain with a training and a test split."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dann.errors import BadInput


@dataclass(frozen=True)
class Split:
    """N labelled examples.

    Args:
        x: images as uint8, shape ``(N, C, H, W)``, or vectors as float32, shape ``(N, D)``.
        y: class indices as int64, shape ``(N,)``.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def take(self, indices: Tensor) -> "Split":
        """The examples at ``indices``, in that order."""
        return Split(self.x[indices], self.y[indices])

    def to(self, device: torch.device) -> "Split":
        return Split(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class Domain:
    """One distribution of examples; its test split never enters training.

    Args:
        name: as in an experiment file.
        train: labelled when the domain is the source; only its ``x`` is read when it is the target.
        test: disjoint from ``train``.
        classes: their K names, in the order of the label indices.
        origin: where the examples come from, for the record.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    origin: str

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(self.train.x.shape[1:])

    def checksum(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of all examples and labels."""
        digest = hashlib.sha256()
        for tensor in (self.train.x, self.train.y, self.test.x, self.test.y):
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(np.ascontiguousarray(tensor.numpy()).data)
        return digest.hexdigest()[:16]


def matched(source: Domain, target: Domain) -> tuple[Domain, Domain]:
    """Both domains with one input shape; grey images are shown as RGB beside colour images.

    Raises:
        BadInput: the input shapes or the classes differ.
    """
    if source.classes != target.classes:
        raise BadInput(
            f"data: {source.name} has {len(source.classes)} classes and {target.name} has {len(target.classes)}, "
            "or they are named differently: choose domains with the same classes"
        )
    channels = max(source.train.x.shape[1], target.train.x.shape[1])
    source, target = _with_channels(source, channels), _with_channels(target, channels)
    if source.input_shape != target.input_shape:
        raise BadInput(
            f"data: an example of {source.name} has shape {source.input_shape} and of {target.name} "
            f"{target.input_shape}: choose domains of one shape, or one `size` for both where they have that option"
        )
    return source, target


def _with_channels(domain: Domain, channels: int) -> Domain:
    if domain.train.x.ndim != 4 or domain.train.x.shape[1] != 1:
        return domain

    def expanded(split: Split) -> Split:
        return Split(split.x.expand(-1, channels, -1, -1), split.y)

    return replace(domain, train=expanded(domain.train), test=expanded(domain.test))


def hold_out(split: Split, share: float) -> tuple[Split, Split]:
    """``split`` cut at random into what stays for training and the validation part, ``share`` of it.

    The cut is fixed: every run with the same data and share validates on the same examples.
    """
    # RandomState's streams are frozen by NumPy's policy, unlike Generator's: splits outlive NumPy releases.
    order = torch.from_numpy(np.random.RandomState(0).permutation(len(split)))
    held = round(len(split) * share)
    return split.take(order[held:]), split.take(order[:held])
