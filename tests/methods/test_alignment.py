"""Methods that match distributions or spectra of the domains, and CDAN, against NumPy formulas."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from method_cases import assert_moves_as_source_only, batch_of
from stacked_runs import assert_same_state, in_both_ways, name_of
from tiny import MOONS, config_of
from torch import nn

from dann.data.loading.stream import Batch
from dann.errors import BadInput
from dann.functional.moments import mk_mmd
from dann.methods.afn import Afn
from dann.methods.all_methods import METHODS
from dann.methods.bsp import Bsp
from dann.methods.cdan import Cdan
from dann.methods.cmd import Cmd
from dann.methods.coral import DeepCoral
from dann.methods.dann import Dann
from dann.methods.dsan import Dsan
from dann.methods.jan import Jan
from dann.methods.method import Method
from dann.methods.mmd import Dan, Ddc
from dann.methods.mmda import Mmda
from dann.methods.vada import Vada
from dann.networks.all_networks import NETWORKS
from dann.networks.mlp import mlp
from dann.networks.network import Network
from dann.optim.schedules import ramp
from dann.training.pair_loading import load_pair
from dann.training.trainer import update

Arrays = dict[str, np.ndarray]

KINDS: dict[str, Callable[..., Method]] = {
    "ddc": Ddc,
    "dan": Dan,
    "jan": Jan,
    "coral": DeepCoral,
    "cmd": Cmd,
    "mmda": Mmda,
    "dsan": Dsan,
    "safn": Afn,
    "hafn": partial(Afn, mode="hard"),
    "bsp": Bsp,
    "cdan": Cdan,
    "cdan+e": partial(Cdan, entropy=True),
}
PROGRESS = 0.07
LAMBDA = ramp(PROGRESS)


def linear_network() -> Network:
    """5 inputs, 4 features, 3 classes, without a nonlinearity."""
    return Network(nn.Linear(5, 4), nn.Linear(4, 3), (5,), ())


def uneven_batch() -> Batch:
    """7 source and 7 target examples of different means and spreads."""
    batch = batch_of((5,), classes=3, count=7, dtype=torch.float64)
    return batch._replace(target_x=1.7 * batch.target_x)


def arrays(method: Method) -> Arrays:
    return {name: value.detach().numpy().copy() for name, value in method.state_dict().items()}


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def forwarded(p: Arrays, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Features and logits of the linear network."""
    features = x.numpy() @ p["network.features.weight"].T + p["network.features.bias"]
    return features, features @ p["network.classifier.weight"].T + p["network.classifier.bias"]


def label_term(p: Arrays, batch: Batch) -> float:
    probabilities = softmax(forwarded(p, batch.source_x)[1])
    return float(-np.log(probabilities[np.arange(len(probabilities)), batch.source_y.numpy()]).mean())


def kernels(source: np.ndarray, target: np.ndarray, multipliers: list[float], width: float | None) -> Any:
    """k(x, y) of one layer; without a width its bandwidth is the median squared distance of the pooled examples."""
    pooled = np.concatenate([source, target])
    pairs = [(pooled[i] - pooled[j]) @ (pooled[i] - pooled[j]) for i in range(len(pooled)) for j in range(i)]
    b = np.median(pairs) if width is None else width
    return lambda x, y: float(np.mean([np.exp(-((x - y) @ (x - y)) / (c * b)) for c in multipliers]))


