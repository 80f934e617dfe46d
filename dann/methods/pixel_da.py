"""Pixel-level domain adaptation (Bousmalis et al. 2017)."""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dann.data.loading.stream import Batch
from dann.functional.adversarial import domain_loss
from dann.functional.pixels import pairwise_squared_error
from dann.functional.precision import at_least_float32
from dann.functional.predictions import label_loss
from dann.methods.method import Method
from dann.networks.image_networks import ImageDiscriminator, ImageGenerator
from dann.networks.network import Network
from dann.options import Factor, Width

LARGEST = 64  # pixels of a side; the filters of the discriminator double each time that it halves an image


class PixelDA(Method):
    """PixelDA: a generator renders labelled source images in the target's style; the network learns from both.

    Bousmalis et al. 2017, "Unsupervised pixel-level domain adaptation with generative adversarial networks", equations
    (1) to (5). Each step makes two updates. In ``discriminator`` a discriminator of images descends the domain loss
    between generated and target images, and the network the label losses of source images and of generated ones, which
    have the labels of their source images (equation 3). In ``generator`` the generator descends ``weight`` times
    −log D of its images, ``label_weight`` times their label loss, and ``content_weight`` times their difference from
    the source images; discriminator and network are held fixed. The noise is drawn anew in each.

    As in the authors' code the generator descends −log D in place of log(1 − D) of equation (2), and source, generated
    and target images are forwarded apart. No target image passes through the network in training: the running
    statistics of BatchNorm are those of generated images and, before them in each step, of source images. Departures:
    the generator gets the class of an image too, for which their code has an option that nothing reads; one network
    classifies the images of both styles, where theirs has a first layer for each; both updates of a step have the same
    batch; the domain loss is a mean over both domains, half of equation (2), and has no weight, which with Adam would
    change nothing; gradients are not clipped.

    The authors train batches of 32 + 32 by Adam with β₁ = 0.5 and a learning rate of 0.001 that falls by 5 % after each
    20 000 updates, on MNIST → MNIST-M 250 000 of either kind. They report 95.9 % for MNIST → USPS and 98.2 % for
    MNIST → MNIST-M (Table 1), with hyper-parameters chosen on about 1000 labelled target images.

    Images have values in [−1, 1], so that ``data.transform.normalise`` has to be ``half``.

    Args:
        weight: of the adversarial loss in the generator; the default of the authors' code. For MNIST → MNIST-M they set
            this and the next one to 0.0113 and 0.0101, and Adam does not see what both have in common.
        label_weight: of the label loss in the generator.
        content_weight: of the pairwise mean squared error (``pairwise_squared_error``) between an image and what is
            made of it; 0 in the paper's experiments on digits.
        filters: of each of the generator's layers; time grows with their square.
        blocks: number of the generator's residual blocks.
        noise: number of the values, uniform in [−1, 1], that vary what is made of an image.

    Raises:
        ValueError: the network's inputs are not images, or larger than those of the paper's experiments.
    """

    reads_inputs = True
    needs_examples = True
    makes_images = True

    def __init__(
        self,
        network: Network,
        *,
        weight: Factor = 1.0,
        label_weight: Factor = 1.0,
        content_weight: Factor = 0.0,
        filters: Width = 64,
        blocks: Annotated[int, Field(ge=0, le=100)] = 6,
        noise: Width = 10,
    ) -> None:
        super().__init__(network)
        if len(shape := network.input_shape) != 3 or max(shape[1:]) > LARGEST:
            needs = f"needs images of at most {LARGEST} × {LARGEST} pixels, not inputs of shape {shape}"
            raise ValueError(f"{needs}: choose another method")
        self.weight, self.label_weight, self.content_weight = weight, label_weight, content_weight
        self.generator = ImageGenerator(shape, network.num_classes, filters, blocks, noise)
        self.image_discriminator = ImageDiscriminator(shape)

    def phases(self, progress: float) -> tuple[str, ...]:
        return "discriminator", "generator"

    def phase_parameters(self, phase: str) -> Sequence[nn.Parameter]:
        stepped = [self.generator] if phase == "generator" else [self.network, self.image_discriminator]
        return [parameter for module in stepped for parameter in module.parameters()]

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        x, y, weight = batch.source_x, batch.source_y, batch.source_weight
        if phase == "discriminator":
            with torch.no_grad():
                images = self.generator.draw(x, y)
            return {
                "domain": domain_loss(self.image_discriminator(images), self.image_discriminator(batch.target_x)),
                "label": label_loss(self.predict(x), y, weight),
                "generated": label_loss(self.predict(images), y, weight),
            }
        images = self.generator.draw(x, y)
        as_target = F.softplus(-at_least_float32(self.image_discriminator(images))).mean()  # −log σ
        terms = {
            "style": self.weight * as_target,
            "generated_label": self.label_weight * label_loss(self.predict(images), y, weight),
        }
        content = {"content": self.content_weight * pairwise_squared_error(images, x)} if self.content_weight else {}
        return terms | content
