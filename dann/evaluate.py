"""Predictions → metrics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from dann.data import Split
from dann.device import autocast
from dann.methods import Method

Transform = Callable[[Tensor], Tensor]
CHUNK = 1000  # examples forwarded at once; their number changes nothing, because BatchNorm is in evaluation mode


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
    with _inference(method):
        logits = _mapped(method.predict, split.x, transform, dtype)
        domain = _mapped(method.domain_logits, split.x, transform, dtype) if method.adversarial else None
    classes = logits.shape[1]
    pairs = split.y * classes + logits.argmax(dim=1)
    confusion = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).cpu()
    accuracy = int(confusion.diagonal().sum()) / len(split)
    as_target = None if domain is None else int((domain > 0).sum()) / len(split)
    return Scores(accuracy, confusion, as_target)


def embed(method: Method, x: Tensor, transform: Transform, dtype: torch.dtype = torch.float32) -> Tensor:
    """The features of raw examples, float32 of shape ``(N, D)``."""
    with _inference(method):
        return _mapped(method.network.features, x, transform, dtype)


@contextmanager
def _inference(method: Method) -> Iterator[None]:
    training = method.training
    method.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        method.train(training)


def _mapped(function: Transform, x: Tensor, transform: Transform, dtype: torch.dtype) -> Tensor:
    """``function`` of all examples, float32."""
    with autocast(x.device, dtype):
        chunks = [function(transform(chunk)) for chunk in torch.split(x, CHUNK)]
    return torch.cat(chunks).float()
