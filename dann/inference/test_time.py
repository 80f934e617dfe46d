"""Adaptation of a trained model to the examples that it predicts, without the source (test-time adaptation)."""

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor

from dann.data.input_pipeline import InputPipeline
from dann.data.loading.read_ahead import chunk_size
from dann.errors import BadInput
from dann.functional.predictions import entropy
from dann.methods.method import Method
from dann.networks.batch_statistics import affine_parameters, find_norms, require_norms, set_statistics
from dann.training.device import autocast
from dann.training.outputs import compute_logits, inference

Adaptation = Literal["adabn", "tent"]
BATCH, RATE = 128, 1e-3  # of TENT: defaults of its authors' code, with Adam


def predict_adapted(
    method: Method, x: Tensor, inputs: InputPipeline, dtype: torch.dtype, adapt: Adaptation, where: str = "inputs"
) -> Tensor:
    """The logits of raw examples by a copy of a model that is adapted to them, float32 ``(N, K)``, on the CPU.

    The examples are taken in an order drawn once, so that batches are samples of the whole where files are sorted.

    Args:
        method: with BatchNorm, in evaluation mode; stays as it is.
        x: raw examples, shape ``(N, ...)``.
        inputs: maps them to the network's inputs.
        adapt: a key of ``ADAPTATIONS``.
        where: the place of the examples, for messages.

    Raises:
        BadInput: the network has no BatchNorm, or there is a single example, which has no statistics.
    """
    try:
        require_norms(method.network, adapt)
    except ValueError as error:
        raise BadInput(f"adapt: {error}, and train again") from error
    if len(x) < 2:
        raise BadInput(f"{where}: {adapt} takes statistics over all inputs, of which there is one: give several")
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    shuffled = ADAPTATIONS[adapt](deepcopy(method), x[order], inputs, dtype)
    logits = torch.empty_like(shuffled)
    logits[order] = shuffled
    return logits


def _adabn(method: Method, x: Tensor, inputs: InputPipeline, dtype: torch.dtype) -> Tensor:
    """Predictions with the BatchNorm statistics of the examples (AdaBN, Li et al. 2017), as the method ``adabn``."""
    device = next(method.parameters()).device
    with inference(method, device, dtype):
        chunks = torch.split(x, chunk_size(tuple(x.shape[1:])))
        set_statistics(method.network, (inputs(part.to(device)) for part in chunks))
    return compute_logits(method, x, inputs, dtype)


def _tent(method: Method, x: Tensor, inputs: InputPipeline, dtype: torch.dtype) -> Tensor:
    """Online predictions of TENT (Wang et al. 2021, section 3), in one pass over batches of 128 examples or fewer.

    Each batch is normalised by its own statistics and predicted; then scales and shifts of BatchNorm take a step of
    Adam down the mean entropy of these predictions. Dropout is off, which the authors' networks do not have.
    """
    device = next(method.parameters()).device
    parameters = affine_parameters(method.requires_grad_(False).network)
    for parameter in parameters:
        parameter.requires_grad_(True)
    for norm in find_norms(method.network):
        norm.train()
    optimizer = torch.optim.Adam(parameters, lr=RATE)
    predicted = []
    # Of equal sizes but for one example: torch.chunk may leave a single one to the last batch, which has no statistics.
    for part in torch.tensor_split(x, math.ceil(len(x) / BATCH)):
        with torch.no_grad():
            batch = inputs(part.to(device))
        with autocast(device, dtype):
            logits = method.predict(batch)
            loss = entropy(logits)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        predicted.append(logits.detach().float().cpu())
    return torch.cat(predicted)


ADAPTATIONS: dict[Adaptation, Callable[[Method, Tensor, InputPipeline, torch.dtype], Tensor]] = {
    "adabn": _adabn,
    "tent": _tent,
}
