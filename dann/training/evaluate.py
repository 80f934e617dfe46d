"""Predictions → metrics."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.loading.read_ahead import chunk_size, read_chunks
from dann.methods.method import Method
from dann.training.device import autocast

Transform = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Scores:
    """What one split tells.

    Args:
        accuracy: share of examples whose largest logit is their label's.
        confusion: counts, shape ``(K, K)``, a row per true class and a column per predicted one.
        labels: shape ``(N,)``.
        probabilities: of the classes, shape ``(N, K)``, on the CPU.
        as_target: the discriminator's probability of "this is a target example", shape ``(N,)``, on the CPU, where the
            method has one.
    """

    accuracy: float
    confusion: Tensor
    labels: Tensor
    probabilities: Tensor
    as_target: Tensor | None


def reported(scores: Mapping[str, Scores]) -> dict[str, Scores]:
    """Those of the test splits; of a source without one, of its validation split."""
    return {split: of for split, of in scores.items() if split.endswith("_test") or "source_test" not in scores}


def evaluate(method: Method, split: Split, transform: Transform, dtype: torch.dtype = torch.float32) -> Scores:
    """Score ``method`` on a labelled split."""
    parts, as_target = [], []
    device = next(method.parameters()).device
    with _inference(method, device, dtype):
        for x in read_chunks(split):
            found = method.outputs(transform(x.to(device)))
            parts.append(found["logits"].float())
            if method.adversarial:
                as_target.append(method.domain_logits(found).float().sigmoid())
        together = torch.cat(parts).cpu()
        classes = together.shape[1]
        pairs = split.y * classes + together.argmax(dim=1)
        confusion = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        accuracy = int(confusion.diagonal().sum()) / len(split)
        taken = torch.cat(as_target).cpu() if as_target else None
        return Scores(accuracy, confusion, split.y, together.softmax(1), taken)


def outputs(
    method: Method, split: Split, transform: Transform, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """What the method gives for the examples of a split: ``features`` ``(N, D)``, ``logits`` ``(N, K)`` and its others.

    All float32, on the CPU.
    """
    device = next(method.parameters()).device
    with _inference(method, device, dtype):
        parts = [method.outputs(transform(x.to(device))) for x in read_chunks(split)]
        return {name: torch.cat([part[name] for part in parts]).float().cpu() for name in parts[0]}


def logits(method: Method, x: Tensor, transform: Transform, dtype: torch.dtype = torch.float32) -> Tensor:
    """The logits of raw examples, float32 of shape ``(N, K)``, on the CPU."""
    device = next(method.parameters()).device
    with _inference(method, device, dtype):
        parts = [method.predict(transform(part.to(device))) for part in torch.split(x, chunk_size(tuple(x.shape[1:])))]
        return torch.cat(parts).float().cpu()


@contextmanager
def _inference(method: Method, device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    training = method.training
    method.eval()
    try:
        with torch.inference_mode(), autocast(device, dtype):
            yield
    finally:
        method.train(training)
