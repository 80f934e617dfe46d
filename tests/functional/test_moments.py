"""Mean, covariance and MMD distances, against float64 NumPy oracles that loop over the papers' sums."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from oracles import leaf, numerical_gradient

from dann.functional.moments import Kernels, coral, jmmd, lmmd, mean_distance, mk_mmd

ESTIMATORS = ["unbiased", "biased", "linear", "neighbours"]
FIVE = (0.25, 0.5, 1.0, 2.0, 4.0)
SIZES = [(5, 6), (7, 3), (7, 7)]  # an odd number of pairs each, so that their median is one of them


def domains(n: int, m: int, d: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)), random.normal(size=(m, d)) * 1.5 + 0.5


def value(function: Callable[..., torch.Tensor], *inputs: np.ndarray, **options: Any) -> float:
    result = function(*(torch.from_numpy(x) for x in inputs), **options)
    assert result.shape == ()
    return result.item()


def joint(sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], **options: Any) -> float:
    given = {"estimator": options.pop("estimator")} if "estimator" in options else {}
    kernels = [Kernels(**options)] * len(sources) if options else None
    layers = ([torch.from_numpy(x) for x in domain] for domain in (sources, targets))
    result = jmmd(*layers, kernels=kernels, **given)
    assert result.shape == ()
    return result.item()


def oracle_mean_distance(source: np.ndarray, target: np.ndarray) -> float:
    """Tzeng et al. 2014, equation (1), squared: ‖mean of φ(x_s) − mean of φ(x_t)‖²."""
    total = 0.0
    for j in range(source.shape[1]):
        total += (sum(x[j] for x in source) / len(source) - sum(x[j] for x in target) / len(target)) ** 2
    return total


def oracle_covariance(x: np.ndarray) -> np.ndarray:
    """Sun & Saenko 2016, equations (2) and (3): (DᵀD − (1ᵀD)ᵀ(1ᵀD)/n) / (n − 1)."""
    n, d = x.shape
    result = np.empty((d, d))
    for a in range(d):
        for b in range(d):
            product = sum(x[i, a] * x[i, b] for i in range(n))
            result[a, b] = (product - sum(x[:, a]) * sum(x[:, b]) / n) / (n - 1)
    return result


def oracle_coral(source: np.ndarray, target: np.ndarray) -> float:
    """Sun & Saenko 2016, equation (1): ‖C_s − C_t‖_F² / 4d²."""
    d = source.shape[1]
    c_s, c_t = oracle_covariance(source), oracle_covariance(target)
    return sum((c_s[a, b] - c_t[a, b]) ** 2 for a in range(d) for b in range(d)) / (4 * d**2)


def squared_distance(x: np.ndarray, y: np.ndarray) -> float:
    return sum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def oracle_bandwidth(source: np.ndarray, target: np.ndarray, rule: str = "median") -> float:
    pooled = [*source, *target]
    distances = [squared_distance(pooled[i], pooled[j]) for j in range(len(pooled)) for i in range(j)]
    return float({"median": np.median, "mean": np.mean}[rule](distances))


def oracle_mmd(
    sources: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    estimator: str,
    multipliers: Sequence[float],
    bandwidths: Sequence[float],
) -> float:
    """Gretton et al. 2012, equations (3), (5) and (14); of several layers, Long et al. 2017, (8) to (10)."""
    n, m, layers = len(sources[0]), len(targets[0]), range(len(sources))
    x = [[source[i] for source in sources] for i in range(n)]
    y = [[target[i] for target in targets] for i in range(m)]

    def k(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
        product = 1.0
        for layer in layers:
            distance = squared_distance(a[layer], b[layer])
            product *= sum(math.exp(-distance / (c * bandwidths[layer])) for c in multipliers) / len(multipliers)
        return product

    if estimator in {"linear", "neighbours"}:
        even = min(n, m) - min(n, m) % 2
        pairs = [(i, i + 1) for i in range(0, even, 2)]
        if estimator == "neighbours":
            pairs = [(i, (i + 1) % even) for i in range(even)]
        terms = [k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(x[j], y[i]) for i, j in pairs]
        return sum(terms) / len(terms)
    across = sum(k(x[i], y[j]) for i in range(n) for j in range(m)) / (n * m)
    if estimator == "biased":
        within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n)) / n**2
        within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m)) / m**2
    else:
        within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * across


@pytest.mark.parametrize("sizes", [(4, 4), (3, 7), (1, 2)])
def test_mean_distance_matches_its_oracle(sizes: tuple[int, int]) -> None:
    source, target = domains(*sizes)
    assert value(mean_distance, source, target) == pytest.approx(oracle_mean_distance(source, target), rel=1e-10)


def test_mean_distance_of_a_shifted_copy_is_the_squared_shift() -> None:
    source, _ = domains(6, 1)
    assert value(mean_distance, source, source + np.array([1.0, -2.0, 3.0])) == pytest.approx(14, rel=1e-12)
    assert value(mean_distance, source, source[::-1].copy()) == pytest.approx(0, abs=1e-25)


@pytest.mark.parametrize(("sizes", "d"), [((4, 4), 3), ((3, 7), 2), ((5, 6), 8)])
def test_coral_matches_its_oracle(sizes: tuple[int, int], d: int) -> None:
    source, target = domains(*sizes, d)
    assert value(coral, source, target) == pytest.approx(oracle_coral(source, target), rel=1e-10)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_coral_of_a_shifted_and_of_a_scaled_copy(scale: float) -> None:
    source, _ = domains(6, 1, 4)
    shift = np.array([5.0, -3.0, 0.0, 100.0])
    assert value(coral, source, source + shift) == pytest.approx(0, abs=1e-20)
    norm = np.square(np.cov(source.T)).sum()
    closed = (1 - scale**2) ** 2 * norm / (4 * 4**2)
    assert value(coral, source, scale * source) == pytest.approx(closed, rel=1e-10, abs=1e-25)


def test_mean_distance_and_coral_pass_gradcheck() -> None:
    inputs = tuple(leaf(x) for x in domains(4, 5))
    assert torch.autograd.gradcheck(mean_distance, inputs)
    assert torch.autograd.gradcheck(coral, inputs)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("bandwidth", ["median", "mean"])
@pytest.mark.parametrize("multipliers", [FIVE, (1.0,), (0.3, 7.0)])
def test_mk_mmd_matches_its_oracle(
    sizes: tuple[int, int], estimator: str, bandwidth: str, multipliers: tuple[float, ...]
) -> None:
    source, target = domains(*sizes)
    width = oracle_bandwidth(source, target, bandwidth)
    expected = oracle_mmd([source], [target], estimator, multipliers, [width])
    result = value(mk_mmd, source, target, estimator=estimator, multipliers=multipliers, bandwidth=bandwidth)
    assert result == pytest.approx(expected, rel=1e-10)


def test_mk_mmd_defaults_to_five_kernels_the_median_and_no_bias() -> None:
    source, target = domains(5, 6)
    expected = oracle_mmd([source], [target], "unbiased", FIVE, [oracle_bandwidth(source, target)])
    assert value(mk_mmd, source, target) == pytest.approx(expected, rel=1e-10)


def test_the_median_of_an_even_number_of_distances_is_the_mean_of_the_middle_two() -> None:
    source, target = domains(4, 4)
    pooled = [*source, *target]
    middle = sorted(squared_distance(pooled[i], pooled[j]) for j in range(8) for i in range(j))[13:15]
    expected, *others = (
        oracle_mmd([source], [target], "biased", FIVE, [width]) for width in (sum(middle) / 2, middle[0], middle[1])
    )
    assert value(mk_mmd, source, target, estimator="biased") == pytest.approx(expected, rel=1e-10)
    assert all(other != pytest.approx(expected, rel=1e-4) for other in others)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("bandwidth", ["median", "mean"])
def test_jmmd_matches_its_oracle(sizes: tuple[int, int], estimator: str, bandwidth: str) -> None:
    layers = [domains(*sizes, d, seed) for seed, d in enumerate((3, 5, 2))]
    sources, targets = zip(*layers, strict=True)
    widths = [oracle_bandwidth(source, target, bandwidth) for source, target in layers]
    for multipliers in ((1.0,), (0.5, 2.0, 3.0)):
        expected = oracle_mmd(sources, targets, estimator, multipliers, widths)
        result = joint(sources, targets, estimator=estimator, multipliers=multipliers, bandwidth=bandwidth)
        assert result == pytest.approx(expected, rel=1e-10)


def test_jmmd_defaults_to_one_kernel_and_the_biased_estimator() -> None:
    layers = [domains(5, 6, d, seed) for seed, d in enumerate((3, 4))]
    sources, targets = zip(*layers, strict=True)
    expected = oracle_mmd(sources, targets, "biased", (1.0,), [oracle_bandwidth(*layer) for layer in layers])
    assert joint(sources, targets) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_layers_of_jmmd_have_kernels_of_their_own(estimator: str) -> None:
    """As in the code of JAN's authors: five kernels on features, one of fixed bandwidth on class probabilities."""
    layers = [domains(6, 6, d, d) for d in (4, 3)]
    sources, targets = ([torch.from_numpy(x) for x in domain] for domain in zip(*layers, strict=True))
    result = jmmd(sources, targets, estimator=estimator, kernels=[Kernels(FIVE, "mean"), Kernels((1.0,), 1.68)])

    def k(i: int, a: int, j: int, b: int) -> float:  # examples i, j of the domains a, b, which are 0 and 1
        distances = [squared_distance(layer[a][i], layer[b][j]) for layer in layers]
        width = oracle_bandwidth(*layers[0], "mean")
        return sum(math.exp(-distances[0] / (c * width)) for c in FIVE) / 5 * math.exp(-distances[1] / 1.68)

    pairs = {
        "linear": [(0, 1), (2, 3), (4, 5)],
        "neighbours": [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)],
        "biased": list(itertools.product(range(6), repeat=2)),
        "unbiased": [(i, j) for i in range(6) for j in range(6) if i != j],
    }[estimator]
    within = np.mean([k(i, a, j, a) for i, j in pairs for a in (0, 1)]) * 2
    across = pairs if estimator in {"linear", "neighbours"} else list(itertools.product(range(6), repeat=2))
    expected = within - 2 * np.mean([(k(i, 0, j, 1) + k(j, 0, i, 1)) / 2 for i, j in across])
    assert result.item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("bandwidth", ["median", "mean"])
