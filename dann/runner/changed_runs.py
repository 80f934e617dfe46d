"""Existing runs that are outdated, because their experiment file, data or weights files changed."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dann.config.experiment import Experiment
from dann.config.experiment_run import Run
from dann.config.plug_ins import Library
from dann.config.schema import Config, library_of
from dann.data.pair import Pair
from dann.errors import BadInput
from dann.files.file_search import find_files
from dann.runner.checksums import Checksums, compute_checksums, differing, recorded_checksums
from dann.runner.locks import Held, Locks
from dann.runner.records import RECORD, Record, read_record, unfinished_folder
from dann.runner.run_folder import (
    find_other_configuration,
    has_checkpoint,
    is_finished,
    read_checksums,
)
from dann.runner.source_free import read_absent_source, resolve_run
from dann.training.pair_loading import read_pair
from dann.training.stacking.grouping import Planned

Redo = Literal["changed", "failed"]
STALE = ".stale"  # ends the folder name of a changed run until its successor is complete


@dataclass(frozen=True)
class Change:
    """A run that has changed.

    Args:
        place: its folder once it is finished.
        folder: its present folder: that one, or the unfinished one.
        cause: what changed.
    """

    place: Path
    folder: Path
    cause: str


@dataclass
class Comparison:
    """The runs that have changed, and notes on those whose data cannot be read."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_changed_configurations(planned: Sequence[Planned]) -> list[Change]:
    """The runs, finished or begun, whose configuration is not the planned one."""
    found = []
    for run, config, place in planned:
        if (other := find_other_configuration(place, config)) is not None:
            folder, changed = other
            found.append(Change(place, folder, f"{run.name} is of another configuration ({changed})"))
    return found


def find_failed(planned: Sequence[Planned]) -> list[Change]:
    """The runs whose numbers stopped being finite."""
    finished = [(each, read_record(each.place).failed) for each in planned if is_finished(each.place)]
    return [Change(each.place, each.place, f"failed at {failed}") for each, failed in finished if failed is not None]


def find_dependents(planned: Sequence[Planned], changes: Sequence[Change]) -> list[Change]:
    """The runs, finished or begun, that took weights from a run that has changed."""
    places, found = {change.place for change in changes}, []
    for each in planned if places else ():
        folder = _find_folder(each.place)
        if folder is not None and (changed := places.intersection(filter(None, each.earlier))):
            found.append(Change(each.place, folder, f"{each.run.name} took weights from {min(changed)}, which changed"))
    return found


def compare_inputs(experiment: Experiment, planned: Sequence[Planned], folder: Path) -> Comparison:
    """Compare data and weights files with those that existing runs were made from.

    Compared are the planned runs, and the experiment's other runs on the same data, which share tables with them. Each
    data section is read once, and only if there is a run of it.
    """
    comparison = Comparison()
    sections: dict[str, list[tuple[Planned, Path]]] = {}
    for each, existing in _find_existing(experiment, planned, folder):
        sections.setdefault(each.config.data.model_dump_json(), []).append((each, existing))
    for runs in sections.values():
        try:
            first = runs[0][0]
            pair = read_pair(first.config.data, read_absent_source(first.config, first.earlier.source))
        except (BadInput, OSError) as error:  # training reports the same error where a run is missing
            comparison.notes.append(f"{_name(runs)}: not compared with the data ({error}); the records are kept")
            continue
        now: dict[str, Checksums] = {}  # by network, own parts and source model, as weights files take time
        for each, existing in runs:
            earlier = each.earlier
            key = f"{each.config.network.model_dump_json()} {each.config.own_parts} {earlier}"
            if key not in now:
                now[key] = compute_checksums(each.config, pair, earlier)
            if cause := _compare(existing, now[key], pair):
                comparison.changes.append(Change(each.place, existing, f"{each.run.name} {cause}"))
    return comparison


