"""Choice of the checkpoints to resume from: undamaged, of the same run, with their log, and of one step in a stack."""

from typing import NamedTuple

from dann.errors import BadInput
from dann.runner.log import has_failed, is_log_of
from dann.runner.records import METRICS, unfinished_folder
from dann.training.checkpoint import CHECKPOINT, PREVIOUS, Saved, read_saved
from dann.training.stacking.grouping import Planned


class Start(NamedTuple):
    """Where one run begins or goes on.

    Args:
        saved: the checkpoint; None at step 0.
        notes: what was wrong with later checkpoints.
    """

    planned: Planned
    saved: Saved | None
    notes: tuple[str, ...]

    @property
    def step(self) -> int:
        return 0 if self.saved is None else self.saved.step


class _Found(NamedTuple):
    planned: Planned
    usable: list[Saved]  # the newest first
    notes: tuple[str, ...]
    failed: bool  # after the newest: the others of its stack have gone on without it

    def newest(self) -> int:
        return self.usable[0].step if self.usable else 0

    def at(self, step: int) -> Start:
        return Start(self.planned, next((each for each in self.usable if each.step == step), None), self.notes)


def find_starts(unit: list[Planned], precisions: list[str]) -> list[list[Start]]:
    """The runs of a unit in groups that train together.

    Runs that were one stack go on as one, from the last step of which each has a checkpoint: an interruption may have
    come between the checkpoints of two of them. Other runs go on together where they are at the same step.

    Args:
        precisions: the number format in which each run would go on.

    Raises:
        BadInput: a checkpoint is of another run, or was made in another number format.
    """
    found = [_find_usable(each, precision) for each, precision in zip(unit, precisions, strict=True)]
    groups: dict[object, list[_Found]] = {}
    for each in found:
        stack = () if each.failed else _stack_of(each.planned, found)
        groups.setdefault(stack or (each.failed, each.newest()), []).append(each)
    starts = []
    for group in groups.values():
        step = max(set.intersection(*({0, *(saved.step for saved in each.usable)} for each in group)))
        starts.append([each.at(step) for each in group])
    return starts


def _stack_of(planned: Planned, found: list[_Found]) -> tuple[str, ...]:
    """The names of the runs that trained as one stack with this one, as its checkpoint or one of theirs says."""
    for each in found:
        for saved in each.usable[:1]:
            together = () if saved.facts is None else saved.facts.together
            if len(together) > 1 and planned.run.name in together:
                return together
    return ()


def _find_usable(planned: Planned, precision: str) -> _Found:
    folder, usable, notes = unfinished_folder(planned.place), [], []
    for path in (folder / CHECKPOINT, folder / PREVIOUS):
        if not path.is_file():
            continue
        try:
            saved = read_saved(path)
        except BadInput:
            notes.append(f"{path} is damaged")
            continue
        _check_origin(saved, planned, precision)
        if saved.facts is None or is_log_of(folder / METRICS, saved.facts):
            usable.append(saved)
        else:
            notes.append(f"{folder / METRICS} is not what was logged up to step {saved.step}")
    usable.sort(key=lambda saved: -saved.step)
    failed = has_failed(folder / METRICS, usable[0].facts if usable else None)
    return _Found(planned, usable, tuple(notes), failed)


def _check_origin(saved: Saved, planned: Planned, precision: str) -> None:
    facts, folder = saved.facts, saved.path.parent
    if facts is None:
        return
    if (facts.seed, facts.fingerprint) != (planned.run.seed, planned.config.fingerprint()):
        other = f"seed {facts.seed}" if facts.seed != planned.run.seed else "another configuration"
        raise BadInput(f"{saved.path}: is of another run ({other}): remove {folder} to make this run anew")
    if facts.precision != precision:
        raise BadInput(
            f"{folder}: begun in {facts.precision}, and would go on here in {precision}: continue on the machine and "
            "--device where it was begun, or remove that folder to begin again"
        )
