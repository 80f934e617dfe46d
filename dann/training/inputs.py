"""What networks are fed with: splits on the device that computes, and what makes inputs of their examples."""

from dataclasses import dataclass, replace

import torch

from dann.config.schema import DataSection
from dann.data.domain import Split
from dann.data.pair import Pair
from dann.data.store import MovedStores, move_once
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.networks.backbone import Backbone
from dann.training.frozen_features import embedded

TARGET = ("unlabelled", "target_test")  # the splits that the target's transform is for
Transforms = tuple[Transform, Transform]


@dataclass(frozen=True)
class TrainingInputs:
    """What a network is fed with.

    Args:
        splits: on the device that computes.
        transforms: of the source's and of the target's examples, the same object if nothing differs.
        view: of the target's for a second view.
        raw: of the target's raw examples: its transform, unless these are the outputs of a backbone already.
    """

    splits: dict[str, Split]
    transforms: Transforms
    view: Transform | None
    raw: Transform

    @classmethod
    def of(cls, data: DataSection, pair: Pair, device: torch.device) -> "TrainingInputs":
        """The inputs that a pair gives, on ``device``."""
        transforms, view = _transforms(data, pair, device)
        return cls(_on_device(pair.splits, device), transforms, view, transforms[1])

    def through(self, backbone: Backbone, device: torch.device, dtype: torch.dtype) -> "TrainingInputs":
        """The outputs of a backbone in place of its inputs."""
        splits = {
            name: embedded(split, backbone, self.transforms[name in TARGET], device, dtype)
            for name, split in self.splits.items()
        }
        unchanged = Transform(TransformOptions(normalise="none"), splits["train"]).to(device)
        return replace(self, splits=splits, transforms=(unchanged, unchanged), view=None)


def _transforms(data: DataSection, pair: Pair, device: torch.device) -> tuple[Transforms, Transform | None]:
    """The transforms of source and target, the same object if nothing differs, and that of the second view."""
    transform = Transform(data.transform, pair.train).to(device)
    own = data.target_transform.normalise == "domain"
    other, reference = transform, pair.unlabelled if own else pair.train
    if own or data.target_transform != data.transform:
        other = Transform(data.target_transform, reference).to(device)
    if transform.output_shape(pair.input_shape) != other.output_shape(pair.input_shape):
        raise BadInput("data.target_transform.crop: both domains need inputs of one shape: leave it out")
    view = None if data.target_view is None else Transform(data.target_view, reference).to(device)
    return (transform, other), view


def _on_device(splits: dict[str, Split], device: torch.device) -> dict[str, Split]:
    """The splits with their stores on ``device``; what several share is moved once."""
    moved: MovedStores = {}
    return {name: replace(split, store=move_once(split.store, device, moved)) for name, split in splits.items()}
