"""Options of the transform of a domain, as experiment files write them."""

from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field, SerializeAsAny
from torch import Tensor

from dann.errors import BadInput
from dann.options import Section

Share = Annotated[float, Field(ge=0, le=1)]
Normalisation = Literal["mean", "mean_image", "standard", "domain", "instance", "imagenet", "half", "none"]
RANDOM = (
    "crop",
    "affine",
    "flip",
    "shift",
    "randaugment",
    "jitter",
    "intensity",
    "noise",
    "erase",
    "mask",
    "own",
)  # options with a random draw in training
COLOURS_ONLY = ("jitter", "randaugment")  # changes of grey and RGB images, which other bands do not have
IMAGES_ONLY = ("crop", "scale", "affine", "flip", "shift", "jitter", "randaugment", "erase")
Angle = Annotated[float, Field(ge=0, le=180)]


class Jitter(Section):
    """Colour jitter: factors are drawn from [1 − value, 1 + value], the turn of the hue from [−hue, hue].

    Args:
        brightness: largest change of the factor of all values.
        contrast: largest change of the factor of the distance from the mean grey.
        saturation: largest change of the factor of the distance from grey.
        hue: largest turn of the hue, as a share of the colour circle.
    """

    brightness: float = Field(0.0, ge=0)
    contrast: float = Field(0.0, ge=0)
    saturation: float = Field(0.0, ge=0)
    hue: float = Field(0.0, ge=0, le=0.5)


def _check_order(scale: tuple[float, float]) -> tuple[float, float]:
    if scale[0] > scale[1]:
        raise ValueError("should be the smallest and the largest factor, such as [0.9, 1.1]")
    return scale


Factors = Annotated[
    tuple[Annotated[float, Field(ge=0.01, le=100)], Annotated[float, Field(ge=0.01, le=100)]],
    Field(strict=False),
    AfterValidator(_check_order),
]


class Affine(Section):
    """Small affine changes of an image about its centre; each is drawn uniformly for each image.

    Args:
        rotation: largest angle to either side, in degrees.
        scale: smallest and largest factor of the size, such as [0.9, 1.1].
        shear: largest angle to either side by which upright lines lean, in degrees.
        translation: largest move down and across, as a share of the height and the width.
    """

    rotation: Angle = 0.0
    scale: Factors = (1.0, 1.0)
    shear: float = Field(0.0, ge=0, le=80)
    translation: Share = 0.0


class Intensity(Section):
    """Random changes of the brightness of an image or series: x → ± s x + t, after ``normalise``.

    Args:
        flip: probability of the sign −, a negative where ``normalise`` puts 0 into the middle of the range.
        scale: smallest and largest factor s, such as [0.25, 1.5] (French et al. 2018, for MNIST ↔ SVHN).
        offset: t is drawn from [−offset, offset], in the units that ``normalise`` leaves; theirs is 0.5.
        by_channel: whether each channel has its own draws, so that colours change as well.
    """

    flip: Share = 0.0
    scale: Factors = (1.0, 1.0)
    offset: float = Field(0.0, ge=0, le=1000)
    by_channel: bool = False


class RandAugment(Section):
    """RandAugment (Cubuk et al. 2020): ``ops`` operations an image, each of strength ``magnitude`` of 30.

    Args:
        ops: operations per image, drawn at random.
        magnitude: strength of each operation, from 0 to 30.
    """

    ops: int = Field(2, ge=1, le=100)
    magnitude: int = Field(9, ge=0, le=30)


class OwnTransform(Section):
    """A change of training batches that is not of this package (``dann.config.own_components``).

    Args:
        name: of the change.
    """

    name: str

    def change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Change the network's inputs, shape ``(N, ...)``, with random draws from ``generator``, on the CPU."""
        raise NotImplementedError


