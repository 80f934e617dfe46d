"""``dann verify``: records compared with their runs made again."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from complaints import complaint
from made_records import EVALUATIONS, record_of
from tiny import Silent, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.runner.experiment_records import pack_records, read_records
from dann.runner.planning import launch
from dann.runner.record_comparison import compare_accuracies, find_difference, is_same_machine, tolerance
from dann.runner.records import RECORD, Record, read_record

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an experiment file and its four finished runs."""
    folder = tmp_path_factory.mktemp("made")
    file = write_tiny(folder / "tiny.yaml")
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), folder / "runs/tiny", CPU, Silent(), file)
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the runs in a copy, which is the working directory."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Path("runs/tiny")


def verified(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    status = main(["verify", *map(str, arguments), "--device", "cpu"])
    return status, capsys.readouterr().out


def rewrite(place: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads((place / RECORD).read_text())
    change(content)
    content.pop("checksum", None)  # as in a record of version 0.2.0
    (place / RECORD).write_text(json.dumps(content))


def test_runs_made_again_are_equal_to_the_last_bit(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (runs / "dann/seed-0", runs / "dann/seed-0/record.json"):
        status, out = verified(capsys, path)
        assert status == 0 and "DANN, seed 0: equal to the last bit (evaluations, losses, confusion, weights)" in out
    status, out = verified(capsys, "tiny.yaml", "--out", "again")
    assert (status, out.splitlines()[-1]) == (0, "4 runs: 4 equal to the last bit")
    assert len(list(Path("again").rglob(RECORD))) == 4
    status, out = verified(capsys, "runs", "--only", "DANN", "--seeds", "1", "--out", "again")
    assert (status, out.splitlines()[-1]) == (0, "1 run: 1 equal to the last bit") and "already there" in out
    assert "--only and --seeds" in complaint(capsys, "verify", runs, "--seeds", "9")
    both = verified(capsys, "runs", "--only", "DANN", "--only", "source only", "--seeds", "1", "--out", "again")
    assert both[1].splitlines()[-1] == "2 runs: 2 equal to the last bit"
    assert "no finished run of the row 'typo'" in complaint(capsys, "verify", runs, "--only", "DANN", "--only", "typo")


def test_a_run_that_began_with_another_is_verified_with_that_one_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    adapted = {"method": {"name": "tent", "from": "{runs}/source-only/seed-{seed}"}}
    variants = {"source only": {}, "adapted": adapted}
    base = {"network": {"batch_norm": True}, "method": {"name": "source_only"}}
    file = write_tiny(tmp_path / "tiny.yaml", base=base, seeds=[0], variants=variants, published={})
    experiment = read_experiment(file)
    runs = list(experiment.runs(only=["source only", "adapted"]))
    launch(experiment, runs, tmp_path / "runs/tiny", CPU, Silent(), file)
    status, out = verified(capsys, "runs/tiny", "--out", "again")
    assert (status, out.splitlines()[-1]) == (0, "2 runs: 2 equal to the last bit")
    (source,) = Path("again").rglob("source-only/seed-0/checkpoint.pt")  # as made again on another machine
    state = torch.load(source, weights_only=True)
    state["method"][next(iter(state["method"]))] += 1e-6
    torch.save(state, source)
    status, out = verified(capsys, "runs/tiny", "--only", "adapted", "--out", "again")
    assert (status, out.splitlines()[-1]) == (0, "1 run: 1 equal to the last bit")


def test_packed_records_are_verified_without_weights(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment, packed = read_experiment(Path("tiny.yaml")), Path("results/tiny")
    pack_records(read_records(experiment, runs).values(), packed)
    (packed / "experiment.yaml").write_bytes((runs / "experiment.yaml").read_bytes())
    for path in (packed, packed / "records.jsonl.xz"):
        status, out = verified(capsys, path, "--only", "DANN", "--seeds", "0")
        assert status == 0 and "DANN, seed 0: equal to the last bit (evaluations, losses, confusion)" in out


def test_a_difference_on_the_same_machine_is_named(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = runs / "dann/seed-0"
    rewrite(place, lambda content: content["evaluations"][1].update(target_test=0.123))
    status, out = verified(capsys, place)
    assert status == 1
    assert "seed 0: different on the machine of the record: target_test after step 8: 0.123 then, 0." in out


def test_other_weights_are_a_difference(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = runs / "dann/seed-0/checkpoint.pt"
    state = torch.load(file, weights_only=True)
    name = next(iter(state["method"]))
    state["method"][name] += 1e-6
    torch.save(state, file)
    status, out = verified(capsys, file.parent)
    assert status == 1 and f"different on the machine of the record: the weights {name}" in out


def test_on_another_machine_the_tolerance_counts(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = runs / "dann/seed-0"
    recorded = read_record(place).evaluations[-1]["target_test"]

    def elsewhere(content: dict[str, Any], shift: float) -> None:
        content["environment"]["torch"] = "2.0.0"
        content["evaluations"][-1]["target_test"] = recorded - shift

    rewrite(place, lambda content: elsewhere(content, 0.02))
    status, out = verified(capsys, place)
    assert status == 0 and "seed 0: within the tolerance: source_validation" in out
    assert f"target_test {100 * recorded - 2:.2f} % then, {100 * recorded:.2f} % now (±" in out
    assert f"made otherwise: torch 2.0.0 then, {torch.__version__.split('+')[0]}" in out
    rewrite(place, lambda content: elsewhere(content, 0.49))
    rewrite(runs / "dann/seed-1", lambda content: elsewhere(content, 0.49))
    status, out = verified(capsys, place)
    assert status == 1 and "seed 0: different: target_test" in out


def test_precision_and_threads_are_those_of_the_record(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = runs / "dann/seed-0"

    def elsewhere(content: dict[str, Any]) -> None:
        content["environment"] |= {"precision": "bf16", "threads": 2}

    rewrite(place, elsewhere)
    before = torch.get_num_threads()
    verified(capsys, place, "--out", "again")
    again = read_record(Path("again/seed-0/dann/seed-0"))
    assert (again.environment["precision"], again.environment["threads"]) == ("bf16", 2)
    assert torch.get_num_threads() == before


def test_other_data_are_said_first_and_nothing_trains(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = runs / "dann/seed-0"
    rewrite(place, lambda content: content["data"]["target"].update(checksum="0"))
    status, out = verified(capsys, place, "--out", "again")
    assert status == 2 and "DANN, seed 0: not compared: the data or weights are not those of the record: " in out
    assert "the target's labels changed (moons_rotated: " in out
    assert not Path("again").exists()


def test_a_folder_of_other_runs_is_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(capsys, runs / "dann/seed-0", "--out", "again")[0] == 0
    rewrite(runs / "dann/seed-0", lambda content: content["config"]["train"].update(steps=8))
    line = complaint(capsys, "verify", runs / "dann/seed-0", "--out", "again")
    assert "train.steps: 12 there, 8 now" in line and "give another --out" in line


def test_what_is_not_finished_is_named(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for record in list(runs.rglob(RECORD)):
        record.parent.rename(f"{record.parent}.unfinished")
    assert complaint(capsys, "verify", runs).endswith("no finished run yet: dann run makes them\n")
    assert "leave out --only" in complaint(capsys, "verify", runs, "--only", "DANN")
    assert "this run is unfinished: continue it" in complaint(capsys, "verify", runs / "dann/seed-0.unfinished")


# Comparison of records


def elsewhere(record: Record) -> Record:
    return replace(record, environment=record.environment | {"device": "another"})


def test_the_tolerance_is_three_standard_errors() -> None:
    """40 examples, accuracy 0.6: (24 + 2) / 44; over seeds 0.6 and 0.7 the standard deviation is 0.1 / √2."""
    record = record_of("DANN", 0, 0.6)
    p = 26 / 44
    assert tolerance(record, "target_test", [record]) == pytest.approx(3 * math.sqrt(p * (1 - p) / 44))
    row = [record, record_of("DANN", 1, 0.7)]
    assert tolerance(record, "target_test", row) == pytest.approx(3 * math.sqrt(p * (1 - p) / 44 + 0.005))
    # A wrong value, recorded or new, does not widen its own tolerance.
    wrong = [replace(record, evaluations=[*record.evaluations[:-1], {**record.evaluations[-1], "target_test": 0.1}]),
             record_of("DANN", 1, 0.7)]  # fmt: skip
    p = 6 / 44
    expected = 3 * math.sqrt(p * (1 - p) / 44 + 0.005)
    assert tolerance(wrong[0], "target_test", wrong, 0.6) == pytest.approx(expected)
    assert tolerance(record, "target_test", row, 0.1) == tolerance(record, "target_test", row)


def test_accuracies_after_the_last_step_are_compared() -> None:
    then = replace(record_of("DANN", 0, 0.6), data={**record_of("DANN", 0).data, "validated_on": 20})
    close = dict.fromkeys(("source_validation", "source_test", "target_test"), True)
    for value, within in ((0.6, True), (0.8, True), (0.83, False), (0.1, False)):
        now = elsewhere(record_of("DANN", 0, value))
        found = list(compare_accuracies(then, now, [then]))
        assert [each for each, _ in found] == list((close | {"target_test": within}).values())
    assert found[2][1] == "target_test 60.00 % then, 10.00 % now (±22.24 allowed)"


def test_the_first_difference_of_records_is_named() -> None:
    then = record_of("DANN", 0)
    assert find_difference(then, elsewhere(then)) is None
    now = replace(then, evaluations=[{**each, "more": 1.0} for each in then.evaluations], seconds=1.0)
    assert find_difference(then, now) is None  # later versions record more
    assert find_difference(now, then) == "more after step 10: 1.0 then, none now"
    assert find_difference(then, replace(then, evaluations=EVALUATIONS[:2])) == (
        "evaluations after the steps [10, 20, 30, 40] then, [10, 20] now"
    )
    losses = {**then.losses, "domain": [0.7, 0.61]}
    assert find_difference(then, replace(then, losses=losses)) == "the domain loss after step 2: 0.6 then, 0.61 now"
    assert find_difference(then, replace(then, confusion={})) == "confusion differ"


def test_bits_are_promised_only_where_the_processor_is_known() -> None:
    record = record_of("DANN", 0)
    assert not is_same_machine(record, record)  # of an earlier version
    known = replace(record, environment=record.environment | {"processor": "a model"})
    assert is_same_machine(known, known) and not is_same_machine(known, elsewhere(known))
