"""Records in folders and packed, and their checks."""

import hashlib
import json
import lzma
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from complaints import complaint
from made_records import record_of, tasked
from tiny import write_tiny

from dann.cli.main import main
from dann.config.experiment import write_experiment
from dann.errors import BadInput
from dann.reporting.experiment_tables import make_tables
from dann.runner.experiment_records import PACKED, pack_records, read_records
from dann.runner.records import RECORD, write_record


def test_packed_records_are_those_of_the_folders(tmp_path: Path) -> None:
    experiment, records = tasked([10, 2])
    for record, run in zip(records, experiment.runs(), strict=True):
        write_record(record, tmp_path / "folders" / run.folder)
    stranger = record_of("a row that was removed", 2, task="task 0")
    pack_records([*records, stranger], tmp_path / "packed")
    folders, packed = (read_records(experiment, tmp_path / name) for name in ("folders", "packed"))
    assert list(packed.values()) == list(folders.values()) and len(packed) == 8
    assert [place.relative_to(tmp_path / "packed") for place in packed] == [
        place.relative_to(tmp_path / "folders") for place in folders
    ]
    assert [record.seed for record in packed.values()][:4] == [2, 10, 2, 10]
    assert make_tables(experiment, list(packed.values())) == make_tables(experiment, list(folders.values()))


def test_packed_records_are_the_same_bytes_whenever_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, records = tasked([0, 1])
    pack_records(records, tmp_path / "a")
    monkeypatch.setattr(time, "time", lambda: 1e9)
    pack_records(records, tmp_path / "b")
    first, second = ((tmp_path / name / PACKED).read_bytes() for name in "ab")
    assert first == second  # neither a file name nor a time
    lines = lzma.decompress(first).splitlines(keepends=True)
    for record, line in zip(records, lines, strict=True):
        write_record(record, tmp_path / "one")
        content = json.loads((tmp_path / "one" / RECORD).read_bytes())
        assert content.pop("checksum") == hashlib.sha256(line).hexdigest() and content == json.loads(line)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content[:20] + bytes(20) + content[40:],
        lambda content: b"no xz" + content,
        lambda content: lzma.compress(lzma.decompress(content)[:-20]),
        lambda content: lzma.compress(b"[1, 2]\n"),
        lambda content: lzma.compress(lzma.decompress(content).replace(b'"losses"', b'"loss"')),
        lambda content: lzma.compress(lzma.decompress(content).replace(b'"seed":1', b'"seed":"1"')),
    ],
)
def test_a_damaged_file_of_records_is_named(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    experiment, records = tasked([0, 1])
    pack_records(records, tmp_path)
    assert len(read_records(experiment, tmp_path)) == 8
    (tmp_path / PACKED).write_bytes(damage((tmp_path / PACKED).read_bytes()))
    with pytest.raises(BadInput, match=r"records\.jsonl\.xz: not records of this version"):
        read_records(experiment, tmp_path)


def test_seeds_from_other_data_are_not_mixed(project: Path, capsys: Any) -> None:
    record = project / "runs/theme/tiny/dann/seed-1/record.json"
    content = json.loads(record.read_text())
    content["data"]["target"]["checksum"] = "0"
    del content["checksum"]  # as a record of version 0.2.0
    record.write_text(json.dumps(content))
    assert main(["table", "runs"]) == 2
    assert "made from other data than seeds before it" in capsys.readouterr().err


def test_written_out_default_is_no_other_configuration(project: Path, capsys: Any) -> None:
    write_tiny(project / "experiments/theme/tiny.yaml", base={"optimizer": {"weight_decay": 0.0}})
    assert main(["table", "experiments/theme/tiny.yaml"]) == 0
    write_tiny(project / "experiments/theme/tiny.yaml", base={"optimizer": {"weight_decay": 0.1}})
    assert main(["table", "experiments/theme/tiny.yaml"]) == 2
    assert "optimizer.weight_decay: not set there, 0.1 now" in capsys.readouterr().err


def test_a_changed_digit_in_a_record_is_noticed(project: Path, capsys: Any) -> None:
    record = project / "runs/theme/tiny/dann/seed-1/record.json"
    content = record.read_text()
    place = content.index('"target_test":0.') + 16  # an accuracy; the data have counts by that name
    record.write_text(content[:place] + str((int(content[place]) + 1) % 10) + content[place + 1 :])
    assert main(["table", "runs"]) == 2
    assert f"{Path(*record.parts[-6:])}: not a record of this version (damaged): remove" in capsys.readouterr().err


def changed(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """A change of the value at a dotted path."""

    def change(content: dict[str, Any]) -> None:
        *outer, last = path.split(".")
        for key in outer:
            content = content[int(key) if isinstance(content, list) else key]
        content[last] = value

    return change


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("variant", 5),
        ("seed", -1),
        ("seconds", "long"),
        ("classes", []),
        ("classes", ["a", "b", "c"]),
        ("declared", [1]),
        ("declared", deep(100)),
        ("config", "none"),
        ("setting", None),
        ("data.source", "moons"),
        ("data.target", {"name": "moons"}),
        ("data.target", {"name": "moons", "checksum": "0"}),
        ("data.target.test", None),
        ("data.protocol", 5),
        ("data.duplicates", []),
        ("data.duplicates", {"target_test": 5}),
        ("data.duplicates", {"target_test": {"labelled": "1"}}),
        ("data.validated_on", "10"),
        ("environment", {}),
        ("environment.threads", "1"),
        ("environment.dann", {"a": 1}),
        ("evaluations", []),
        ("evaluations", {"step": 1}),
        ("evaluations", [5]),
        ("evaluations", [{"target_test": 0.5}]),
        ("evaluations.0.target_test", "0.5"),
        ("evaluations.0.target_test", float("nan")),
        ("losses", {}),
        ("losses.label", [1.0]),
        ("losses.label", ["a", "b"]),
        ("confusion.target_test", [[1, 2]]),
        ("confusion.target_test", [[1, "2"], [3, 4]]),
        ("shares", [[0.5]]),
        ("alarms", [5]),
        ("alarms", [{"alarm": "collapse"}]),
        ("reliability", {"target_test": {"share": [1.0]}}),
        ("task", "\ud800"),
        ("unknown", 1),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_a_record_of_another_form_is_refused_in_one_line(path: str, value: object, packed: bool, tmp_path: Path,
                                                          capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    experiment, records = tasked([0])
    write_experiment(experiment, tmp_path / "experiment.yaml")
    content = json.loads(json.dumps(vars(records[0])))
    changed(path, value)(content)
    line = json.dumps(content).encode()
    if packed:
        (tmp_path / PACKED).write_bytes(lzma.compress(line + b"\n"))
    else:
        folder = tmp_path / records[0].run.folder
        folder.mkdir(parents=True)
        (folder / RECORD).write_bytes(line)
    assert "not a record" in (said := complaint(capsys, "table", tmp_path)) or "not records" in said
    assert len(said) < 500


def test_a_line_of_records_without_end_fills_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment, _ = tasked([0])
    monkeypatch.setattr("dann.runner.experiment_records.LINE", 1000)
    (tmp_path / PACKED).write_bytes(lzma.compress(bytes(10_000)))
    with pytest.raises(BadInput, match="too long"):
        read_records(experiment, tmp_path)


def test_a_record_of_another_run_is_named(project: Path, capsys: Any) -> None:
    place = Path("runs/theme/tiny/dann/seed-0")
    other = Path("runs/theme/tiny/source-only/seed-0") / RECORD
    (place / RECORD).write_bytes(other.read_bytes())
    assert f"{place / RECORD}: of another run" in complaint(capsys, "table", "runs")
