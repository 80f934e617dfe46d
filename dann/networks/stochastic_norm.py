"""Stochastic normalisation (Kou et al. 2020)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from dann.errors import BadInput

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class StochasticNorm(_BatchNorm):
    """BatchNorm that chooses at random, for each channel, between batch statistics and running statistics.

    Kou et al. 2020, "Stochastic normalization". In training a channel is normalised by the batch statistics with
    probability p, otherwise by the running statistics before their update by this batch. In evaluation the layer is
    ordinary BatchNorm.

    Args:
        norm: the pretrained layer; its parameters and statistics are shared, not copied.
        p: probability of the batch statistics; 0.5 in the paper.
    """

    def __init__(self, norm: _BatchNorm, p: float = 0.5) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias, self.p = norm.weight, norm.bias, p
        for name, buffer in norm.named_buffers():
            setattr(self, name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.running_mean is None or self.running_var is None:
            return super().forward(x)
        before = self.running_mean.clone(), self.running_var.clone()
        by_running = F.batch_norm(x, *before, self.weight, self.bias, False, 0.0, self.eps)
        chosen = torch.rand(x.shape[1], device=x.device) < self.p
        return torch.where(chosen.reshape(1, -1, *[1] * (x.ndim - 2)), super().forward(x), by_running)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept inputs of any number of dimensions."""


def make_norms_stochastic(module: nn.Module) -> None:
    """Replace every BatchNorm of ``module`` by a ``StochasticNorm`` that shares its parameters.

    Raises:
        BadInput: a layer is derived from BatchNorm and does more than normalise.
    """
    for name, part in list(module.named_modules()):
        if type(part) in PLAIN:
            module.set_submodule(name, StochasticNorm(part))
        elif isinstance(part, _BatchNorm) and not isinstance(part, StochasticNorm):
            kind = type(part).__name__
            raise BadInput(f"finetune.norm: {name} is a {kind}, which does more than normalise: write norm: train")
