"""Features of a frozen backbone: its outputs, computed once for all runs and kept in the cache."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks
from dann.data.storage.folders import cache_folder
from dann.data.store import TensorStore
from dann.data.transforms.input_transform import Transform
from dann.files import hold_lock
from dann.networks.backbone import Backbone
from dann.training.device import autocast

CHUNK = 64  # images forwarded at once: more are not faster


def extract_features(
    split: Split, backbone: Backbone, transform: Transform, device: torch.device, dtype: torch.dtype
) -> Split:
    """A split with the backbone's outputs, float32 of shape ``(N, D)``, in place of its raw examples; on ``device``.

    The key in the cache is the examples, their transform, the backbone's weights, the number format, the kind of device
    and the version of torch.
    """
    path = cache_folder() / "features" / f"{_key(split, backbone, transform, device, dtype)}.npy"
    with hold_lock(path.with_suffix(".lock")):
        if not path.is_file():
            _compute(path, split, backbone, transform, device, dtype)
    features = torch.from_numpy(np.load(path, mmap_mode="c")).to(device)
    return replace(split, store=TensorStore(features), rows=torch.arange(len(split)))


def _compute(
    path: Path, split: Split, backbone: Backbone, transform: Transform, device: torch.device, dtype: torch.dtype
) -> None:
    """Write the features of a split to ``path``, row by row: they may be larger than memory. Appears when complete."""
    backbone = backbone.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    unfinished, row = path.with_name(f"{path.name}.{os.getpid()}.tmp"), 0
    try:
        with torch.inference_mode(), autocast(device, dtype):
            shape = (len(split), backbone(transform(split.spread(1).x.to(device))).shape[1])
            file = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=shape)
            for x in read_chunks(split, CHUNK):
                file[row : row + len(x)] = backbone(transform(x.to(device))).float().cpu().numpy()
                row += len(x)
        file.flush()
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _key(split: Split, backbone: Backbone, transform: Transform, device: torch.device, dtype: torch.dtype) -> str:
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
