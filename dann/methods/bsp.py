"""Batch spectral penalisation (Chen et al. 2019)."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.adversarial import domain_adversarial_loss
from dann.functional.norms import spectral_penalty
from dann.methods.method import Method
from dann.networks.network import Network
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Width


class Bsp(Method):
    """BSP: DANN with a penalty on the dominant directions of the features.

    Chen et al. 2019, with DANN as the adversarial method. One update is that of DANN; in addition the features descend
    β times the sum of the squares of the largest singular values of each domain's features. Both domains are forwarded
    together, as one batch.

    Args:
        penalty: β, weight of the penalty; 0 gives DANN.
        k: number of singular values penalised in each domain, from the largest.
        weight: λ of the domain loss at the end of training.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it at ``weight``.
        discriminator: hidden widths of the discriminator; by default the ``discriminator_widths`` of the network.
    """

    adversarial = True
    regression = True

    def __init__(
        self,
        network: Network,
        *,
        penalty: Factor = 1e-4,
        k: Annotated[int, Field(ge=1)] = 1,
        weight: Factor = 1.0,
        schedule: Literal["ramp", "constant"] = "ramp",
        discriminator: list[Width] | None = None,
    ) -> None:
        super().__init__(network)
        self.discriminator = network.discriminator(discriminator)
        self.penalty, self.k, self.weight, self.schedule = penalty, k, weight, LAMBDA_SCHEDULES[schedule]

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        outputs = self.both(batch, ("features",))
        source, target = (of["features"] for of in outputs)
        weight = self.weight * self.schedule(progress)
        singular = spectral_penalty(source, self.k) + spectral_penalty(target, self.k)
        return {
            "label": self.supervised_loss(self.network.classifier(source), batch),
            "domain": domain_adversarial_loss(self.discriminator, source, target, weight),
            "spectral": self.penalty * singular,
        }

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}
