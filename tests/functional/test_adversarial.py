"""Gradient reversal and adversarial losses, against float64 NumPy oracles written from the papers' equations."""

import math

import numpy as np
import pytest
import torch
from oracles import leaf, numerical_gradient, shannon, softmax
from torch import Tensor
from torch.nn import functional as F

from dann.functional.adversarial import (
    confusion_loss,
    domain_adversarial_loss,
    domain_loss,
    entropy_weight,
    multilinear_map,
    randomized_map,
    reverse_gradient,
)
from dann.networks.network import GradientReversal


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 2.5])
def test_reversal_is_identity_forward_and_minus_lambda_backward(weight: float) -> None:
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(4, 3, dtype=torch.float64)
    for reverse in (lambda value: reverse_gradient(value, weight), GradientReversal(weight)):
        y = reverse(x)
        assert torch.equal(y, x)
        (gradient,) = torch.autograd.grad(y, x, upstream)
        assert torch.equal(gradient, -weight * upstream)


def test_reversal_of_a_reversal_scales_by_the_product() -> None:
    x = torch.randn(5, dtype=torch.float64, requires_grad=True)
    y = reverse_gradient(reverse_gradient(x, 0.5), 3.0)
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    torch.testing.assert_close(gradient, 1.5 * 2 * x)


def test_reversal_differentiates_twice() -> None:
    x = torch.randn(5, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(reverse_gradient(x, 0.7).pow(3).sum(), x, create_graph=True)
    torch.testing.assert_close(first, -0.7 * 3 * x.square())
    (second,) = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close(second, -0.7 * -0.7 * 6 * x)  # the inner reversal acts once more on its own gradient


def test_reversal_under_vmap_takes_a_weight_per_replica() -> None:
    x = torch.randn(3, 4, dtype=torch.float64)
    weights = torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64)

    def loss(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return reverse_gradient(x, weight).square().sum()

    gradients = torch.func.vmap(torch.func.grad(loss))(x, weights)
    torch.testing.assert_close(gradients, -weights[:, None] * 2 * x)


def test_the_reversal_fails_gradcheck_unless_lambda_is_minus_one() -> None:
    logits = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: reverse_gradient(x, -1.0), logits)  # λ = −1 is the identity both ways
    assert not torch.autograd.gradcheck(lambda x: reverse_gradient(x, 1.0), logits, raise_exception=False)


def oracle_domain_loss(source_logits: np.ndarray, target_logits: np.ndarray) -> float:
    """Half of Ganin et al. 2016, equation (9): −log(1 − σ(z)) of source, −log σ(z) of target, the mean of the means."""
    of_source = -np.log(1 - 1 / (1 + np.exp(-source_logits)))
    of_target = -np.log(1 / (1 + np.exp(-target_logits)))
    return float(of_source.sum() / len(of_source) + of_target.sum() / len(of_target)) / 2


