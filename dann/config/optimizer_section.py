"""The section ``optimizer``: an optimiser, its schedule, and what differs for parts of the network and stages."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from pydantic import Field, SerializeAsAny

from dann.config.components import Component, check_mapping, read_component
from dann.config.merging import merge
from dann.errors import BadInput
from dann.optim.optimizers import OPTIMIZERS
from dann.optim.schedules import LEARNING_RATE_SCHEDULES, Schedule, warm
from dann.options import Factor, Rate, Section

Part = Literal["features", "classifier", "discriminator"]


class ScheduleSection(Component):
    """A schedule of the learning rate over progress p, the share of the stage that is done.

    Args:
        warmup: share of the stage over which the learning rate rises linearly from 0, beside the schedule.
    """

    warmup: Rate = 0.0

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"name", "warmup"})

    def function(self) -> Schedule:
        """The factor of the learning rate as a function of progress."""
        return warm(partial(LEARNING_RATE_SCHEDULES[self.name], **self.options()), self.warmup)


class PartSection(Section):
    """What differs for a part of the network; null for what the optimiser has.

    Args:
        lr: learning rate.
        weight_decay: as in the optimiser.
    """

    lr: Factor | None = None
    weight_decay: Factor | None = None


class OptimizerSection(Component):
    """An optimiser and the schedule of its learning rate.

    Args:
        schedule: of the learning rate, a name or a mapping with options, see ``dann list schedule``.
        parts: learning rate and weight decay of ``features``, ``classifier`` (with every other head) and
            ``discriminator``, where they differ.
        stages: what differs in a stage of the method, such as ``adapt`` of ``adda``. At each stage the optimiser starts
            anew, with no state, and its schedule from the beginning.
    """

    schedule: SerializeAsAny[ScheduleSection] = ScheduleSection(name="constant")
    parts: dict[Part, PartSection] = Field({})
    stages: dict[str, SerializeAsAny["OptimizerSection"]] = Field({})

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"name", "schedule", "parts", "stages"})

    def stage(self, name: str) -> "OptimizerSection":
        """The section that holds in a stage."""
        return self.stages.get(name, self)


def read_optimizer(entry: Any, where: str) -> OptimizerSection:
    """Validate the section ``optimizer``.

    Raises:
        BadInput: a name or option is unknown, or a value out of range.
    """
    declared = dict(check_mapping(entry, "optimizer", where))
    stages = check_stages(declared.pop("stages", {}), where)
    complete = {
        name: _read(_complete(declared, stage), f"optimizer.stages.{name}", where) for name, stage in stages.items()
    }
    return _read({**declared, "stages": complete}, "optimizer", where)


def _complete(declared: Mapping[str, Any], stage: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a stage's optimiser has: of another name it shares schedule and parts alone with that of the others."""
    if stage.get("name", declared.get("name")) != declared.get("name"):
        declared = {key: value for key, value in declared.items() if key in ("schedule", "parts")}
    return merge(declared, stage)


def check_stages(stages: Any, where: str) -> Mapping[str, Any]:
    """``stages`` if it is a mapping of mappings that have no stages themselves."""
    if not isinstance(stages, Mapping) or not all(isinstance(stage, Mapping) for stage in stages.values()):
        raise BadInput(f"{where}: optimizer.stages should be a mapping of a stage to what differs in it")
    # A resolved configuration, which is read again in worker processes, has an empty mapping there.
    nested = next((name for name, stage in stages.items() if stage.get("stages")), None)
    if nested is not None:
        raise BadInput(f"{where}: optimizer.stages.{nested}: a stage has no stages: leave them out")
    return stages


def _read(declared: Mapping[str, Any], path: str, where: str) -> OptimizerSection:
    schedule = declared.get("schedule", "constant")
    entry = {"name": schedule} if isinstance(schedule, str) else schedule
    read = read_component(entry, f"{path}.schedule", LEARNING_RATE_SCHEDULES, "schedule", where, ScheduleSection)
    section = read_component({**declared, "schedule": read}, path, OPTIMIZERS, "optimizer", where, OptimizerSection)
    assert isinstance(section, OptimizerSection)
    return section
