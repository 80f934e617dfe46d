"""Methods that begin with the network of a finished run, ``method: {name: shot, from: RUN}``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import TINY, Silent, write_tiny

from dann.config.experiment import Experiment, read_experiment
from dann.config.schema import Config, resolve
from dann.data.loading.stream import Batch
from dann.errors import BadInput
from dann.runner.active_run import build
from dann.runner.changed_runs import compare_inputs
from dann.runner.planning import launch
from dann.runner.records import read_record
from dann.training.building import build_trainer
from dann.training.checkpoint import CHECKPOINT, read_method
from dann.training.earlier_runs import find_earlier_runs
from dann.training.pair_loading import load_pair
from dann.training.source_model import checksum_weights
from dann.training.stacking.grouping import Planned
from dann.training.trainer import Trainer

CPU = torch.device("cpu")
NETWORK = {"network": {"name": "mlp", "hidden": 8, "batch_norm": True}}
SOURCE = {"source only": {"method": {"name": "source_only"}}}


def source_runs(folder: Path, seeds: list[int], **base: Any) -> Path:
    """The folder of finished source-only runs of these seeds."""
    file = write_tiny(folder / "models.yaml", base={**NETWORK, **base}, seeds=seeds, variants=SOURCE, published={})
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["source only"])), folder / "models", CPU, Silent(), file)
    return folder / "models/source-only"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return source_runs(tmp_path_factory.mktemp("models"), [0, 1])


def adapting(folder: Path, models: Path, method: str = "shot", **changes: Any) -> Path:
    entry = {"name": method, "from": f"{models}/seed-{{seed}}"}
    variants = {"adapted": {"method": entry}}
    return write_tiny(folder / "adapt.yaml", **{"base": NETWORK, "seeds": [0, 1], "variants": variants,
                                                "published": {}, **changes})  # fmt: skip


def trainer_of(config: Config, seed: int) -> Trainer:
    return build_trainer(config, load_pair(config.data), seed, CPU, earlier=find_earlier_runs(config, seed))


@pytest.mark.parametrize("method", ["shot", "nrc", "tent"])
def test_a_run_begins_with_the_weights_of_the_seeds_source_model(tmp_path: Path, models: Path, method: str) -> None:
    config = resolve(read_experiment(adapting(tmp_path, models, method)).merge_configuration("adapted", None), "test")
    trainers = [trainer_of(config, seed) for seed in (0, 1)]
    for seed, trainer in enumerate(trainers):
        assert find_earlier_runs(config, seed).source == models / f"seed-{seed}"
        saved = read_method(models / f"seed-{seed}" / CHECKPOINT)
        for name, value in trainer.method.network.state_dict().items():
            assert torch.equal(value, saved[f"network.{name}"])
    assert [stage.name for stage in trainers[0].method.stages] == ["adapt"]
    assert trainers[0].method.phases(0.0) == ("target",)


@pytest.mark.parametrize("method", ["shot", "nrc", "tent"])
def test_no_source_example_is_read(tmp_path: Path, models: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve(read_experiment(adapting(tmp_path, models, method)).merge_configuration("adapted", None), "test")
    trainer = trainer_of(config, 0)
    take: Callable[[Any, int], Batch] = type(trainer.stream).__getitem__
    poison = lambda self, step: take(self, step)._replace(source_x=torch.full((1, 2), torch.nan))  # noqa: E731
    monkeypatch.setattr(type(trainer.stream), "__getitem__", poison)
    trainer.train()
    trainer.refresh(-1.0, 0.0, False)
    for step in range(3):
        trainer.step(step, step / 3)
    assert all(parameter.isfinite().all() for parameter in trainer.method.parameters())


def planned_run(file: Path, place: Path) -> Planned:
    (run,) = read_experiment(file).runs(only=["adapted"], seeds=[0])
    return Planned(run, resolve(run.declared, "test"), place)


def test_runs_are_made_recorded_and_changed_with_the_source_model(tmp_path: Path) -> None:
    models, folder = source_runs(tmp_path, [0]), tmp_path / "runs"
    file = adapting(tmp_path, models, seeds=[0])
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["adapted"])), folder, CPU, Silent(), file)
    record = read_record(folder / "adapted/seed-0")
    assert record.config["method"]["from"] == f"{models}/seed-{{seed}}"
    assert record.checksums["method.from"] == checksum_weights(models / "seed-0")
    planned = [planned_run(file, folder / "adapted/seed-0")]
    assert compare_inputs(experiment, planned, folder).changes == []
    other = source_runs(tmp_path / "other", [0], train={"steps": 8}) / "seed-0"
    (models / "seed-0" / CHECKPOINT).write_bytes((other / CHECKPOINT).read_bytes())
    (change,) = compare_inputs(experiment, planned, folder).changes
    assert "the weights of the run that method.from names changed" in change.cause


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": {"network": {"name": "mlp", "hidden": 9, "batch_norm": True}}}, "has another network"),
        ({"base": {**NETWORK, "data": {"transform": {"normalise": "standard"}}}}, "data.transform.normalise differs"),
        ({"base": {**NETWORK, "data": {"missing": "mean"}}}, "data.missing differs"),
        ({"variants": {"adapted": {"method": {"name": "shot", "from": "nowhere"}}}}, "nowhere is no finished run"),
    ],
)
def test_a_source_model_that_does_not_suit_is_refused(
    tmp_path: Path, models: Path, changes: dict[str, Any], message: str
) -> None:
    planned = planned_run(adapting(tmp_path, models, **changes), tmp_path / "runs/adapted/seed-0")
    with pytest.raises(BadInput, match=f"adapted, seed 0: method.from: .*{message}"):
        build(planned, load_pair(planned.config.data), CPU)


def test_reverse_validation_of_a_method_that_reads_no_label_is_refused(tmp_path: Path, models: Path) -> None:
    """It would not learn the labels of the target, whatever they are."""
    file = adapting(tmp_path, models, base={**NETWORK, "diagnose": {"reverse_steps": 5}})
    planned = planned_run(file, tmp_path / "runs/adapted/seed-0")
    with pytest.raises(BadInput, match=r"diagnose\.reverse_steps: shot begins with a finished run and reads no lab"):
        build(planned, load_pair(planned.config.data), CPU)


def test_another_network_in_a_trainer_of_python_is_refused(tmp_path: Path, models: Path) -> None:
    changes: dict[str, Any] = {"base": {"network": {"name": "mlp", "hidden": 9, "batch_norm": True}}}
    file = adapting(tmp_path, models, **changes)
    config = resolve(read_experiment(file).merge_configuration("adapted", None), "test")
    with pytest.raises(BadInput, match=r"method\.from: .* has another network \(features\.0\.weight differs\)"):
        trainer_of(config, 0)


def test_rows_of_one_experiment_begin_with_its_own_source_only_runs_in_any_order(
    tmp_path: Path,
) -> None:
    adapted = {"method": {"name": "shot", "from": "{runs}/{task}/source-only/seed-{seed}"}}
    again = {"method": {"name": "tent", "from": "{runs}/{task}/adapted/seed-{seed}"}}
    variants: dict[str, Any] = {"again": again, "adapted": adapted, **SOURCE}
    content = {**TINY, "base": {**TINY["base"], **NETWORK}, "variants": variants, "tasks": {"a → b": {}}}
    experiment = Experiment(**{**content, "published": {}})
    file = write_tiny(tmp_path / "one.yaml")
    launch(experiment, list(experiment.runs()), tmp_path / "runs", CPU, Silent(), file)
    for seed in (0, 1):
        record = read_record(tmp_path / f"runs/a-to-b/adapted/seed-{seed}")
        source = tmp_path / f"runs/a-to-b/source-only/seed-{seed}"
        assert record.checksums["method.from"] == checksum_weights(source)
        assert record.config["method"]["from"] == "{runs}/a-to-b/source-only/seed-{seed}"
        last = read_record(tmp_path / f"runs/a-to-b/again/seed-{seed}")
        assert last.checksums["method.from"] == checksum_weights(tmp_path / f"runs/a-to-b/adapted/seed-{seed}")


def test_runs_that_took_weights_from_a_changed_run_are_made_again_with_it(tmp_path: Path) -> None:
    adapted = {"method": {"name": "tent", "from": "{runs}/source-only/seed-{seed}"}}
    file, folder = tmp_path / "one.yaml", tmp_path / "runs"

    def launched(**options: Any) -> Silent:
        variants: dict[str, Any] = {"source only": {**SOURCE["source only"], **options.pop("row", {})}}
        write_tiny(file, base=NETWORK, seeds=[0], variants={**variants, "DANN": {}, "adapted": adapted}, published={})
        experiment = read_experiment(file)
        launch(experiment, list(experiment.runs()), folder, CPU, observer := Silent(), file, **options)
        return observer

    assert launched().new == 3
    faster = {"optimizer": {"lr": 0.05}}
    with pytest.raises(BadInput, match=r"source only, seed 0 is of another configuration .*; so did 1 more: "):
        launched(row=faster)
    assert launched(row=faster, redo="changed").new == 2
    again = read_record(folder / "adapted/seed-0")
    assert again.checksums["method.from"] == checksum_weights(folder / "source-only/seed-0")
    assert launched(row=faster).new == 0


def test_without_an_experiment_there_are_no_runs_to_name(tmp_path: Path) -> None:
    config = resolve({**TINY["base"], "method": {"name": "shot", "from": "{runs}/seed-{seed}"}}, "test")
    with pytest.raises(BadInput, match=r"method\.from: \{runs\}/seed-\{seed\}: there is no experiment"):
        trainer_of(config, 0)


def test_the_task_is_filled_in_and_other_methods_have_no_such_option() -> None:
    tasks: dict[str, Any] = {"a → b": {}}
    variants: dict[str, Any] = {"adapted": {"method": {"name": "shot", "from": "runs/{task}/seed-{seed}"}}}
    experiment = Experiment(**{**TINY, "tasks": tasks, "variants": variants, "published": {}})
    assert experiment.merge_configuration("adapted", "a → b")["method"]["from"] == "runs/a-to-b/seed-{seed}"
    with pytest.raises(BadInput, match="from"):
        resolve({**TINY["base"], "method": {"name": "dann", "from": "runs/x"}}, "test")


def test_a_method_that_names_no_run_has_the_fingerprint_that_it_had_before() -> None:
    config = resolve({**TINY["base"], "method": {"name": "shot"}}, "test")
    content = config.model_dump()
    assert content["method"]["from"] is None
    other = resolve({**TINY["base"], "method": {"name": "shot", "from": "runs/x"}}, "test")
    assert other.fingerprint() != config.fingerprint()
