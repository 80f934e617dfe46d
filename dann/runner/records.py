"""Records of finished runs: one in each run's folder, or all of an experiment packed. Imports no torch."""

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dann.config.experiment import Experiment, Run, flattened
from dann.config.migration import is_old, upgraded, upgraded_setting
from dann.config.search import Setting
from dann.errors import BadInput
from dann.evaluation.rules import Evaluation
from dann.files import write_whole

RECORD, PACKED, FEATURES = "record.json", "records.jsonl.gz", "features.npz"
DIGITS = 6  # significant ones of what was measured: an example more or less of 100 000
UNFINISHED = ".unfinished"  # ends the folder name of a run until it is complete
EXECUTION = {"train.replicas"}  # keys of a configuration that say how its runs are made, not what they are


@dataclass(frozen=True)
class Record:
    """What one finished run leaves behind.

    Args:
        declared: the merged configuration of the experiment file; ``config`` is the same with every default.
        data: name, origin, checksum and sizes of both sides, the protocol, class counts and imbalance ratio.
        setting: of the hyper-parameters that are searched, by their dotted keys; empty where none are.
        evaluations: one per evaluation: ``step``, the accuracy on each evaluated split by its name, other metrics of
            the test splits by split and name, such as ``target_test_macro_f1``, and ``discriminator_source`` and
            ``discriminator_target``, its accuracy on either test split, where it exists (on the source's validation
            split where it has no test split), what ``dann.diagnostics.measurements`` found, and ``share_distance``.
        losses: ``step`` and each loss term at up to 200 steps.
        shares: at each evaluation the share of each class among the predictions on the target.
        alarms: those that were raised: ``alarm``, ``step`` and ``text`` (``dann.diagnostics.alarms``).
        reliability: after the last step, for each test split, the points of its reliability plot
            (``dann.evaluation.metrics``).
        confusion: counts on each test split after the last step, a row per true class; of a source without a test
            split, on its validation split.
        environment: commit, versions, device, precision, threads, and the number of runs trained together.
        seconds: wall time of training and evaluation; of runs trained together, its share.
    """

    task: str | None
    variant: str
    seed: int
    fingerprint: str
    declared: dict[str, Any]
    config: dict[str, Any]
    classes: list[str]
    data: dict[str, Any]
    evaluations: list[Evaluation]
    losses: dict[str, list[float | None]]
    confusion: dict[str, list[list[int]]]
    environment: dict[str, Any]
    seconds: float
    shares: list[list[float]] = field(default_factory=list)  # records of before have none of these
    alarms: list[dict[str, Any]] = field(default_factory=list)
    reliability: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    setting: Setting = field(default_factory=dict)

    @property
    def run(self) -> Run:
        """What was asked for."""
        return Run(self.task, self.variant, self.seed, self.declared, self.setting)


def source_accuracy(evaluation: Evaluation) -> float:
    """The accuracy on the source's test split or, where it has none, on its validation split."""
    return evaluation.get("source_test", evaluation.get("source_validation", float("nan")))


def write_record(record: Record, folder: Path) -> None:
    """Write ``record`` into its run's folder."""
    write_whole(folder / RECORD, _line(record))


def pack_records(records: Iterable[Record], folder: Path) -> None:
    """Write ``records`` as one file in their experiment's folder: a line each, compressed to the same bytes always."""
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.writelines(map(_line, records))
    write_whole(folder / PACKED, packed.getvalue())


