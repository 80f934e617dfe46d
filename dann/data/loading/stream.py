"""Stateless stream of batches: batch i is a pure function of the domains, the seed and i."""

from copy import copy
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dann.data.domain import UNLABELLED, Split
from dann.data.loading.read_ahead import ReadAhead
from dann.data.loading.sampler import Order, Resample
from dann.data.number_labels import LabelScale
from dann.data.splits import concatenate_splits
from dann.data.transforms.input_transform import Transform
from dann.errors import BadInput
from dann.networks.row_shards import RowShards

SOURCE, TARGET, STEP, WEIGHTS, AUGMENTATION, VIEW, REVERSE, MOVED, BOOTSTRAP, GENERATED = range(10)  # purposes of seeds


class Batch(NamedTuple):
    """One training step's examples, B of the source and M of the target.

    There is no field for target labels, so none can leak.

    Args:
        source_x: float inputs, shape ``(B, ...)``.
        source_y: class indices or standardised numbers, shape ``(B,)``.
        target_x: float inputs, shape ``(M, ...)``; M is B unless ``data.target_batch_size`` says otherwise.
        source_domain: the source of each labelled example, shape ``(B,)``: 0 to S − 1, and S for a labelled
            example of the target.
        source_weight: of each labelled example in the label loss, shape ``(B,)``; None if all weigh the same.
        target_view: another, differently augmented view of the same target examples, shape ``(M, ...)``; None if there
            is none.
        target_rows: the places of the target examples among those of its training, shape ``(M,)``, by which a method
            remembers what it computed for an example; None where the batch comes from elsewhere.
    """

    source_x: Tensor
    source_y: Tensor
    target_x: Tensor
    source_domain: Tensor
    source_weight: Tensor | None = None
    target_view: Tensor | None = None
    target_rows: Tensor | None = None