def discrepancy(
    layers: list[tuple[np.ndarray, np.ndarray]],
    multipliers: list[list[float]],
    estimator: str,
    widths: tuple[float | None, ...] = (None, None),
) -> float:
    """The squared MMD whose kernel is the product over the layers; each layer is (source, target)."""
    each = [kernels(*layer, of, width) for layer, of, width in zip(layers, multipliers, widths, strict=False)]
    n = len(layers[0][0])

    def k(a: str, i: int, b: str, j: int) -> float:
        place = {"s": 0, "t": 1}
        pairs = zip(each, layers, strict=True)
        return float(np.prod([kernel(of[place[a]][i], of[place[b]][j]) for kernel, of in pairs]))

    if estimator == "linear":
        firsts = range(0, n // 2 * 2, 2)
        h = [k("s", i, "s", i + 1) + k("t", i, "t", i + 1) - k("s", i, "t", i + 1) - k("s", i + 1, "t", i)
             for i in firsts]  # fmt: skip
        return float(np.mean(h))
    skip = estimator == "unbiased"
    within = [np.mean([k(a, i, a, j) for i in range(n) for j in range(n) if not skip or i != j]) for a in "st"]
    return float(sum(within) - 2 * np.mean([k("s", i, "t", j) for i in range(n) for j in range(n)]))


def covariance_distance(source: np.ndarray, target: np.ndarray) -> float:
    difference = np.cov(source, rowvar=False) - np.cov(target, rowvar=False)
    return float((difference**2).sum() / (4 * source.shape[1] ** 2))


def moment_distance(source: np.ndarray, target: np.ndarray, k: int) -> float:
    """The Euclidean distance between the k-th central moments of each feature, or, for k = 1, the means."""
    moments = [((of - (k > 1) * of.mean(0)) ** k).mean(0) for of in (source, target)]
    return float(np.linalg.norm(moments[0] - moments[1]))


def mean_width(source: np.ndarray, target: np.ndarray) -> float:
    pooled = np.concatenate([source, target])
    return float(np.mean([((pooled[i] - pooled[j]) ** 2).sum() for i in range(len(pooled)) for j in range(i)]))


def local_discrepancy(layer: tuple[np.ndarray, np.ndarray], logits: np.ndarray) -> float:
    """Zhu et al. 2020: the mean over common classes of the squared distance between weighted kernel embeddings.

    The labels are those of ``uneven_batch``; the target's weights come from its logits.
    """
    k, labels = kernels(*layer, FIVE, mean_width(*layer)), np.arange(len(layer[0])) % 3
    q, pooled, squares = softmax(logits), np.concatenate(layer), []
    gram = np.array([[k(x, y) for y in pooled] for x in pooled])
    for c in sorted(set(labels) & set(q.argmax(1))):
        weight = np.concatenate([(labels == c) / (labels == c).sum(), -q[:, c] / q[:, c].sum()])
        squares.append(weight @ gram @ weight)
    return float(np.mean(squares))


def domain_term(p: Arrays, source: np.ndarray, target: np.ndarray) -> float:
    """The domain loss of a logistic regression."""
    z = [of @ p["discriminator.layers.0.weight"][0] + p["discriminator.layers.0.bias"][0] for of in (source, target)]
    return float(np.concatenate([np.log1p(np.exp(z[0])), np.log1p(np.exp(-z[1]))]).mean())


FIVE = [0.25, 0.5, 1.0, 2.0, 4.0]
Expected = Callable[[Arrays, tuple[np.ndarray, ...], tuple[np.ndarray, ...]], dict[str, float]]
BY_HAND: dict[str, tuple[Callable[..., Method], Expected]] = {
    "ddc": (Ddc, lambda p, f, z: {"mmd": 0.25 * ((f[0].mean(0) - f[1].mean(0)) ** 2).sum()}),
    "ddc on logits": (
        partial(Ddc, layer="logits", weight=2.0),
        lambda p, f, z: {"mmd": 2 * ((z[0].mean(0) - z[1].mean(0)) ** 2).sum()},
    ),
    "dan": (Dan, lambda p, f, z: {"mmd": discrepancy([f], [FIVE], "linear") + discrepancy([z], [FIVE], "linear")}),
    "dan, quadratic": (
        partial(Dan, layers=["features"], estimator="unbiased", multipliers=[0.5, 3.0], weight=0.4),
        lambda p, f, z: {"mmd": 0.4 * discrepancy([f], [[0.5, 3.0]], "unbiased")},
    ),
    "jan": (
        Jan,
        lambda p, f, z: {"jmmd": LAMBDA * discrepancy([f, (softmax(z[0]), softmax(z[1]))], [[1.0]] * 2, "linear")},
    ),
    "jan, quadratic": (
        partial(Jan, schedule="constant", estimator="biased", weight=0.4),
        lambda p, f, z: {"jmmd": 0.4 * discrepancy([f, (softmax(z[0]), softmax(z[1]))], [[1.0]] * 2, "biased")},
    ),
    "jan, as its authors' code": (
        partial(Jan, estimator="unbiased", multipliers=[0.5, 2.0], class_bandwidth=1.68),
        lambda p, f, z: {
            "jmmd": LAMBDA
            * discrepancy([f, (softmax(z[0]), softmax(z[1]))], [[0.5, 2.0], [1.0]], "unbiased", (None, 1.68))
        },
    ),
    "coral": (DeepCoral, lambda p, f, z: {"coral": covariance_distance(*z)}),
    "coral on features": (
        partial(DeepCoral, layer="features", weight=3.0),
        lambda p, f, z: {"coral": 3 * covariance_distance(*f)},
    ),
    "cmd": (Cmd, lambda p, f, z: {"cmd": sum(moment_distance(*f, k) for k in range(1, 6))}),
    "cmd, other moments": (
        partial(Cmd, weight=0.4, moments=3, span=4.0, layer="logits"),
        lambda p, f, z: {"cmd": 0.4 * sum(moment_distance(*z, k) / 4**k for k in (1, 2, 3))},
    ),
    "mmda": (
        partial(Mmda, mmd_weight=0.4, coral_weight=3.0, entropy_weight=0.2),
        lambda p, f, z: {
            "mmd": 0.4 * discrepancy([f], [FIVE], "biased", (mean_width(*f),)),
            "coral": 3 * covariance_distance(*f),
            "entropy": -0.2 * (softmax(z[1]) * np.log(softmax(z[1]))).sum(1).mean(),
        },
    ),
    "dsan": (Dsan, lambda p, f, z: {"lmmd": 2.5 * LAMBDA * local_discrepancy(f, z[1])}),
    "dsan, constant, on logits": (
        partial(Dsan, weight=0.3, schedule="constant", layer="logits"),
        lambda p, f, z: {"lmmd": 0.3 * local_discrepancy(z, z[1])},
    ),
    "safn": (partial(Afn, step=1.5), lambda p, f, z: {"norm": 0.05 * 1.5**2}),
    "safn with entropy": (
        partial(Afn, entropy=0.3),
        lambda p, f, z: {"norm": 0.05, "entropy": -0.3 * (softmax(z[1]) * np.log(softmax(z[1]))).sum(1).mean()},
    ),
    "hafn": (
        partial(Afn, mode="hard"),
        lambda p, f, z: {"norm": 0.05 * sum((np.linalg.norm(of, axis=1).mean() - 25) ** 2 for of in f)},
    ),
    "bsp": (
        Bsp,
        lambda p, f, z: {
            "domain": domain_term(p, *f),
            "spectral": 1e-4 * sum(np.linalg.norm(of, ord=2) ** 2 for of in f),
        },
    ),
    "bsp, all": (
        partial(Bsp, k=4, penalty=0.3),
        lambda p, f, z: {"domain": domain_term(p, *f), "spectral": 0.3 * sum((of**2).sum() for of in f)},
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_terms_are_those_derived_by_hand(case: str) -> None:
    kind, expected = BY_HAND[case]
    torch.manual_seed(1)
    method, batch = kind(linear_network()).double(), uneven_batch()
    p = arrays(method)
    (f_s, z_s), (f_t, z_t) = forwarded(p, batch.source_x), forwarded(p, batch.target_x)
    wanted = {"label": label_term(p, batch), **expected(p, (f_s, f_t), (z_s, z_t))}
    terms = method(batch, PROGRESS, "all")
    assert terms.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(terms[name].item(), value, rtol=1e-10, err_msg=name)


def cdan_loss(p: Arrays, batch: Batch, options: dict[str, Any], fixed: Arrays) -> float:
    """Equation (8) of Long et al. 2018 over both domains' examples, one at a time; what is fixed comes from ``fixed``.

    With the parameters themselves as ``fixed`` it is the loss; parameters that differ from ``fixed`` see the same
    probabilities in the map (``detach``) and the same means of the weights (``normalised``) as ``fixed`` has.
    """
    total, count = 0.0, 0
    for x, sign in ((batch.source_x, 1.0), (batch.target_x, -1.0)):
        features, logits = forwarded(p, x)
        before = softmax(forwarded(fixed, x)[1])
        probabilities = before if options.get("detach", True) else softmax(logits)
        weight, mean = (1 + np.exp((q * np.log(q)).sum(1)) for q in (softmax(logits), before))
        for i in range(len(x)):
            if "feature_matrix" in p:
                d = p["feature_matrix"].shape[1]
                seen = (features[i] @ p["feature_matrix"]) * (probabilities[i] @ p["class_matrix"]) / np.sqrt(d)
            else:
                seen = np.outer(probabilities[i], features[i]).ravel()
            z = seen @ p["discriminator.layers.0.weight"][0] + p["discriminator.layers.0.bias"][0]
            w = weight[i] if options.get("entropy") else 1.0
            total += (w / mean.mean() if options.get("normalised") else w) * np.log1p(np.exp(sign * z))
            count += 1
    return total / count


def slope(loss: Callable[[Arrays], float], p: Arrays, name: str, step: float = 1e-6) -> np.ndarray:
    """The derivative of a loss by one parameter, by central differences."""
    result = np.zeros_like(p[name])
    for place in np.ndindex(result.shape):
        ends = []
        for by in (step, -step):
            moved = {**p, name: p[name].copy()}
            moved[name][place] += by
            ends.append(loss(moved))
        result[place] = (ends[0] - ends[1]) / (2 * step)
    return result


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"detach": False},
        {"entropy": True},
        {"entropy": True, "detach": False},
        {"entropy": True, "normalised": True},
        {"entropy": True, "normalised": True, "detach": False},
        {"randomized": "always", "random_dim": 6, "detach": False},
        {"randomized": "always", "random_dim": 6, "entropy": True},
    ],
    ids=str,
)
def test_cdan_plays_the_minimax_game(options: dict[str, Any]) -> None:
    """The discriminator's gradient is that of the loss, the network's −λ times that, plus the label loss's."""
    torch.manual_seed(1)
    method, batch = Cdan(linear_network(), weight=0.8, **options).double(), uneven_batch()
    p = arrays(method)
    terms = method(batch, PROGRESS, "all")
    name = "weighted_domain" if options.get("entropy") and not options.get("normalised") else "domain"
    assert terms.keys() == {"label", name}
    np.testing.assert_allclose(terms["label"].item(), label_term(p, batch), rtol=1e-10)
    np.testing.assert_allclose(terms[name].item(), cdan_loss(p, batch, options, p), rtol=1e-10)
    sum(terms.values()).backward()
    for parameter, value in method.named_parameters():
        expected = slope(lambda moved: cdan_loss(moved, batch, options, p), p, parameter)
        if parameter.startswith("network"):
            label = slope(lambda moved: label_term(moved, batch), p, parameter)
            expected = label - 0.8 * LAMBDA * expected
        assert np.abs(expected).max() > 1e-3, parameter
        np.testing.assert_allclose(value.grad.numpy(), expected, rtol=1e-6, atol=1e-8, err_msg=parameter)


