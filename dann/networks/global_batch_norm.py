"""BatchNorm over the rows of all processes that train one run."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dann.errors import BadInput
from dann.functional.precision import at_least_float32
from dann.networks.row_shards import RowShards
from dann.networks.stochastic_norm import PLAIN


class GlobalBatchNorm(_BatchNorm):
    """BatchNorm whose batch statistics in training are those of the rows of all processes.

    As ``torch.nn.SyncBatchNorm``, which is for GPUs alone. The variance comes from deviations from the mean of all
    rows, in a second exchange: a sum of squares would cancel.

    Args:
        norm: the layer in whose place it comes; its parameters and statistics are shared, not copied.
        shards: the division of rows within which the layer is.
    """

    def __init__(self, norm: _BatchNorm, shards: RowShards) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias, self.shards = norm.weight, norm.bias, shards
        for name, buffer in norm.named_buffers():
            setattr(self, name, buffer)
        self.training = norm.training

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and self.shards.active):
            return super().forward(x)
        values, dims, shape = at_least_float32(x), [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
        number = values.new_full((1,), values.numel() / values.shape[1])
        sums = self.shards.sum(torch.cat([values.sum(dims), number]))
        mean, number = sums[:-1] / sums[-1].detach(), sums[-1].detach()
        deviation = values - mean.reshape(shape)
        variance = self.shards.sum(deviation.square().sum(dims)) / number
        self._update_statistics(mean.detach(), variance.detach() * number / (number - 1))
        result = deviation * (variance + self.eps).rsqrt().reshape(shape)
        if self.affine:
            result = result * self.weight.reshape(shape) + self.bias.reshape(shape)
        return result.to(x.dtype)

    def _update_statistics(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept inputs of any number of dimensions."""


def make_norms_global(module: nn.Module, shards: RowShards) -> None:
    """Replace every BatchNorm of ``module`` by a ``GlobalBatchNorm`` that shares its parameters.

    Raises:
        BadInput: a layer is derived from BatchNorm and does more than normalise.
    """
    for name, part in list(module.named_modules()):
        if type(part) in PLAIN:
            module.set_submodule(name, GlobalBatchNorm(part, shards))
        elif isinstance(part, _BatchNorm) and not isinstance(part, GlobalBatchNorm):
            kind = type(part).__name__
            raise BadInput(
                f"network: {name} is a {kind}, whose statistics several devices cannot share: use one device, or "
                "--batch-norm local"
            )
