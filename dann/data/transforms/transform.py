"""Raw examples → the network's inputs: whole batches at a time, on their device."""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dann.data.domain import Split
from dann.data.transforms.colour import erased, jittered, masked
from dann.data.transforms.geometry import centre_cropped, cropped, flipped, shifted
from dann.errors import BadInput
from dann.options import Section

Share = Annotated[float, Field(ge=0, le=1)]
Normalisation = Literal["mean", "standard", "domain", "imagenet", "half", "none"]
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EXAMINED = 2**28  # values of a domain from which its statistics are taken: all of MNIST, 5461 photos of 128 × 128
CHUNK = 64


class Jitter(Section):
    """Colour jitter: factors are drawn from [1 − value, 1 + value], the turn of the hue from [−hue, hue]."""

    brightness: float = Field(0.0, ge=0)
    contrast: float = Field(0.0, ge=0)
    saturation: float = Field(0.0, ge=0)
    hue: float = Field(0.0, ge=0, le=0.5)


class RandAugment(Section):
    """RandAugment (Cubuk et al. 2020): ``ops`` operations an image, each of strength ``magnitude`` of 30."""

    ops: int = Field(2, ge=1)
    magnitude: int = Field(9, ge=0, le=30)


class TransformOptions(Section):
    """What is done to the raw examples of a domain; all but the crop's side and ``normalise`` in training only.

    Args:
        crop: side of the square that is cut out: at random in training, from the middle in evaluation.
        scale: smallest and largest share of the area that a random crop covers before it is resized to ``crop``,
            such as [0.08, 1]; without it a crop is not resized.
        flip: probability of a mirror image.
        shift: pixels by which an image is moved at random, down and across.
        jitter: of colours.
        randaugment: its two numbers.
        normalise: images to [0, 1], then ``mean``: less the source's mean colour, the paper's only preprocessing
            (Ganin et al. 2016, section 5.2.2), which leaves vectors alone; ``standard``: less the source's mean, by
            its standard deviation, of each colour, channel or feature; ``domain``: the same by the training
            examples of its own side; ``imagenet``: by ImageNet's mean and deviation; ``half``: to [−1, 1].
        erase: probability that a rectangle of an image is set to 0 (Zhong et al. 2020).
        mask: share of the features of a vector, cells of an image or stretches of a series that are set to 0.
    """

    crop: int | None = Field(None, ge=1)
    scale: tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]] | None = Field(
        None, strict=False
    )
    flip: Share = 0.0
    shift: int = Field(0, ge=0)
    jitter: Jitter | None = None
    randaugment: RandAugment | None = None
    normalise: Normalisation = "mean"
    erase: Share = 0.0
    mask: Share = 0.0

    @property
    def random(self) -> bool:
        """Whether anything is drawn in training."""
        return any(getattr(self, name) for name in DRAWN)


DRAWN = ("crop", "flip", "shift", "randaugment", "jitter", "erase", "mask")  # options that draw something


