"""Gradients at the features and movement of the weights in the next step, measured on a copy of the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

from dann.data.loading.stream import STEP, Batch, derive
from dann.methods.method import Method
from dann.training.device import autocast, reseed
from dann.training.trainer import Trainer


def measure_next_step(trainer: Trainer, step: int, progress: float) -> dict[str, float]:
    """Gradients and movement of step number ``step``, made by a copy of the run, which itself stays as it is.

    Returns:
        ``gradient_label`` and ``gradient_transfer``, the norms of the gradients of the label loss and of all other
        terms, the reversed domain loss among them, at the batch's features; ``gradient_ratio``, the second over the
        first; ``gradient_cosine``, of the angle between them, over the examples that both reach; ``update_features``,
        ``update_classifier`` and ``update_discriminator``, the norm of the change of a part's weights over that of
        the weights. Entries that a method does not have are left out, such as the cosine where the other terms reach
        target examples only.
    """
    method, optimizers = deepcopy((trainer.method, trainer.optimizers))
    stream = trainer.stream.read_here()
    copy = replace(trainer, method=method, optimizers=optimizers, stream=stream, average=None, parallel=None)
    copy.train()
    reseed(copy.device, derive(copy.seed, STEP, step))  # as the step itself does, for the same dropout
    measured = _gradients(copy, copy.stream[step], progress)
    before = {name: _weights(part) for name, part in _parts(method).items()}
    copy.step(step, progress)
    for name, part in _parts(method).items():
        norm = float(before[name].norm())
        measured |= {f"update_{name}": float((_weights(part) - before[name]).norm()) / norm} if norm else {}
    return measured


def _gradients(trainer: Trainer, batch: Batch, progress: float) -> dict[str, float]:
    """The gradients of the first phase that has both; of several phases that have one each, those of the last."""
    measured: dict[str, float] = {}
    for phase in dict.fromkeys(trainer.method.phases(progress)):
        with _features(trainer.method) as features, autocast(trainer.device, trainer.dtype):
            terms = trainer.method(batch, progress, phase)
        label = _gradient([terms["label"]] if "label" in terms else [], features)
        transfer = _gradient([term for name, term in terms.items() if name != "label"], features)
        norms = {"gradient_label": float(label.norm()), "gradient_transfer": float(transfer.norm())}
        measured |= {name: norm for name, norm in norms.items() if norm > 0}
        if all(norms.values()):
            ratio = norms["gradient_transfer"] / norms["gradient_label"]
            return measured | {"gradient_ratio": ratio} | _cosine(label, transfer)
    return measured


@contextmanager
def _features(method: Method) -> Iterator[list[Tensor]]:
    """The outputs of the feature extractor at each forward pass that records gradients."""
    features: list[Tensor] = []
    hook = method.network.features.register_forward_hook(
        lambda module, inputs, output: features.append(output) if output.requires_grad else None
    )
    try:
        yield features
    finally:
        hook.remove()


def _gradient(terms: list[Tensor], features: list[Tensor]) -> Tensor:
    """The gradient of a sum of terms at all features, shape ``(N, D)``; zero where a term does not reach."""
    reaching = [term for term in terms if term.requires_grad]
    if not reaching or not features:
        return torch.zeros(())
    gradients = torch.autograd.grad(torch.stack(reaching).sum(), features, retain_graph=True, allow_unused=True)
    parts = [
        torch.zeros_like(at) if gradient is None else gradient for at, gradient in zip(features, gradients, strict=True)
    ]
    return torch.cat([part.flatten(1).float() for part in parts])


def _cosine(one: Tensor, other: Tensor) -> dict[str, float]:
    """The cosine of the angle between two gradients, shape ``(N, D)`` each, over examples where neither is zero."""
    both = (one != 0).any(dim=1) & (other != 0).any(dim=1)
    if not both.any():
        return {}
    product = (one[both] * other[both]).sum()
    return {"gradient_cosine": float(product / (one[both].norm() * other[both].norm()))}


def _parts(method: Method) -> dict[str, nn.Module]:
    adversaries = [part for name, part in method.named_children() if name.startswith("discriminator")]
    parts = {"features": method.network.features, "classifier": method.network.classifier}
    return parts | ({"discriminator": nn.ModuleList(adversaries)} if adversaries else {})


def _weights(part: nn.Module) -> Tensor:
    """A copy of all parameters of a part, flat."""
    return torch.cat([parameter.detach().float().flatten() for parameter in part.parameters()] or [torch.zeros(0)])
