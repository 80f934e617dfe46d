"""The record of a finished run, in its folder. Imports no torch."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dann.config.experiment_run import Run
from dann.config.migration import add_options, is_old, upgrade, upgrade_setting
from dann.config.search import Setting
from dann.errors import BadInput
from dann.evaluation.rules import Evaluation
from dann.files.atomic_files import write_whole
from dann.files.input_limits import check_regular
from dann.runner.record_schema import check_record, load_line

RECORD, FEATURES, PLANE, GENERATED = "record.json", "features.npz", "plane.npz", "generated.npz"
CONFIGURATION, METRICS, ERROR = "config.json", "metrics.jsonl", "error.txt"  # of a run that is not finished, too
CHECKSUM = "checksum"  # the key in the file of a single record; packed ones have that of xz
DIGITS = 6  # significant digits of measured values: one example more or less of 100 000
UNFINISHED = ".unfinished"  # ends the folder name of a run until it is complete


def unfinished_folder(place: Path) -> Path:
    """The folder of a run until it is complete and renamed to ``place``."""
    return place.with_name(place.name + UNFINISHED)


@dataclass(frozen=True)
class Record:
    """The record of one finished run, from which tables and figures are made.

    Args:
        declared: the merged configuration of the experiment file; ``config`` is the same with every default.
        data: name, origin, checksum and sizes of both sides, the protocol, class counts and imbalance ratio; of each
            split as it was read the examples, those with a label and those dropped; how a user's labels were read.
        setting: of the hyper-parameters that are searched, by their dotted keys; empty where none are.
        classes: the names of the classes; none of a regression.
        evaluations: one per evaluation: ``step``, the accuracy, or R² of a regression, on each labelled evaluated split
            by its name (a target without test labels has no ``target_test``), other metrics of the test splits by split
            and name, such as ``target_test_macro_f1`` or ``target_test_rmse``, and ``discriminator_source`` and
            ``discriminator_target``, its accuracy on either test split, where it exists (on the source's validation
            split where it has no test split), the values of ``dann.diagnostics.measurements``, and, of classes,
            ``share_distance``.
        losses: ``step`` and each loss term at up to 200 steps.
        shares: at each evaluation the share of each class among the predictions on the target.
        alarms: ``alarm``, ``step`` and ``text`` of each alarm that was raised (``dann.diagnostics.alarms``).
        reliability: after the last step, for each test split, the points of its reliability plot
            (``dann.evaluation.metrics``).
        confusion: counts on each test split after the last step, a row per true class; of a source without a test
            split, on its validation split. A regression has none, and no ``shares`` and ``reliability``.
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
    def of_numbers(self) -> bool:
        """Whether the run is a regression, which predicts numbers."""
        return not self.classes

    @property
    def run(self) -> Run:
        """The run of the experiment that this is the record of."""
        return Run(self.task, self.variant, self.seed, self.declared, self.setting)


def source_score(evaluation: Evaluation) -> float:
    """The accuracy, or R² of numbers, on the source's test split or, without one, on its validation split.

    NaN without a source.
    """
    return evaluation.get("source_test", evaluation.get("source_validation", float("nan")))


def has_source(record: Record) -> bool:
    """Whether a run had a source at hand, and not only a network that was trained on one."""
    return record.config.get("data", {}).get("source", "") is not None


def has_target_labels(record: Record) -> bool:
    """Whether a run was scored on labelled examples of the target."""
    return any("target_test" in evaluation for evaluation in record.evaluations)


def write_record(record: Record, folder: Path) -> None:
    """Write ``record`` into its run's folder."""
    content = json.loads(dump_record(record))
    write_whole(folder / RECORD, _dump(content | {CHECKSUM: _checksum(content)}))


def dump_record(record: Record) -> bytes:
    """A record as a line of JSON."""
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
    record = Record(**content | {"config": add_options(content["config"])})
    if not is_old(record.environment.get("dann", "")):
        return record
    return replace(
        record,
        declared=upgrade(record.declared),
        config=upgrade(record.config),
        setting=upgrade_setting(record.setting),
    )