class Transform(nn.Module):
    """The transform of one domain: ``forward`` as in evaluation, ``augmented`` as in training.

    Attributes:
        random: whether ``augmented`` draws anything.

    Args:
        options: what to do.
        reference: the training examples whose statistics normalise.

    Raises:
        BadInput: an option is for images and the examples are none, or the crop is larger than they are.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, options: TransformOptions, reference: Split) -> None:
        super().__init__()
        self.options, shape = options, reference.store.shape
        self.images, self.random = len(shape) == 3, options.random
        _check(options, shape)
        mean, deviation = _statistics(options.normalise, reference, self.images)
        scale, offset = 1 / (deviation * (255 if self.images else 1)), -mean / deviation
        if self.images:
            # Of the size of an input: a factor for each colour alone would be applied three numbers at a time.
            whole = (1, *self.output_shape(shape))
            scale, offset = (x.expand(whole).contiguous(memory_format=torch.channels_last) for x in (scale, offset))
        self.register_buffer("scale", scale.float(), persistent=False)
        self.register_buffer("offset", offset.float(), persistent=False)

    @classmethod
    def restored(cls, options: TransformOptions, shape: tuple[int, ...], scale: Tensor, offset: Tensor) -> "Transform":
        """The transform of raw examples of ``shape`` that had these buffers."""
        blank = torch.zeros(1, *shape, dtype=torch.uint8 if len(shape) == 3 else torch.float32)
        transform = cls(options, Split.of(blank, torch.zeros(1, dtype=torch.int64)))
        transform.scale, transform.offset = scale, offset
        return transform

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a network's input, for raw examples of ``shape``."""
        side = self.options.crop
        return shape if side is None else (shape[0], side, side)

    def forward(self, x: Tensor) -> Tensor:
        """Raw examples, shape ``(N, ...)``, to float32 inputs."""
        side = self.options.crop
        return self._normalised(x if side is None else centre_cropped(x, side))

    def augmented(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The same with the random changes of training, drawn from ``generator``, which is on the CPU."""
        chosen = self.options
        if self.images:
            if chosen.crop is not None:
                x = cropped(x, chosen.crop, generator, scale=chosen.scale)
            if chosen.flip:
                x = flipped(x, chosen.flip, generator)
            if chosen.shift:
                x = shifted(x, chosen.shift, generator)
            if chosen.randaugment:
                from dann.data.transforms.randaugment import randaugmented  # imports torchvision, which takes seconds

                x = randaugmented(x, generator, ops=chosen.randaugment.ops, magnitude=chosen.randaugment.magnitude)
            if chosen.jitter:
                x = jittered(x, generator, **chosen.jitter.model_dump())
        x = self._normalised(x)
        if chosen.erase:
            x = erased(x, chosen.erase, generator)
        return masked(x, chosen.mask, generator) if chosen.mask else x

    def _normalised(self, x: Tensor) -> Tensor:
        if not self.images:
            return x if self.options.normalise in {"mean", "none"} else x * self.scale + self.offset
        return x.contiguous(memory_format=torch.channels_last).to(torch.float32).mul_(self.scale).add_(self.offset)


def _check(options: TransformOptions, shape: tuple[int, ...]) -> None:
    if len(shape) != 3:
        wrong = [name for name in ("crop", "scale", "flip", "shift", "jitter", "randaugment", "erase")
                 if getattr(options, name)]  # fmt: skip
        wrong += [f"normalise: {options.normalise}"] if options.normalise in {"imagenet", "half"} else []
        if wrong:
            raise BadInput(f"data.transform.{wrong[0]} is for images, but an example has shape {shape}: leave it out")
    elif options.crop is not None and options.crop > min(shape[1:]):
        raise BadInput(f"data.transform.crop: {options.crop} is more than the images' {shape[1]} × {shape[2]} pixels")
    elif options.normalise == "imagenet" and shape[0] != 3:
        raise BadInput("data.transform.normalise: imagenet is for colour images, but these are grey: choose mean")
    if options.scale is not None and (options.crop is None or options.scale[0] > options.scale[1]):
        raise BadInput("data.transform.scale: give the smallest and the largest share, and the side as crop")


def _statistics(normalise: Normalisation, reference: Split, images: bool) -> tuple[Tensor, Tensor]:
    """Mean and deviation that broadcast against a batch; of images in units of 1."""
    if normalise == "half":
        return torch.tensor(0.5), torch.tensor(0.5)
    if normalise == "imagenet":
        return torch.tensor(IMAGENET[0]).reshape(1, 3, 1, 1), torch.tensor(IMAGENET[1]).reshape(1, 3, 1, 1)
    if normalise == "none" or (normalise == "mean" and not images):
        return torch.tensor(0.0), torch.tensor(1.0)
    mean, variance = _moments(reference, images, squared=normalise != "mean")
    if normalise == "mean":
        return mean, torch.ones_like(mean)
    return mean, variance.sqrt().where(variance > 1e-12, 1.0)  # a feature that never varies is not divided


def _moments(reference: Split, images: bool, squared: bool) -> tuple[Tensor, Tensor]:
    """Mean and variance over examples and places, shape ``(1, C, 1, 1)``, ``(1, C, 1)`` or ``(1, D)``, in float64.

    Args:
        squared: whether the variance is wanted; it is 0 else.
    """
    shape = reference.store.shape
    examined = reference.spread(max(1, EXAMINED // math.prod(shape)))
    axes, total, squares = list(range(2, 1 + len(shape))), torch.zeros(1), torch.zeros(1)
    for rows in torch.split(examined.rows, CHUNK):
        x = examined.store.read(rows)
        # The sum of one image's values is exact in float32 up to 256 × 256 pixels, so their order does not matter.
        x = x.to(torch.float32 if images else torch.float64)
        total = total + (x.sum(dim=axes) if axes else x).double().sum(dim=0)
        if squared:
            squares = squares + (x.double().square().sum(dim=axes) if axes else x.square()).sum(dim=0)
    size, unit = len(examined) * math.prod(shape[1:]), 255.0 if images else 1.0
    mean = (total / size).reshape(1, shape[0], *[1] * len(axes))
    mean_square = (squares / size).reshape(mean.shape) if squared else mean.square()
    return mean / unit, (mean_square - mean.square()).clamp(min=0) / unit**2