class TransformOptions(Section):
    """Changes to the raw examples of a domain; all but the crop's side and ``normalise`` in training only.

    Args:
        crop: side of the square that is cut out: at random in training, from the middle in evaluation.
        scale: smallest and largest share of the area that a random crop covers before it is resized to ``crop``,
            such as [0.08, 1]; without it a crop is not resized.
        affine: rotation, scale, shear and translation; the edge of the image is repeated where nothing lies.
        flip: probability of a mirror image.
        shift: pixels by which an image is moved at random, down and across.
        jitter: of colours.
        randaugment: its two numbers.
        normalise: images to [0, 1], then ``mean``: less the source's mean colour, the paper's only preprocessing
            (Ganin et al. 2016, section 5.2.2), which leaves vectors alone; ``mean_image``: less the mean of the
            source's images, pixel by pixel, another reading of the same words; ``standard``: less the source's mean,
            by its standard deviation, of each colour, channel or feature; ``domain``: the same by the training
            examples of its own side; ``instance``: each channel of each image or series less its own mean, by
            its own standard deviation, which no shift or scale of a whole channel changes (Shu et al. 2018, VADA);
            ``imagenet``: by ImageNet's mean and deviation; ``half``: to [−1, 1].
        intensity: sign, factor and offset of the brightness, for images and series.
        noise: standard deviation of Gaussian noise that is added to each number of the network's input, in the units
            that ``normalise`` leaves: for images the range from black to white by ``mean``, ``mean_image`` and
            ``none``, half of it by ``half``, a standard deviation by the others; for vectors and series the features'
            own units by ``mean`` and ``none``.
        erase: probability that a rectangle of an image is set to 0 (Zhong et al. 2020).
        mask: share of the features of a vector, cells of an image or stretches of a series that are set to 0.
        own: a change of one's own, by its name and with its options, of the network's inputs after all others.
    """

    crop: int | None = Field(None, ge=1, le=4096)
    scale: tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]] | None = Field(
        None, strict=False
    )
    affine: Affine | None = None
    flip: Share = 0.0
    shift: int = Field(0, ge=0, le=4096)
    jitter: Jitter | None = None
    randaugment: RandAugment | None = None
    normalise: Normalisation = "mean"
    intensity: Intensity | None = None
    noise: float = Field(0.0, ge=0, le=1000)
    erase: Share = 0.0
    mask: Share = 0.0
    own: SerializeAsAny[OwnTransform] | None = None

    @property
    def random(self) -> bool:
        """Whether anything is drawn in training."""
        return any(getattr(self, name) for name in RANDOM)

    def check(self, shape: tuple[int, ...]) -> None:
        """Check that the options suit raw examples of ``shape``.

        Raises:
            BadInput: an option is for images and the examples are none, or the crop is larger than they are.
        """
        if len(shape) != 3:
            self._check_not_for_images(shape)
        elif self.crop is not None and self.crop > min(shape[1:]):
            raise BadInput(f"data.transform.crop: {self.crop} is more than the images' {shape[1]} × {shape[2]} pixels: "
                           "choose fewer")  # fmt: skip
        else:
            self._check_channels(shape[0])
        if self.scale is not None and (self.crop is None or self.scale[0] > self.scale[1]):
            raise BadInput("data.transform.scale: give the smallest and the largest share, and the side as crop")
        if self.normalise == "mean_image" and self.crop is not None:
            raise BadInput("data.transform.normalise: mean_image is of whole images, which crop cuts: choose mean")

    def _check_channels(self, channels: int) -> None:
        if self.normalise == "imagenet" and channels != 3:
            these = "are grey" if channels == 1 else f"have {channels} bands"
            raise BadInput(f"data.transform.normalise: imagenet is for colour images, but these {these}: choose mean")
        wrong = [name for name in COLOURS_ONLY if getattr(self, name)]
        if wrong and channels not in (1, 3):
            raise BadInput(
                f"data.transform.{wrong[0]} is for grey and RGB images, but these have {channels} bands: leave it out"
            )

    def _check_not_for_images(self, shape: tuple[int, ...]) -> None:
        wrong = [name for name in IMAGES_ONLY if getattr(self, name)]
        wrong += [f"normalise: {self.normalise}"] if self.normalise in {"mean_image", "imagenet", "half"} else []
        if self.intensity and len(shape) == 1:
            raise BadInput(
                "data.transform.intensity is for images and series, but an example is a vector of "
                f"{shape[0]} features: leave it out"
            )
        if self.normalise == "instance" and len(shape) == 1:
            raise BadInput(
                "data.transform.normalise: instance is for the channels of images and series, but an example is a "
                f"vector of {shape[0]} features: choose standard"
            )
        if wrong:
            raise BadInput(f"data.transform.{wrong[0]} is for images, but an example has shape {shape}: leave it out")
