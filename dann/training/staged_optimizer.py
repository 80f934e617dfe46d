"""The optimiser of a run, which begins anew at each stage of its method, over parameter groups by part."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from dann.config.optimizer_section import OptimizerSection, Part
from dann.methods.method import Method, Stage
from dann.networks.finetuning import FineTuning

Group = dict[str, Any]


class StagedOptimizer:
    """The optimiser of the current stage.

    Args:
        method: whose parameters it steps.
        section: of the configuration.
        finetune: of the configuration, with the learning rates of a backbone's blocks.
        more: stages beside those of the method.

    Attributes:
        current: the optimiser of the current stage, whose state is that of this stage alone.
    """

    def __init__(
        self,
        method: Method,
        section: OptimizerSection,
        finetune: FineTuning | None = None,
        more: Sequence[Stage] = (),
    ) -> None:
        self.method, self.section, self.finetune = method, section, finetune
        self.stages = sorted((*method.stages, *more), key=lambda stage: stage.start)
        self._begin(0)

    def go_to(self, progress: float) -> bool:
        """Go to the stage of ``progress``, the share of training done; returns whether it is another one."""
        stage = sum(progress >= each.start for each in self.stages) - 1
        if stage == self.stage:
            return False
        self._begin(stage)
        return True

    def factor(self, progress: float) -> float:
        """The factor of the learning rates by the schedule of the stage, which counts from its beginning."""
        stages = self.stages
        start = stages[self.stage].start
        end = stages[self.stage + 1].start if self.stage + 1 < len(stages) else 1.0
        return self.schedule((progress - start) / (end - start))

    def part_rates(self, progress: float) -> dict[str, float]:
        """The learning rates of parts that have options of their own, at a progress within the current stage."""
        groups = [group for group in self.current.param_groups if group.get("part")]
        own = {group["part"]: group["initial_lr"] / group["factor"] for group in groups}
        return {f"learning_rate_{part}": rate * self.factor(progress) for part, rate in own.items()}

    def _begin(self, stage: int) -> None:
        section = self.section.stage(self.stages[stage].name)
        self.stage, self.schedule = stage, section.schedule.function()
        self.current: torch.optim.Optimizer = section.build(parameter_groups(self.method, section, self.finetune))
        for group in self.current.param_groups:
            group["initial_lr"] = group["lr"] * group["factor"]


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of each group to ``factor`` times its first."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def parameter_groups(method: Method, section: OptimizerSection, finetune: FineTuning | None) -> list[Group]:
    """Parameter groups for an optimiser; ``factor`` is a group's learning rate as a multiple of that of its part.

    A group for each part that has options of its own, after one for all others. One for each block of the backbone
    follows if it is fine-tuned, unless it is frozen throughout; blocks that are frozen now may train later.
    """
    blocks = [] if finetune is None or method.network.backbone is None else method.network.backbone.blocks
    in_blocks = {id(parameter) for block in blocks for parameter in block}
    groups: dict[Part | None, list[nn.Parameter]] = {None: [], **{part: [] for part in section.parts}}
    for part, parameter in _parameters_by_part(method):
        if id(parameter) not in in_blocks and parameter.requires_grad:
            groups[part if part in section.parts else None].append(parameter)
    result = [_group(parameters, section, part) for part, parameters in groups.items() if parameters]
    if finetune is not None and finetune.backbone > 0:
        own: Part | None = "features" if "features" in section.parts else None
        trained = list(enumerate(blocks))[finetune.frozen :]
        result += [_group(block, section, own, finetune.rate(i, len(blocks))) for i, block in trained]
    return result


def _parameters_by_part(method: Method) -> Iterator[tuple[Part, nn.Parameter]]:
    for name, parameter in method.named_parameters():
        if name.startswith("network.features."):
            yield "features", parameter
        else:
            own: Part = "discriminator" if "discriminator" in name.partition(".")[0] else "classifier"
            yield own, parameter  # of features or, by PixelDA, of images


def _group(
    parameters: Iterable[nn.Parameter], section: OptimizerSection, part: Part | None, factor: float = 1.0
) -> Group:
    own = {} if part is None else section.parts[part].model_dump(exclude_none=True)
    return {"params": list(parameters), "factor": factor, "part": part, **own}