@pytest.mark.parametrize("sizes", [(4, 4), (3, 7), (1, 1)])
def test_domain_loss_matches_its_oracle(sizes: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    source, target = random.normal(size=sizes[0]), random.normal(size=sizes[1])
    loss = domain_loss(torch.from_numpy(source), torch.from_numpy(target))
    assert loss.item() == pytest.approx(oracle_domain_loss(source, target), rel=1e-12)


def test_domain_loss_passes_gradcheck() -> None:
    logits = [torch.randn(4, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(domain_loss, logits)


def test_domain_loss_at_chance_is_ln_2_and_labels_source_zero() -> None:
    blind = torch.zeros(6, dtype=torch.float64)
    assert domain_loss(blind, blind).item() == pytest.approx(math.log(2), rel=1e-15)
    sure = torch.full((6,), 40.0, dtype=torch.float64)
    assert domain_loss(-sure, sure).item() < 1e-15
    assert domain_loss(sure, -sure).item() == pytest.approx(40.0)


@pytest.mark.parametrize("sizes", [(2, 30), (30, 2), (5, 5)])
def test_no_constant_answer_beats_chance_whatever_the_sizes(sizes: tuple[int, int]) -> None:
    sides = [torch.zeros(size, dtype=torch.float64) for size in sizes]
    for answer in (-1.0, -0.1, 0.1, 1.0):
        assert domain_loss(*(side + answer for side in sides)).item() > math.log(2) + 1e-3
    assert domain_loss(*sides).item() == pytest.approx(math.log(2), rel=1e-14)


def test_domain_loss_stays_finite_where_a_sigmoid_saturates() -> None:
    logits = torch.tensor([500.0, -500.0], requires_grad=True)
    loss = domain_loss(logits, -logits)
    loss.backward()
    assert loss.item() == pytest.approx(250.0)
    assert torch.isfinite(logits.grad).all()


def oracle_weighted_domain_loss(
    source: np.ndarray, target: np.ndarray, source_weight: np.ndarray, target_weight: np.ndarray
) -> float:
    """The mean of Σ w l / N and Σ w l / M: a weight scales its example's loss, and the count is that of examples."""
    of_source = -sum(w * math.log(1 - 1 / (1 + math.exp(-z))) for z, w in zip(source, source_weight, strict=True))
    of_target = -sum(w * math.log(1 / (1 + math.exp(-z))) for z, w in zip(target, target_weight, strict=True))
    return float(of_source / len(source) + of_target / len(target)) / 2


@pytest.mark.parametrize("sizes", [(4, 4), (3, 7)])
@pytest.mark.parametrize("weighted", ["source", "target", "both"])
def test_weighted_domain_loss_matches_its_oracle(sizes: tuple[int, int], weighted: str) -> None:
    random = np.random.default_rng(1)
    n, m = sizes
    source, target = random.normal(size=n), random.normal(size=m)
    weights = [
        random.uniform(0, 3, n) if weighted in {"source", "both"} else None,
        random.uniform(0, 3, m) if weighted in {"target", "both"} else None,
    ]
    loss = domain_loss(
        torch.from_numpy(source),
        torch.from_numpy(target),
        *(None if w is None else torch.from_numpy(w) for w in weights),
    )
    filled = [np.ones(count) if w is None else w for w, count in zip(weights, sizes, strict=True)]
    assert loss.item() == pytest.approx(oracle_weighted_domain_loss(source, target, *filled), rel=1e-10)


def test_weights_of_the_domain_loss_are_not_normalised() -> None:
    blind = [torch.zeros(count, dtype=torch.float64) for count in (3, 5)]
    weights = [torch.tensor([1.0, 2.0, 0.5]), torch.tensor([0.0, 4.0, 1.0, 1.0, 0.5])]
    chance = math.log(2) * (3.5 / 3 + 6.5 / 5) / 2
    assert domain_loss(*blind, *(w.double() for w in weights)).item() == pytest.approx(chance, rel=1e-12)
    ones = [torch.ones_like(z) for z in blind]
    assert domain_loss(*blind, *ones).item() == pytest.approx(math.log(2), rel=1e-12)


def test_weighted_domain_loss_passes_gradcheck() -> None:
    random = np.random.default_rng(2)
    inputs = [leaf(random.normal(size=n)) for n in (3, 4)] + [leaf(random.uniform(0.1, 2, n)) for n in (3, 4)]
    assert torch.autograd.gradcheck(domain_loss, inputs)


@pytest.mark.parametrize("sizes", [(4, 4), (3, 7)])
@pytest.mark.parametrize("weight", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_domain_adversarial_loss_reverses_the_features_gradient_only(
    sizes: tuple[int, int], weight: float, weighted: bool
) -> None:
    random = np.random.default_rng(3)
    source, target = (random.normal(size=(count, 3)) for count in sizes)
    weights = [random.uniform(0, 2, count) if weighted else np.ones(count) for count in sizes]
    u = random.normal(size=3)

    def oracle(source: np.ndarray, target: np.ndarray, u: np.ndarray) -> float:
        logits = [
            np.array([math.tanh(sum(f * c for f, c in zip(row, u, strict=True))) for row in x])
            for x in (source, target)
        ]
        return oracle_weighted_domain_loss(*logits, *weights)

    seen = []

    def discriminator(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return torch.tanh(x @ coefficients)

    features, coefficients = [leaf(source), leaf(target)], leaf(u)
    given = [torch.from_numpy(w) for w in weights] if weighted else []
    loss = domain_adversarial_loss(discriminator, *features, weight, *given)
    assert loss.item() == pytest.approx(oracle(source, target, u), rel=1e-10)
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0].numpy(), np.concatenate([source, target]))
    loss.backward()
    descended = numerical_gradient(lambda u: oracle(source, target, u), u)
    np.testing.assert_allclose(coefficients.grad.numpy(), descended, rtol=1e-6, atol=1e-8)
    ascended = [
        -weight * numerical_gradient(lambda x: oracle(x, target, u), source),
        -weight * numerical_gradient(lambda x: oracle(source, x, u), target),
    ]
    for feature, expected in zip(features, ascended, strict=True):
        np.testing.assert_allclose(feature.grad.numpy(), expected, rtol=1e-6, atol=1e-8)


def oracle_confusion_loss(logits: np.ndarray) -> float:
    """Tzeng et al. 2015, equation (6) with two domains: −Σ_d (1/2) log q_d, averaged over the examples."""
    total = 0.0
    for z in logits:
        q = 1 / (1 + math.exp(-z))
        total += -math.log(q) / 2 - math.log(1 - q) / 2
    return total / len(logits)


@pytest.mark.parametrize("count", [1, 6, 9])
def test_confusion_loss_matches_its_oracle(count: int) -> None:
    logits = np.random.default_rng(4).normal(size=count) * 3
    assert confusion_loss(torch.from_numpy(logits)).item() == pytest.approx(oracle_confusion_loss(logits), rel=1e-10)


def test_confusion_loss_is_least_at_chance_and_linear_far_from_it() -> None:
    chance = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    loss = confusion_loss(chance)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2), rel=1e-12)
    assert torch.equal(chance.grad, torch.zeros(4, dtype=torch.float64))
    for z in (-3.0, -0.01, 0.01, 3.0):
        assert confusion_loss(torch.full((4,), z, dtype=torch.float64)).item() > math.log(2) + 1e-6
    far = torch.tensor([1e4, -1e4], requires_grad=True)
    loss = confusion_loss(far)
    loss.backward()
    assert loss.item() == pytest.approx(5e3)
    torch.testing.assert_close(far.grad, torch.tensor([0.25, -0.25]))


def test_confusion_loss_passes_gradcheck() -> None:
    assert torch.autograd.gradcheck(confusion_loss, leaf(np.random.default_rng(5).normal(size=6)))


@pytest.mark.parametrize("shape", [(4, 3, 2), (5, 2, 7)])
def test_multilinear_map_matches_its_oracle(shape: tuple[int, int, int]) -> None:
    n, d, k = shape
    random = np.random.default_rng(6)
    features, probabilities = random.normal(size=(n, d)), softmax(random.normal(size=(n, k)))
    expected = np.empty((n, k * d))
    for i in range(n):
        for c in range(k):
            for j in range(d):
                expected[i, c * d + j] = probabilities[i, c] * features[i, j]
    result = multilinear_map(torch.from_numpy(features), torch.from_numpy(probabilities))
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-10)


