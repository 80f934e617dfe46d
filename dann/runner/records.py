"""Records of finished runs, one in the folder of each run or all of an experiment packed. Imports no torch."""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from dann.config.comparison import declared_difference
from dann.config.experiment import EXPERIMENT, Experiment, Run
from dann.config.migration import is_old, upgrade, upgrade_setting
from dann.config.origin import read_origin, redo_command
from dann.config.search import Setting
from dann.errors import BadInput
from dann.evaluation.rules import Evaluation
from dann.files import check_regular, write_whole
from dann.runner.record_schema import check_record, load_line

RECORD, PACKED, FEATURES = "record.json", "records.jsonl.gz", "features.npz"
CHECKSUM = "checksum"  # the key in the file of a single record; packed ones have that of gzip
DIGITS = 6  # significant digits of measured values: one example more or less of 100 000
LINE = 100_000_000  # bytes that a record may have, so that a packed file of zeros fills no memory
UNFINISHED = ".unfinished"  # ends the folder name of a run until it is complete


@dataclass(frozen=True)
class Record:
    """The record of one finished run, from which tables and figures are made.

    Args:
        declared: the merged configuration of the experiment file; ``config`` is the same with every default.
        data: name, origin, checksum and sizes of both sides, the protocol, class counts and imbalance ratio; of each
            split as it was read the examples, those with a label and those dropped; how a user's labels were read.
        setting: of the hyper-parameters that are searched, by their dotted keys; empty where none are.
        evaluations: one per evaluation: ``step``, the accuracy on each labelled evaluated split by its name (a target
            without test labels has no ``target_test``), other metrics of the test splits by split and name, such as
            ``target_test_macro_f1``, and ``discriminator_source`` and ``discriminator_target``, its accuracy on either
            test split, where it exists (on the source's validation split where it has no test split), the values of
            ``dann.diagnostics.measurements``, and ``share_distance``.
        losses: ``step`` and each loss term at up to 200 steps.
        shares: at each evaluation the share of each class among the predictions on the target.
        alarms: ``alarm``, ``step`` and ``text`` of each alarm that was raised (``dann.diagnostics.alarms``).
        reliability: after the last step, for each test split, the points of its reliability plot
            (``dann.evaluation.metrics``).
        confusion: counts on each test split after the last step, a row per true class; of a source without a test
            split, on its validation split.
        environment: commit, versions, device, precision, threads, and the number of runs trained together.
        checksums: of examples and labels of either side, of the examples alone, and of the class vectors, the weights
            files and the pretrained backbone, where there are some.
        seconds: wall time of training and evaluation; of runs trained together, its share.
        failed: why the run stopped before its last step, such as "step 40: loss_label nan, learning rate 10"; it then
            has no result, even if it was evaluated before. None for a run that is complete.
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
    shares: list[list[float]] = field(default_factory=list)  # earlier records have none of these
    alarms: list[dict[str, Any]] = field(default_factory=list)
    reliability: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    setting: Setting = field(default_factory=dict)
    failed: str | None = None
    checksums: dict[str, str] = field(default_factory=dict)

    @property
    def run(self) -> Run:
        """The run of the experiment that this is the record of."""
        return Run(self.task, self.variant, self.seed, self.declared, self.setting)


def source_accuracy(evaluation: Evaluation) -> float:
    """The accuracy on the source's test split or, where it has none, on its validation split."""
    return evaluation.get("source_test", evaluation.get("source_validation", float("nan")))


def has_target_labels(record: Record) -> bool:
    """Whether a run was scored on labelled examples of the target."""
    return any("target_test" in evaluation for evaluation in record.evaluations)


def write_record(record: Record, folder: Path) -> None:
    """Write ``record`` into its run's folder."""
    content = json.loads(_line(record))
    write_whole(folder / RECORD, _dump(content | {CHECKSUM: _checksum(content)}))


def pack_records(records: Iterable[Record], folder: Path) -> None:
    """Write ``records`` as one compressed file in the folder of their experiment, the same bytes every time."""
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.writelines(map(_line, records))
    write_whole(folder / PACKED, packed.getvalue())


def _line(record: Record) -> bytes:
    rounded = [{name: _round(value) for name, value in each.items()} for each in record.evaluations]
    return _dump(vars(record) | {"evaluations": rounded})


