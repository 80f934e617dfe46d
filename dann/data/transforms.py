"""Transforms of whole batches of raw examples on their device."""

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """uint8 images to floats in [0, 1] less the source's mean colour; vectors pass as they are.

    Mean subtraction is the paper's only preprocessing (Ganin et al. 2016, section 5.2.2). The mean is that of the
    source's training images for both domains, so that source only learns nothing of the target by it.

    Args:
        source_x: the raw source training examples.
    """

    mean: Tensor

    def __init__(self, source_x: Tensor) -> None:
        super().__init__()
        self.images = source_x.ndim == 4
        if self.images:
            # Sums in int64 are exact: the mean does not depend on the order of the images or the device.
            pixels = source_x.shape[0] * source_x.shape[2] * source_x.shape[3]
            mean = source_x.sum(dim=(0, 2, 3), dtype=torch.int64).double() / (255 * pixels)
            self.register_buffer("mean", mean.float().reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if not self.images:
            return x
        floats = x.contiguous(memory_format=torch.channels_last).to(torch.float32)
        return floats.mul_(1 / 255).sub_(self.mean)


def shifted(x: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Each image of a batch moved by its own offset of up to ``pixels`` down and across, its edge repeated.

    Args:
        x: images, shape ``(N, C, H, W)``, any type.
        generator: on the CPU, so that all devices see the same offsets.
    """
    count, _, height, width = x.shape
    offsets = torch.randint(-pixels, pixels + 1, (2, count, 1), generator=generator).to(x.device)
    rows = (torch.arange(height, device=x.device) + offsets[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=x.device) + offsets[1]).clamp(0, width - 1)
    examples = torch.arange(count, device=x.device)[:, None, None]
    return x[examples, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
