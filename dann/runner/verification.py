"""Verification of records: their runs are made again and compared with them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from dann.config.comparison import differing_keys
from dann.config.plug_ins import Library
from dann.config.schema import resolve
from dann.config.use_files import UseFile
from dann.data.pair import Pair
from dann.errors import BadInput
from dann.runner.callbacks import Observer
from dann.runner.changed_runs import describe_sizes, find_changed_configurations
from dann.runner.checksums import compute_checksums, differing, recorded_checksums
from dann.runner.own_parts import library_of_record
from dann.runner.planning import execute
from dann.runner.record_comparison import compare_accuracies, find_difference, is_same_machine
from dann.runner.records import Record, read_record
from dann.runner.run_folder import is_finished
from dann.runner.source_free import read_absent_source
from dann.training.checkpoint import CHECKPOINT, read_method
from dann.training.earlier_runs import EarlierRuns
from dann.training.pair_loading import read_pair
from dann.training.stacking.grouping import Planned

Verdict = Literal["equal", "close", "different", "unknown"]
Recorded = Mapping[Path, Record]  # records by the folders of their runs, which packed ones do not have


@dataclass(frozen=True)
class Outcome:
    """The result of comparing a run.

    Args:
        verdict: ``equal`` to the last bit, ``close``: within the tolerance, ``different``, or ``unknown``: it cannot be
            compared.
        text: what was compared, what differs, or why nothing was compared.
    """

    name: str
    verdict: Verdict
    text: str


def verify(
    chosen: Recorded,
    every: Sequence[Record],
    out: Path,
    device: torch.device,
    observer: Observer,
    report: Callable[[Outcome], None],
    workers: int = 1,
    use: Sequence[UseFile] = (),
) -> None:
    """Make the runs of records again in the folder ``out`` and report how they compare, run by run.

    Args:
        chosen: the records that are verified.
        every: all known records, of which those of a row give its spread over seeds.
        workers: processes for runs that were recorded with one thread.
        use: files with parts of the user's own, which are executed.

    Raises:
        BadInput: a configuration is not valid any more, ``out`` has other runs, or a part of one's own is not given.
    """
    planned = {place: _plan(record, out, library_of_record(record, use, place)) for place, record in chosen.items()}
    if changed := find_changed_configurations(list(planned.values())):
        raise BadInput(f"{changed[0].folder}: {changed[0].cause}: give another --out")
    refused = _compare_data(chosen, planned)
    for place, cause in refused.items():
        report(Outcome(chosen[place].run.name, "unknown", cause))
    left = {place: each for place, each in planned.items() if place not in refused}
    for threads in sorted({int(chosen[place].environment["threads"]) for place in left}):
        group = [each for place, each in left.items() if chosen[place].environment["threads"] == threads]
        with _threads(threads):
            execute(group, device, observer, workers if threads == 1 else 1)
    for place, each in left.items():
        row = [record for record in every if record.run.row == each.run.row]
        report(_compare(chosen[place], place, each.place, row))


def _plan(record: Record, out: Path, library: Library) -> Planned:
    """The run of a record, in its precision and, where it trained alone, alone."""
    config = resolve(record.config, f"the record of {record.run.name}", library)
    train = config.train.model_copy(update={"precision": record.environment["precision"]})
    if record.environment.get("replicas", 1) == 1:
        train = train.model_copy(update={"replicas": 1})
    return Planned(record.run, config.model_copy(update={"train": train}), out / record.run.folder)


def _compare_data(chosen: Recorded, planned: Mapping[Path, Planned]) -> dict[Path, str]:
    """Why runs cannot be compared: their data cannot be read, or are not those recorded. Reads each section once."""
    sections: dict[str, list[Path]] = {}
    for place, each in planned.items():
        sections.setdefault(each.config.data.model_dump_json(), []).append(place)
    refused: dict[Path, str] = {}
    for places in sections.values():
        try:
            first = planned[places[0]]
            pair = read_pair(first.config.data, read_absent_source(first.config, first.earlier.source))
        except (BadInput, OSError) as error:
            refused |= dict.fromkeys(places, f"not compared: the data cannot be read: {error}")
            continue
        causes = {place: _differing_data(chosen[place], planned[place], pair) for place in places}
        refused |= {place: cause for place, cause in causes.items() if cause is not None}
    return refused


def _differing_data(record: Record, planned: Planned, pair: Pair) -> str | None:
    # Earlier runs of the same experiment are made again too, elsewhere with other bits.
    outside = (None if folder and folder.is_relative_to(planned.runs) else folder for folder in planned.earlier)
    now = compute_checksums(planned.config, pair, EarlierRuns(*outside))
    changed = differing(recorded_checksums(record), now)
    if not changed:
        return None
    return (
        f"not compared: the data or weights are not those of the record: {', '.join(changed)} changed"
        + describe_sizes(changed, record, pair)
    )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compare(then: Record, place: Path, again: Path, row: Sequence[Record]) -> Outcome:
    """Compare a record, and the weights where they are available, with the run that was made again."""
    name = then.run.name
    if not is_finished(again):
        return Outcome(name, "unknown", "not compared: it could not be made again")
    now = read_record(again)
    if then.failed != now.failed:
        ends = [f"failed at {each.failed}" if each.failed else "has a result" for each in (then, now)]
        return Outcome(name, "different", f"different: recorded: {ends[0]}; now: {ends[1]}")
    difference = find_difference(then, now)
    weights = [folder / CHECKPOINT for folder in (place, again)]
    compared = "evaluations, losses, confusion"
    if difference is None and all(each.is_file() for each in weights):
        compared += ", weights"
        difference = _differing_weights(*weights)
    if difference is None:
        return Outcome(name, "equal", f"equal to the last bit ({compared})")
    if is_same_machine(then, now):
        return Outcome(name, "different", f"different on the machine of the record: {difference}")
    accuracies = list(compare_accuracies(then, now, row))
    wrong = [text for close, text in accuracies if not close]
    circumstances = differing_keys(then.environment, now.environment)
    if wrong:
        return Outcome(name, "different", f"different: {'; '.join(wrong)}; made otherwise: {circumstances}")
    texts = "; ".join(text for _, text in accuracies)
    return Outcome(name, "close", f"within the tolerance: {texts}; made otherwise: {circumstances}")


def _differing_weights(one: Path, other: Path) -> str | None:
    then, now = read_method(one), read_method(other)
    differing = [name for name in {**then, **now}
                 if name not in then or name not in now or not torch.equal(then[name], now[name])]  # fmt: skip
    return f"the weights {differing[0]}" if differing else None