def test_multilinear_map_of_one_class_is_the_features() -> None:
    features = torch.randn(5, 3, dtype=torch.float64)
    assert torch.equal(multilinear_map(features, torch.ones(5, 1, dtype=torch.float64)), features)


def test_inner_product_of_multilinear_maps_is_the_product_of_inner_products() -> None:
    random = np.random.default_rng(7)
    f, g = torch.from_numpy(random.normal(size=(2, 6))), torch.from_numpy(random.normal(size=(2, 4)))
    first, second = multilinear_map(f, g)
    torch.testing.assert_close(first @ second, (f[0] @ f[1]) * (g[0] @ g[1]), rtol=1e-10, atol=0)


@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (5, 2, 7, 4)])
def test_randomized_map_matches_its_oracle(shape: tuple[int, int, int, int]) -> None:
    n, d, k, out = shape
    random = np.random.default_rng(8)
    features, probabilities = random.normal(size=(n, d)), random.normal(size=(n, k))
    r_f, r_g = random.normal(size=(d, out)), random.normal(size=(k, out))
    expected = np.empty((n, out))
    for i in range(n):
        for j in range(out):
            from_features = sum(features[i, a] * r_f[a, j] for a in range(d))
            from_classes = sum(probabilities[i, b] * r_g[b, j] for b in range(k))
            expected[i, j] = from_features * from_classes / math.sqrt(out)
    result = randomized_map(*(torch.from_numpy(x) for x in (features, probabilities, r_f, r_g)))
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_randomized_map_estimates_the_multilinear_inner_product_without_bias(seed: int) -> None:
    random = np.random.default_rng(seed)
    f = torch.from_numpy(random.normal(size=(2, 4)) + 1)
    g = torch.from_numpy(softmax(random.normal(size=(2, 3))))
    estimates = []
    for _ in range(400):
        r_f, r_g = random.normal(size=(4, 25)), random.normal(size=(3, 25))
        first, second = randomized_map(f, g, torch.from_numpy(r_f), torch.from_numpy(r_g))
        estimates.append((first @ second).item())
    expected = ((f[0] @ f[1]) * (g[0] @ g[1])).item()
    error = np.std(estimates, ddof=1) / math.sqrt(len(estimates))
    assert abs(expected) > 6 * error  # neither nothing nor half of it would do
    assert abs(np.mean(estimates) - expected) < 4 * error


