"""Transform of one domain: raw examples → the network's inputs, whole batches at a time, on their device."""

import torch
from torch import Tensor, nn

from dann.data.domain import Split
from dann.data.transforms.affine import affine_random
from dann.data.transforms.erasing import erase, mask
from dann.data.transforms.geometry import crop_centre, crop_random, flip_random, shift_random
from dann.data.transforms.intensity import change_intensity
from dann.data.transforms.noise import add_noise
from dann.data.transforms.normalisation import normalise_instances, normalising_statistics
from dann.data.transforms.transform_options import TransformOptions


class Transform(nn.Module):
    """The transform of one domain: ``forward`` as in evaluation, ``augment`` as in training.

    Attributes:
        random: whether ``augment`` draws anything.

    Args:
        options: the changes to make.
        reference: the training examples whose statistics normalise.
        rgb: whether grey images are shown as RGB, for networks that take no others.

    Raises:
        BadInput: an option is for images and the examples are none, or the crop is larger than they are.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, options: TransformOptions, reference: Split, rgb: bool = False) -> None:
        super().__init__()
        self.options, shape = options, reference.store.shape
        self.images, self.random = len(shape) == 3, options.random
        self.rgb = rgb and self.images and shape[0] == 1
        options.check((3, *shape[1:]) if self.rgb else shape)
        mean, deviation = normalising_statistics(options.normalise, reference, self.images)
        scale, offset = 1 / (deviation * (255 if self.images else 1)), -mean / deviation
        if self.images:
            # Of the size of an input: a factor for each colour alone would be applied three numbers at a time.
            whole = (1, *self.output_shape(shape))
            scale, offset = (x.expand(whole).contiguous(memory_format=torch.channels_last) for x in (scale, offset))
        self.register_buffer("scale", scale.float(), persistent=False)
        self.register_buffer("offset", offset.float(), persistent=False)

    @classmethod
    def restore(cls, options: TransformOptions, shape: tuple[int, ...], scale: Tensor, offset: Tensor) -> "Transform":
        """The transform of raw examples of ``shape`` that had these buffers."""
        blank = torch.zeros(1, *shape, dtype=torch.uint8 if len(shape) == 3 else torch.float32)
        rgb = len(shape) == 3 and scale.shape[1] != shape[0]
        transform = cls(options, Split.of(blank, torch.zeros(1, dtype=torch.int64)), rgb)
        transform.scale, transform.offset = scale, offset
        return transform

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a network's input, for raw examples of ``shape``."""
        side = self.options.crop
        shape = (3, *shape[1:]) if self.rgb else shape
        return shape if side is None else (shape[0], side, side)

    def forward(self, x: Tensor) -> Tensor:
        """Raw examples, shape ``(N, ...)``, to float32 inputs."""
        side = self.options.crop
        return self._normalise(x if side is None else crop_centre(x, side))

    def augment(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Transform raw examples with the random changes of training.

        Each example has its own draw, which torchvision's transforms of a batch do not give; so they are written here.

        Args:
            x: raw examples, shape ``(N, ...)``.
            generator: on the CPU.
        """
        options = self.options
        if self.images:
            x = self._change_colours(self._move_pixels(x, generator), generator)
        x = self._normalise(x)
        if options.intensity:
            x = change_intensity(x, generator, **options.intensity.model_dump())
        if options.noise:
            x = add_noise(x, options.noise, generator)
        if options.erase:
            x = erase(x, options.erase, generator)
        x = mask(x, options.mask, generator) if options.mask else x
        return x if options.own is None else options.own.change(x, generator)

    def _move_pixels(self, x: Tensor, generator: torch.Generator) -> Tensor:
        options = self.options
        if options.affine:  # before the crop, which then cuts off repeated edges
            x = affine_random(x, generator, **options.affine.model_dump())
        if options.crop is not None:
            x = crop_random(x, options.crop, generator, scale=options.scale)
        if options.flip:
            x = flip_random(x, options.flip, generator)
        return shift_random(x, options.shift, generator) if options.shift else x

    def _change_colours(self, x: Tensor, generator: torch.Generator) -> Tensor:
        # Imported where it is used: torchvision takes a second.
        if self.options.randaugment:
            from dann.data.transforms.randaugment import randaugment

            # Its operations are defined on the 256 levels; float images are rounded to them.
            levels = x.round().to(torch.uint8) if x.is_floating_point() else x
            x = randaugment(levels, generator, **self.options.randaugment.model_dump()).to(x.dtype)
        if self.options.jitter:
            from dann.data.transforms.jitter import jitter

            x = jitter(x, generator, **self.options.jitter.model_dump())
        return x

    def _normalise(self, x: Tensor) -> Tensor:
        if self.options.normalise == "instance":
            x = normalise_instances(x)
            return x.expand(-1, 3, *x.shape[2:]).contiguous(memory_format=torch.channels_last) if self.rgb else x
        if not self.images:
            return x if self.options.normalise in {"mean", "none"} else x * self.scale + self.offset
        x = x.expand(-1, 3, -1, -1) if self.rgb else x
        x = x.contiguous(memory_format=torch.channels_last)
        if x.is_floating_point():  # not in place: a second view reads the same examples
            return x * self.scale + self.offset
        # In place and by a factor: torchvision's normalize copies the batch once more, and divides.
        return x.to(torch.float32).mul_(self.scale).add_(self.offset)
