"""Bad input gets one clear line that names the place and the remedy, exit status 2, no traceback, nothing lost."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from complaints import complaint
from tiny import TINY, write_tiny

from dann.cli.main import main


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"base": {"method": {"wieght": 2.0}}}, ["variant DANN", "unknown key method.wieght", "did you mean weight?"]),
        ({"base": {"trian": {}}}, ["unknown key trian", "did you mean train?"]),
        ({"base": {"data": {"source": {"point": 3}}}}, ["unknown key data.source.point", "did you mean points?"]),
        ({"varaints": {}}, ["unknown key varaints", "did you mean variants?"]),
        ({"base": {"train": {"steps": "many"}}}, ["train.steps", "valid integer", "'many'"]),
        ({"base": {"train": {"steps": 2.5}}}, ["train.steps", "2.5"]),
        ({"base": {"train": {"steps": 0}}}, ["train.steps", "greater than or equal to 1"]),
        ({"base": {"train": {"precision": "fp8"}}}, ["train.precision", "'auto', 'fp32' or 'bf16'", "'fp8'"]),
        ({"base": {"optimizer": {"lr": "fast"}}}, ["optimizer.lr", "'fast'"]),
        (
            {"base": {"optimizer": {"name": "sgdd"}}},
            ["optimizer.name", "unknown optimizer 'sgdd'", "did you mean sgd?"],
        ),
        ({"base": {"method": {"name": "dannn"}}}, ["unknown method 'dannn'", "did you mean dann?", "source_only"]),
        ({"base": {"network": {"name": "minst"}}}, ["unknown network 'minst'", "did you mean mnist?"]),
        ({"base": {"network": "mlp"}}, ["network should be a mapping with a name"]),
        ({"base": {"data": {"source": "moon"}}}, ["unknown data set 'moon'", "did you mean moons?"]),
        (
            {"base": {"data": {"source": "moons"}}, "variants": {"DANN": {"data": {"source": {"points": 20}}}}},
            ["data.source.name is missing", "known: "],
        ),
        ({"base": {"data": {"target": {"name": None}}}}, ["data.target.name", "unknown data set None"]),
        ({"base": {"data": {"target": "digits"}}}, ["digits has classes that moons has not", "write them alike"]),
        ({"base": {"data": {"transform": {"shift": 1}}}}, ["data.transform.shift", "images"]),
        ({"base": {"network": {"name": "mnist"}}}, ["network: mnist cannot take inputs of shape (2,)"]),
        ({"base": {"optimizer": {"lr": -1.0}}}, ["optimizer.lr", "greater than or equal to 0"]),
        ({"base": {"optimizer": {"lr": float("nan")}}}, ["optimizer.lr", "finite number"]),
        ({"base": {"method": {"weight": float("inf")}}}, ["method.weight", "finite number"]),
        ({"base": {"method": {"discriminator": [0]}}}, ["method.discriminator.0", "greater than or equal to 1"]),
        ({"base": {"network": {"hidden": 0}}}, ["network.hidden", "greater than or equal to 1"]),
        ({"base": {"data": {"source": {"points": -1}}}}, ["data.source.points: should"]),
        ({"base": {"data": {"source": "digits", "target": {"name": "digits_m", "size": 500}}}}, ["digits_m: "]),
        (
            {"base": {"data": {"source": {"name": "digits", "size": 0}, "target": "digits_m"}}},
            ["data.source.size: should"],
        ),
        ({"seeds": [-1]}, ["seeds.0", "greater than or equal to 0"]),
        ({"seeds": [0, 0]}, ["two runs would share the folder source-only/seed-0"]),
        ({"tasks": {"a b": {}, "a-b": {}}}, ["two runs would share the folder a-b/source-only/seed-0"]),
        ({"published": {"DANN": 76.66}}, ["published.DANN", "less than or equal to 1"]),
        ({"published": {"DANN": {"a": 0.7}}}, ["unknown task under published: 'a'"]),
        ({"overrides": 3}, ["overrides"]),
        ({"variants": ["a", "b"]}, ["variants", "should be a mapping"]),
        ({"seeds": []}, ["seeds", "write at least 1"]),
        ({"seeds": 3}, ["seeds", "valid list"]),
        ({"variants": {"a b": {}, "A  b": {}}}, ["two runs would share the folder a-b/seed-0"]),
        ({"published": {"DAN": 0.5}}, ["unknown variant under published: 'DAN'"]),
        ({"variants": {"fine": {}, "odd": {"data": {"calibration": 1.0}}}}, ["variant odd: data.calibration"]),
    ],
)
def test_bad_experiment(changes: dict[str, Any], says: list[str], tmp_path: Path, capsys: Any) -> None:
    file = write_tiny(tmp_path / "bad.yaml", **changes)
    line = complaint(capsys, "run", file, "--out", tmp_path / "runs")
    for part in says:
        assert part in line
    assert not list(tmp_path.rglob("record.json"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title: [unclosed", ["line", "not valid YAML"]),
        ("title: a\ntitle: b", ["line 2", "'title' is given twice"]),
        ("- a\n- b", ["a mapping with title, seeds, base and variants"]),
        ("", ["a mapping with title"]),
        ("title: x\nseeds: [0]\nbase: {}\nvariants: {a: 3}", ["variants.a"]),
        ("title: x\nseeds: [0]\nvariants: {a: {}}", ["base is missing"]),
        ("title: x\nseeds: [0]\nbaze: {}\nvariants: {a: {}}", ["unknown key baze; did you mean base?"]),
        ("? [1, 2]\n: 3", ["not valid YAML"]),
        ("title: 2024-13-45", ["not valid YAML", "month"]),
    ],
)
def test_bad_yaml(text: str, says: list[str], tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    line = complaint(capsys, "run", file)
    assert str(file) in line
    for part in says:
        assert part in line


def test_unreadable_file(tmp_path: Path, capsys: Any) -> None:
    assert "No such file" in complaint(capsys, "run", tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in complaint(capsys, "run", tmp_path / "binary.yaml")


def test_bad_arguments(tmp_path: Path, capsys: Any) -> None:
    file = write_tiny(tmp_path / "tiny.yaml")
    line = complaint(capsys, "run", file, "--only", "nothing alike")
    assert "unknown variant 'nothing alike' (known: source only, DANN)" in line
    assert "did you mean DANN?" in complaint(capsys, "run", file, "--only", "source only", "--only", "DAN")
    assert "write a.b=c" in complaint(capsys, "run", file, "--set", "train.steps")
    assert "unknown key train.stepz; did you mean steps?" in complaint(capsys, "run", file, "--set", "train.stepz=3")
    for seeds in ("0,a", "0,0", "-1", ""):
        assert "whole numbers" in complaint(capsys, "run", file, f"--seeds={seeds}")
    assert "--device meta: runs need cpu, cuda or mps" in complaint(capsys, "run", file, "--device", "meta")
    assert f"{file}/tiny: Not a directory" in complaint(capsys, "run", file, "--out", file)
    assert "--device tpu" in complaint(capsys, "run", file, "--device", "tpu", "--out", tmp_path)
    assert "invalid choice: 'best'" in complaint(capsys, "table", file, "--selection", "best")
    assert "dann run" in complaint(capsys, "table", file)
    assert "neither an experiment file" in complaint(capsys, "table", tmp_path / "nowhere")
    assert "see dann --help" in complaint(capsys, "fly")


def test_missing_data_set(tmp_path: Path, capsys: Any, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    data = {"source": {"name": "mnist"}, "target": {"name": "mnist"}}
    file = write_tiny(tmp_path / "tiny.yaml", base={"data": data, "network": {"name": "mnist"}})
    assert "set DANN_DATA to a folder that has them" in complaint(capsys, "run", file, "--out", tmp_path / "runs")


def test_other_configuration_is_refused_before_anything_is_lost(tmp_path: Path, capsys: Any) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    assert main(["run", str(file), "--out", str(tmp_path / "runs")]) == 0
    record = tmp_path / "runs/tiny/dann/seed-0/record.json"
    before = record.read_bytes()
    arguments = ["run", file, "--out", tmp_path / "runs", "--set", "method.weight=0.5", "--only", "DANN"]
    line = complaint(capsys, *arguments)
    assert "method.weight: not set there, 0.5 now" in line and "--out" in line
    assert record.read_bytes() == before
    assert "overrides" not in (tmp_path / "runs/tiny/experiment.yaml").read_text()
    complaint(capsys, *arguments, "--seeds", "7")  # a new seed would leave the old one in the same row
    assert main(["table", str(tmp_path / "runs/tiny")]) == 0
    capsys.readouterr()
    write_tiny(tmp_path / "runs/tiny/experiment.yaml", base={"train": {"steps": 13}})
    assert "train.steps: 12 there, 13 now" in complaint(capsys, "table", tmp_path / "runs/tiny")


def test_damaged_record_is_named(tmp_path: Path, capsys: Any) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    assert main(["run", str(file), "--out", str(tmp_path / "runs"), "--only", "DANN"]) == 0
    record = tmp_path / "runs/tiny/dann/seed-0/record.json"
    record.write_text(record.read_text()[:100])
    assert f"{record}: not a record" in complaint(capsys, "table", tmp_path / "runs/tiny")


def test_full_disk_loses_nothing(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    from dann.training import checkpoint

    saved: list[int] = []
    save = checkpoint.save

    def save_until_full(path: Path, *arguments: Any) -> None:
        if len(saved) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        saved.append(arguments[-1])
        save(path, *arguments)

    monkeypatch.setattr(checkpoint, "save", save_until_full)
    arguments = ["run", str(file), "--only", "DANN", "--out", str(tmp_path / "runs")]
    line = complaint(capsys, *arguments)
    assert "disk is full" in line and "checkpoint.pt" in line and "to continue" in line
    monkeypatch.setattr(checkpoint, "save", save)
    assert main(arguments) == 0
    assert (tmp_path / "runs/tiny/dann/seed-0/record.json").is_file()


def test_a_full_disk_is_named_where_the_error_names_no_file(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    monkeypatch.setattr("dann.runner.log.RunLog._append", fail)
    line = complaint(capsys, "run", file, "--only", "DANN", "--out", tmp_path / "runs")
    assert str(tmp_path / "runs/tiny/dann/seed-0") in line and "the disk is full" in line


def test_figures_that_cannot_be_written_are_drawn_elsewhere(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "bars.png")

    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    assert main(["run", str(file), "--out", str(tmp_path / "runs")]) == 0
    monkeypatch.setattr("dann.reporting.figures.draw.draw_all", fail)
    assert "bars.png: Read-only file system: dann report" in complaint(capsys, "plot", tmp_path / "runs/tiny")


def test_a_file_size_limit_is_reported_like_a_full_disk(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    script = (
        "import resource, sys; from dann.cli.main import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "run", str(file), "--out", str(tmp_path / "runs"), "--jobs", "1"]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 2, finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stderr.count("\n") == 1 and "disk is full" in finished.stderr
    assert not list(tmp_path.rglob("*.tmp"))


def test_tiny_itself_is_good(tmp_path: Path) -> None:
    assert TINY["variants"] and main(["run", str(write_tiny(tmp_path / "t.yaml")), "--out", str(tmp_path)]) == 0


def test_a_run_that_stopped_before_its_first_checkpoint_may_be_corrected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "runs/file/dann/seed-0.unfinished"
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps({"written_by": "0.2.0", "data": {"batch_size": 5}}))
    file = write_tiny(tmp_path / "file.yaml", seeds=[0])
    assert main(["run", str(file), "--only", "DANN", "--dry-run", "--out", str(tmp_path / "runs")]) == 0
    (place / "checkpoint.pt").write_bytes(b"")
    said = complaint(capsys, "run", file, "--only", "DANN", "--dry-run", "--out", tmp_path / "runs")
    assert "another configuration" in said


def test_batches_that_fill_the_memory_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dann.training.building.measure_memory", lambda device: 1000)
    file = write_tiny(tmp_path / "file.yaml", seeds=[0])
    assert "data.batch_size: 128 examples" in complaint(capsys, "run", file, "--out", tmp_path / "runs")
    assert not list((tmp_path / "runs").rglob("config.json"))
