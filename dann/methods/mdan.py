"""Multi-source domain adversarial networks (Zhao et al. 2018)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dann.data.loading.stream import Batch
from dann.functional.adversarial import domain_loss, reverse_gradient
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.network import Network, Outputs
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Positive, Width

TINY, LARGE = 1e-12, 1e6


class Mdan(Method):
    """MDAN: DANN with several sources; each has its own discriminator against the target.

    Zhao et al. 2018. Source i has a label loss Lᵢ and a domain loss Dᵢ over its own examples and the target's. One
    update descends Σᵢ αᵢ (Lᵢ + Dᵢ), with Dᵢ reversed in the features as in DANN. All examples are forwarded together,
    as one batch. Labelled target examples enter the label loss of every source and no domain loss.

    Args:
        sources: S, number of source domains.
        aggregate: weights α of the sources. ``hard``: 1 for the source with the largest score, 0 for the others.
            ``soft``: α = softmax(γ score), the gradient of the log-sum-exp in the paper's smoothed objective.
            ``mean``: α = 1 / S.
        score: score of a source. ``bound``: Lᵢ − Dᵢ, as in the paper's bound. ``sum``: Lᵢ + λDᵢ, as in the soft variant
            of the authors' code. ``apart``, for ``hard`` only: the largest Lᵢ and the smallest Dᵢ are chosen
            independently, of one source or of two, as in the hard variant of the code.
        gamma: γ of ``soft``.
        weight: λ at the end of training. The authors' code has 0.01 on the sum of the two domain means: 0.02 here.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it at ``weight``, as in the
            paper.
        discriminator: hidden widths of each discriminator; by default the ``discriminator_widths`` of the network.

    Raises:
        ValueError: ``score: apart`` without ``aggregate: hard``.
    """

    adversarial = True

    def __init__(
        self,
        network: Network,
        *,
        sources: Annotated[int, Field(ge=1, le=1000)] = 2,
        aggregate: Literal["soft", "hard", "mean"] = "soft",
        score: Literal["bound", "sum", "apart"] = "bound",
        gamma: Positive = 10.0,
        weight: Factor = 1.0,
        schedule: Literal["ramp", "constant"] = "constant",
        discriminator: list[Width] | None = None,
    ) -> None:
        super().__init__(network)
        if score == "apart" and aggregate != "hard":
            raise ValueError("score: apart needs aggregate: hard")
        self.discriminators = nn.ModuleList(network.discriminator(discriminator) for _ in range(sources))
        self.sources, self.aggregate, self.score, self.gamma = sources, aggregate, score, gamma
        self.weight, self.schedule = weight, LAMBDA_SCHEDULES[schedule]

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("features",))
        logits = self.network.classifier(source["features"])
        weight = self.weight * self.schedule(progress)
        reversed_source, reversed_target = (reverse_gradient(side["features"], weight) for side in (source, target))
        labels, domains, present = [], [], []
        for number, discriminator in enumerate(self.discriminators):
            own = (batch.source_domain == number).to(logits.dtype)
            labelled = own + (batch.source_domain == self.sources)
            example_weight = labelled if batch.source_weight is None else labelled * batch.source_weight
            # A source without an example in the batch gets an arbitrary finite loss here, and the weight 0 below.
            labels.append(label_loss(logits, batch.source_y, example_weight.clamp_min(TINY)))
            share = own / own.mean().clamp_min(TINY)
            domains.append(domain_loss(discriminator(reversed_source), discriminator(reversed_target), share))
            present.append(own.amax())
        label, domain = torch.stack(labels), torch.stack(domains)
        of_label, of_domain = self._alpha(label.detach(), domain.detach(), weight, torch.stack(present))
        return {"label": (of_label * label).sum(), "domain": (of_domain * domain).sum()}

    def _alpha(self, label: Tensor, domain: Tensor, weight: float, present: Tensor) -> tuple[Tensor, Tensor]:
        """The weights of the sources' label losses and of their domain losses, each of shape ``(S,)``, summing to 1."""
        if self.score == "apart":
            return self._share(label, present), self._share(-domain, present)
        share = self._share(label - domain if self.score == "bound" else label + weight * domain, present)
        return share, share

    def _share(self, score: Tensor, present: Tensor) -> Tensor:
        score = score.where(present > 0, -LARGE)
        if self.aggregate == "soft":
            return (self.gamma * score).softmax(0)
        if self.aggregate == "hard":
            return F.one_hot(score.argmax(), len(score)).to(score.dtype)
        return present / present.sum().clamp_min(1)

    def domain_logits(self, outputs: Outputs) -> Tensor:
        logits = [discriminator(outputs["features"]) for discriminator in self.discriminators]
        return torch.stack(logits).mean(0)

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}
