"""Checks of a configuration whose labels are numbers: what has a meaning for classes alone is refused."""

from typing import TYPE_CHECKING

from dann.config.sections import DataSection
from dann.errors import BadInput
from dann.methods.all_methods import METHODS

if TYPE_CHECKING:
    from dann.config.schema import Config

OF_CLASSES = (
    "partial",
    "target_classes",
    "target_labelled",
    "resample",
    "bootstrap",
    "class_weights",
    "class_vectors",
    "unseen",
)  # options of data


def check_numbers(data: DataSection) -> None:
    """Raise if an option of ``data`` has no meaning for what its labels are."""
    if data.task == "classification":
        if data.huber is not None:
            raise BadInput("data.huber: is a loss of numbers: set data.task: regression, or leave huber out")
        return
    defaults = DataSection.model_fields
    for option in OF_CLASSES:
        if getattr(data, option) != defaults[option].get_default(call_default_factory=True):
            raise BadInput(f"data.{option}: is of classes, but data.task is regression: leave {option} out")
    for side in ("source_degradation", "target_degradation"):
        degradation = getattr(data, side)
        if degradation is not None and (degradation.classes or degradation.examples < 1):
            raise BadInput(
                f"data.{side}: thins out classes, but data.task is regression: set values alone, or leave it out"
            )


def check_numbers_method(config: "Config") -> None:
    """Raise if the method, or what is measured of it, has no meaning for numbers."""
    if config.data.task == "classification":
        return
    if not config.method_class.regression:
        known = ", ".join(name for name, method in METHODS.items() if method.regression)
        raise BadInput(
            f"method: {config.method.name} is of classes, but data.task is regression: choose one of {known}"
        )
    if config.self_training is not None:
        raise BadInput("self_training: labels the target with classes, but data.task is regression: leave it out")
    for option, value in {"mixval": config.diagnose.mixval, "reverse_steps": config.diagnose.reverse_steps}.items():
        if value:
            raise BadInput(f"diagnose.{option}: compares classes, but data.task is regression: leave {option} out")
