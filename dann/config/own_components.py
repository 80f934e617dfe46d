"""Components that are not of this package, by kind: what they return is checked where it enters."""

from typing import Any

import torch
from torch import Tensor, nn

from dann.config.components import Component, read_component
from dann.config.plug_ins import DATA_SET, NETWORK, TRANSFORM, VALIDATOR, Kind, Library, OwnPart
from dann.data.domain import Domain
from dann.data.transforms.transform_options import OwnTransform
from dann.errors import BadInput
from dann.networks.module_parts import check_module, divide_module
from dann.networks.network import Network
from dann.options import shown


class OwnNetwork(Component):
    """A network that is not of this package: a ``Network``, or any other module and the layer that divides it.

    Args:
        features: the layer whose output is the features, such as ``backbone.avgpool``; all that follows it is the
            classifier. Not of a ``Network``, which has its own.
    """

    features: str | None = None

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"name", "features"})

    def build(self, *arguments: Any) -> Network:
        """The network for ``(input_shape, num_classes)``.

        Raises:
            BadInput: as of any component, or the module cannot be divided at ``features``.
        """
        built = super().build(*arguments)
        if not isinstance(built, nn.Module):
            raise BadInput(f"{self.place}: returned {shown(built)}: return a module of PyTorch")
        try:
            check_module(built, *arguments)
            if not isinstance(built, Network):
                return divide_module(built, self.features, arguments[0])
        except BadInput as error:
            raise BadInput(f"{self.place}: {error}") from error
        if self.features is not None:
            raise BadInput(f"{self.place}: network.features: it is a Network, which has its own: leave features out")
        return built


class OwnDataSet(Component):
    """A data set that is not of this package."""

    def build(self, *arguments: Any) -> Domain:
        """The domain.

        Raises:
            BadInput: as of any component, or it is none.
        """
        built = super().build(*arguments)
        if not isinstance(built, Domain):
            raise BadInput(f"{self.place}: returned {shown(built)}: return a dann.data.domain.Domain")
        return built


class OwnValidator(Component):
    """A score for selection that is not of this package; larger is better, and NaN is no score."""

    def build(self, *arguments: Any) -> float:
        """The score for ``(train, validation, validation_y, target)``, as of ``score_model``.

        Raises:
            BadInput: as of any component, or it is no number.
        """
        built = super().build(*arguments)
        try:
            return float(built)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{self.place}: returned {shown(built)}: return a number") from error


class OwnTransformation(Component, OwnTransform):
    """A change of training batches that is not of this package."""

    def change(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The changed inputs.

        Raises:
            BadInput: as of any component, or they have another shape or type.
        """
        changed = self.build(x, generator)
        if not isinstance(changed, Tensor) or (changed.shape, changed.dtype) != (x.shape, x.dtype):
            given = (tuple(changed.shape), changed.dtype) if isinstance(changed, Tensor) else shown(changed)
            raise BadInput(f"{self.place}: returned {given}: return inputs of shape {tuple(x.shape)} and {x.dtype}")
        return changed


BASES: dict[Kind, type[Component]] = {
    NETWORK: OwnNetwork,
    DATA_SET: OwnDataSet,
    VALIDATOR: OwnValidator,
    TRANSFORM: OwnTransformation,
}


def read_part(entry: Any, path: str, kind: Kind, library: Library, where: str) -> Component:
    """As ``read_component``, of a part that may be one's own."""
    registry = library.entries(kind)
    name = entry.get("name") if isinstance(entry, dict) else None
    own = isinstance(name, str) and isinstance(registry.get(name), OwnPart)
    return read_component(entry, path, registry, kind.what, where, BASES.get(kind, Component) if own else Component)
