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
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Width


class DirtT(Method):
    """DIRT-T: VADA, and then training on the target alone, near the predictions of a teacher.

    Shu et al. 2018, section 5.1 and equations (8) and (14). The stage ``pretrain`` is VADA as its own method is here,
    without ``flipped``. In the stage ``adapt`` no source example and no discriminator is read: features and classifier
    descend λ_t times the virtual adversarial loss of the target, λ_t times the entropy of its predictions (or
    ``entropy_weight`` times), and β times the Kullback-Leibler divergence of the predictions from those of a teacher.
    The teacher is a copy, in evaluation mode, of the network as it is evaluated, so an average of the weights
    (``train.ema``) where there is one, as in the authors' code; it is replaced ``refreshes`` times. In that code the
    teacher's examples are a second target batch; here they are those of the other two losses. The statistics of
    BatchNorm are the target's alone in this stage.

    Args:
        pretrain: share of training as VADA; in the authors' code half, 80 000 steps.
        teacher_weight: β, weight of the divergence from the teacher; 0.01 in all experiments of the paper.
        refreshes: number of teachers; 16 in the authors' code, one for 5000 steps.
        weight: λ_d, weight of the domain loss in the features, at the end of the first stage; defaults as for VADA.
        source_weight: λ_s, weight of the virtual adversarial loss of the source.
        target_weight: λ_t, weight of the virtual adversarial loss and of the entropy of the target.
        entropy_weight: weight of the entropy of the target, in both stages, where it is not λ_t.
        radius: Euclidean norm of the perturbation of an example, in the units of the network's inputs.
        schedule: ``constant`` keeps λ_d at ``weight``, as in the paper; ``ramp`` raises it from 0 over the first stage.
        discriminator: hidden widths of the discriminator; by default the ``discriminator_widths`` of the network.
        together: as for VADA, in the first stage.
    """

    adversarial = True
    reads_inputs = True
    needs_examples = True

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
        entropy_weight: Factor | None = None,
        radius: Annotated[float, Field(gt=0)] = 3.5,
        schedule: Literal["ramp", "constant"] = "constant",
        discriminator: list[Width] | None = None,
        together: bool = True,
    ) -> None:
        super().__init__(network)
        self.pretrain, self.teacher_weight, self.together = pretrain, teacher_weight, together
        self.stages = (Stage("pretrain", 0.0), Stage("adapt", pretrain))
        self.milestones = tuple(pretrain + (1 - pretrain) * number / refreshes for number in range(refreshes))
        self.weight, self.schedule, self.radius = weight, LAMBDA_SCHEDULES[schedule], radius
        entropy_weight = target_weight if entropy_weight is None else entropy_weight
        self.weights = source_weight, target_weight, entropy_weight
        self.discriminator, self.teacher = network.discriminator(discriminator), Frozen(network)

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("both",) if progress < self.pretrain else ("target",)

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "target":
            return self._refine(batch.target_x)
        source, target = self.both(batch, self.layers, self.together)
        features = source["features"], target["features"]
        domain = domain_adversarial_loss(self.discriminator, *features, self._lambda(progress))
        logits = source["logits"], target["logits"]
        losses = classifier_losses(self.network, batch, *logits, self.weights, self.radius, self.together)
        return {"domain": domain, **losses}

    def _refine(self, x: Tensor) -> dict[str, Tensor]:
        logits = self.predict(x)
        with torch.no_grad():
            teacher = self.teacher(x)
        _, smoothness_weight, entropy_weight = self.weights
        perturbed = perturbed_logits(self.network, x, logits.detach(), self.radius)
        return {
            "teacher": self.teacher_weight * kl_divergence(teacher, logits),
            "target_smoothness": smoothness_weight * kl_divergence(logits.detach(), perturbed),
            "entropy": entropy_weight * entropy(logits),
        }

    def refresh(self, full_pass: FullPass, progress: float, evaluated: Method) -> None:
        self.teacher.copy_from(evaluated.network)

    def _lambda(self, progress: float) -> float:
        return self.weight * self.schedule(progress / self.pretrain) if progress < self.pretrain else 0.0

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self._lambda(progress)}
