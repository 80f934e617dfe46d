"""Virtual adversarial domain adaptation (Shu et al. 2018)."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from dann.data.loading.stream import Batch
from dann.functional.adversarial import domain_adversarial_loss, domain_loss
from dann.functional.normal_draws import normal_like
from dann.functional.predictions import entropy, kl_divergence, label_loss
from dann.methods.method import Method
from dann.networks.network import Network
from dann.optim.schedules import LAMBDA_SCHEDULES
from dann.options import Factor, Width


class Vada(Method):
    """VADA: DANN with decision boundaries away from the examples, by virtual adversarial training and low entropy.

    Shu et al. 2018, "A DIRT-T approach to unsupervised domain adaptation", equation (8). One update descends, in
    features and classifier, the label loss, λ_s times the virtual adversarial loss (Miyato et al. 2018) of the source,
    λ_t times that of the target, and λ_t times the entropy of the target's predictions (or ``entropy_weight`` times);
    in the discriminator, the domain loss; and in the features, −λ_d times the domain loss, which is a mean over both
    domains, as in the authors' code, where the paper has a sum. Both domains are forwarded together, as one batch,
    unless ``together`` is false, and so are their perturbed inputs, which do not update the running statistics of
    BatchNorm; where λ_s is 0 the source's are not perturbed. Dropout draws new masks in each forward pass.

    Args:
        weight: λ_d, weight of the domain loss in the features, at the end of training. The paper chooses between 0 and
            0.01 for each pair of data sets; the default of this and the next two is that of the authors' code for
            MNIST → SVHN.
        source_weight: λ_s, weight of the virtual adversarial loss of the source; 0 or 1 in the paper.
        target_weight: λ_t, weight of the virtual adversarial loss and of the entropy of the target; 0.01 or 0.1 in the
            paper.
        entropy_weight: weight of the entropy of the target where it is not λ_t, as in AdaTime (Ragab et al. 2023).
        radius: Euclidean norm of the perturbation of an example, in the units of the network's inputs. The default is
            that of the authors' code for images of 3 × 32 × 32 in [−1, 1]; smaller inputs need a smaller radius.
        schedule: ``constant`` keeps λ_d at ``weight``, as in the paper; ``ramp`` raises it from 0 as
            2 / (1 + exp(−10p)) − 1.
        discriminator: hidden widths of the discriminator; by default the ``discriminator_widths`` of the network.
        flipped: as in the authors' code, first train the discriminator in an update of its own, then let the features
            descend λ_d times the domain loss with exchanged labels instead of ascending the domain loss.
        together: forward source and target as one batch, or, if false, one after the other, as the authors' code does:
            each normalised by its own statistics of BatchNorm.
    """

    adversarial = True
    reads_inputs = True
    needs_examples = True

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 0.01,
        source_weight: Factor = 1.0,
        target_weight: Factor = 0.01,
        entropy_weight: Factor | None = None,
        radius: Annotated[float, Field(gt=0)] = 3.5,
        schedule: Literal["ramp", "constant"] = "constant",
        discriminator: list[Width] | None = None,
        flipped: bool = False,
        together: bool = True,
    ) -> None:
        super().__init__(network)
        self.discriminator = network.discriminator(discriminator)
        self.flipped, self.together = flipped, together
        self.weight, self.schedule, self.radius = weight, LAMBDA_SCHEDULES[schedule], radius
        entropy_weight = target_weight if entropy_weight is None else entropy_weight
        self.weights = source_weight, target_weight, entropy_weight

    def phases(self, progress: float) -> tuple[str, ...]:
        return ("discriminator", "network") if self.flipped else ("all",)

    def phase_parameters(self, phase: str) -> Sequence[nn.Parameter] | None:
        stepped = {"discriminator": self.discriminator, "network": self.network}
        return list(stepped[phase].parameters()) if phase in stepped else None

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        if phase == "discriminator":
            with torch.no_grad():
                source, target = self.both(batch, ("features",), self.together)
            return {"domain": domain_loss(*(self.discriminator(of["features"]) for of in (source, target)))}
        source, target = self.both(batch, self.layers, self.together)
        domain = self._domain(source["features"], target["features"], self.weight * self.schedule(progress))
        logits = source["logits"], target["logits"]
        return domain | classifier_losses(self.network, batch, *logits, self.weights, self.radius, self.together)

    def _domain(self, source: Tensor, target: Tensor, lam: float) -> dict[str, Tensor]:
        if self.flipped:
            return {"confusion": lam * domain_loss(self.discriminator(target), self.discriminator(source))}
        return {"domain": domain_adversarial_loss(self.discriminator, source, target, lam)}

    def coefficients(self, progress: float) -> dict[str, float]:
        return {"lambda": self.weight * self.schedule(progress)}


def classifier_losses(
    network: nn.Module,
    batch: Batch,
    source: Tensor,
    target: Tensor,
    weights: tuple[float, float, float],
    radius: float,
    together: bool,
) -> dict[str, Tensor]:
    """VADA's losses but for the domain loss: label loss, virtual adversarial losses, entropy of the target.

    Args:
        source: logits of the source examples, shape ``(N, K)``.
        target: logits of the target examples, shape ``(M, K)``.
        weights: λ_s, λ_t, and that of the entropy; where λ_s is 0 the source is not perturbed.
        radius: Euclidean norm of each perturbation.
        together: forward the perturbed inputs of both domains as one batch.
    """
    source_weight, target_weight, entropy_weight = weights
    losses = {"label": label_loss(source, batch.source_y, batch.source_weight)}
    if source_weight == 0:  # a third less to compute in a step
        held, x, n = target.detach(), batch.target_x, 0
    else:
        held, x, n = torch.cat([source, target]).detach(), torch.cat([batch.source_x, batch.target_x]), len(source)
    sizes = [len(x)] if together or n == 0 else [n, len(x) - n]
    parts = zip(torch.split(x, sizes), torch.split(held, sizes), strict=True)
    perturbed = torch.cat([perturbed_logits(network, *part, radius) for part in parts])
    if n:
        losses["source_smoothness"] = source_weight * kl_divergence(held[:n], perturbed[:n])
    losses["target_smoothness"] = target_weight * kl_divergence(held[n:], perturbed[n:])
    losses["entropy"] = entropy_weight * entropy(target)
    return losses


def perturbed_logits(network: nn.Module, x: Tensor, logits: Tensor, radius: float) -> Tensor:
    """Logits ``(N, K)`` of inputs with their adversarial perturbation, which changes no running statistics.

    Args:
        x: inputs, shape ``(N, ...)``.
        logits: logits of x, held fixed, shape ``(N, K)``.
        radius: Euclidean norm of each perturbation.
    """

    def forward(x: Tensor) -> Tensor:
        copies = {name: buffer.clone() for name, buffer in network.named_buffers()}
        outputs: Tensor = functional_call(network, copies, (x,))
        return outputs

    return forward(x + adversarial_perturbation(forward, x, logits, radius))


def adversarial_perturbation(network: Callable[[Tensor], Tensor], x: Tensor, logits: Tensor, radius: float) -> Tensor:
    """The perturbation of each input that changes its prediction most, approximated by one power iteration.

    Miyato et al. 2018: radius · g / ‖g‖, where g is the gradient of KL(p(x) ‖ p(x + ξ d)) with respect to a random unit
    vector d.

    Args:
        network: maps inputs to logits.
        x: inputs, shape ``(N, ...)``.
        logits: logits of x, held fixed, shape ``(N, K)``.
        radius: Euclidean norm of each perturbation; a perturbation is 0 where the gradient is 0.
    """
    # The paper's ξ of 1e-6 is below the rounding of x in float32, which would make g noise; in bf16 a step much smaller
    # than this one would be too.
    step = 0.1 * radius
    direction = scale_to_unit_norm(normal_like(x)).requires_grad_()
    (gradient,) = torch.autograd.grad(kl_divergence(logits, network(x + step * direction)), direction)
    return radius * scale_to_unit_norm(gradient)


def scale_to_unit_norm(x: Tensor) -> Tensor:
    """Scale each example of x, ``(N, ...)``, to Euclidean norm 1; examples of zeros stay 0."""
    flat = x.flatten(1)
    # Gradients are tiny where predictions are certain; without this scaling their squares would underflow.
    flat = flat / flat.abs().amax(1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    return F.normalize(flat).reshape(x.shape)