def test_jmmd_of_one_layer_is_mk_mmd(estimator: str, bandwidth: str) -> None:
    source, target = domains(4, 6)
    options = {"estimator": estimator, "multipliers": FIVE, "bandwidth": bandwidth}
    assert joint([source], [target], **options) == pytest.approx(value(mk_mmd, source, target, **options), rel=1e-14)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("bandwidth", ["median", "mean"])
def test_gradients_of_mk_mmd_hold_the_bandwidth_fixed(estimator: str, bandwidth: str) -> None:
    source, target = domains(4, 3, 2)
    width = oracle_bandwidth(source, target, bandwidth)
    inputs = leaf(source), leaf(target)
    mk_mmd(*inputs, estimator=estimator, bandwidth=bandwidth).backward()
    expected = [
        numerical_gradient(lambda x: oracle_mmd([x], [target], estimator, FIVE, [width]), source),
        numerical_gradient(lambda x: oracle_mmd([source], [x], estimator, FIVE, [width]), target),
    ]
    for leaf_, numbers in zip(inputs, expected, strict=True):
        np.testing.assert_allclose(leaf_.grad.numpy(), numbers, rtol=1e-6, atol=1e-8)
    moving = numerical_gradient(
        lambda x: oracle_mmd([x], [target], estimator, FIVE, [oracle_bandwidth(x, target, bandwidth)]), source
    )
    assert np.abs(moving - expected[0]).max() > 1e-4


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradients_of_jmmd_hold_the_bandwidths_fixed(estimator: str) -> None:
    layers = [domains(4, 3, d, seed) for seed, d in enumerate((2, 3))]
    sources, targets = zip(*layers, strict=True)
    widths = [oracle_bandwidth(*layer) for layer in layers]
    inputs = [leaf(x) for x in sources]
    jmmd(inputs, [torch.from_numpy(x) for x in targets], estimator=estimator).backward()
    for layer in (0, 1):

        def of_the_layer(x: np.ndarray, layer: int = layer) -> float:
            replaced = [x if index == layer else source for index, source in enumerate(sources)]
            return oracle_mmd(replaced, targets, estimator, (1.0,), widths)

        numbers = numerical_gradient(of_the_layer, sources[layer])
        np.testing.assert_allclose(inputs[layer].grad.numpy(), numbers, rtol=1e-6, atol=1e-8)


