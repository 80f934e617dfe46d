"""Losses of class predictions, against float64 NumPy oracles that loop over the papers' sums."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from oracles import leaf, numerical_gradient, shannon, softmax
from torch import Tensor
from torch.nn import functional as F

from dann.functional.predictions import (
    class_confusion,
    classifier_discrepancy,
    entropy,
    kl_divergence,
    label_loss,
    margin_disparity_loss,
    marginal_entropy,
    nuclear_norm,
    pseudo_label_loss,
)

SHAPES = [(6, 4), (3, 7), (9, 2)]


def logits_of(shape: tuple[int, int], seed: int = 0, scale: float = 2.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * scale


def one_hots(classes: list[int], count: int, size: float = 1e4, dtype: torch.dtype = torch.float32) -> Tensor:
    """Logits whose softmax is 1 at a class and exactly 0 elsewhere."""
    return (size * F.one_hot(torch.tensor(classes), count)).to(dtype).requires_grad_()


def assert_finite(loss: Tensor, *inputs: Tensor) -> None:
    assert torch.isfinite(loss)
    for gradient in torch.autograd.grad(loss, inputs):
        assert torch.isfinite(gradient).all()


def oracle_label_loss(logits: np.ndarray, labels: np.ndarray, weight: np.ndarray, smoothing: float) -> float:
    """Cross-entropy with (1 − s) e_y + s/K, the weighted mean over examples (Szegedy et al. 2016, section 7)."""
    n, classes = logits.shape
    p = softmax(logits)
    total = 0.0
    for i in range(n):
        for k in range(classes):
            wanted = (1 - smoothing) * (k == labels[i]) + smoothing / classes
            total -= weight[i] * wanted * math.log(p[i, k])
    return total / sum(weight)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_label_loss_matches_its_oracle(shape: tuple[int, int], smoothing: float, weighted: bool) -> None:
    logits, random = logits_of(shape), np.random.default_rng(1)
    labels = random.integers(0, shape[1], shape[0])
    weight = random.uniform(0, 3, shape[0]) if weighted else np.ones(shape[0])
    given = torch.from_numpy(weight) if weighted else None
    loss = label_loss(torch.from_numpy(logits), torch.from_numpy(labels), given, smoothing=smoothing)
    assert loss.item() == pytest.approx(oracle_label_loss(logits, labels, weight, smoothing), rel=1e-10)


def test_smoothed_and_weighted_label_loss_passes_gradcheck() -> None:
    weight = torch.rand(6, dtype=torch.float64) + 0.1
    labels = torch.arange(6) % 4
    assert torch.autograd.gradcheck(lambda z: label_loss(z, labels, weight, 0.2), leaf(logits_of((6, 4))))


def test_smoothed_label_loss_is_least_at_the_smoothed_label() -> None:
    wanted = torch.full((1, 4), 0.05, dtype=torch.float64)
    wanted[0, 2] += 0.8
    best = label_loss(wanted.log(), torch.tensor([2]), smoothing=0.2)
    assert best.item() == pytest.approx(shannon(wanted[0].numpy()), rel=1e-12)
    assert label_loss(10 * wanted.log(), torch.tensor([2]), smoothing=0.2) > best + 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_entropies_match_their_oracles(shape: tuple[int, int]) -> None:
    logits = logits_of(shape)
    p = softmax(logits)
    mean_entropy = sum(shannon(row) for row in p) / len(p)
    marginal = [sum(p[i, k] for i in range(shape[0])) / shape[0] for k in range(shape[1])]
    assert entropy(torch.from_numpy(logits)).item() == pytest.approx(mean_entropy, rel=1e-10)
    assert marginal_entropy(torch.from_numpy(logits)).item() == pytest.approx(shannon(np.array(marginal)), rel=1e-10)


def test_entropies_at_the_extremes() -> None:
    uniform = torch.full((6, 3), -2.0, dtype=torch.float64)
    assert entropy(uniform).item() == pytest.approx(math.log(3), rel=1e-12)
    assert marginal_entropy(uniform).item() == pytest.approx(math.log(3), rel=1e-12)
    balanced, collapsed = one_hots([0, 1, 2, 0, 1, 2], 3), one_hots([1] * 6, 3)
    assert entropy(balanced).item() == entropy(collapsed).item() == 0
    assert marginal_entropy(balanced).item() == pytest.approx(math.log(3), rel=1e-6)
    assert marginal_entropy(collapsed).item() == pytest.approx(0, abs=1e-6)
    for logits in (balanced, collapsed):
        assert_finite(entropy(logits), logits)
        assert_finite(marginal_entropy(logits), logits)


def test_marginal_entropy_is_at_least_the_mean_entropy() -> None:
    logits = torch.from_numpy(logits_of((8, 5)))
    assert marginal_entropy(logits) > entropy(logits) + 0.1
    same = logits[:1].expand(8, 5)
    torch.testing.assert_close(marginal_entropy(same), entropy(same), rtol=1e-12, atol=0)


@pytest.mark.parametrize("loss", [entropy, marginal_entropy, nuclear_norm])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_losses_of_one_prediction_pass_gradcheck(loss: Callable[[Tensor], Tensor], shape: tuple[int, int]) -> None:
    assert torch.autograd.gradcheck(loss, leaf(logits_of(shape)))


def confusion_weights(logits: np.ndarray, temperature: float) -> list[float]:
    """Jin et al. 2020, equation (5): W_i = B (1 + exp(−H(y_i))) / Σ_j (1 + exp(−H(y_j)))."""
    certainty = [1 + math.exp(-shannon(y)) for y in softmax(logits / temperature)]
    return [len(logits) * c / sum(certainty) for c in certainty]


def oracle_class_confusion(logits: np.ndarray, temperature: float, weights: list[float]) -> float:
    """Jin et al. 2020, equations (2) to (7)."""
    size, classes = logits.shape
    y = softmax(logits / temperature)
    c = np.zeros((classes, classes))
    for j in range(classes):
        for k in range(classes):
            c[j, k] = sum(y[i, j] * weights[i] * y[i, k] for i in range(size))
    total = 0.0
    for j in range(classes):
        for k in range(classes):
            if j != k:
                total += abs(c[j, k] / sum(c[j, other] for other in range(classes)))
    return total / classes


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("temperature", [1.0, 2.5, 4.0])
def test_class_confusion_matches_its_oracle(shape: tuple[int, int], temperature: float) -> None:
    logits = logits_of(shape)
    expected = oracle_class_confusion(logits, temperature, confusion_weights(logits, temperature))
    assert class_confusion(torch.from_numpy(logits), temperature).item() == pytest.approx(expected, rel=1e-10)


def test_class_confusion_has_a_temperature_of_two_and_a_half() -> None:
    logits = torch.from_numpy(logits_of((6, 4)))
    assert class_confusion(logits).item() == class_confusion(logits, 2.5).item()


def test_gradient_of_class_confusion_holds_the_weights_fixed() -> None:
    logits = logits_of((5, 3))
    weights = confusion_weights(logits, 2.5)
    z = leaf(logits)
    class_confusion(z).backward()
    fixed = numerical_gradient(lambda z: oracle_class_confusion(z, 2.5, weights), logits)
    moving = numerical_gradient(lambda z: oracle_class_confusion(z, 2.5, confusion_weights(z, 2.5)), logits)
    np.testing.assert_allclose(z.grad.numpy(), fixed, rtol=1e-6, atol=1e-9)
    assert np.abs(fixed - moving).max() > 1e-4


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_class_confusion_runs_from_none_to_uniform(classes: int) -> None:
    certain = one_hots([*range(classes), 0], classes)
    assert class_confusion(certain).item() == 0
    assert_finite(class_confusion(certain), certain)
    uniform = torch.ones(4, classes, dtype=torch.float64)
    assert class_confusion(uniform).item() == pytest.approx((classes - 1) / classes, rel=1e-12)


def test_class_confusion_of_a_class_that_nobody_predicts_is_its_limit() -> None:
    """The row of such a class has nothing on the diagonal, however small it is, and so costs 1/K."""
    logits = one_hots([0, 1, 1], 4)
    assert class_confusion(logits).item() == pytest.approx(2 / 4, rel=1e-6)
    assert_finite(class_confusion(logits), logits)


def oracle_nuclear_norm(logits: np.ndarray) -> float:
    """Cui et al. 2020, equation (9): singular values as roots of the eigenvalues of the smaller Gram matrix."""
    a = softmax(logits)
    if a.shape[0] < a.shape[1]:
        a = a.T
    rows, columns = a.shape
    gram = [[sum(a[i, j] * a[i, k] for i in range(rows)) for k in range(columns)] for j in range(columns)]
    return sum(math.sqrt(value) for value in np.linalg.eigvalsh(gram)) / len(logits)


@pytest.mark.parametrize("shape", SHAPES)
def test_nuclear_norm_matches_its_oracle(shape: tuple[int, int]) -> None:
    logits = logits_of(shape)
    assert nuclear_norm(torch.from_numpy(logits)).item() == pytest.approx(oracle_nuclear_norm(logits), rel=1e-10)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (1, 6)])
def test_nuclear_norm_of_the_authors_is_the_mean_singular_value(shape: tuple[int, int]) -> None:
    logits = logits_of(shape)
    expected = np.linalg.svd(softmax(logits), compute_uv=False).mean()
    assert nuclear_norm(torch.from_numpy(logits), "singular_values").item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("copies", "classes"), [(1, 4), (3, 4), (5, 2)])
def test_nuclear_norm_at_balanced_certainty_and_at_uniformity(copies: int, classes: int) -> None:
    """Balanced one-hots have K singular values √(B/K), so √(BK)/B = √(K/B); uniform rows have one, √(B/K)."""
    size = copies * classes
    balanced = one_hots(list(range(classes)) * copies, classes)
    assert nuclear_norm(balanced).item() == pytest.approx(math.sqrt(classes / size), rel=1e-6)
    assert_finite(nuclear_norm(balanced), balanced)
    uniform = torch.zeros(size, classes, dtype=torch.float64, requires_grad=True)
    assert nuclear_norm(uniform).item() == pytest.approx(1 / math.sqrt(size * classes), rel=1e-10)
    assert_finite(nuclear_norm(uniform), uniform)


@pytest.mark.parametrize("shape", [(3, 7), (9, 2), (5, 5)])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_nuclear_norm_keeps_to_its_bounds(shape: tuple[int, int], scale: float) -> None:
    """‖A‖_F ≤ ‖A‖_* ≤ √min(B, K) ‖A‖_F, and rows that sum to 1 have √(B/K) ≤ ‖A‖_F ≤ √B."""
    size, classes = shape
    least, most = 1 / math.sqrt(size * classes), math.sqrt(min(shape) / size)
    for seed in range(20):
        norm = nuclear_norm(torch.from_numpy(logits_of(shape, seed, scale))).item()
        assert least - 1e-12 <= norm <= most + 1e-12


@pytest.mark.parametrize("shape", SHAPES)
def test_classifier_discrepancy_matches_its_oracle(shape: tuple[int, int]) -> None:
    a, b = logits_of(shape, 0), logits_of(shape, 1)
    p, q = softmax(a), softmax(b)
    total = sum(abs(p[i, k] - q[i, k]) for i in range(shape[0]) for k in range(shape[1]))
    loss = classifier_discrepancy(torch.from_numpy(a), torch.from_numpy(b))
    assert loss.item() == pytest.approx(total / (shape[0] * shape[1]), rel=1e-10)


@pytest.mark.parametrize("classes", [2, 5])
def test_classifier_discrepancy_of_equal_and_of_opposite_classifiers(classes: int) -> None:
    a, b = one_hots([0, 1, 0], classes), one_hots([1, 0, 1], classes)
    assert classifier_discrepancy(a, b).item() == pytest.approx(2 / classes, rel=1e-6)
    assert classifier_discrepancy(a, a).item() == 0
    assert_finite(classifier_discrepancy(a, b), a, b)
    assert_finite(classifier_discrepancy(a, a), a)


def oracle_margin_disparity(
    source: np.ndarray, source_adversary: np.ndarray, target: np.ndarray, target_adversary: np.ndarray, margin: float
) -> float:
    """Zhang et al. 2019, equations (29) and (30): γ E_s −log σ_{h(x)}(f'(x)) less E_t log(1 − σ_{h(x)}(f'(x)))."""
    p, q = softmax(source_adversary), softmax(target_adversary)
    on_source = sum(-math.log(p[i, max(range(len(z)), key=z.__getitem__)]) for i, z in enumerate(source))
    on_target = sum(math.log(1 - q[i, max(range(len(z)), key=z.__getitem__)]) for i, z in enumerate(target))
    return margin * on_source / len(source) - on_target / len(target)


@pytest.mark.parametrize(("n", "m", "classes"), [(6, 6, 4), (3, 5, 2), (5, 2, 7)])
@pytest.mark.parametrize("margin", [1.0, 4.0])
def test_margin_disparity_matches_its_oracle(n: int, m: int, classes: int, margin: float) -> None:
    inputs = [logits_of((count, classes), seed) for seed, count in enumerate((n, n, m, m))]
    loss = margin_disparity_loss(*(torch.from_numpy(z) for z in inputs), margin)
    assert loss.item() == pytest.approx(oracle_margin_disparity(*inputs, margin), rel=1e-10)
    if margin == 4.0:
        assert margin_disparity_loss(*(torch.from_numpy(z) for z in inputs)).item() == loss.item()


def test_margin_disparity_passes_gradcheck_in_its_adversary_and_gives_the_classifier_nothing() -> None:
    source, source_adversary, target, target_adversary = (leaf(logits_of((4, 3), seed)) for seed in range(4))
    assert torch.autograd.gradcheck(
        lambda a, b: margin_disparity_loss(source.detach(), a, target.detach(), b), (source_adversary, target_adversary)
    )
    loss = margin_disparity_loss(source, source_adversary, target, target_adversary)
    for gradient in torch.autograd.grad(loss, (source, target), allow_unused=True):
        assert gradient is None or not gradient.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("classes", [2, 4])
def test_margin_disparity_is_exact_where_a_probability_is_one(dtype: torch.dtype, classes: int) -> None:
    prediction = one_hots([0, 1], classes, dtype=dtype).detach()
    agrees, opposes = (one_hots([0, 1], classes, size, dtype) for size in (1e4, -1e4))
    others = math.log(classes - 1)  # at ±10⁴ on the argmax and 0 elsewhere, the other classes' log-sum-exp
    for source, target, expected in (
        (agrees, agrees, 0 - (others - 1e4)),
        (opposes, opposes, 4 * (1e4 + others) - 0),
        (agrees, opposes, 0),
        (opposes, agrees, 4 * (1e4 + others) - (others - 1e4)),
    ):
        a, b = (z.detach().clone().requires_grad_() for z in (source, target))
        loss = margin_disparity_loss(prediction, a, prediction, b)
        assert loss.item() == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert_finite(loss, a, b)
    a, b = (z.detach().clone().requires_grad_() for z in (agrees, agrees))
    (gradient,) = torch.autograd.grad(margin_disparity_loss(prediction, a, prediction, b), b)
    torch.testing.assert_close(gradient[0, 0], torch.tensor(0.5, dtype=dtype))  # still pushed down, at full rate


@pytest.mark.parametrize("shape", SHAPES)
def test_kl_divergence_matches_its_oracle(shape: tuple[int, int]) -> None:
    a, b = logits_of(shape, 0), logits_of(shape, 1)
    p, q = softmax(a), softmax(b)
    total = sum(p[i, k] * math.log(p[i, k] / q[i, k]) for i in range(shape[0]) for k in range(shape[1]))
    assert kl_divergence(torch.from_numpy(a), torch.from_numpy(b)).item() == pytest.approx(total / shape[0], rel=1e-10)


def test_pairwise_losses_pass_gradcheck_on_both_sides() -> None:
    inputs = leaf(logits_of((4, 3), 0)), leaf(logits_of((4, 3), 1))
    assert torch.autograd.gradcheck(kl_divergence, inputs)
    assert torch.autograd.gradcheck(classifier_discrepancy, inputs)


def test_kl_divergence_at_the_extremes() -> None:
    logits = torch.from_numpy(logits_of((5, 4)))
    assert kl_divergence(logits, logits + 7).item() == pytest.approx(0, abs=1e-14)
    uniform = torch.zeros(3, 4)
    certain = one_hots([0, 1, 2], 4)
    assert kl_divergence(certain, uniform).item() == pytest.approx(math.log(4), rel=1e-6)
    opposed = one_hots([1, 2, 0], 4)
    assert kl_divergence(certain, opposed).item() == pytest.approx(1e4)
    assert_finite(kl_divergence(certain, opposed), certain, opposed)


def oracle_pseudo_label_loss(logits: np.ndarray, labeller: np.ndarray, threshold: float) -> float:
    """Sohn et al. 2020, equation (4): (1/µB) Σ 1(max q_b ≥ τ) H(argmax q_b, p_b)."""
    p, q = softmax(logits), softmax(labeller)
    total = 0.0
    for i in range(len(logits)):
        label = max(range(len(q[i])), key=q[i].__getitem__)
        if q[i, label] >= threshold:
            total -= math.log(p[i, label])
    return total / len(logits)


@pytest.mark.parametrize("shape", [(12, 4), (9, 2)])
@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.8, 0.95])
def test_pseudo_label_loss_matches_its_oracle(shape: tuple[int, int], threshold: float) -> None:
    logits, labeller = logits_of(shape, 0), logits_of(shape, 1, 3.0)
    kept = int((softmax(labeller).max(axis=1) >= threshold).sum())
    assert kept == shape[0] if threshold == 0 else 0 < kept < shape[0]
    loss = pseudo_label_loss(torch.from_numpy(logits), torch.from_numpy(labeller), threshold)
    assert loss.item() == pytest.approx(oracle_pseudo_label_loss(logits, labeller, threshold), rel=1e-10)


def test_pseudo_label_loss_keeps_an_example_at_the_threshold_and_defaults_to_0_95() -> None:
    labeller = torch.tensor([[3.0, 3.0], [0.0, 10.0]], dtype=torch.float64)
    logits = torch.zeros(2, 2, dtype=torch.float64)
    assert pseudo_label_loss(logits, labeller, 0.5).item() == pytest.approx(math.log(2), rel=1e-12)
    assert pseudo_label_loss(logits, labeller, 0.51).item() == pytest.approx(math.log(2) / 2, rel=1e-12)
    below, above = (torch.tensor([[math.log(p / (1 - p)), 0.0]], dtype=torch.float64) for p in (0.949, 0.951))
    assert pseudo_label_loss(logits[:1], below).item() == 0
    assert pseudo_label_loss(logits[:1], above).item() == pytest.approx(math.log(2), rel=1e-12)


def test_pseudo_label_loss_gives_its_labeller_no_gradient() -> None:
    logits, labeller = leaf(logits_of((8, 3), 0)), leaf(logits_of((8, 3), 1, 3.0))
    (gradient,) = torch.autograd.grad(pseudo_label_loss(logits, labeller, 0.8), labeller, allow_unused=True)
    assert gradient is None or not gradient.any()
    assert torch.autograd.gradcheck(lambda z: pseudo_label_loss(z, labeller.detach(), 0.8), logits)


def test_pseudo_label_loss_of_a_network_that_labels_itself() -> None:
    logits = logits_of((8, 3), 0, 3.0)
    z = leaf(logits)
    loss = pseudo_label_loss(z, z, 0.8)
    assert loss.item() == pytest.approx(oracle_pseudo_label_loss(logits, logits, 0.8), rel=1e-10)
    loss.backward()
    expected = numerical_gradient(lambda z: oracle_pseudo_label_loss(z, logits, 0.8), logits)
    np.testing.assert_allclose(z.grad.numpy(), expected, rtol=1e-6, atol=1e-9)


def test_pseudo_label_loss_of_no_confident_example_is_zero() -> None:
    logits = leaf(logits_of((4, 3)))
    loss = pseudo_label_loss(logits, torch.zeros(4, 3, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0
    assert not gradient.any()