def _dump(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n").encode()


def _checksum(content: dict[str, Any]) -> str:
    """The SHA-256 of a record's content, in hexadecimal; JSON restores numbers exactly."""
    return hashlib.sha256(_dump(content)).hexdigest()


def _round(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def read_record(folder: Path) -> Record:
    """The record in a run's folder.

    Raises:
        BadInput: it is damaged or of another version of the project.
    """
    path = folder / RECORD
    check_regular(path)
    try:
        content = load_line(path.read_bytes())
        if content.pop(CHECKSUM, None) not in (None, _checksum(content)):  # earlier records have none
            raise ValueError("damaged")
        return parse_record(content)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a record of this version ({error}): remove its folder and run it again") from error


def parse_record(content: dict[str, Any]) -> Record:
    """The record in a line of JSON, in the names of this version.

    Raises:
        ValueError: a field is missing, unknown or not what it should be.
    """
    check_record(content, Record)
    record = Record(**content)
    if not is_old(record.environment.get("dann", "")):
        return record
    return replace(
        record,
        declared=upgrade(record.declared),
        config=upgrade(record.config),
        setting=upgrade_setting(record.setting),
    )


def read_records(experiment: Experiment, folder: Path) -> dict[Path, Record]:
    """The records of an experiment's finished runs under ``folder``, by the run's folder, in the order of its rows.

    They are those of the packed file, or else those in the folders of the runs; of the rows and seeds that the
    experiment names, whatever else it named before.

    Raises:
        BadInput: a file is damaged or of another version of the project.
    """
    return _read(list(experiment.runs(seeds=[0])), set(experiment.seeds), folder)


def _read(rows: list[Run], seeds: Container[int], folder: Path) -> dict[Path, Record]:
    return _read_packed(rows, seeds, folder) if (folder / PACKED).is_file() else _read_folders(rows, seeds, folder)


def _read_packed(rows: list[Run], seeds: Container[int], folder: Path) -> dict[Path, Record]:
    order = {run.row: number for number, run in enumerate(rows)}
    try:
        every = [parse_record(load_line(line)) for line in _unpack(folder / PACKED)]
        known = [record for record in every if record.run.row in order]
        known.sort(key=lambda record: (order[record.run.row], record.seed))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise BadInput(
            f"{folder / PACKED}: not records of this version ({error}): publish the experiment again"
        ) from error
    return {folder / record.run.folder: record for record in known if record.seed in seeds}


def _unpack(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        while line := file.readline(LINE + 1):
            if len(line) > LINE:
                raise ValueError("a line is too long")
            yield line


def _read_folders(rows: list[Run], seeds: Container[int], folder: Path) -> dict[Path, Record]:
    records = {}
    for run in rows:
        places = [path.parent for path in (folder / run.folder.parent).glob(f"seed-*/{RECORD}")]
        numbered = {place: int(number) for place in places if (number := place.name.removeprefix("seed-")).isdecimal()}
        for place, seed in sorted(numbered.items(), key=itemgetter(1)):
            if seed in seeds:
                records[place] = read_record(place)
    return records


def find_other_runs(experiment: Experiment, folder: Path) -> list[Path]:
    """The finished runs in ``folder`` of rows and seeds that the experiment does not name, such as removed ones."""
    if not any(folder.rglob(RECORD)):
        return []
    rows = {folder / run.folder.parent for run in experiment.runs(seeds=[0])}
    own = {f"seed-{seed}" for seed in experiment.seeds}
    finished = [file.parent for file in folder.rglob(f"seed-*/{RECORD}")]
    others = [place for place in finished if place.parent not in rows or place.name not in own]
    nested = [copy.parent for copy in folder.rglob(EXPERIMENT) if copy.parent != folder]
    return sorted(place for place in others if place.name.removeprefix("seed-").isdecimal()
                  and not any(place.is_relative_to(other) for other in nested))  # fmt: skip


def read_checked_records(
    experiment: Experiment, folder: Path, without: Container[Path] = (), command: str | None = None
) -> list[Record]:
    """The records in ``folder`` of the experiment's variants, tasks and seeds.

    Args:
        without: folders of runs that are left out, because they are about to be made again.
        command: makes changed runs again, for messages; by default found from the copy in ``folder``.

    Raises:
        BadInput: a record was made with another configuration than the experiment now has, or from other data than
            another record of its row.
    """

    def remedy() -> str:
        file = read_origin(folder)
        known = command or (redo_command(experiment, folder, file) if file is not None and file.is_file() else None)
        return "run the experiment again in another --out" if known is None else f"{known} makes changed runs again"

    rows = {run.row: run for run in experiment.runs(seeds=[0])}
    checksums: dict[tuple[str | None, str, str], tuple[str, str]] = {}
    records = _read(list(rows.values()), set(experiment.seeds), folder)
    records = {place: record for place, record in records.items() if place not in without}
    for place, record in records.items():
        row = record.run.row
        if changed := declared_difference(record.declared, record.config, rows[row].declared):
            raise BadInput(f"{place}: recorded with another configuration ({changed}): {remedy()}")
        used = (record.data["source"]["checksum"], record.data["target"]["checksum"])
        if checksums.setdefault(row, used) != used:
            raise BadInput(f"{place}: made from other data than seeds before it: check DANN_DATA; {remedy()}")
    return list(records.values())
