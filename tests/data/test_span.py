"""Coordinates of a span: inner products stay, and so do what linear machines and gradient descent make of them."""

import torch
from torch import Tensor, nn

from dann.data.preprocessing.span import span_basis


def examples(count: int, features: int, seed: int = 0) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed)).double()


def test_the_basis_is_orthonormal_and_keeps_inner_products() -> None:
    x, other = examples(6, 20), examples(3, 20, seed=1)
    basis = span_basis(x)
    assert basis.shape == (20, 6)
    torch.testing.assert_close(basis.T @ basis, torch.eye(6, dtype=torch.float64))
    torch.testing.assert_close(x @ basis @ basis.T, x)
    torch.testing.assert_close((x @ basis) @ (other @ basis).T, x @ other.T)  # of others with those that span it


def test_directions_without_any_example_are_left_out() -> None:
    x = examples(4, 9)
    repeated = torch.cat([x, x[:2], x[:1] + x[1:2], torch.zeros(1, 9)])
    assert span_basis(repeated).shape == (9, 4) and span_basis(examples(30, 9)).shape == (9, 9)
    assert span_basis(torch.zeros(3, 9)).shape == (9, 0)
    x = x.float()  # coordinates of single precision
    torch.testing.assert_close(x.double() @ span_basis(x) @ span_basis(x).T, x.double())


def trained(x: Tensor, y: Tensor, weight: Tensor) -> list[Tensor]:
    """The outputs for ``x`` after each of five steps with momentum and weight decay, from first weights ``weight``."""
    hidden = nn.Linear(x.shape[1], len(weight)).double()
    torch.manual_seed(0)
    head = nn.Linear(len(weight), 2).double()
    with torch.no_grad():
        hidden.weight.copy_(weight)
        hidden.bias.zero_()
    network = nn.Sequential(hidden, nn.Sigmoid(), head)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9, weight_decay=0.01)
    outputs = []
    for _ in range(5):
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        outputs.append(network(x).detach())
    return outputs


def test_gradient_descent_is_the_same_in_the_coordinates() -> None:
    x, weight, y = examples(8, 40), examples(5, 40, seed=1), torch.arange(8) % 2
    basis = span_basis(x)
    for whole, short in zip(trained(x, y, weight), trained(x @ basis, y, weight @ basis), strict=True):
        torch.testing.assert_close(whole, short)
