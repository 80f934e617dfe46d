"""The features that ``dann rank`` scores: those of a source's labelled and of a target's unlabelled examples."""

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dann.config.candidates import Candidate
from dann.config.schema import Config
from dann.config.text_checks import has_token_ids
from dann.data.domain import Split
from dann.data.loading.read_ahead import read_chunks
from dann.data.loading.stream import WEIGHTS, derive
from dann.data.pair import Pair
from dann.data.splits import hold_out
from dann.data.transforms.input_transform import Transform
from dann.errors import BadInput
from dann.networks.all_networks import RGB_ONLY
from dann.networks.backbone import Backbone
from dann.networks.network import Network
from dann.training.device import choose_dtype
from dann.training.frozen_features import extract_features
from dann.training.inputs import prepare_inputs
from dann.training.pair_loading import load_pair

WIDEST = 16_384  # values of an example that is scored as it is
Features = NDArray[np.float32]


@dataclass(frozen=True)
class CandidateFeatures:
    """Features of the two domains of a candidate.

    Args:
        source: of labelled examples, shape ``(N, D)``.
        labels: theirs, shape ``(N,)``.
        probabilities: theirs of the Z classes of pretraining, shape ``(N, Z)``; None if the pretrained last layer is
            not known.
        target: of unlabelled examples, shape ``(M, D)``.
        names: of the source and of the target.
        seconds: that it took to compute them, without reading the data.
    """

    source: Features
    labels: NDArray[np.int64]
    probabilities: Features | None
    target: Features
    names: tuple[str, str]
    seconds: float


def compute_features(candidate: Candidate, examples: int, device: torch.device) -> CandidateFeatures:
    """The features of at most about ``examples`` training examples of either domain, a fixed stratified sample.

    Those of a pretrained network are what its last layer takes, and are kept in the cache; without one they are the
    network's inputs. No test example is read, and no label of the target.

    Raises:
        BadInput: the data or the network cannot be had, or a feature is not finite.
    """
    config = candidate.config
    pair = load_pair(config.data)
    inputs = prepare_inputs(config.data, pair, device, config.network.name in RGB_ONLY)
    start = time.perf_counter()
    backbone = _build_backbone(config, pair, inputs.raw.output_shape(pair.input_shape))
    splits = [take_sample(inputs.splits[name], examples) for name in ("train", "unlabelled")]
    source, target = (
        _compute(split, backbone, transform, config, device)
        for split, transform in zip(splits, inputs.transforms, strict=True)
    )
    seconds = time.perf_counter() - start
    for features in (source, target):
        if not features.isfinite().all():
            raise BadInput(f"{candidate.network}: features are not finite: choose other weights or data.transform")
    names = pair.description["source"]["name"], pair.description["target"]["name"]
    probabilities = None if backbone is None else _pretrained_classes(backbone, source)
    return CandidateFeatures(source.numpy(), splits[0].y.numpy(), probabilities, target.numpy(), names, seconds)


def _build_backbone(config: Config, pair: Pair, shape: tuple[int, ...]) -> Backbone | None:
    torch.manual_seed(derive(0, WEIGHTS))  # for weights: none
    network: Network = config.network.build(shape, len(pair.classes))
    if (backbone := network.backbone) is not None:
        return backbone.requires_grad_(False)
    if has_token_ids(config.data):
        raise BadInput(
            f"network: {config.network.name} is not pretrained, and the numbers of words are no features to score: "
            "name a pretrained network, or set data.vocabulary.form: bag"
        )
    if (width := math.prod(shape)) > WIDEST:
        raise BadInput(
            f"network: {config.network.name} is not pretrained, and its inputs have {width} values, too many to score "
            "as they are: name a pretrained network, or set the data set's size lower"
        )
    return None


def take_sample(split: Split, examples: int) -> Split:
    """At most about that many examples of a split, fixed and stratified by class."""
    return split if len(split) <= examples else hold_out(split, 1 - examples / len(split))[0]


def _compute(
    split: Split, backbone: Backbone | None, transform: Transform, config: Config, device: torch.device
) -> Tensor:
    """Features on the CPU, float32 of shape ``(N, D)``."""
    if backbone is None:
        return torch.cat([transform(x.to(device)).flatten(1).float().cpu() for x in read_chunks(split)])
    dtype = choose_dtype(config.train.precision, device)
    return extract_features(split, backbone, transform, device, dtype).x.cpu()


def _pretrained_classes(backbone: Backbone, features: Tensor) -> Features | None:
    """The probabilities of the classes of pretraining."""
    head: nn.Linear | None = backbone.head
    if not backbone.pretrained or head is None:
        return None
    with torch.no_grad():
        probabilities: Features = head.cpu()(features).softmax(1).numpy()
    return probabilities
