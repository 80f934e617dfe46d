"""Resuming: an interrupted run ends as an unbroken one, to the last bit, whatever was under way.

That every method and network resumes is held by ``tests/methods/test_contract.py``, on the same trainers.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from damage import cut, empty_file
from method_cases import batch_of
from pretrained_runs import setup_of, trained
from stacked_runs import CPU, DIGITS, InTurn, assert_same_state, in_both_ways, in_double_precision
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import DIAGNOSED, MOONS, Silent, config_of, write_tiny

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.methods.all_methods import METHODS
from dann.methods.cdan import Cdan
from dann.networks.mlp import mlp
from dann.runner import executor, run_group
from dann.runner.active_run import ActiveRun
from dann.runner.planning import launch
from dann.runner.records import Record, read_record
from dann.runner.tensorboard import Board
from dann.training.building import build_trainer
from dann.training.checkpoint import load, save
from dann.training.pair_loading import load_pair
from dann.training.stacking.stack import Stack
from dann.training.trainer import update


def launched(file: Path, folder: Path, observer: Silent, sets: tuple[str, ...] = (), **selection: Any) -> list[Record]:
    """The records of an experiment's runs, in the order of the experiment."""
    experiment = read_experiment(file, sets)
    runs = list(experiment.runs(**selection))
    launch(experiment, runs, folder, CPU, observer, file)
    return [read_record(folder / run.folder) for run in runs]


def interrupted(file: Path, folder: Path, observer: Silent, sets: tuple[str, ...] = (), **selection: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        launched(file, folder, observer, sets, **selection)


def loss_steps(folder: Path) -> list[int]:
    """The steps of the label loss in TensorBoard."""
    return [event.step for event in EventAccumulator(str(folder)).Reload().Scalars("loss/label")]


def values(record: Record) -> dict[str, Any]:
    """All of a record but the time that the run took."""
    return {name: value for name, value in vars(record).items() if name != "seconds"}


def same_weights(one: Path, other: Path) -> bool:
    states = [torch.load(folder / "checkpoint.pt", weights_only=True)["method"] for folder in (one, other)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) for name, value in states[0].items()
    )


# One run


SHIFTED = {"data": {**DIGITS["data"], "transform": {"shift": 1}}, "network": DIGITS["network"]}


