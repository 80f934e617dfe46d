"""Every function of dann.functional: results per replica under vmap, float32 for half precision and under autocast."""

import inspect
import itertools
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from oracles import normal
from torch import Tensor

import dann.functional


def public_functions() -> dict[str, Any]:
    modules = [import_module(f"dann.functional.{module.name}") for module in iter_modules(dann.functional.__path__)]
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) in (module.__name__, "typing")
    }


L = SimpleNamespace(**public_functions())
# A helper, the functions of Co-Tuning and of self-training, which run outside of training steps, the neighbours of NRC
# and a draw of VADA and of its network, which are never stacked, and a type that `typing` implements as a function.
NOT_MAPPED = {"matmul", "singular_values", "direct_relation", "reverse_relation", "neighbours_agree", "normal_like"} | {
    "nearest_others",
    "NamedTuple",
}


K, D = 4, 3
DISCRIMINATOR = partial(torch.select, dim=1, index=0)  # exact in every dtype
LABELS = torch.tensor([0, 3, 1, 2, 3])
FEATURES = [(5, D), (6, D)]
LOGITS = [(5, K), (5, K)]


def layered(loss: Callable[..., Tensor], estimator: str, bandwidth: Any) -> Callable[..., Tensor]:
    kernels = [L.Kernels(bandwidth=bandwidth)] * 2
    return lambda a, b, c, d: loss([a, b], [c, d], estimator=estimator, kernels=kernels)


LOSSES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "domain": (L.domain_loss, [(5,), (6,)]),
    "domain, weighted": (lambda a, b, c, d: L.domain_loss(a, b, c.abs(), d.abs()), [(5,), (6,), (5,), (6,)]),
    "adversarial": (lambda a, b: L.domain_adversarial_loss(DISCRIMINATOR, a, b, 0.5), FEATURES),
    "adversarial, weighted": (
        lambda a, b, c, d: L.domain_adversarial_loss(DISCRIMINATOR, a, b, 0.5, c.abs(), d.abs()),
        [*FEATURES, (5,), (6,)],
    ),
    "confusion": (L.confusion_loss, [(5,)]),
    "mean distance": (L.mean_distance, FEATURES),
    "coral": (L.coral, FEATURES),
    "central moments": (L.central_moment_discrepancy, FEATURES),
    "central moments, wide": (partial(L.central_moment_discrepancy, moments=3, span=7.0), FEATURES),
    **{
        f"{name}, {estimator}, {bandwidth}": (
            wrap(loss, estimator=estimator, bandwidth=bandwidth),
            shapes,
        )
        for estimator, bandwidth in itertools.product(get_args(L.Estimator), ["median", "mean", 1.68])
        for name, wrap, loss, shapes in (
            ("mmd", partial, L.mk_mmd, FEATURES),
            ("joint mmd", layered, L.jmmd, [(5, D), (5, K), (6, D), (6, K)]),
        )
    },
    "local mmd": (
        lambda a, b, z: L.lmmd(a, b, LABELS, z.softmax(1), L.Kernels(bandwidth="mean")),
        [*FEATURES, (6, K)],
    ),
    "label": (lambda z: L.label_loss(z, LABELS), LOGITS[:1]),
    "label, weighted": (lambda z, w: L.label_loss(z, LABELS, w.abs()), [(5, K), (5,)]),
    "label, smoothed": (lambda z: L.label_loss(z, LABELS, smoothing=0.1), LOGITS[:1]),
    "entropy": (L.entropy, LOGITS[:1]),
    "marginal entropy": (L.marginal_entropy, LOGITS[:1]),
    "class confusion": (L.class_confusion, LOGITS[:1]),
    "nuclear norm": (L.nuclear_norm, LOGITS[:1]),
    "discrepancy": (L.classifier_discrepancy, LOGITS),
    "margin disparity": (L.margin_disparity_loss, [(5, K), (5, K), (6, K), (6, K)]),
    "divergence": (L.kl_divergence, LOGITS),
    "pseudo-label": (lambda a, b: L.pseudo_label_loss(a, b, 0.5), LOGITS),
    "hard norm": (L.hard_feature_norm, FEATURES),
    "stepwise norm": (L.stepwise_feature_norm, FEATURES[:1]),
    "spectral": (L.spectral_penalty, FEATURES[:1]),
    "spectral, two": (partial(L.spectral_penalty, k=2), FEATURES[:1]),
    "shrinkage": (L.spectral_shrinkage, FEATURES[:1]),
    "shrinkage, two": (partial(L.spectral_shrinkage, k=2), FEATURES[:1]),
    "squared error": (lambda z, y: L.squared_error(z, y), [(5, 1), (5,)]),
    "squared error, weighted": (lambda z, y, w: L.squared_error(z, y, w.abs()), [(5, 1), (5,), (5,)]),
    "huber": (lambda z, y, w: L.huber_loss(z, y, w.abs(), threshold=0.7), [(5, 1), (5,), (5,)]),
    "inverse gram": (partial(L.inverse_gram_distance, angle=1.0, threshold=0.95), FEATURES),
    "pixels": (L.pairwise_squared_error, [(5, D, 2, 3), (5, D, 2, 3)]),
    "neighbours": (
        lambda a, b, w: L.neighbour_agreement(*(L.at_least_float32(each).softmax(-1) for each in (a, b)), w.abs()),
        [(5, K), (5, 2, K), (5, 2)],
    ),
    "maps": (lambda a, b, w: L.map_distance(a, b, w.abs()), [(5, D, 2, 3), (5, D, 2, 3), (D,)]),
}

