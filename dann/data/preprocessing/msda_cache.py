"""Cache of mSDA features, which for thousands of inputs take minutes to compute and gigabytes to hold."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dann.data.preprocessing.msda import MsdaOptions, fit_msda, msda_features
from dann.data.preprocessing.span import span_basis
from dann.data.storage.folders import made_folder
from dann.data.storage.sealed_files import read_array, write_array
from dann.errors import BadInput
from dann.files.atomic_files import hold_lock

CHUNK = 500  # examples whose features are computed at once


def cached_msda_features(
    splits: Mapping[str, Tensor], fitted: Iterable[str], options: MsdaOptions
) -> dict[str, Tensor]:
    """The mSDA features of several splits, read from memory-mapped files that all processes share.

    The key is the content of the fitted examples and of the split, the options and the version of torch, so that all
    runs on the same data, whatever their method, network and seed, compute them once.

    Args:
        splits: the inputs of each split, shape ``(N, D)``.
        fitted: the names of the splits that the layers, and the span, are fitted on.

    Returns:
        features of each split, shape ``(N, D · (layers + 1))``, or ``(N, R)`` in coordinates of a span of R dimensions,
        in the type of the inputs.
    """
    folder, examples = made_folder("msda"), torch.cat([splits[name] for name in fitted])
    of_fit = f"{_checksum(examples)} {options.model_dump_json()} {torch.__version__}"
    paths = {name: folder / f"{hashlib.sha256(f'{of_fit} {_checksum(x)}'.encode()).hexdigest()}.npy"
             for name, x in splits.items()}  # fmt: skip
    with hold_lock(folder / f"{hashlib.sha256(of_fit.encode()).hexdigest()}.lock"):
        found = {name: read_array(path) for name, path in paths.items()}
        if missing := [name for name, features in found.items() if features is None]:
            mappings = fit_msda(examples, layers=options.layers, corruption=options.corruption)
            basis = span_basis(torch.cat(list(_features(examples, mappings)))) if options.span else None
            for name in missing:
                _write(paths[name], _features(splits[name], mappings, basis))
                found[name] = read_array(paths[name])
    lost = [paths[name] for name, features in found.items() if features is None or len(features) != len(splits[name])]
    if lost:
        raise BadInput(f"{lost[0]}: was changed while it was read: run the same command again")
    return {name: torch.from_numpy(features) for name, features in found.items()}


def _features(x: Tensor, mappings: list[Tensor], basis: Tensor | None = None) -> Iterator[Tensor]:
    """The features of ``CHUNK`` examples at a time, in coordinates of the basis if there is one."""
    for part in torch.split(x, CHUNK):
        features = msda_features(part, mappings)
        yield features if basis is None else (features.double() @ basis).to(features)


def _write(path: Path, pieces: Iterator[Tensor]) -> None:
    first = next(pieces)
    rows = (piece.numpy() for piece in chain([first], pieces))
    write_array(path, rows, tuple(first.shape[1:]), first.numpy().dtype)


def _checksum(x: Tensor) -> str:
    digest = hashlib.sha256(f"{tuple(x.shape)} {x.dtype}".encode())
    digest.update(np.ascontiguousarray(x.numpy()).data)
    return digest.hexdigest()
