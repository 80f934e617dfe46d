"""Features of a frozen backbone: its outputs, computed once for all runs and kept in the cache."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks
from dann.data.storage.folders import made_folder
from dann.data.storage.sealed_files import read_array, write_array
from dann.data.store import TensorStore
from dann.data.transforms.input_transform import Transform
from dann.errors import BadInput
from dann.files.atomic_files import hold_lock
from dann.networks.backbone import Backbone
from dann.networks.early_blocks import EarlyBlocks
from dann.training.device import autocast

CHUNK = 64  # images forwarded at once: more are not faster


def extract_features(
    split: Split, backbone: Backbone | EarlyBlocks, transform: Transform, device: torch.device, dtype: torch.dtype
) -> Split:
    """A split with the backbone's outputs, float32 of shape ``(N, D)``, in place of its raw examples; on ``device``.

    The key in the cache is the examples, their transform, the backbone's weights, the number format, the kind of device
    and the version of torch.
    """
    path = made_folder("features") / f"{_key(split, backbone, transform, device, dtype)}.npy"
    with hold_lock(path.with_suffix(".lock")):
        if (stored := read_array(path)) is None:
            _compute(path, split, backbone, transform, device, dtype)
            stored = read_array(path)
    if stored is None or len(stored) != len(split):
        raise BadInput(f"{path}: was changed while it was read: run the same command again")
    return replace(split, store=TensorStore(torch.from_numpy(stored).to(device)), rows=torch.arange(len(split)))


def _compute(
    path: Path,
    split: Split,
    backbone: Backbone | EarlyBlocks,
    transform: Transform,
    device: torch.device,
    dtype: torch.dtype,
) -> None:
    """Write the features of a split to ``path``, some rows at a time: they may be larger than memory."""
    backbone = backbone.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    def compute(x: Tensor) -> Tensor:
        features: Tensor = backbone(transform(x.to(device))).float().cpu()
        return features

    with torch.inference_mode(), autocast(device, dtype):
        shape = compute(split.spread(1).x).shape[1:]
        write_array(path, (compute(x).numpy() for x in read_chunks(split, CHUNK)), tuple(shape), np.float32)


def _key(
    split: Split, backbone: Backbone | EarlyBlocks, transform: Transform, device: torch.device, dtype: torch.dtype
) -> str:
    digest = hashlib.sha256(
        f"{split.store.checksum()} {transform.options} {backbone.model} {dtype} {device.type} "
        f"{torch.__version__}".encode()
    )
    digest.update(split.rows.numpy().tobytes())
    digest.update(f"{checksum(transform)} {checksum(backbone)}".encode())
    return digest.hexdigest()


def checksum(module: nn.Module) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a module's parameters and buffers."""
    digest = hashlib.sha256()
    for tensor in (*module.parameters(), *module.buffers()):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
