"""Whole splits, as a method may read them between steps."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.loading.reader import chunks
from dann.data.transforms.transform import Transform


class FullPass:
    """What a method may read between steps: whole splits as the network sees them, without augmentation.

    They come in an order drawn once, so that a part is a sample of the whole where files are sorted by class. There is
    no way to the target's labels, and none to its test examples.

    Args:
        source: the labelled training examples.
        held_out: labelled source examples that are not trained on.
        target: the unlabelled training examples.
        transforms: of the source's and of the target's raw examples.
    """

    def __init__(
        self,
        source: Split,
        held_out: Split,
        target: Split,
        transforms: tuple[Transform, Transform],
        device: torch.device,
    ) -> None:
        self._splits: Mapping[str, tuple[Split, Transform]] = {
            "source": (_mixed(source), transforms[0]),
            "held_out": (_mixed(held_out), transforms[0]),
            "target": (_mixed(target), transforms[1]),
        }
        self.device = device

    def source(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs ``(C, ...)`` and class indices ``(C,)`` of the labelled training examples, some C at a time."""
        return self._labelled("source")

    def held_out(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The same of the labelled source examples that are held out."""
        return self._labelled("held_out")

    def target(self) -> Iterator[Tensor]:
        """Inputs ``(C, ...)`` of the target's training examples, some C at a time."""
        return self._inputs("target")

    def class_shares(self, num_classes: int) -> Tensor:
        """The share of each class among the labelled training examples, shape ``(K,)``."""
        counts = torch.bincount(self._splits["source"][0].y, minlength=num_classes)
        return (counts / counts.sum()).to(self.device)

    def _labelled(self, name: str) -> Iterator[tuple[Tensor, Tensor]]:
        first = 0
        for x in self._inputs(name):
            yield x, self._splits[name][0].y[first : first + len(x)].to(self.device)
            first += len(x)

    def _inputs(self, name: str) -> Iterator[Tensor]:
        split, transform = self._splits[name]
        return (transform(x.to(self.device)) for x in chunks(split))


def _mixed(split: Split) -> Split:
    return split.take(torch.randperm(len(split), generator=torch.Generator().manual_seed(0)))
