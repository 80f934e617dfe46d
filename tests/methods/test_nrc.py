"""NRC: its losses, its memory of the target, and its two stages."""

from typing import Any

import numpy as np
import pytest
import torch
from method_cases import batch_of, full_pass_of, train_steps

from dann.data.loading.stream import Batch
from dann.methods.nrc import Nrc
from dann.networks.mlp import mlp
from dann.training.checkpoint import load, save

COUNT = 12


def of_twelve(**options: Any) -> tuple[Nrc, Batch]:
    """A method on twelve target examples, and a batch of five of them."""
    torch.manual_seed(0)
    method = Nrc(mlp((6,), 5, hidden=8), **options).double()
    method.hold_examples(COUNT)
    every = batch_of((6,), count=COUNT, dtype=torch.float64)
    with torch.no_grad():
        method.eval().refresh(full_pass_of(every, every.target_x), 0.5, method)
    rows = torch.tensor([7, 2, 9, 0, 4])
    return method.train(), every._replace(target_x=every.target_x[rows], target_rows=rows)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def unit(features: torch.Tensor) -> torch.Tensor:
    return features / features.norm(dim=1, keepdim=True)


def test_the_memory_holds_each_example_at_its_place() -> None:
    method, _ = of_twelve()
    x = batch_of((6,), count=COUNT, dtype=torch.float64).target_x
    outputs = method.outputs(x)
    torch.testing.assert_close(method.bank_features, unit(outputs["features"]))
    torch.testing.assert_close(method.bank_probabilities, outputs["logits"].softmax(1))


@pytest.mark.parametrize(("k", "m"), [(3, 2), (5, 5), (50, 50)])
def test_the_losses_are_those_of_the_paper(k: int, m: int) -> None:
    method, batch = of_twelve(neighbours=k, expanded=m, affinity=0.3)
    bank, scores = method.bank_features.numpy().copy(), method.bank_probabilities.numpy().copy()
    with torch.no_grad():
        for parameter in method.network.parameters():  # the memory of other examples is that of the network before
            parameter.add_(0.3 * torch.randn(parameter.shape, dtype=torch.float64))
    outputs = method.outputs(batch.target_x)
    p, rows = softmax(outputs["logits"].detach().numpy()), batch.target_rows.tolist()
    bank[rows], scores[rows] = outputs["features"].detach().numpy(), p
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    cosine = bank @ bank.T

    def nearest(i: int, count: int) -> list[int]:
        return [int(j) for j in np.argsort(-cosine[i]) if j != i][:count]

    near = expanded = own = 0.0
    for place, i in enumerate(rows):
        for j in nearest(i, k):
            a = 1.0 if i in nearest(j, m) else 0.3  # A_ij
            near -= a * scores[j] @ p[place] / len(rows)  # L_N
            for other in nearest(j, m):
                expanded -= 0.3 * scores[other] @ p[place] / len(rows)  # L_E
        own -= scores[i] @ p[place] / len(rows)  # L_self
    shares = p.mean(0)
    expected = {"diversity": (shares * np.log(shares)).sum(), "neighbours": near, "expanded": expanded, "self": own}
    terms = method(batch, 0.6, "target")
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(method.bank_features.numpy(), bank)
    np.testing.assert_allclose(method.bank_probabilities.numpy(), scores)
    with torch.no_grad():  # L_div is the divergence from uniform shares, but for ln 5
        assert terms["diversity"].item() == pytest.approx((shares * np.log(shares * 5)).sum() - np.log(5), rel=1e-10)


def test_remembered_predictions_are_constants() -> None:
    method, batch = of_twelve()
    logits = method.network.classifier(method.network.features(batch.target_x))
    p = logits.softmax(1)
    (expected,) = torch.autograd.grad(-(p.detach() * p).sum(1).mean(), logits)
    seen: list[torch.Tensor] = []
    hook = method.network.classifier.register_forward_hook(lambda module, inputs, output: seen.append(output))
    (gradient,) = torch.autograd.grad(method(batch, 0.6, "target")["self"], seen)
    hook.remove()
    torch.testing.assert_close(gradient, expected)


def test_no_source_example_is_forwarded_in_the_second_stage_and_all_parts_move() -> None:
    method, batch = of_twelve()
    before = {name: value.clone() for name, value in method.network.named_parameters()}
    train_steps(method, batch._replace(source_x=torch.full_like(batch.source_x, torch.nan)), 2, progress=0.5)
    after = dict(method.network.named_parameters())
    assert all(value.isfinite().all() for value in after.values())
    assert {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])} == {
        "features",
        "classifier",
    }


def test_an_example_that_occurs_twice_is_written_once() -> None:
    method, batch = of_twelve()
    twice = batch._replace(target_x=batch_of((6,), count=5, dtype=torch.float64).target_x + 3,
                           target_rows=torch.tensor([1, 1, 3, 1, 3]))  # fmt: skip
    features = method.outputs(twice.target_x)["features"]
    method(twice, 0.6, "target")
    torch.testing.assert_close(method.bank_features[[1, 3]], unit(features[[0, 2]]))


def test_a_memory_is_restored_where_the_number_of_examples_is_unknown(tmp_path: Any) -> None:
    method, batch = of_twelve()
    method(batch, 0.6, "target")
    optimizer = torch.optim.SGD(method.parameters(), lr=0.1)
    save(tmp_path / "checkpoint.pt", method, optimizer, 1)
    other = Nrc(mlp((6,), 5, hidden=8)).double()
    load(tmp_path / "checkpoint.pt", other)
    assert torch.equal(other.bank_features, method.bank_features)


def test_a_batch_without_places_is_refused() -> None:
    method, batch = of_twelve()
    with pytest.raises(ValueError, match="target_rows"):
        method(batch._replace(target_rows=None), 0.6, "target")
