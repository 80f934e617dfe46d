"""Images of any number of bands as pictures, for logs and figures."""

from torch import Tensor


def select_visible_bands(x: Tensor) -> Tensor:
    """Images ``(N, C, H, W)`` with 1 or 3 channels: of others the first three bands, or the first of two."""
    channels = x.shape[1]
    return x if channels in (1, 3) else x[:, :3] if channels > 3 else x[:, :1]