def test_mmd_of_a_sample_with_itself() -> None:
    source, _ = domains(7, 1)
    n, width = 7, oracle_bandwidth(source, source, "mean")
    assert value(mk_mmd, source, source, estimator="biased") == pytest.approx(0, abs=1e-14)
    assert joint([source, 2 * source], [source, 2 * source]) == pytest.approx(0, abs=1e-14)
    mean_kernel = sum(math.exp(-squared_distance(a, b) / width) for a in source for b in source) / n**2
    unbiased = value(mk_mmd, source, source, multipliers=(1.0,), bandwidth="mean")
    assert unbiased == pytest.approx(-2 * (1 - mean_kernel) / (n - 1), rel=1e-10)  # each point misses its own twin


def test_linear_estimator_on_examples_small_enough_for_paper() -> None:
    options = {"estimator": "linear", "multipliers": (1.0,)}
    # Squared distances 1, 1, 1, 4, 4 and 9, of mean 10/3; h pairs 0 with 1 and 3 with 2, less 0 with 2 and 1 with 3.
    source, target = np.array([[0.0], [1.0]]), np.array([[3.0], [2.0]])
    by_hand = 2 * math.exp(-0.3) - 2 * math.exp(-1.2)
    assert value(mk_mmd, source, target, bandwidth="mean", **options) == pytest.approx(by_hand, rel=1e-12)
    # A third point of each is in the bandwidth (three 0s, seven 1s, four 4s, one 9: median 1) and in no pair.
    source, target = np.array([[0.0], [1.0], [2.0]]), np.array([[3.0], [2.0], [2.0]])
    by_hand = 2 * math.exp(-1) - 2 * math.exp(-4)
    assert value(mk_mmd, source, target, **options) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("estimator", ["unbiased", "linear"])