def test_maps_pass_gradcheck() -> None:
    random = np.random.default_rng(9)
    f, g = leaf(random.normal(size=(3, 2))), leaf(random.normal(size=(3, 4)))
    matrices = torch.from_numpy(random.normal(size=(2, 5))), torch.from_numpy(random.normal(size=(4, 5)))
    assert torch.autograd.gradcheck(multilinear_map, (f, g))
    assert torch.autograd.gradcheck(lambda f, g: randomized_map(f, g, *matrices), (f, g))


@pytest.mark.parametrize("shape", [(6, 4), (3, 9)])
def test_entropy_weight_matches_its_oracle(shape: tuple[int, int]) -> None:
    logits = np.random.default_rng(10).normal(size=shape) * 2
    expected = [1 + math.exp(-shannon(p)) for p in softmax(logits)]
    np.testing.assert_allclose(entropy_weight(torch.from_numpy(logits)).numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("classes", [2, 5])
def test_entropy_weight_runs_from_uniform_to_certain(classes: int) -> None:
    uniform = torch.full((3, classes), 7.0, dtype=torch.float64)
    torch.testing.assert_close(entropy_weight(uniform), torch.full((3,), 1 + 1 / classes, dtype=torch.float64))
    certain = (1e4 * F.one_hot(torch.arange(3) % classes, classes)).float().requires_grad_()
    weight = entropy_weight(certain)
    weight.sum().backward()
    assert torch.equal(weight, torch.full((3,), 2.0))
    assert torch.isfinite(certain.grad).all()


def test_entropy_weight_passes_gradcheck() -> None:
    assert torch.autograd.gradcheck(entropy_weight, leaf(np.random.default_rng(11).normal(size=(4, 3))))
