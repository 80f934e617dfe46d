"""DANN whose source classes weigh as the target needs them: under label shift, and where the target lacks classes."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.adversarial import domain_adversarial_loss
from dann.functional.precision import at_least_float32
from dann.functional.predictions import label_loss
from dann.functional.priors import bbse, confusion, mlls
from dann.methods.method import Method
from dann.networks.network import Network, Width
from dann.optim import LAMBDA_SCHEDULES

SMALLEST = 1e-3  # of a weight: a batch whose weights are all 0 would have no loss


class WeightedDann(Method):
    """DANN in which a source example of class y weighs w(y), in the label loss and in the domain loss.

    All else is as in ``Dann``; both domains are forwarded as one batch. The weights are 1 until they are first
    estimated, ``refreshes`` times evenly over training, from predictions for the target's training examples:

    ``bbse`` and ``mlls`` estimate w(y) = q(y) / p(y), the class's share in the target over that in the source, as
    black-box shift estimation (Lipton et al. 2018) from the confusion of held-out source examples, or by maximum
    likelihood (Saerens et al. 2002), to which the predictions count as calibrated. Weighting DANN so is proposed by
    Tachet des Combes et al. 2020 (IWDAN). ``pada`` takes the mean probabilities of the classes, divided by the largest
    of them, so that classes the target lacks fade out (Cao et al. 2018, PADA).

    Held-out source labels enter training through ``bbse``, so there the source validation accuracy is not quite
    independent of training, and the weight of a class of which no example is held out stays 1. Where the weights do not
    average 1 in a batch, the domain loss at chance is not ln 2: the term is then ``weighted_domain``.

    Args:
        estimate: what the weights are.
        normalised: make the weights of a batch average 1, as PADA's authors' code does and its paper does not.
        refreshes: how often they are estimated.
        weight: λ at the end of training.
        schedule: of λ, as in ``Dann``.
        discriminator: hidden widths of the discriminator, as in ``Dann``.
    """

    adversarial = True
    weighs_classes = True
    class_weight: Tensor

    def __init__(
        self,
        network: Network,
        *,
        estimate: Literal["bbse", "mlls", "pada"],
        normalised: bool = False,
        refreshes: Annotated[int, Field(ge=1)] = 20,
        weight: float = 1.0,
        schedule: Literal["ramp", "constant"] = "ramp",
        discriminator: list[Width] | None = None,
    ) -> None:
        super().__init__(network)
        self.discriminator = network.discriminator(discriminator)
        self.estimate, self.normalised = estimate, normalised
        self.weight, self.schedule = weight, LAMBDA_SCHEDULES[schedule]
        self.milestones = tuple(number / (refreshes + 1) for number in range(1, refreshes + 1))
        self.register_buffer("class_weight", torch.ones(network.num_classes))

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("features",))
        weight = self.class_weight[batch.source_y]
        weight = weight / weight.mean().clamp_min(1e-6) if self.normalised else weight
        given = weight if batch.source_weight is None else weight * batch.source_weight
        label = label_loss(self.network.classifier(source["features"]), batch.source_y, given)
        lam, seen = self.weight * self.schedule(progress), (source["features"], target["features"])
        domain = domain_adversarial_loss(self.discriminator, *seen, lam, source_weight=weight)
        return {
            "label": label * weight.mean(),  # the mean of the weighted losses, not their weighted mean
            "domain" if self.normalised else "weighted_domain": domain,
        }

    def refresh(self, full_pass: FullPass, progress: float) -> None:
        probabilities = torch.cat([at_least_float32(self.predict(x)).softmax(1) for x in full_pass.target()])
        if self.estimate == "pada":
            shares = probabilities.mean(0)
            estimated = shares / shares.max()
        else:
            estimated = self._ratios(probabilities, full_pass)
        self.class_weight.copy_(estimated.clamp_min(SMALLEST))

    def _ratios(self, probabilities: Tensor, full_pass: FullPass) -> Tensor:
        """The ratios of target to source class shares by one of the two estimators of label shift."""
        prior = full_pass.class_shares(probabilities.shape[1])
        if self.estimate == "mlls":
            # What the classifier has been shown is the source as weighted so far: its predictions assume those shares.
            shown = prior * self.class_weight / (prior * self.class_weight).sum()
            return mlls(probabilities, shown) * shown / prior
        held_out = [(self.predict(x).argmax(1), y) for x, y in full_pass.held_out()]
        predicted, labels = (torch.cat(parts) for parts in zip(*held_out, strict=True))
        joint = confusion(labels, predicted, len(prior))
        shares = torch.bincount(probabilities.argmax(1), minlength=len(prior)) / len(probabilities)
        return bbse(joint, shares).where(joint.sum(0) > 0, 1.0)  # nothing is known of a class that is not held out

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}