@pytest.mark.parametrize("base", [DIAGNOSED, SHIFTED | DIAGNOSED], ids=["moons", "digits"])
def test_an_interrupted_run_ends_as_the_unbroken_one(base: dict[str, Any], tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[3], base=base)
    (one,) = launched(file, tmp_path / "whole", Silent(), only=["DANN"])
    interrupted(file, tmp_path / "broken", Silent(stop_at=10), only=["DANN"])
    assert not list((tmp_path / "broken").rglob("record.json"))
    (other,) = launched(file, tmp_path / "broken", again := Silent(), only=["DANN"])
    assert again.starts == [8]  # the checkpoint before step 10
    assert one.evaluations == other.evaluations and one.losses == other.losses and one.confusion == other.confusion
    whole, broken = tmp_path / "whole/dann/seed-3", tmp_path / "broken/dann/seed-3"
    states = [torch.load(folder / "checkpoint.pt", weights_only=True)["method"] for folder in (whole, broken)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert len(loss_steps(broken)) == len(set(loss_steps(broken))) == 6
    steps = [json.loads(line)["step"] for line in (broken / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and steps.count(10) == 1
    assert np.array_equal(np.load(whole / "features.npz")["features"], np.load(broken / "features.npz")["features"])


def test_interrupted_before_the_first_checkpoint_starts_anew(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    interrupted(file, tmp_path / "runs", Silent(stop_at=2), only=["DANN"])
    launched(file, tmp_path / "runs", again := Silent(), only=["DANN"])
    assert again.starts == [0]
    assert loss_steps(tmp_path / "runs/dann/seed-0") == [2, 4, 6, 8, 10, 12]


def test_interrupted_after_the_last_step_still_finishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0], base=DIAGNOSED)
    finish = executor.finish
    monkeypatch.setattr(executor, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    interrupted(file, tmp_path / "runs", Silent(), only=["DANN"])
    monkeypatch.setattr(executor, "finish", finish)
    (one,) = launched(file, tmp_path / "runs", again := Silent(), only=["DANN"])
    assert again.starts == [12]
    (other,) = launched(file, tmp_path / "whole", Silent(), only=["DANN"])
    assert one.confusion == other.confusion and one.evaluations == other.evaluations


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_group, "train", stop)
    assert main(["run", str(write_tiny(tmp_path / "tiny.yaml")), "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "dann: stopped; the same command continues from the last checkpoint\n"


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    config = config_of(MOONS)
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    path = tmp_path / "checkpoint.pt"
    save(path, trainer.method, trainer.optimizer, 5)
    assert load(path, trainer.method, trainer.optimizer) == 5
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadInput, match=r"checkpoint.pt: cannot be restored"):
        load(path, trainer.method, trainer.optimizer)


def test_a_run_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    y = np.repeat([0, 1, 2], 20)
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32) + 3 * y[:, None]
    data: dict[str, Any] = {}
    for side in ("source", "target"):
        np.savez(tmp_path / f"{side}.npz", x=x, y=y, x_test=x, y_test=y)
        data[side] = {"name": "arrays", "path": str(tmp_path / f"{side}.npz")}
    file = write_tiny(tmp_path / "tiny.yaml", base={"data": None})
    file.write_text(file.read_text().replace("data: null", f"data: {json.dumps(data)}"))
    selection: dict[str, Any] = {"only": ["DANN"], "seeds": [0]}
    interrupted(file, tmp_path / "runs", Silent(stop_at=6), **selection)
    np.savez(tmp_path / "target.npz", x=x + 1, y=y, x_test=x, y_test=y)
    with pytest.raises(BadInput, match=r"seed-0.unfinished: DANN, seed 0 was begun .* the target's examples changed"):
        launched(file, tmp_path / "runs", Silent(), **selection)
    np.savez(tmp_path / "target.npz", x=x, y=y, x_test=x, y_test=y)
    launched(file, tmp_path / "runs", Silent(), **selection)


# Files that a power loss or a mistake damaged


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The folder of a run that was interrupted after its checkpoints of steps 4 and 8."""
    interrupted(write_tiny(tmp_path / "tiny.yaml"), tmp_path / "runs", Silent(stop_at=10), only=["DANN"], seeds=[0])
    return tmp_path / "runs/dann/seed-0.unfinished"


def first_line(path: Path) -> None:
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")


def up_to_step_6(path: Path) -> None:
    path.write_text("".join(line + "\n" for line in path.read_text().splitlines() if json.loads(line)["step"] <= 6))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage", "start", "note"),
    [
        ("metrics.jsonl", empty_file, 0, "is not what was logged up to step 8"),
        ("metrics.jsonl", Path.unlink, 0, "is not what was logged up to step 8"),
        ("metrics.jsonl", first_line, 0, "is not what was logged up to step 4"),
        ("metrics.jsonl", up_to_step_6, 4, "is not what was logged up to step 8"),
        ("checkpoint.pt", empty_file, 4, "checkpoint.pt is damaged"),
        ("checkpoint.pt", cut, 4, "checkpoint.pt is damaged"),
        ("checkpoint.pt", flip, 4, "checkpoint.pt is damaged"),
        ("checkpoint.pt", Path.unlink, 4, None),
        ("checkpoint.previous.pt", flip, 8, "previous.pt is damaged"),
    ],
)
def test_a_damaged_run_goes_on_from_what_is_whole(
    file: str, damage: Callable[[Path], None], start: int, note: str | None, broken: Path, tmp_path: Path
) -> None:
    damage(broken / file)
    (record,) = launched(tmp_path / "tiny.yaml", tmp_path / "runs", again := Silent(), only=["DANN"], seeds=[0])
    assert again.starts == [start]
    assert note in again.warnings[0] if note else not again.warnings
    (whole,) = launched(tmp_path / "tiny.yaml", tmp_path / "whole", Silent(), only=["DANN"], seeds=[0])
    assert values(record) == values(whole)
    place = Path("dann/seed-0")
    assert same_weights(tmp_path / "runs" / place, tmp_path / "whole" / place)
    assert not list((tmp_path / "runs").rglob("checkpoint.previous.pt"))  # of use to unfinished runs only


def test_a_checkpoint_of_another_seed_is_refused(broken: Path, tmp_path: Path) -> None:
    shutil.copytree(broken, broken.with_name("seed-1.unfinished"))
    with pytest.raises(BadInput, match=r"checkpoint.pt: is of another run \(seed 0\): remove "):
        launched(tmp_path / "tiny.yaml", tmp_path / "runs", Silent(), only=["DANN"], seeds=[1])


def test_a_checkpoint_of_another_configuration_is_refused(broken: Path, tmp_path: Path) -> None:
    interrupted(tmp_path / "tiny.yaml", tmp_path / "runs", Silent(stop_at=10), only=["source only"], seeds=[0])
    other = tmp_path / "runs/source-only/seed-0.unfinished"
    (broken / "checkpoint.pt").replace(other / "checkpoint.pt")
    with pytest.raises(BadInput, match=r"checkpoint.pt: is of another run \(another configuration\): remove "):
        launched(tmp_path / "tiny.yaml", tmp_path / "runs", Silent(), only=["source only"], seeds=[0])


def test_a_run_does_not_go_on_in_another_precision(
    broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "choose_dtype", lambda *_: torch.bfloat16)  # as on another machine with "auto"
    with pytest.raises(BadInput, match=r"begun in fp32, and would go on here in bf16: continue on the machine"):
        launched(tmp_path / "tiny.yaml", tmp_path / "runs", Silent(), only=["DANN"], seeds=[0])


# What is written on the way


def test_the_events_of_a_resumed_run_are_read_after_those_before(tmp_path: Path) -> None:
    """Names of one second go on with a count, of which 10 sorts before 9."""
    for start in (0, 8):
        Board(tmp_path, {}, start).writer.close()
    seconds = [int(path.name.split(".")[3]) for path in sorted(tmp_path.glob("events.*"))]
    assert len(seconds) == 2 and seconds[0] < seconds[1]


class Startled(Silent):
    """Stops the program at the first alarm."""

    def warned(self, run: Run, step: int, text: str) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("interrupting", [Silent(stop_at=10), Startled()], ids=["later", "at the alarm"])
def test_an_alarm_outlives_an_interruption_once(interrupting: Silent, tmp_path: Path) -> None:
    base = {"optimizer": {"name": "sgd", "lr": 30.0}, "network": {"activation": "relu"}}
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0], base=base)
    interrupted(file, tmp_path / "runs", interrupting, only=["DANN"])
    (record,) = launched(file, tmp_path / "runs", again := Silent(), only=["DANN"])
    assert again.starts == [8 if interrupting.stop_at else 0]
    assert [alarm["alarm"] for alarm in record.alarms] == ["divergence", "collapse"]
    lines = map(json.loads, (tmp_path / "runs/dann/seed-0/metrics.jsonl").read_text().splitlines())
    assert record.alarms == [entry for entry in lines if "alarm" in entry]
    assert len(interrupting.warnings) + len(again.warnings) == 2  # each alarm is reported once


# What a checkpoint holds


@pytest.mark.parametrize(
    ("finetune", "changes"),
    [
        ({"start": 0.25, "gradual": 0.5, "backbone": 0.5}, {}),  # blocks are released as in the unbroken run
        ({}, {"method": {"name": "l2_sp"}}),  # which remembers where it started
    ],
    ids=["gradual", "l2_sp"],
)
def test_fine_tuning_goes_on_as_in_an_unbroken_run(
    finetune: dict[str, Any], changes: dict[str, Any], weights: str, domains: None, tmp_path: Path
) -> None:
    unbroken, resumed = (setup_of(weights, finetune, **changes) for _ in range(2))
    trained(unbroken, stop=4)
    save(tmp_path / "checkpoint.pt", unbroken.method, unbroken.optimizer, 4)
    assert load(tmp_path / "checkpoint.pt", resumed.method, resumed.optimizer) == 4
    if changes:
        starts = [trainer.method(unbroken.stream[0], 0, "all")["start"] for trainer in (unbroken, resumed)]
        assert starts[0] == starts[1] > 0
    expected = trained(unbroken, start=4)
    assert all(torch.equal(value, expected[name]) for name, value in trained(resumed, start=4).items())


def test_random_matrices_are_in_the_checkpoint(tmp_path: Path) -> None:
    def build(seed: int) -> tuple[Cdan, torch.optim.Optimizer]:
        torch.manual_seed(seed)
        method = Cdan(mlp((7,), 3, hidden=4), randomized="always", random_dim=8, entropy=True)
        return method, torch.optim.Adam(method.parameters(), lr=0.1)

    (method, optimizer), (other, resumed) = build(0), build(1)
    batch = batch_of((7,), classes=3)
    update(method, batch, 0.5, "all", optimizer)
    save(tmp_path / "last.pt", method, optimizer, 1)
    logits = [each.domain_logits(each.outputs(batch.target_x)) for each in (method, other)]
    assert not torch.equal(*logits)
    assert load(tmp_path / "last.pt", other, resumed) == 1
    assert torch.equal(logits[0], other.domain_logits(other.outputs(batch.target_x)))
    for _ in range(2):
        one, same = (update(each, batch, 0.5, "all", by) for each, by in ((method, optimizer), (other, resumed)))
        assert all(torch.equal(one[name], same[name]) for name in one)


# Stacks


@pytest.fixture
def lambdas(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny.yaml", variants={"DANN, λ = 0.1": {"method": {"weight": 0.1}}})


def test_an_interrupted_stack_ends_as_the_unbroken_one(lambdas: Path, tmp_path: Path) -> None:
    sets = ("train.replicas=auto",)
    interrupted(lambdas, tmp_path / "broken", Silent(stop_at=10), sets)
    broken = launched(lambdas, tmp_path / "broken", again := Silent(), sets)
    assert again.starts == [8, 8, 0, 0, 0, 0]
    whole = launched(lambdas, tmp_path / "whole", Silent(), sets)
    for one, other in zip(broken, whole, strict=True):
        assert one.evaluations == other.evaluations and one.losses == other.losses


def test_runs_begun_apart_go_on_from_where_each_is(lambdas: Path, tmp_path: Path) -> None:
    interrupted(lambdas, tmp_path / "runs", Silent(stop_at=10), only=["source only"], seeds=[0])
    records = launched(lambdas, tmp_path / "runs", again := Silent(), ("train.replicas=3",))
    assert sorted(again.starts) == [0, 0, 0, 0, 0, 8]
    assert [record.evaluations[-1]["step"] for record in records] == [12] * 6
    assert [record.environment["replicas"] for record in records] == [1, 1, 3, 3, 3, 1]


@pytest.mark.parametrize("at", [4, 8, 12])
def test_a_stack_killed_between_two_checkpoints_goes_on_as_a_stack(
    at: int, lambdas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def saving(active: ActiveRun, step: int) -> None:
        if step == at and active.planned.run.seed == 1:
            raise KeyboardInterrupt
        save_run(active, step)

    save_run, only = ActiveRun.save, {"only": ["DANN"], "sets": ("train.replicas=2",)}
    (one, other) = launched(lambdas, tmp_path / "whole", Silent(), **only)
    monkeypatch.setattr(ActiveRun, "save", saving)
    interrupted(lambdas, tmp_path / "broken", Silent(), **only)
    monkeypatch.setattr(ActiveRun, "save", save_run)
    resumed = launched(lambdas, tmp_path / "broken", again := Silent(), **only)
    assert again.starts == [at - 4, at - 4]
    assert [values(record) for record in resumed] == [values(one), values(other)]
    for seed in (0, 1):
        assert same_weights(tmp_path / f"whole/dann/seed-{seed}", tmp_path / f"broken/dann/seed-{seed}")


def test_a_stack_killed_between_two_of_its_records_is_recorded_as_one(
    lambdas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ending(Silent):
        def finished(self, run: Run, record: Record, new: bool) -> None:
            raise KeyboardInterrupt

    only = {"only": ["DANN"], "sets": ("train.replicas=2",)}
    whole = launched(lambdas, tmp_path / "whole", Silent(), **only)
    interrupted(lambdas, tmp_path / "broken", Ending(), **only)
    broken = launched(lambdas, tmp_path / "broken", again := Silent(), **only)
    assert again.starts == [12] and list(map(values, broken)) == list(map(values, whole))


def test_a_checkpoint_holds_one_replica(lambdas: Path, tmp_path: Path) -> None:
    sizes = {}
    for replicas in ("auto", "1"):
        launched(lambdas, tmp_path / replicas, Silent(), (f"train.replicas={replicas}",))
        sizes[replicas] = [path.stat().st_size for path in sorted((tmp_path / replicas).rglob("checkpoint.pt"))]
    assert len(sizes["1"]) == 6 and sizes["auto"] == pytest.approx(sizes["1"], rel=0.02)


@pytest.mark.parametrize("optimizer", [{}, {"name": "sgd", "lr": 0.05, "momentum": 0.9}])
def test_the_optimiser_states_of_a_stack_are_stacked_again(
    optimizer: dict[str, Any], in_double: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(METHODS, "in_turn", InTurn)
    configs = [config_of(MOONS, method={"name": "in_turn"}, optimizer=optimizer)] * 2
    pair = load_pair(configs[0].data)
    stack, separate = in_both_ways(configs, pair, steps=3)
    stack.hand_back()
    resumed = []
    for number, trainer in enumerate(stack.trainers):
        save(tmp_path / f"{number}.pt", trainer.method, trainer.optimizer, 3)
        resumed.append(build_trainer(configs[number], pair, trainer.seed, CPU))
        in_double_precision(resumed[-1])
        assert load(tmp_path / f"{number}.pt", resumed[-1].method, resumed[-1].optimizer) == 3
    again = Stack(resumed, {}, ["", ""])
    for learner in (again, *separate):
        learner.train()
        learner.step(3, 0.3)
    assert_same_state(again, separate)