@pytest.mark.parametrize("options", [{"entropy": True, "normalised": True}, {}])
def test_a_discriminator_at_chance_costs_ln_2(options: dict[str, Any]) -> None:
    method = Cdan(linear_network(), **options).double()
    for parameter in method.discriminator.parameters():
        nn.init.zeros_(parameter)
    np.testing.assert_allclose(method(uneven_batch(), 0.5, "all")["domain"].item(), np.log(2), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "rtol"), [({}, 0.0), ({"detach": False}, 0.0), ({"entropy": True, "normalised": True}, 1e-13)]
)
def test_cdan_with_one_class_is_dann(options: dict[str, Any], rtol: float) -> None:
    """Bit for bit; with weights, which are all 1, but for the order of the products in the backward pass."""
    results = []
    for kind in (Dann, partial(Cdan, **options)):
        torch.manual_seed(0)
        method = kind(mlp((7,), 1, hidden=4), weight=0.8).double()
        terms = method(batch_of((7,), classes=1, dtype=torch.float64), 0.3, "all")
        sum(terms.values()).backward()
        results.append((terms, {name: parameter.grad for name, parameter in method.named_parameters()}))
    (one, ours), (other, theirs) = results
    torch.testing.assert_close(other, one, rtol=rtol, atol=0)
    torch.testing.assert_close(theirs, ours, rtol=rtol, atol=rtol)
    assert ours["network.features.0.weight"].abs().max() > 0.01


