"""DANN with class weights on the source, for label shift and for targets that lack classes."""

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
from dann.networks.network import Network
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Width

SMALLEST = 1e-3  # lower bound of a weight: a batch whose weights are all 0 would have no loss


class WeightedDann(Method):
    """Weighted DANN: a source example of class y has weight w(y) in the label loss and in the domain loss.

    One update is otherwise that of DANN: it descends the label loss in features and classifier, the domain loss in the
    discriminator, and −λ times the domain loss in the features. Both domains are forwarded together, as one batch. The
    weights are 1 at first and are estimated ``refreshes`` times, evenly over training, from predictions on the target's
    training examples.

    ``bbse`` and ``mlls`` estimate w(y) = q(y) / p(y), the share of class y in the target over that in the source: by
    black-box shift estimation (Lipton et al. 2018) from the confusion matrix of held-out source examples, or by maximum
    likelihood (Saerens et al. 2002), which assumes calibrated predictions. Tachet des Combes et al. 2020 (IWDAN)
    propose to weight DANN in this way. ``pada`` sets w to the mean predicted probability of each class, divided by the
    largest of them, so that classes absent from the target fade out (Cao et al. 2018, PADA).

    With ``bbse`` the labels of held-out source examples enter training: the source validation accuracy is then not
    entirely independent of training, and a class without held-out examples keeps the weight 1. If the weights do not
    average 1 in a batch, the domain loss at chance is not ln 2; the term is then called ``weighted_domain``.

    Args:
        estimate: estimator of the weights: ``bbse``, ``mlls`` or ``pada``.
        normalised: scale the weights of a batch to average 1, as PADA's authors' code does and its paper does not.
        refreshes: number of estimates.
        weight: λ at the end of training.
        schedule: ``ramp`` raises λ from 0 as 2 / (1 + exp(−10p)) − 1; ``constant`` keeps it at ``weight``.
        discriminator: hidden widths of the discriminator; by default the ``discriminator_widths`` of the network.
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
        weight: Factor = 1.0,
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
        example_weight = weight if batch.source_weight is None else weight * batch.source_weight
        label = label_loss(self.network.classifier(source["features"]), batch.source_y, example_weight)
        lam, seen = self.weight * self.schedule(progress), (source["features"], target["features"])
        domain = domain_adversarial_loss(self.discriminator, *seen, lam, source_weight=weight)
        return {
            "label": label * weight.mean(),  # the mean of the weighted losses, not their weighted mean
            "domain" if self.normalised else "weighted_domain": domain,
        }

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        probabilities = torch.cat([at_least_float32(self.predict(x)).softmax(1) for x in full_pass.target()])
        if self.estimate == "pada":
            shares = probabilities.mean(0)
            estimated = shares / shares.max()
        else:
            estimated = self._ratios(probabilities, full_pass)
        self.class_weight.copy_(estimated.clamp_min(SMALLEST))

    def _ratios(self, probabilities: Tensor, full_pass: FullPass) -> Tensor:
        """The ratios of target to source class shares, by ``bbse`` or ``mlls``."""
        prior = full_pass.class_shares(probabilities.shape[1])
        if self.estimate == "mlls":
            # The classifier has been trained on the source as weighted so far: its predictions assume those shares.
            shown = prior * self.class_weight / (prior * self.class_weight).sum()
            return mlls(probabilities, shown) * shown / prior
        validated = [(self.predict(x).argmax(1), y) for x, y in full_pass.validation()]
        predicted, labels = (torch.cat(parts) for parts in zip(*validated, strict=True))
        joint = confusion(labels, predicted, len(prior))
        shares = torch.bincount(probabilities.argmax(1), minlength=len(prior)) / len(probabilities)
        return bbse(joint, shares).where(joint.sum(0) > 0, 1.0)  # no estimate for a class without held-out examples

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}
