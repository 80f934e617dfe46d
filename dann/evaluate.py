"""Predictions → metrics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from dann.data import Split
from dann.data.prefetch import chunk_size, chunks
from dann.device import autocast
from dann.methods import Method

Transform = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Scores:
    """What one split tells.

    Args:
        accuracy: share of examples whose largest logit is their label's.
        confusion: counts, shape ``(K, K)``, a row per true class and a column per predicted one.
        labels: shape ``(N,)``.
        probabilities: of the classes, shape ``(N, K)``, on the CPU.
        as_target: share of examples that the discriminator takes for target ones, where the method has one.
    """

    accuracy: float
    confusion: Tensor
    labels: Tensor
    probabilities: Tensor
    as_target: float | None


def evaluate(method: Method, split: Split, transform: Transform, dtype: torch.dtype = torch.float32) -> Scores:
    """Score ``method`` on a labelled split."""
    logits, as_target = [], []
    device = next(method.parameters()).device
    with _inference(method, device, dtype):
        for x in chunks(split):
            outputs = method.outputs(transform(x.to(device)))
            logits.append(outputs["logits"].float())
            if method.adversarial:
                as_target.append(method.domain_logits(outputs) > 0)
        together = torch.cat(logits).cpu()
        classes = together.shape[1]
        pairs = split.y * classes + together.argmax(dim=1)
        confusion = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        accuracy = int(confusion.diagonal().sum()) / len(split)
        taken = int(torch.cat(as_target).sum()) / len(split) if as_target else None
        return Scores(accuracy, confusion, split.y, together.softmax(1), taken)


def embed(
    method: Method, x: Tensor, transform: Transform, dtype: torch.dtype = torch.float32, layer: str = "features"
) -> Tensor:
    """The features of raw examples, float32 of shape ``(N, D)``, on the CPU; or another of the method's outputs."""
    device = next(method.parameters()).device
    with _inference(method, device, dtype):
        parts = [method.outputs(transform(part.to(device)))[layer]
                 for part in torch.split(x, chunk_size(tuple(x.shape[1:])))]  # fmt: skip
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