def test_estimators_average_to_zero_under_equal_distributions(estimator: str) -> None:
    random = np.random.default_rng(0)
    values = [
        value(mk_mmd, random.normal(size=(6, 2)), random.normal(size=(9, 2)), estimator=estimator) for _ in range(500)
    ]
    assert min(values) < 0 < max(values)
    assert abs(np.mean(values)) < 4 * np.std(values, ddof=1) / math.sqrt(len(values))


def test_biased_estimator_is_never_negative_and_averages_above_zero() -> None:
    random = np.random.default_rng(0)
    values = [
        value(mk_mmd, random.normal(size=(6, 2)), random.normal(size=(9, 2)), estimator="biased") for _ in range(100)
    ]
    assert min(values) > 0
    assert np.mean(values) > 4 * np.std(values, ddof=1) / math.sqrt(len(values))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_mk_mmd_is_free_of_scale_and_origin(estimator: str) -> None:
    source, target = domains(5, 6)
    expected = value(mk_mmd, source, target, estimator=estimator)
    assert value(mk_mmd, 1e3 * source, 1e3 * target, estimator=estimator) == pytest.approx(expected, rel=1e-10)
    assert value(mk_mmd, source + 50, target + 50, estimator=estimator) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_mk_mmd_in_single_precision_is_as_good_far_from_the_origin(estimator: str) -> None:
    # In steps of 1/64, so that the shift itself rounds nothing.
    source, target = (torch.from_numpy((x * 64).round() / 64).float() for x in domains(5, 6))
    expected = mk_mmd(source.double(), target.double(), estimator=estimator).item()
    for shift in (0.0, 4096.0):
        result = mk_mmd(source + shift, target + shift, estimator=estimator)
        assert result.item() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_mk_mmd_averages_its_kernels(estimator: str) -> None:
    source, target = domains(5, 6)
    alone = [value(mk_mmd, source, target, estimator=estimator, multipliers=(c,)) for c in (0.5, 2.0, 3.0)]
    together = value(mk_mmd, source, target, estimator=estimator, multipliers=(0.5, 2.0, 3.0))
    assert together == pytest.approx(sum(alone) / 3, rel=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("bandwidth", ["median", "mean"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("fill", [0.0, 0.1])
def test_mmd_of_equal_points_is_zero_with_a_finite_gradient(
    estimator: str, bandwidth: str, dtype: torch.dtype, fill: float
) -> None:
    source = torch.full((4, 3), fill, dtype=dtype, requires_grad=True)
    target = torch.full((5, 3), fill, dtype=dtype, requires_grad=True)
    options = {"estimator": estimator, "bandwidth": bandwidth, "multipliers": (1e-3, 1.0)}
    kernels = [Kernels((1e-3, 1.0), bandwidth)] * 2
    joint_loss = jmmd([source, source], [target, target], estimator=estimator, kernels=kernels)
    for loss in (mk_mmd(source, target, **options), joint_loss):
        assert loss.item() == pytest.approx(0, abs=1e-6)
        for gradient in torch.autograd.grad(loss, (source, target)):
            assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_mmd_stays_finite_where_most_points_are_equal(estimator: str, dtype: torch.dtype) -> None:
    source = torch.zeros(5, 3, dtype=dtype, requires_grad=True)
    other = torch.zeros(5, 3, dtype=dtype)
    other[1] = 1.0  # 36 of 45 squared distances are 0: the median is
    target = other.requires_grad_()
    loss = mk_mmd(source, target, estimator=estimator)
    kernel_of_equals = {  # 1 between equal points and 0 elsewhere, where the kernel has no width
        "biased": 1 + (16 + 1) / 25 - 2 * 20 / 25,
        "unbiased": 1 + 12 / 20 - 2 * 20 / 25,
        "linear": (1 + 0 - 0 - 1 + 1 + 1 - 1 - 1) / 2,
        "neighbours": (1 + 0 - 0 - 1 + 1 + 0 - 1 - 0 + 1 + 1 - 1 - 1 + 1 + 1 - 1 - 1) / 4,
    }
    assert loss.item() == pytest.approx(kernel_of_equals[estimator], abs=1e-6)
    for gradient in torch.autograd.grad(loss, (source, target)):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradient_of_mmd_is_finite_where_some_points_coincide(estimator: str) -> None:
    source, target = domains(4, 3, 2)
    source[1], target[0], target[1] = source[0], source[0], source[2]
    width = oracle_bandwidth(source, target)
    x = leaf(source)
    mk_mmd(x, torch.from_numpy(target), estimator=estimator).backward()
    numbers = numerical_gradient(lambda x: oracle_mmd([x], [target], estimator, FIVE, [width]), source)
    np.testing.assert_allclose(x.grad.numpy(), numbers, rtol=1e-6, atol=1e-8)


def oracle_lmmd(
    source: np.ndarray, target: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, rule: str
) -> float:
    """Zhu et al. 2020: the mean over the classes of both domains of ‖Σ wᵢ φ(xᵢ) − Σ vⱼ φ(yⱼ)‖², written out."""
    bandwidth = oracle_bandwidth(source, target, rule)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return sum(math.exp(-squared_distance(a, b) / (c * bandwidth)) for c in FIVE) / len(FIVE)

    classes = [c for c in range(probabilities.shape[1]) if c in labels and c in probabilities.argmax(1)]
    total = 0.0
    for c in classes:
        w = [float(label == c) / sum(labels == c) for label in labels]
        v = [row[c] / probabilities[:, c].sum() for row in probabilities]
        total += sum(w[i] * w[j] * k(source[i], source[j]) for i in range(len(w)) for j in range(len(w)))
        total += sum(v[i] * v[j] * k(target[i], target[j]) for i in range(len(v)) for j in range(len(v)))
        total -= 2 * sum(w[i] * v[j] * k(source[i], target[j]) for i in range(len(w)) for j in range(len(v)))
    return total / max(len(classes), 1)


def predictions(m: int, classes: int, seed: int = 5) -> np.ndarray:
    z = np.exp(2 * np.random.default_rng(seed).normal(size=(m, classes)))
    return z / z.sum(1, keepdims=True)


@pytest.mark.parametrize("rule", ["mean", "median"])
@pytest.mark.parametrize(("sizes", "labels"), [((5, 6), [0, 2, 2, 1, 0]), ((4, 4), [3, 3, 3, 3]), ((3, 7), [0, 1, 3])])
def test_lmmd_matches_its_oracle(sizes: tuple[int, int], labels: list[int], rule: Any) -> None:
    (source, target), probabilities = domains(*sizes), predictions(sizes[1], 4)
    y = np.array(labels)
    given = [torch.from_numpy(x) for x in (source, target, y, probabilities)]
    result = lmmd(*given, Kernels(FIVE, rule))
    assert result.item() == pytest.approx(oracle_lmmd(source, target, y, probabilities, rule), rel=1e-10)


def test_lmmd_of_one_class_is_the_mmd_and_without_a_common_class_it_is_zero() -> None:
    source, target = (torch.from_numpy(x) for x in domains(5, 6))
    one, zeros = torch.ones(6, 1, dtype=torch.float64), torch.zeros(5, dtype=torch.int64)
    whole = mk_mmd(source, target, estimator="biased", bandwidth="mean")
    torch.testing.assert_close(lmmd(source, target, zeros, one, Kernels(FIVE, "mean")), whole)
    other = torch.tensor([[0.0, 1.0]], dtype=torch.float64).expand(6, 2)
    source.requires_grad_()
    value = lmmd(source, target, zeros, other, Kernels(FIVE, "mean"))
    value.backward()
    assert value.item() == 0 and source.grad is not None and source.grad.abs().max() == 0


def test_lmmd_passes_gradcheck_and_holds_the_probabilities_fixed() -> None:
    source, target = (torch.from_numpy(x).requires_grad_() for x in domains(4, 5))
    probabilities = torch.from_numpy(predictions(5, 3)).requires_grad_()
    labels, kernels = torch.tensor([0, 1, 2, 1]), Kernels(FIVE, 1.7)
    assert torch.autograd.gradcheck(lambda s, t: lmmd(s, t, labels, probabilities, kernels), (source, target))
    lmmd(source, target, labels, probabilities, kernels).backward()
    assert probabilities.grad is None