MAPS: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "at_least_float32": (L.at_least_float32, [(5, D)]),
    "reversal": (lambda x: L.reverse_gradient(x, 0.5), [(5, D)]),
    "multilinear": (L.multilinear_map, [(5, D), (5, K)]),
    "randomized": (L.randomized_map, [(5, D), (5, K), (D, 7), (K, 7)]),
    "entropy weight": (L.entropy_weight, LOGITS[:1]),
    "confusion matrix": (lambda z: L.confusion(LABELS, z.argmax(-1), K), LOGITS[:1]),
    "bbse": (lambda c, mu: L.bbse(c.softmax(0) / K, mu.softmax(0)), [(K, K), (K,)]),
    "mlls": (lambda z, p: L.mlls(z.softmax(-1), p.softmax(0)), [(5, K), (K,)]),
    "centroids": (lambda f, z: L.centroids(f, z.softmax(-1)), [(5, D), (5, K)]),
    "affinity": (lambda f: L.reciprocal_affinity(LABELS, (4 * f).long(), 0.1), [(5, 2, D)]),
    "nearest centroid": (L.nearest_centroid, [(5, D), (K, D + 1)]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_half_precision_are_computed_in_single(name: str) -> None:
    loss, shapes = LOSSES[name]
    halves = [torch.from_numpy(2 * normal(*shape, seed=seed)).bfloat16() for seed, shape in enumerate(shapes)]
    inputs = [x.requires_grad_() for x in halves]
    result = loss(*inputs)
    assert result.shape == ()
    assert result.dtype == torch.float32
    assert torch.isfinite(result)
    torch.testing.assert_close(result, loss(*(x.detach().float() for x in halves)), rtol=1e-5, atol=1e-6)
    for gradient in torch.autograd.grad(result, inputs, allow_unused=True):
        assert gradient is None or torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES | MAPS)
def test_functions_under_autocast_are_computed_in_single(name: str) -> None:
    function, shapes = (LOSSES | MAPS)[name]
    inputs = [torch.from_numpy(2 * normal(*shape, seed=seed)).float() for seed, shape in enumerate(shapes)]
    with torch.autocast("cpu", torch.bfloat16):
        result = function(*inputs)
    torch.testing.assert_close(result, function(*inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_replicas_under_vmap_are_those_of_each(name: str) -> None:
    loss, shapes = LOSSES[name]
    inputs = tuple(torch.from_numpy(2 * normal(3, *shape, seed=seed)) for seed, shape in enumerate(shapes))
    step = torch.func.grad_and_value(loss, argnums=tuple(range(len(inputs))))
    gradients, values = torch.func.vmap(step)(*inputs)
    for replica in range(3):
        alone = [x[replica].clone().requires_grad_() for x in inputs]
        value = loss(*alone)
        torch.testing.assert_close(values[replica], value.detach(), rtol=0, atol=1e-12)
        expected = torch.autograd.grad(value, alone, allow_unused=True, materialize_grads=True)
        for stacked, own in zip(gradients, expected, strict=True):
            torch.testing.assert_close(stacked[replica], own, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_maps_of_replicas_under_vmap_are_those_of_each(name: str) -> None:
    function, shapes = MAPS[name]
    inputs = [torch.from_numpy(2 * normal(3, *shape, seed=seed)) for seed, shape in enumerate(shapes)]
    together = torch.func.vmap(function)(*inputs)
    for replica in range(3):
        torch.testing.assert_close(together[replica], function(*(x[replica] for x in inputs)), rtol=1e-10, atol=1e-12)


def test_every_function_is_tested_under_vmap() -> None:
    used = set(re.findall(r"\bL\.(\w+)", Path(__file__).read_text()))
    functions = {name for name, value in vars(L).items() if inspect.isfunction(value)} - NOT_MAPPED
    assert functions <= used


@pytest.mark.parametrize("name", [name for name in LOSSES if "mmd" not in name or "biased" in name.split(", ")])
def test_norms_entropies_and_distances_are_not_negative(name: str) -> None:
    """The name of a function says what it returns: a loss that is to grow takes its sign where it is used."""
    function, shapes = LOSSES[name]
    assert function(*(torch.from_numpy(normal(*shape, seed=seed)) for seed, shape in enumerate(shapes))) >= 0
