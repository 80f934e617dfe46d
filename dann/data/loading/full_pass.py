"""Passes over whole splits, as a method may read them between steps."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks
from dann.data.transforms.input_transform import Transform


class FullPass:
    """Whole splits as the network sees them, without augmentation, for a method to read between steps.

    They come in an order drawn once, so that a part is a sample of the whole where files are sorted by class. There is
    no way to the target's labels, and none to its test examples.

    Args:
        source: the labelled training examples.
        validation: the validation split of the source.
        target: the unlabelled training examples.
        transforms: of the source's and of the target's raw examples.
    """

    def __init__(
        self,
        source: Split,
        validation: Split,
        target: Split,
        transforms: tuple[Transform, Transform],
        device: torch.device,
    ) -> None:
        self._splits: Mapping[str, tuple[Split, Transform]] = {
            "source": (_shuffle(source), transforms[0]),
            "validation": (_shuffle(validation), transforms[0]),
            "target": (_shuffle(target), transforms[1]),
        }
        self.device = device

    def source(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs ``(C, ...)`` and class indices ``(C,)`` of the labelled training examples, C at a time."""
        return self._read_labelled("source")

    def validation(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and class indices of the validation split of the source."""
        return self._read_labelled("validation")

    def target(self) -> Iterator[Tensor]:
        """Inputs ``(C, ...)`` of the target's training examples, C at a time."""
        return self._inputs("target")

    @property
    def target_rows(self) -> Tensor:
        """The places of the examples of ``target`` among those of the target's training, shape ``(N,)``."""
        return _draw_order(len(self._splits["target"][0])).to(self.device)

    def class_shares(self, num_classes: int) -> Tensor:
        """The share of each class among the labelled training examples, shape ``(K,)``."""
        counts = torch.bincount(self._splits["source"][0].y, minlength=num_classes)
        return (counts / counts.sum()).to(self.device)

    def _read_labelled(self, name: str) -> Iterator[tuple[Tensor, Tensor]]:
        first = 0
        for x in self._inputs(name):
            yield x, self._splits[name][0].y[first : first + len(x)].to(self.device)
            first += len(x)

    def _inputs(self, name: str) -> Iterator[Tensor]:
        split, transform = self._splits[name]
        return (transform(x.to(self.device)) for x in read_chunks(split))


def _shuffle(split: Split) -> Split:
    return split.take(_draw_order(len(split)))


def _draw_order(count: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))
