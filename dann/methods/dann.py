"""Domain-adversarial training of neural networks (Ganin et al. 2016)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.adversarial import domain_adversarial_loss, domain_loss, reverse_gradient
from dann.methods.method import Method
from dann.networks.network import Network, Outputs
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Rate, Width

DELTA = 1e-6  # keeps an adaptive λ finite if neither loss has a gradient
LARGEST = 10.0  # bound of the adaptive ratio: the gradient of a discriminator at chance is close to 0


class Dann(Method):
    """DANN: features that classify the source and do not allow a discriminator to identify the domain.

    Ganin et al. 2016, section 4.2, equations (13) to (15). One update descends the label loss in features and
    classifier, the domain loss in the discriminator, and −λ times the domain loss in the features. λ acts inside the
    reversal, as in Ganin and Lempitsky 2015, equation (8), and in the paper's experiments (section 5.2.2); in equation
    (15) it slows the discriminator too. Equation (18) has −λ before a loss whose gradient is reversed already; by (13)
    it must be +λ. Both domains are forwarded together, as one batch, unless ``together`` is false.

    Args:
        weight: λ at the end of training.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1 (section 5.2.2). ``constant`` keeps it at
            ``weight``. ``adaptive`` sets it to ``weight`` times the ratio, at most 10, of the gradient norms of label
            loss and domain loss at ``layer`` (Esser et al. 2021, equation 7, balance another pair of losses so).
        horizon: share of training after which the ramp has reached its end; below 1 it is a warm start. The caffe code
            of the paper's authors reaches it after 10 000 of 50 000 steps: 0.2.
        layer: input of the discriminator: ``features``, ``logits``, or the dotted name of a module (``features.3``).
        discriminator: hidden widths of the discriminator; by default the ``discriminator_widths`` of the network.
        discriminator_dropout: dropout rate of the discriminator's hidden layers. The paper names none; 0.5 in its
            authors' caffe code for Office.
        together: forward source and target as one batch, as the paper does, so that BatchNorm normalises over both
            domains in training. If false, forward them one after the other, each normalised by its own statistics.
            Without BatchNorm there is no difference.
        loss_weight: weight of the domain loss beside the label loss. Unlike λ it slows the discriminator too; the
            features ascend λ times ``loss_weight`` times the domain loss. 2 equals the paper, whose equation (9) adds
            the two domains' means where this loss averages them; 0.1 in its authors' caffe code. The logged term
            ``domain`` is the loss without this weight, which is ln 2 at chance.
    """

    adversarial = True
    regression = True
    ratio: Tensor

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 1.0,
        schedule: Literal["ramp", "constant", "adaptive"] = "ramp",
        horizon: Annotated[float, Field(gt=0, le=1)] = 1.0,
        layer: str = "features",
        discriminator: list[Width] | None = None,
        discriminator_dropout: Rate = 0.0,
        together: bool = True,
        loss_weight: Annotated[float, Field(ge=0)] = 1.0,
    ) -> None:
        super().__init__(network)
        self.discriminator = network.discriminator(discriminator, network.width(layer), discriminator_dropout)
        self.weight, self.schedule, self.horizon, self.loss_weight = weight, schedule, horizon, loss_weight
        self.layer, self.together, self.layers = layer, together, ("features", "logits", layer)
        self.register_buffer("ratio", torch.ones(()), persistent=False)
        if schedule == "adaptive" and layer not in {"features", "logits"}:
            raise ValueError("an adaptive λ needs layer: features or logits")

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        # A discriminator on the features needs no logits of the target, and heads may be large.
        layers = ("features",) if self.layer == "features" else self.layers
        source, target = self.both(batch, layers, self.together)
        logits = source["logits"] if "logits" in source else self.network.classifier(source["features"])
        label = self.supervised_loss(logits, batch)
        seen = source[self.layer], target[self.layer]
        weight = self.weight * (self._ratio(label, *seen) if self.schedule == "adaptive" else self._share(progress))
        domain = domain_adversarial_loss(self.discriminator, *seen, weight)
        # A reversal with a negative weight scales the gradient and leaves the logged value unchanged.
        return {"label": label, "domain": reverse_gradient(domain, -self.loss_weight)}

    def _share(self, progress: float) -> float:
        return LAMBDA_SCHEDULES[self.schedule](min(1.0, progress / self.horizon))

    def _ratio(self, label: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """The ratio of the gradient norms of label loss and domain loss at the discriminator's layer."""
        domain = domain_loss(self.discriminator(source), self.discriminator(target))
        (of_label,) = torch.autograd.grad(label, source, retain_graph=True)
        of_domain = torch.cat(torch.autograd.grad(domain, (source, target)))
        return self.ratio.copy_((of_label.norm() / (of_domain.norm() + DELTA)).clamp(max=LARGEST))

    def domain_logits(self, outputs: Outputs) -> Tensor:
        logits: Tensor = self.discriminator(outputs[self.layer])
        return logits

    def coefficients(self, progress: float) -> dict[str, float]:
        factor = float(self.ratio) if self.schedule == "adaptive" else self._share(progress)
        return {"lambda": self.weight * factor}