@pytest.mark.parametrize(
    ("hidden", "randomized", "width"),
    [(1024, "auto", 4096), (1025, "auto", 1024), (1025, "never", 4100), (3, "always", 1024)],
)
def test_wide_maps_are_randomized(hidden: int, randomized: str, width: int) -> None:
    method = Cdan(mlp((7,), 4, hidden=hidden), randomized=randomized)
    assert method.discriminator.layers[0].in_features == width
    shapes = {name: tuple(buffer.shape) for name, buffer in method.named_buffers()}
    matrices = {"feature_matrix": (hidden, 1024), "class_matrix": (4, 1024)}
    assert shapes == (matrices if width == 1024 else {})


def test_random_matrices_are_standard_normal_and_of_the_seed() -> None:
    def drawn(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        return dict(Cdan(mlp((7,), 10, hidden=30), randomized="always").named_buffers())

    one, again, other = drawn(0), drawn(0), drawn(1)
    for name, matrix in one.items():
        assert torch.equal(matrix, again[name]) and not torch.equal(matrix, other[name])
        assert abs(matrix.mean()) < 0.05 and abs(matrix.std() - 1) < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_weight_zero_moves_the_network_as_source_only_does(kind: str) -> None:
    weights = {Mmda: ("mmd_weight", "coral_weight", "entropy_weight"), Bsp: ("weight", "penalty")}
    options = dict.fromkeys(weights.get(KINDS[kind], ("weight",)), 0.0)  # a partial is no key: it has ``weight``
    batch = batch_of((3, 28, 28), dtype=torch.float64)
    assert_moves_as_source_only(lambda network: KINDS[kind](network, **options), batch)


@pytest.mark.parametrize("penalty", [0.0, 1e-2])
def test_bsp_without_its_penalty_is_dann(penalty: float) -> None:
    states = []
    for kind in (Dann, partial(Bsp, penalty=penalty)):
        torch.manual_seed(0)
        method = kind(NETWORKS["mnist"]((3, 28, 28), 5, batch_norm=True, dropout=0.3))
        optimizer = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            update(method, batch_of((3, 28, 28)), 0.5, "all", optimizer)
        states.append(method.state_dict())
    same = [torch.equal(value, states[1][name]) for name, value in states[0].items()]
    assert all(same) if penalty == 0 else not all(same)


@pytest.mark.parametrize("kind", KINDS)
def test_both_domains_are_forwarded_together(kind: str) -> None:
    method = KINDS[kind](NETWORKS["mnist"]((3, 28, 28), 10, batch_norm=True))
    batch = batch_of((3, 28, 28))
    norm = method.network.features[1]
    before = norm.running_mean.clone()
    method(batch, 0.5, "all")
    convolved = [method.network.features[0](x).mean(dim=(0, 2, 3)) for x in (batch.source_x, batch.target_x)]
    expected = 0.9 * before + 0.1 * (convolved[0] + convolved[1]) / 2
    torch.testing.assert_close(norm.running_mean, expected, rtol=1e-4, atol=1e-6)
    assert norm.num_batches_tracked == 1


@pytest.mark.parametrize("kind", [Ddc, Dan, DeepCoral, Cmd, Mmda, Dsan, Cdan, Vada])
def test_the_domains_are_forwarded_apart_where_an_option_says_so(kind: Callable[..., Method]) -> None:
    method = kind(NETWORKS["mnist"]((3, 28, 28), 10, batch_norm=True), together=False)
    batch = batch_of((3, 28, 28))
    terms = method(batch, 0.5, "all")
    assert method.network.features[1].num_batches_tracked == 2
    alone = method.network.outputs(batch.source_x)["logits"]
    torch.testing.assert_close(terms["label"], torch.nn.functional.cross_entropy(alone, batch.source_y))


def test_cdan_may_add_the_entropy_of_the_target() -> None:
    torch.manual_seed(1)
    method, batch = Cdan(linear_network(), target_entropy=0.3).double(), uneven_batch()
    p = arrays(method)
    q = softmax(forwarded(p, batch.target_x)[1])
    terms = method(batch, PROGRESS, "all")
    assert terms.keys() == {"label", "domain", "entropy"}
    np.testing.assert_allclose(terms["entropy"].item(), -0.3 * (q * np.log(q)).sum(1).mean(), rtol=1e-10)
    np.testing.assert_allclose(terms["domain"].item(), cdan_loss(p, batch, {}, p), rtol=1e-10)


def test_the_stepwise_penalty_raises_every_norm_at_one_rate() -> None:
    method, batch = Afn(linear_network(), weight=0.5, step=1.5).double(), uneven_batch()
    x = torch.cat([batch.source_x, batch.target_x])
    method(batch, 0.5, "all")["norm"].backward()
    units = nn.functional.normalize(method.network.features(x).detach(), dim=1)
    # d/df of half the mean of (‖f‖ + 1.5 − ‖f‖)² over 14 examples, the first norm fixed: −0.5 · 2 · 1.5 / 14 · f/‖f‖
    torch.testing.assert_close(method.network.features.bias.grad, -1.5 / 14 * units.sum(0), rtol=1e-10, atol=1e-12)
    before = method.network.features(x).norm(dim=1)
    torch.optim.SGD(method.network.features.parameters(), lr=0.01).step()
    assert method.network.features(x).norm(dim=1).mean() > before.mean()


@pytest.mark.parametrize("grows", [True, False])
def test_the_hard_penalty_draws_the_mean_norm_to_the_radius(grows: bool) -> None:
    method, batch = Afn(linear_network(), mode="hard", radius=25.0 if grows else 0.1).double(), uneven_batch()
    norms = []
    for _ in range(2):
        norms.append(method.network.features(batch.target_x).norm(dim=1).mean())
        method(batch, 0.5, "all")["norm"].backward()
        torch.optim.SGD(method.network.features.parameters(), lr=0.001).step()
    assert (norms[1] > norms[0]) == grows


@pytest.mark.parametrize(
    ("name", "shape", "layer"), [("mlp", (20,), "features.0"), ("mnist", (3, 28, 28), "classifier.2")]
)
def test_inner_layers_can_be_matched(name: str, shape: tuple[int, ...], layer: str) -> None:
    torch.manual_seed(0)
    method = Dan(NETWORKS[name](shape, 5), layers=[layer, "features"])
    batch = batch_of(shape)
    features = method.network.features(torch.cat([batch.source_x, batch.target_x]))
    if name == "mlp":
        inner = method.network.features[0](torch.cat([batch.source_x, batch.target_x]))
    else:
        inner = method.network.classifier[:3](features)
    expected = sum(mk_mmd(of[:6], of[6:], estimator="linear") for of in (inner, features))
    torch.testing.assert_close(method(batch, 0.5, "all")["mmd"], expected)
    assert method.predict(batch.target_x).shape == (6, 5)


@pytest.mark.parametrize(
    "kind", [partial(Ddc, layer="fc7"), partial(Dan, layers=["fc7"]), partial(DeepCoral, layer="")]
)
def test_unknown_layers_are_refused(kind: Callable[..., Method]) -> None:
    with pytest.raises(ValueError, match=r"no layer '(fc7)?': choose features, logits, or one of features\.0"):
        kind(mlp((20,), 5))


STACKS: dict[str, tuple[type[Method], list[dict[str, Any]]]] = {
    "ddc": (Ddc, [{"weight": 0.25}, {"weight": 1.5}]),
    "ddc on a layer": (Ddc, [{"layer": "features.0"}] * 2),
    "dan": (Dan, [{"weight": 0.25}, {"weight": 1.5}]),
    "dan, quadratic": (Dan, [{"estimator": "unbiased", "bandwidth": "mean"}] * 2),
    "jan": (Jan, [{"weight": 0.25}, {"weight": 1.5}]),
    "coral": (DeepCoral, [{"weight": 0.25}, {"weight": 1.5}]),
    "cmd": (Cmd, [{"weight": 0.25}, {"weight": 1.5}]),
    "mmda": (Mmda, [{"mmd_weight": 0.25}, {"coral_weight": 1.5, "entropy_weight": 0.4}]),
    "dsan": (Dsan, [{"weight": 0.25}, {"weight": 1.5}]),
    "safn": (Afn, [{"weight": 0.25}, {"step": 0.3}]),
    "hafn": (Afn, [{"mode": "hard", "weight": 0.01}, {"mode": "hard", "radius": 3.0}]),
    "bsp": (Bsp, [{"penalty": 0.01}, {"penalty": 0.1, "weight": 0.3}]),
    "cdan": (Cdan, [{"weight": 0.25}, {"weight": 1.5}]),
    "cdan+e": (Cdan, [{"entropy": True, "detach": False, "weight": weight} for weight in (0.25, 1.5)]),
    "cdan+e, normalised": (Cdan, [{"entropy": True, "normalised": True}] * 2),
    "cdan, random": (Cdan, [{"randomized": "always", "random_dim": 5, "weight": weight} for weight in (0.25, 1.5)]),
}


@pytest.mark.parametrize("case", STACKS)
def test_a_stack_trains_as_separate_runs_do(case: str, in_double: None) -> None:
    kind, changes = STACKS[case]
    base = {**MOONS, "method": {"name": name_of(kind)}}
    configs = [config_of(base, method=change) for change in changes]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4)
    assert_same_state(stack, separate)
    states = [trainer.method.state_dict() for trainer in separate]
    assert all(not torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("kind", [Ddc, Dan, Jan, DeepCoral, Cmd, Dsan, Afn, Bsp, Cdan])
def test_configurations_hold_the_defaults(kind: type[Method], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "method", kind)
    options = config_of({**MOONS, "method": {"name": "method"}}).method.model_dump()
    again = config_of({**MOONS, "method": yaml.safe_load(yaml.safe_dump(options))}).method.model_dump()
    assert again == options and "weight" in options


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Dan, {"layers": []}),
        (Dan, {"layers": "features"}),
        (Dan, {"multipliers": [0.0]}),
        (Jan, {"multipliers": []}),
        (Jan, {"class_bandwidth": 0.0}),
        (Jan, {"class_bandwidth": "wide"}),
        (Cmd, {"moments": 0}),
        (Cmd, {"span": 0.0}),
        (Bsp, {"k": 0}),
        (Cdan, {"random_dim": 0}),
        (Cdan, {"randomized": False}),
    ],
)
def test_invalid_options_are_refused(
    kind: type[Method], wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "method", kind)
    with pytest.raises(BadInput, match=next(iter(wrong))):
        config_of({**MOONS, "method": {"name": "method", **wrong}})
