"""Predictions → metrics."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from dann.data import Split
from dann.data.prefetch import chunks
from dann.device import autocast
from dann.methods import Method

Transform = Callable[[Tensor], Tensor]
CHUNK = 1000  # examples forwarded at once; their number changes nothing, because BatchNorm is in evaluation mode
VALUES = 2**24  # of the examples forwarded at once, so that photos take no gigabytes


@dataclass(frozen=True)
class Scores:
    """What one split tells.

    Args:
        accuracy: share of examples whose largest logit is their label's.
        confusion: counts, shape ``(K, K)``, a row per true class and a column per predicted one.
        as_target: share of examples that the discriminator takes for target ones, where the method has one.
    """

    accuracy: float
    confusion: Tensor
    as_target: float | None


def evaluate(method: Method, split: Split, transform: Transform, dtype: torch.dtype = torch.float32) -> Scores:
    """Score ``method`` on a labelled split."""
    predicted, as_target = [], []
    device = next(method.parameters()).device
    with _inference(method, device, dtype):
        for x in chunks(split, _chunk(split.store.shape)):
            x = x.to(device)
            features = method.features(transform(x))
            logits = method.classify(features)
            predicted.append(logits.argmax(dim=1))
            if method.adversarial:
                as_target.append(method.domain_logits(features, logits) > 0)
        classes = logits.shape[1]
        pairs = split.y * classes + torch.cat(predicted).cpu()
        confusion = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        accuracy = int(confusion.diagonal().sum()) / len(split)
        return Scores(accuracy, confusion, int(torch.cat(as_target).sum()) / len(split) if as_target else None)


def embed(method: Method, x: Tensor, transform: Transform, dtype: torch.dtype = torch.float32) -> Tensor:
    """The features of raw examples, float32 of shape ``(N, D)``, on the CPU."""
    device = next(method.parameters()).device
    with _inference(method, device, dtype):
        parts = [method.features(transform(part.to(device))) for part in torch.split(x, _chunk(tuple(x.shape[1:])))]
        return torch.cat(parts).float().cpu()


def _chunk(shape: tuple[int, ...]) -> int:
    return max(1, min(CHUNK, VALUES // math.prod(shape)))


@contextmanager
def _inference(method: Method, device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    training = method.training
    method.eval()
    try:
        with torch.inference_mode(), autocast(device, dtype):
            yield
    finally:
        method.train(training)
