"""The first layer of a stack on vectors that are mostly zeros, such as bags of words."""

import warnings
from collections.abc import Sequence
from typing import cast

import numpy as np
import scipy.sparse
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dann.data.domain import Split
from dann.data.transforms.input_transform import Transform
from dann.training.trainer import Trainer

SPARSE = 0.1  # the largest share of values that are not zero
FEW = 8  # the inputs that occur in a step are few if they are less than one in eight
EXAMINED = 200  # examples of each side from which that share is estimated


def suits_sparse_layer(trainers: Sequence[Trainer]) -> bool:
    """Whether network, method, optimisers and data of a stack permit a ``SparseLayer``."""
    method = trainers[0].method
    features = method.network.features
    if not (isinstance(features, nn.Sequential) and len(features) and isinstance(features[0], nn.Linear)):
        return False
    if len(method.stages) > 1 or method.reads_inputs or method.second_view or not features[0].weight.requires_grad:
        return False
    if any(
        len(phases) > 1 or method.phase_parameters(phases[0]) is not None for phases in map(method.phases, (0.0, 1.0))
    ):
        return False  # the layer is stepped once in each step, whatever the phase
    if trainers[0].device.type != "cpu" or not torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        return False
    return all(_plain(trainer.optimizer) for trainer in trainers) and all(
        not transform.random and _sparse(transform(side.spread(EXAMINED).x)) for side, transform in _sides(trainers[0])
    )


def _plain(optimizer: torch.optim.Optimizer) -> bool:
    options, *more = optimizer.param_groups
    return isinstance(optimizer, torch.optim.SGD) and not (options["momentum"] or options["weight_decay"] or more)


def _sparse(x: Tensor) -> bool:
    return int((x != 0).sum()) <= SPARSE * x.numel()


def _sides(trainer: Trainer) -> list[tuple[Split, Transform]]:
    return list(zip((trainer.stream.source, trainer.stream.target), trainer.stream.transforms, strict=True))


class SparseLayer:
    """Computes and steps the stacked weights W of a linear first layer, X Wᵀ and W ← W − lr gᵀ X, with X sparse.

    So a step reads and writes only the weights of the inputs that occur in its batches. Plain gradient descent changes
    no others; momentum or weight decay would.

    Args:
        weight: stacked, shape ``(R, H, D)``; it receives a new memory layout.
        sides: the source's and the target's examples, as the network sees them, ``(N, D)`` each.
    """

    def __init__(self, weight: Tensor, sides: Sequence[scipy.sparse.csr_matrix]) -> None:
        self.replicas, _, self.inputs = weight.shape
        # The H weights of one input lie side by side: the unit in which they are gathered and stepped.
        self.weights = weight.detach().transpose(1, 2).contiguous().flatten(0, 1)
        weight.data = self.weights.reshape(self.replicas, self.inputs, -1).transpose(1, 2)
        self.examples, self.sources = scipy.sparse.vstack(sides, format="csr"), sides[0].shape[0]

    @classmethod
    def of(cls, trainers: Sequence[Trainer], weight: Tensor) -> "SparseLayer":
        """The layer of runs that ``suits_sparse_layer`` accepts, whose stacked weights are ``weight``."""
        return cls(weight, [scipy.sparse.csr_matrix(transform(side.x).to(weight.dtype).numpy())
                            for side, transform in _sides(trainers[0])])  # fmt: skip

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The layer's outputs before its bias for each replica's examples.

        Args:
            source: indices into the source's split, shape ``(R, B)``.
            target: indices into the target's split, shape ``(R, M)``.

        Returns:
            shapes ``(R, B, H)`` and ``(R, M, H)``.
        """
        places = torch.cat([source, target + self.sources], dim=1)
        x = self.examples[places.flatten().numpy()]
        counts = np.diff(x.indptr)
        own = np.repeat(np.arange(self.replicas), places.shape[1]) * self.inputs
        columns = x.indices.astype(np.int64) + np.repeat(own, counts)
        self.x = scipy.sparse.csr_matrix((x.data, columns, x.indptr), shape=(x.shape[0], len(self.weights)))
        with torch.no_grad():
            outputs = F.embedding_bag(
                torch.from_numpy(columns),
                self.weights,
                torch.from_numpy(x.indptr[:-1].astype(np.int64)),
                mode="sum",
                per_sample_weights=torch.from_numpy(x.data),
            )
        self.outputs = outputs.requires_grad_()
        both = self.outputs.reshape(*places.shape, -1)
        return both[:, : source.shape[1]], both[:, source.shape[1] :]

    def sum_gradients(self) -> Tensor:
        """For each replica the sum of the values of its outputs' gradient in the last step, shape ``(R,)``."""
        gradient = self.outputs.grad
        assert gradient is not None
        return gradient.reshape(self.replicas, -1).sum(1)

    def step(self, rates: Sequence[float]) -> None:
        """One step of plain gradient descent, after the backward pass, with each replica's learning rate."""
        gradient = self.outputs.grad
        assert gradient is not None
        rate = gradient.new_tensor(rates).repeat_interleave(len(gradient) // self.replicas)
        scaled = gradient * rate[:, None]
        transposed = self.x.T.tocsr()
        occurring = np.flatnonzero(np.diff(transposed.indptr))
        if FEW * len(occurring) > len(self.weights):
            _descend(self.weights, transposed, scaled)
            return
        # The product below passes over all of its output: with few inputs, over a copy of their weights alone.
        ends = np.append(transposed.indptr[occurring], transposed.indptr[-1])
        transposed = scipy.sparse.csr_matrix(
            (transposed.data, transposed.indices, ends), shape=(len(occurring), len(scaled))
        )
        places = torch.from_numpy(occurring)
        weights = self.weights.index_select(0, places)
        _descend(weights, transposed, scaled)
        self.weights.index_copy_(0, places, weights)


def _descend(weights: Tensor, transposed: scipy.sparse.csr_matrix, gradient: Tensor) -> None:
    """``weights`` less the product of ``transposed`` and ``gradient``, in place."""
    rows, columns, values = map(torch.from_numpy, (transposed.indptr, transposed.indices, transposed.data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch calls its CSR tensors a beta
        sparse = torch.sparse_csr_tensor(rows, columns, values, size=transposed.shape)
        torch.addmm(weights, sparse, gradient, alpha=-1, out=weights)


class AddedBias(nn.Module):
    """The bias of a linear layer whose product is computed elsewhere."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.bias = cast(nn.Linear, layer).bias

    @classmethod
    def replace_first(cls, layers: nn.Module) -> None:
        """Replace the first of ``layers``, a linear layer in a Sequential."""
        cast(nn.Sequential, layers)[0] = cls(cast(nn.Sequential, layers)[0])

    def forward(self, x: Tensor) -> Tensor:
        return x if self.bias is None else x + self.bias