class Stream:
    """``stream[i]`` is batch i, for any i ≥ 0 in any order: resuming and comparing methods cost nothing.

    Each side is passed through in a fresh random order per epoch, the two independently; a batch may straddle two
    epochs. Where a side is read from files, worker processes read ahead as long as i counts up.

    Args:
        source: the labelled examples, their store on the device that trains.
        target: the unlabelled examples, likewise; their labels are not read.
        transforms: of the source's and of the target's raw examples.
        batch_size: examples of the source in a batch; 0 for none, where there is no source.
        target_batch_size: those of the target; None for as many.
        resample: how the source's order treats class imbalance.
        bootstrap: draw labelled examples from a bootstrap of them, balanced over the classes, that the seed determines;
            it is drawn anew where target examples have been moved to their side.
        weights: of each class in the label loss, shape ``(K,)``.
        scale: by which numbers are standardised; None for classes.
        view: the transform of the second view of the target's examples; None for no second view.

    Attributes:
        labelled: the examples that labelled ones are drawn from: the source, and then target examples that were moved.
        own: how many of them are the source's.
        unlabelled: the others of the target.
        places: theirs among the target's examples.
    """

    def __init__(
        self,
        source: Split,
        target: Split,
        transforms: tuple[Transform, Transform],
        *,
        batch_size: int,
        target_batch_size: int | None = None,
        seed: int,
        resample: Resample = "none",
        bootstrap: bool = False,
        weights: Tensor | None = None,
        scale: LabelScale | None = None,
        view: Transform | None = None,
        device: torch.device | None = None,
    ) -> None:
        if (len(source) == 0 and batch_size) or len(target) == 0:
            raise BadInput("data: a domain has no training examples")
        self.source, self.target, self.transforms = source, target, transforms
        self.sizes, self.seed = (batch_size, target_batch_size or batch_size), seed
        self.device = torch.device("cpu") if device is None else device
        self.weights, self.scale, self.view, self.resample = weights, scale, view, resample
        self.bag_seed = derive(seed, BOOTSTRAP) if bootstrap else None
        self.shards: RowShards | None = None
        self._draw_from(source, len(source), torch.arange(len(target)))

    def _draw_from(self, labelled: Split, own: int, places: Tensor) -> None:
        unlabelled = self.target.take(places)
        self.labelled, self.unlabelled, self.own, self.places = labelled, unlabelled, own, places
        self.orders = (
            Order(labelled.y, self.resample, self.bag_seed),
            Order(torch.zeros(len(unlabelled), dtype=torch.int64)),
        )
        self.reader = ReadAhead((labelled.store, unlabelled.store), self._store_rows)

    def divide(self, shards: RowShards) -> None:
        """Read from files only this process's share of each batch, and gather the raw examples of all processes.

        From now on all processes must take the same batches in the same order.
        """
        self.shards = shards

    def move(self, labels: Tensor, domain: int, alone: bool = False) -> None:
        """Draw the target's examples that have a label as labelled ones from now on; they keep the target's transform.

        The source and the target stay as they are, and with them what is measured on their examples.

        Args:
            labels: of the target's examples, shape ``(N,)``; −1 for those that stay unlabelled.
            domain: the index of their domain on the labelled side.
            alone: draw labelled examples from that domain alone.
        """
        own = self.source.take(self.source.domain == domain) if alone else self.source
        moved = labels != UNLABELLED
        shots = replace(self.target.take(moved), y=labels[moved], domain=torch.full_like(labels[moved], domain))
        self.reader.close()
        self._draw_from(concatenate_splits([own, shots]), len(own), (~moved).nonzero().flatten())

    def __getitem__(self, step: int) -> Batch:
        labelled_x, target_x = self._read(step)
        rows = self._batch(SOURCE, step)
        order = (rows >= self.own).to(torch.uint8).argsort(stable=True)  # moved examples come last
        rows, own = rows[order], int((rows < self.own).sum())
        y = self.labelled.y[rows]
        return Batch(
            self._labelled_inputs(labelled_x[order], own, step),
            self.learned(y).to(self.device),
            self._inputs(target_x, self.transforms[1], TARGET, step),
            self.labelled.domain[rows].to(self.device),
            None if self.weights is None else self.weights[y].to(self.device),
            None if self.view is None else self._inputs(target_x, self.view, VIEW, step),
            self.places[self._batch(TARGET, step)].to(self.device),
        )

    def learned(self, y: Tensor) -> Tensor:
        """Labels as a network learns them: classes as they are, numbers standardised."""
        return y if self.scale is None else self.scale.standardise(y)

    def read_here(self) -> "Stream":
        """The same stream without reading ahead, to read single batches while this one goes on."""
        other = copy(self)
        other.shards = None
        other.reader = ReadAhead((self.labelled.store, self.unlabelled.store), other._store_rows, ahead=False)
        return other

    def rows(self, side: int, first: int, count: int) -> Tensor:
        """``count`` examples of the endless order of one side, from place ``first`` on, as places in its split."""
        return self.orders[side].rows(first, count, lambda epoch: derive(self.seed, side, epoch))

    def _batch(self, side: int, step: int) -> Tensor:
        return self.rows(side, step * self.sizes[side], self.sizes[side])

    def _store_rows(self, step: int) -> tuple[Tensor, Tensor]:
        """The examples of a batch as rows of the two stores: those that this process reads."""
        labelled, unlabelled = (
            split.rows[self._batch(side, step)]
            if self.shards is None or not split.store.streamed
            else self.shards.own(split.rows[self._batch(side, step)])
            for side, split in ((SOURCE, self.labelled), (TARGET, self.unlabelled))
        )
        return labelled, unlabelled

    def _read(self, step: int) -> tuple[Tensor, Tensor]:
        """The raw examples of a batch."""
        labelled, unlabelled = self.reader[step]
        if self.shards is not None and self.labelled.store.streamed:
            labelled = self.shards.collect(labelled, self.sizes[SOURCE])
        if self.shards is not None and self.unlabelled.store.streamed:
            unlabelled = self.shards.collect(unlabelled, self.sizes[TARGET])
        return labelled, unlabelled

    def _labelled_inputs(self, x: Tensor, own: int, step: int) -> Tensor:
        """The inputs of labelled examples, of which the first ``own`` are the source's and the others were moved."""
        sides = ((x[:own], self.transforms[0], SOURCE), (x[own:], self.transforms[1], MOVED))
        inputs = [self._inputs(part, transform, side, step) for part, transform, side in sides if len(part)]
        return torch.cat(inputs) if inputs else torch.empty(0, device=self.device)

    def _inputs(self, x: Tensor, transform: Transform, purpose: int, step: int) -> Tensor:
        generator = torch.Generator()
        if transform.random:
            generator.manual_seed(derive(self.seed, AUGMENTATION, purpose, step))
        return transform.augment(x.to(self.device), generator)


@lru_cache(maxsize=256)  # an epoch's seed is needed at each of its batches
def derive(seed: int, *purpose: int) -> int:
    """A well-mixed 63-bit seed for one purpose, the same for the same arguments on every machine."""
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0] >> np.uint64(1))
