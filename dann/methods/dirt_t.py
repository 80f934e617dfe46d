"""Decision-boundary iterative refinement training with a teacher (Shu et al. 2018)."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import Batch
from dann.functional.adversarial import domain_adversarial_loss
from dann.functional.predictions import entropy, kl_divergence
from dann.methods.method import Method, Stage
from dann.methods.vada import classifier_losses, perturbed_logits
from dann.networks.copies import Frozen
from dann.networks.network import Network
from dann.optim import LAMBDA_SCHEDULES
from dann.options import Factor, Width


class DirtT(Method):
    """DIRT-T: VADA, and then training on the target alone, near the predictions of a teacher.

    Shu et al. 2018, equation (8) and the section on DIRT-T. The stage ``pretrain`` is VADA as its own method is here,
    without ``flipped``. In the stage ``adapt`` no source example and no discriminator is read: features and classifier
    descend λ_t times the virtual adversarial loss of the target, λ_t times the entropy of its predictions, and β times
    the Kullback-Leibler divergence of the predictions from those of a teacher. The teacher is a copy, in evaluation
    mode, of the network as it is evaluated, so an average of the weights (``train.ema``) where there is one, as in the
    authors' code; it is replaced ``refreshes`` times. In that code the teacher's examples are a second target batch;
    here they are those of the other two losses. The statistics of BatchNorm are the target's alone in this stage.

    Args:
        pretrain: share of training as VADA; in the authors' code half, 80 000 steps.
        teacher_weight: β, weight of the divergence from the teacher.
        refreshes: number of teachers; 16 in the authors' code, one for 5000 steps.
        weight: λ_d, weight of the domain loss in the features, at the end of the first stage.
        source_weight: λ_s, weight of the virtual adversarial loss of the source.
        target_weight: λ_t, weight of the virtual adversarial loss and of the entropy of the target.
        radius: Euclidean norm of the perturbation of an example, in the units of the network's inputs.
        schedule: ``constant`` keeps λ_d at ``weight``, as in the paper; ``ramp`` raises it from 0 over the first stage.
        discriminator: hidden widths of the discriminator; by default the ``discriminator_widths`` of the network.
    """

    adversarial = True
    reads_inputs = True

    def __init__(
        self,
        network: Network,
        *,
        pretrain: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        teacher_weight: Factor = 0.01,
        refreshes: Annotated[int, Field(ge=1)] = 16,
        weight: Factor = 0.01,
        source_weight: Factor = 1.0,
        target_weight: Factor = 0.01,
        radius: Annotated[float, Field(gt=0)] = 3.5,
        schedule: Literal["ramp", "constant"] = "constant",
        discriminator: list[Width] | None = None,
    ) -> None:
        super().__init__(network)
        self.pretrain, self.teacher_weight = pretrain, teacher_weight
        self.stages = (Stage("pretrain", 0.0), Stage("adapt", pretrain))
        self.milestones = tuple(pretrain + (1 - pretrain) * number / refreshes for number in range(refreshes))
        self.weight, self.schedule, self.radius = weight, LAMBDA_SCHEDULES[schedule], radius
        self.source_weight, self.target_weight = source_weight, target_weight
        self.discriminator, self.teacher = network.discriminator(discriminator), Frozen(network)

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("both",) if progress < self.pretrain else ("target",)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "target":
            return self._refine(batch.target_x)
        source, target = self.both(batch, self.layers)
        features = source["features"], target["features"]
        domain = domain_adversarial_loss(self.discriminator, *features, self._lambda(progress))
        weights = self.source_weight, self.target_weight
        return {
            "domain": domain,
            **classifier_losses(self.network, batch, source["logits"], target["logits"], weights, self.radius),
        }

    def _refine(self, x: Tensor) -> dict[str, Tensor]:
        logits = self.predict(x)
        with torch.no_grad():
            teacher = self.teacher(x)
        perturbed = perturbed_logits(self.network, x, logits.detach(), self.radius)
        return {
            "teacher": self.teacher_weight * kl_divergence(teacher, logits),
            "target_smoothness": self.target_weight * kl_divergence(logits.detach(), perturbed),
            "entropy": self.target_weight * entropy(logits),
        }

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        self.teacher.copy_from(evaluated.network)

    def _lambda(self, progress: float) -> float:
        return self.weight * self.schedule(progress / self.pretrain) if progress < self.pretrain else 0.0

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self._lambda(progress)}
