"""Inputs of the networks: the splits on the device that computes, and the transforms of their raw examples."""

from dataclasses import dataclass, replace

import torch

from dann.config.sections import DataSection
from dann.data.domain import Split
from dann.data.pair import Pair
from dann.data.store import MovedStores, move_once
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.networks.backbone import Backbone
from dann.networks.early_blocks import EarlyBlocks
from dann.training.frozen_features import extract_features

TARGET = ("unlabelled", "target_test")  # the splits to which the target's transform applies
Transforms = tuple[Transform, Transform]


@dataclass(frozen=True)
class TrainingInputs:
    """The splits of a pair and how their examples become inputs of a network.

    Args:
        splits: on the device that computes.
        transforms: of the source's and of the target's examples, the same object if nothing differs.
        view: the transform of a second view of the target's examples.
        raw: the transform of the target's raw examples; that of ``transforms``, unless the splits hold the outputs of a
            backbone already.
    """

    splits: dict[str, Split]
    transforms: Transforms
    view: Transform | None
    raw: Transform

    def with_features(
        self, backbone: Backbone | EarlyBlocks, device: torch.device, dtype: torch.dtype
    ) -> "TrainingInputs":
        """The same with the outputs of a backbone, or of its first blocks, in place of the raw examples."""
        splits = {
            name: extract_features(split, backbone, self.transforms[name in TARGET], device, dtype)
            for name, split in self.splits.items()
        }
        unchanged = Transform(TransformOptions(normalise="none"), splits["unlabelled"]).to(device)
        return replace(self, splits=splits, transforms=(unchanged, unchanged), view=None)


def prepare_inputs(data: DataSection, pair: Pair, device: torch.device, rgb: bool = False) -> TrainingInputs:
    """The splits of a pair on ``device``, with the transforms of a configuration.

    Args:
        rgb: whether the network takes RGB images only, so that grey ones are shown as such.
    """
    moved: MovedStores = {}  # what several splits share is moved once
    splits = {name: replace(split, store=move_once(split.store, device, moved)) for name, split in pair.splits.items()}
    transforms, view = _transforms(data, pair, device, rgb)
    return TrainingInputs(splits, transforms, view, transforms[1])


def _transforms(data: DataSection, pair: Pair, device: torch.device, rgb: bool) -> tuple[Transforms, Transform | None]:
    """The transforms of source and target, the same object if nothing differs, and that of the second view."""
    if pair.absent is not None:
        return _transforms_as_before(data, pair, pair.absent.transform, device, rgb)
    transform = Transform(data.transform, pair.train, rgb).to(device)
    other, view = transform, None
    if data.target_transform.normalise == "domain" or data.target_transform != data.transform:
        other = _target_transform(data.target_transform, pair, device, rgb)
    if data.target_view is not None:
        view = _target_transform(data.target_view, pair, device, rgb)
    for name, each in (("target_transform", other), ("target_view", view)):
        if each is not None and each.output_shape(pair.input_shape) != transform.output_shape(pair.input_shape):
            raise BadInput(
                f"data.{name}.crop: all inputs need one shape: leave it out, or set it as data.transform has it"
            )
    return (transform, other), view


def _transforms_as_before(
    data: DataSection, pair: Pair, before: Transform, device: torch.device, rgb: bool
) -> tuple[Transforms, Transform | None]:
    """The transforms of a target whose source is absent, which normalise as in the run that the network is of."""

    def build(options: TransformOptions) -> Transform:
        if options.normalise == "domain":
            return Transform(options, pair.unlabelled, rgb).to(device)
        transform = Transform.restore(options, pair.input_shape, before.scale, before.offset).to(device)
        if options.crop != before.options.crop:
            raise BadInput("data.target_transform.crop: is not that of the run that the network is of: leave it out")
        return transform

    transform = build(data.target_transform)
    return (transform, transform), None if data.target_view is None else build(data.target_view)


def _target_transform(options: TransformOptions, pair: Pair, device: torch.device, rgb: bool) -> Transform:
    """A transform of the target's examples, which normalises by the source unless each domain normalises itself."""
    reference = pair.unlabelled if options.normalise == "domain" else pair.train
    return Transform(options, reference, rgb).to(device)
