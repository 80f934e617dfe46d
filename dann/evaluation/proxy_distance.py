"""Proxy A-distance: how well freshly trained classifiers distinguish the features of two domains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

HIDDEN, STEPS, RATE, DECAY = 64, 100, 0.01, 0.01  # of the small network and of Adam
RIDGE = 1e-5  # relative, above the rounding errors of float32
SPARSE = 0.1  # the largest share of values other than 0 that makes a sparse matrix faster
Features = NDArray[np.float32]
Examples = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]


@dataclass(frozen=True)
class DomainAnswers:
    """A domain classifier's answers on the half of the examples that it was not trained on.

    Args:
        places: their places among the source's N examples followed by the target's M, shape ``(H,)``.
        wrong: whether each is taken for an example of the other domain, shape ``(H,)``.
    """

    places: NDArray[np.int64]
    wrong: NDArray[np.bool_]

    @property
    def distance(self) -> float:
        """The proxy A-distance."""
        return _distance(float(np.mean(self.wrong)))


def proxy_distances(source: Features, target: Features) -> dict[str, float]:
    """The proxy A-distance by a linear support vector machine, ``svm``, and by a small network, ``mlp``.

    2 (1 − 2ε), where ε is the error on one half of the examples after training on the other (Ben-David et al. 2007;
    Ganin et al. 2016, section 3.2): 2 where the domains are distinguished without error, 0 at chance, slightly below by
    luck. Unlike the discriminator of a run, these classifiers were not trained against: they often distinguish features
    that it cannot. Both are trained with fixed settings, none of which is chosen by the reported error.

    Args:
        source: features, shape ``(N, D)``.
        target: the same, shape ``(M, D)``.
    """
    examples = _prepare(source, target)
    errors = {"svm": _machine_error(*examples), "mlp": _network_error(*examples)}
    return {name: _distance(error) for name, error in errors.items()}


def linear_distance(source: Features, target: Features) -> float:
    """The proxy A-distance by the linear support vector machine alone, equal to that of ``proxy_distances``.

    On inner products that are computed at once, which for thousands of features takes a tenth of the time; rounding
    differs, so that ``proxy_distances``, whose values are in records, does without.
    """
    return linear_answers(source, target).distance


def linear_answers(source: Features, target: Features) -> DomainAnswers:
    """Which held-out examples the linear support vector machine of ``linear_distance`` takes for the other domain.

    Args:
        source: features, shape ``(N, D)``.
        target: the same, shape ``(M, D)``.
    """
    from sklearn.svm import SVC

    x, y, fitted = _prepare(source, target)
    products = x @ x[fitted].T
    machine = SVC(kernel="precomputed", C=1.0).fit(products[fitted], y[fitted])
    return DomainAnswers(np.flatnonzero(~fitted), machine.predict(products[~fitted]) != y[~fitted])


def lowest_distance(source: Features, target: Features, values_of_c: Sequence[float]) -> float:
    """The proxy A-distance by the best of several linear support vector machines, as Ganin et al. 2016, section 5.1.5.

    Each is trained with another C on one random half of the examples, as they are; of the errors on the other half,
    which may be those of the opposite answer, the lowest counts. As that half chooses, the distance is biased upwards:
    it is for comparison with the paper, and differs in that from ``proxy_distances``. The paper's machines have the
    hinge loss, these its square, whose optimum is found for every C.

    Args:
        source: features, shape ``(N, D)``.
        target: the same, shape ``(M, D)``.
        values_of_c: inverse weights of the penalty; those of the paper's authors' code are 1e-5, 1e-4, …, 1e4.
    """
    from sklearn.svm import LinearSVC

    y = np.repeat([0, 1], [len(source), len(target)])
    fitted = np.concatenate([_half(len(part)) for part in (source, target)])
    x = _within_span(np.concatenate([source, target]))
    errors = []
    for c in values_of_c:
        machine = LinearSVC(C=c, dual=False).fit(x[fitted], y[fitted])
        errors.append(float(np.mean(machine.predict(x[~fitted]) != y[~fitted])))
    return _distance(min(min(error, 1 - error) for error in errors))


def _within_span(x: Features) -> Any:
    """Examples in a form that is quick to fit: sparse if most values are 0; in coordinates of their span if D > N.

    A linear machine depends on inner products alone, which an orthogonal change of coordinates leaves as they are.
    """
    if np.count_nonzero(x) < SPARSE * x.size:
        return scipy.sparse.csr_matrix(x, dtype=np.float64)
    if x.shape[1] <= x.shape[0]:
        return x.astype(np.float64)
    products = (x @ x.T).astype(np.float64)
    products[np.diag_indices_from(products)] *= 1 + RIDGE  # equal examples would make it singular
    return np.linalg.cholesky(products)


def _distance(error: float) -> float:
    return 2.0 * (1.0 - 2.0 * error)


def _prepare(source: Features, target: Features) -> Examples:
    """Standardised features of both domains, the domain of each example, and whether it is one to train on."""
    x = np.concatenate([source, target]).astype(np.float64)  # squares of large features overflow in float32
    y = np.repeat([0, 1], [len(source), len(target)])
    fitted = np.concatenate([_half(len(part)) for part in (source, target)])
    mean, spread = x[fitted].mean(axis=0), x[fitted].std(axis=0)
    spread[spread <= 1e-10 * np.abs(mean)] = np.inf  # constant but for rounding: no information on the domain
    return (x - mean) / spread / np.sqrt(x.shape[1]), y, fitted


def _half(count: int) -> NDArray[np.bool_]:
    """A random half of the examples; taking every other one would split by class where a file alternates classes."""
    drawn: NDArray[np.bool_] = np.random.default_rng(0).permutation(count) < count / 2
    return drawn


def _machine_error(x: NDArray[np.float64], y: NDArray[np.int64], fitted: NDArray[np.bool_]) -> float:
    """The error of a linear support vector machine."""
    from sklearn.svm import SVC  # takes a second to import

    machine = SVC(kernel="linear", C=1.0).fit(x[fitted], y[fitted])
    return float(np.mean(machine.predict(x[~fitted]) != y[~fitted]))


def network_answers(source: Features, target: Features) -> DomainAnswers:
    """Which held-out examples the small network of ``proxy_distances`` takes for the other domain.

    Args:
        source: features, shape ``(N, D)``.
        target: the same, shape ``(M, D)``.
    """
    x, y, fitted = _prepare(source, target)
    return DomainAnswers(np.flatnonzero(~fitted), _network_mistakes(x, y, fitted))


def _network_error(x: NDArray[np.float64], y: NDArray[np.int64], fitted: NDArray[np.bool_]) -> float:
    return float(_network_mistakes(x, y, fitted).mean())


def _network_mistakes(x: NDArray[np.float64], y: NDArray[np.int64], fitted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The errors of a network of one hidden layer, trained on all ``fitted`` examples at each step."""
    inputs = torch.from_numpy(x.astype(np.float32))
    labels, chosen = torch.from_numpy(y).float(), torch.from_numpy(fitted)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(network(inputs[chosen]).squeeze(1), labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        wrong: NDArray[np.bool_] = ((network(inputs[~chosen]).squeeze(1) > 0) != labels[~chosen].bool()).numpy()
    return wrong