def _line(record: Record) -> bytes:
    rounded = [{name: _rounded(value) for name, value in each.items()} for each in record.evaluations]
    text = json.dumps(
        vars(record) | {"evaluations": rounded}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return (text + "\n").encode()


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def read_record(folder: Path) -> Record:
    """The record in a run's folder.

    Raises:
        BadInput: it is damaged or of another version of the project.
    """
    path = folder / RECORD
    try:
        return _record(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: not a record of this version: remove its folder and run it again") from error


def _record(content: dict[str, Any]) -> Record:
    record = Record(**content)
    if not is_old(record.environment.get("dann", "")):
        return record
    return replace(
        record,
        declared=upgraded(record.declared),
        config=upgraded(record.config),
        setting=upgraded_setting(record.setting),
    )


def read_records(experiment: Experiment, folder: Path) -> dict[Path, Record]:
    """The records of an experiment's finished runs under ``folder``, by the run's folder, in the order of its rows.

    They are those of the packed file, or else those in the folders of the runs.

    Raises:
        BadInput: a file is damaged or of another version of the project.
    """
    return _unpacked(experiment, folder) if (folder / PACKED).is_file() else _gathered(experiment, folder)


def _unpacked(experiment: Experiment, folder: Path) -> dict[Path, Record]:
    order = {run.row: number for number, run in enumerate(experiment.runs(seeds=[0]))}
    try:
        lines = gzip.decompress((folder / PACKED).read_bytes()).splitlines()
        every = [_record(json.loads(line)) for line in lines]
        known = [record for record in every if record.run.row in order]
        known.sort(key=lambda record: (order[record.run.row], record.seed))
    except (OSError, EOFError, zlib.error, ValueError, TypeError) as error:
        raise BadInput(f"{folder / PACKED}: not records of this version: publish the experiment again") from error
    return {folder / record.run.folder: record for record in known}


def _gathered(experiment: Experiment, folder: Path) -> dict[Path, Record]:
    found = {}
    for run in experiment.runs(seeds=[0]):
        places = [path.parent for path in (folder / run.folder.parent).glob(f"seed-*/{RECORD}")]
        finished = [place for place in places if place.name.removeprefix("seed-").isdecimal()]
        for place in sorted(finished, key=lambda place: int(place.name.removeprefix("seed-"))):
            found[place] = read_record(place)
    return found


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """The first key in which two configurations differ, with both values, or None; how they execute does not count."""
    old, new = flattened(one), flattened(other)
    for key in [*old, *new]:
        if key not in EXECUTION and old.get(key, _ABSENT) != new.get(key, _ABSENT):
            return f"{key}: {_shown(old, key)} there, {_shown(new, key)} now"
    return None


_ABSENT = object()


def _shown(mapping: Mapping[str, Any], key: str) -> str:
    return json.dumps(mapping[key], ensure_ascii=False) if key in mapping else "not set"


def check_declared(record: Record, run: Run, folder: Path) -> None:
    """Hold a record against the experiment file that asks for it.

    A default that the file now writes out is no difference; one that it drops is, because tables know no defaults.

    Raises:
        BadInput: the file now sets something else than the run was made with.
    """
    if record.declared == run.declared:  # as most are: the rest takes most of the time of a table of many
        return
    resolved, declared = flattened(record.config), flattened(run.declared)
    written_out = {key: value for key, value in declared.items() if resolved.get(key, _ABSENT) == value}
    if changed := difference(record.declared | written_out, run.declared):
        raise BadInput(
            f"{folder}: recorded with another configuration ({changed}): run the experiment again in another --out"
        )


def checked_records(experiment: Experiment, folder: Path) -> list[Record]:
    """The records in ``folder`` of the experiment's variants and tasks.

    Raises:
        BadInput: a record was made with another configuration than the experiment now has, or from other data than
            another of its row.
    """
    runs = {run.row: run for run in experiment.runs(seeds=[0])}
    checksums: dict[tuple[str | None, str, str], tuple[str, str]] = {}
    records = read_records(experiment, folder)
    for place, record in records.items():
        row = record.run.row
        check_declared(record, runs[row], place)
        used = (record.data["source"]["checksum"], record.data["target"]["checksum"])
        if checksums.setdefault(row, used) != used:
            raise BadInput(
                f"{place}: made from other data than seeds before it: check DANN_DATA, run again in another --out"
            )
    return list(records.values())