def _find_existing(experiment: Experiment, planned: Sequence[Planned], folder: Path) -> Iterator[tuple[Planned, Path]]:
    """The runs that are finished or have a checkpoint, each with its present folder."""
    for each in planned:
        if (existing := _find_folder(each.place)) is not None:
            yield each, existing
    others = {file.parent for file in find_files(folder, RECORD)} - {each.place for each in planned}
    if not others:  # listing all runs takes time in a large experiment
        return
    sections = {each.config.data.model_dump_json() for each in planned}
    configs: dict[tuple[str | None, str, str], Config | None] = {}
    library = library_of(experiment, str(folder))
    for run in experiment.runs():
        place = folder / run.folder
        if place in others:
            if run.row not in configs:
                configs[run.row] = _resolve_if_valid(run, place, library, folder)
            config = configs[run.row]
            if config is not None and config.data.model_dump_json() in sections:
                yield Planned(run, config, place), place


def _find_folder(place: Path) -> Path | None:
    """The present folder of a run that is finished or has a checkpoint."""
    if is_finished(place):
        return place
    return unfinished_folder(place) if has_checkpoint(unfinished_folder(place)) else None


def _resolve_if_valid(run: Run, place: Path, library: Library, runs: Path) -> Config | None:
    """The configuration of a run that is not planned; None if it is not valid, as with an option of another method."""
    try:
        return resolve_run(run, str(place), library, runs)
    except BadInput:
        return None


def _compare(folder: Path, now: Checksums, pair: Pair) -> str | None:
    """What changed since the run in ``folder`` was made or begun, or None."""
    record = read_record(folder) if is_finished(folder) else None
    recorded = read_checksums(folder) if record is None else read_checksums(folder) | recorded_checksums(record)
    changed = differing(recorded, now)
    if not changed:
        return None
    verb, sizes = ("was begun", "") if record is None else ("was made", describe_sizes(changed, record, pair))
    return f"{verb} with other data or weights: {', '.join(changed)} changed{sizes}"


def describe_sizes(changed: Sequence[str], record: Record, pair: Pair) -> str:
    """The names and sizes, then and now, of the sides that changed."""
    texts = []
    for side in ("source", "target"):
        then, now = record.data[side], pair.describe()[side]
        if any(side in text for text in changed):
            counts = [sum(data.get(split) or 0 for split in ("train", "test")) for data in (then, now)]
            texts.append(f"{then['name']}: {counts[0]} examples then, {counts[1]} now")
    return f" ({'; '.join(texts)})" if texts else ""


def describe_changes(changes: Sequence[Change], command: str) -> str:
    """The message on changed runs: the first of them and their number, and the command that makes them again."""
    first, more = changes[0], len(changes) - 1
    others = f"; so did {more} more" if more else ""
    return f"{first.folder}: {first.cause}{others}: {command} makes changed runs again; or give another --out"


def set_aside(change: Change) -> None:
    """Rename the folder of a changed run; it stays until its successor is complete.

    Raises:
        BadInput: another process is making the run as it was.
    """
    aside = _stale_folder(change.place)
    try:
        with Locks().hold([change.place]):
            if not change.folder.exists():  # another process has renamed it
                return
            if aside.exists():
                shutil.rmtree(aside)
            change.folder.rename(aside)
    except Held as owner:
        raise BadInput(
            f"{change.folder}: {owner} makes this run as it was: wait until it is done, or stop it"
        ) from None


def drop_superseded(places: Iterable[Path]) -> None:
    """Remove folders that were set aside and whose runs are complete again."""
    for place in places:
        if is_finished(place):
            shutil.rmtree(_stale_folder(place), ignore_errors=True)


def _stale_folder(place: Path) -> Path:
    return place.with_name(place.name + STALE)


def _name(runs: Sequence[tuple[Planned, Path]]) -> str:
    more = len(runs) - 1
    return f"{runs[0][1]}{f' and {more} more' if more else ''}"
