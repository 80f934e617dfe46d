"""The outputs of a method for whole splits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.loading.read_ahead import chunk_size, read_chunks
from dann.methods.method import Method
from dann.training.device import autocast

ToInputs = Callable[[Tensor], Tensor]  # raw examples to what the network gets


def compute_outputs(
    method: Method, split: Split, transform: ToInputs, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """The outputs for the examples of a split: ``features`` ``(N, D)``, ``logits`` ``(N, K)`` and further layers.

    All float32, on the CPU.
    """
    device = next(method.parameters()).device
    with inference(method, device, dtype):
        parts = [method.outputs(transform(x.to(device))) for x in read_chunks(split)]
        return {name: torch.cat([part[name] for part in parts]).float().cpu() for name in parts[0]}


def compute_logits(method: Method, x: Tensor, transform: ToInputs, dtype: torch.dtype = torch.float32) -> Tensor:
    """The logits of raw examples, float32 of shape ``(N, K)``, on the CPU."""
    device = next(method.parameters()).device
    with inference(method, device, dtype):
        parts = [method.predict(transform(part.to(device))) for part in torch.split(x, chunk_size(tuple(x.shape[1:])))]
        return torch.cat(parts).float().cpu()


@contextmanager
def inference(method: Method, device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Evaluation mode, without gradients, in the number format ``dtype``."""
    training = method.training
    method.eval()
    try:
        with torch.inference_mode(), autocast(device, dtype):
            yield
    finally:
        method.train(training)
