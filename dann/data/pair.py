"""A source and a target as an experiment uses them."""

from dataclasses import dataclass

import torch

from dann.data.domain import Domain, Split, hold_out, matched


@dataclass(frozen=True)
class Pair:
    """A labelled source and an unlabelled target with one input shape and the same classes.

    Args:
        train: the source's training split less ``validation``.
        validation: the part of the source's training split that is held out; empty if none is.
    """

    source: Domain
    target: Domain
    train: Split
    validation: Split

    @classmethod
    def of(cls, source: Domain, target: Domain, validation: float) -> "Pair":
        """The pair of two domains, with a share ``validation`` of the source's training split held out."""
        source, target = matched(source, target)
        return cls(source, target, *hold_out(source.train, validation))

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.source.input_shape

    @property
    def classes(self) -> tuple[str, ...]:
        return self.source.classes

    def evaluated(self, device: torch.device) -> dict[str, Split]:
        """The labelled splits on which accuracy is measured, by name, on ``device``."""
        splits = {
            "source_validation": self.validation,
            "source_test": self.source.test,
            "target_test": self.target.test,
        }
        return {name: split.to(device) for name, split in splits.items() if len(split)}
