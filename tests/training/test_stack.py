"""Runs that train together give what they give one by one."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from method_cases import OPTIONS
from stacked_runs import CPU, DIGITS, InTurn, assert_same_state, in_both_ways, planned
from tiny import MOONS, Silent, config_of, write_tiny
from torch import nn

from dann.config.experiment import read_experiment
from dann.config.experiment_run import Run
from dann.config.merging import merge
from dann.data.domain import Split
from dann.data.store import TensorStore
from dann.diagnostics.gradients import measure_next_step
from dann.errors import BadInput
from dann.functional.adversarial import reverse_gradient
from dann.methods.all_methods import METHODS
from dann.methods.source_only import SourceOnly
from dann.networks.all_networks import NETWORKS
from dann.runner.planning import launch
from dann.runner.records import Record, read_record
from dann.training.building import build_trainer
from dann.training.device import reseed
from dann.training.pair_loading import load_pair
from dann.training.stacking.dropout import replace_dropout
from dann.training.stacking.grouping import differing_numbers, group_runs
from dann.training.stacking.stack import Stack
from dann.training.stacking.stackable import NUMBERS, is_faster, should_stack

LENET = DIGITS | {"network": {"name": "lenet", "bottleneck": {"width": 6, "classifier": "weight_norm"}}}
SGD = {"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.0}}


CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "seeds": (MOONS, [{}, {}, {}]),
    "source only": (MOONS, [{"method": {"name": "source_only"}}] * 3),
    "lambdas": (MOONS, [{"method": {"weight": weight}} for weight in (0.1, 0.5, 2.0)]),
    "learning rates": (MOONS, [{"optimizer": {"lr": 0.01}}] * 2 + [{"optimizer": {"lr": 0.1, "weight_decay": 0.1}}]),
    "optimisers": (MOONS, [{}, {"optimizer": {"name": "sgd", "lr": 0.1, "schedule": "inverse"}}]),
    "adaptive rates": (
        MOONS,
        [{"optimizer": {"name": name}} for name in ("adagrad", "adagrad", "adadelta", "adadelta")],
    ),
    "class weights": (MOONS, [{"data": {"class_weights": "inverse"}}] * 2),
    "augmentation": (MOONS, [{"data": {"transform": {"mask": 0.5}}}] * 2),
    "domains apart": (MOONS, [{"method": {"together": False}}] * 2),
    "convolutions, BatchNorm, dropout": (DIGITS, [{}, {"method": {"weight": 0.3}}]),
    "bottleneck, weight normalisation": (LENET, [{}] * 2),
    "bottleneck, two classifiers": (LENET, [{"method": {"name": "mcd", "weight": weight}} for weight in (0.5, 1.0)]),
    "loss weights": (MOONS, [{"method": {"loss_weight": weight}} for weight in (0.1, 1.0, 3.0)]),
    "other sizes": (MOONS, [{"data": {"batch_size": 6, "target_batch_size": 9}}] * 2),
    "random shifts": (DIGITS, [{"data": {"transform": {"shift": 2}}}] * 2),
}


@pytest.mark.parametrize("case", CASES)
def test_a_stack_trains_as_separate_runs_do(case: str, in_double: None) -> None:
    base, changes = CASES[case]
    configs = [config_of(base, **change) for change in changes]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4)
    assert stack.sparse is None
    assert_same_state(stack, separate)
    weights = next(iter(stack.parameters.values()))
    assert not torch.equal(weights[0], weights[1])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_too(case: str, in_double: None) -> None:
    base, changes = CASES[case]
    configs = [config_of(base, **change) for change in changes]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4, device=torch.device("cuda"))
    assert_same_state(stack, separate)


def test_bf16_stacks_stay_close_to_separate_runs() -> None:
    configs = [config_of(DIGITS, method={"weight": weight}, train={"precision": "bf16"}) for weight in (0.5, 1.0)]
    trainers = [[build_trainer(config, load_pair(config.data), 0, CPU) for config in configs] for _ in range(2)]
    stack = Stack(trainers[0], differing_numbers(configs), ["", ""])
    stack.train()
    for trainer in trainers[1]:
        trainer.train()
    together, apart = stack.step(0, 0.5), [trainer.step(0, 0.5) for trainer in trainers[1]]
    for name, values in together.items():
        assert values.dtype is torch.float32
        torch.testing.assert_close(values, torch.cat([terms[name] for terms in apart]), rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    "optimizer", [{}, {"name": "sgd", "lr": 0.05, "momentum": 0.9}, {"name": "adagrad"}, {"name": "adadelta"}]
)
def test_each_phase_steps_its_parameters(
    optimizer: dict[str, Any], in_double: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "in_turn", InTurn)
    configs = [config_of(MOONS, method={"name": "in_turn"}, optimizer=optimizer)] * 2
    pair = load_pair(configs[0].data)
    stack, separate = in_both_ways(configs, pair, steps=3)
    assert_same_state(stack, separate)
    assert stack.parameters["unused"].tolist() == [1.0, 1.0]


def test_runs_of_a_stack_are_diagnosed_as_separate_ones(in_double: None) -> None:
    """Dropout too is that of the step to come, which a stack draws for each of its runs."""
    configs = [config_of(DIGITS, method={"weight": weight}) for weight in (1.0, 0.3)]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=2)
    stack.hand_back()
    for ours, theirs in zip(stack.trainers, separate, strict=True):
        found = measure_next_step(ours, 2, 0.2)
        assert found == pytest.approx(measure_next_step(theirs, 2, 0.2), rel=1e-5) and found["gradient_transfer"] > 0


def test_in_float32_it_does_so_to_rounding() -> None:
    configs = [config_of(MOONS, method={"weight": weight}) for weight in (0.5, 1.0)]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4, double=False)
    assert_same_state(stack, separate, double=False)


def bags(tmp_path: Path, rows: int = 40, words: int = 60) -> dict[str, Any]:
    """Data of two domains with few words an example, some of them in all, as svmlight files."""
    generator = torch.Generator().manual_seed(0)
    for name in ("a", "b"):
        lines = []
        for row in range(rows):
            chosen = sorted({1, *(int(i) for i in torch.randint(2, words + 1, (4,), generator=generator))})
            lines.append(" ".join([str(row % 2), *(f"{word}:{1 + word % 3}" for word in chosen)]))
        (tmp_path / f"{name}.svm").write_text("\n".join(lines) + "\n")
    sides = {side: {"name": "svmlight", "path": str(tmp_path / f"{name}.svm"), "features": words}
             for side, name in (("source", "a"), ("target", "b"))}  # fmt: skip
    return {**sides, "batch_size": 2}


@pytest.mark.parametrize("sizes", [(1, None), (2, None), (16, None), (2, 5), (5, 2)])
@pytest.mark.parametrize("method", ["dann", "source_only"])
def test_sparse_inputs_change_nothing(sizes: Any, method: str, tmp_path: Path, in_double: None) -> None:
    data = bags(tmp_path) | dict(zip(("batch_size", "target_batch_size"), sizes, strict=True))
    base = merge(MOONS, SGD) | {"data": data, "method": {"name": method}}
    rates = [{"optimizer": {"lr": 0.1}}, {"optimizer": {"lr": 0.1}}, {"optimizer": {"lr": 0.7, "schedule": "inverse"}}]
    configs = [config_of(base, **change) for change in rates]
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=6)
    assert stack.sparse is not None
    assert_same_state(stack, separate)


def test_sparse_inputs_are_used_where_nothing_but_their_weights_changes(tmp_path: Path) -> None:
    data = bags(tmp_path)
    pair = load_pair(config_of(MOONS, data=data).data)
    plain = merge(MOONS, SGD) | {"data": data}
    for expected, change in [
        (True, {}),
        (False, {"optimizer": {"momentum": 0.9}}),
        (False, {"optimizer": {"weight_decay": 0.1}}),
        (False, {"optimizer": {"name": "adamw"}}),
        (False, {"optimizer": {"name": "adagrad"}}),
        (False, {"data": {"transform": {"mask": 0.5}}}),
        (False, {"data": {"transform": {"normalise": "standard"}}}),
    ]:
        config = config_of(plain, **change)
        trainers = [build_trainer(config, pair, seed, CPU) for seed in (0, 1)]
        assert (Stack(trainers, {}, ["", ""]).sparse is not None) == expected, change
    trainers[0].method.reads_inputs = True
    config = config_of(plain)
    trainers = [build_trainer(config, pair, seed, CPU) for seed in (0, 1)]
    trainers[0].method.reads_inputs = True
    assert Stack(trainers, {}, ["", ""]).sparse is None


class Probe(SourceOnly):
    """Steps the classifier alone."""

    def phase_parameters(self, phase: str) -> list[nn.Parameter]:
        return list(self.network.classifier.parameters())


def test_a_layer_that_no_phase_steps_is_not_made_sparse(
    tmp_path: Path, in_double: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "probe", Probe)
    config = config_of(merge(MOONS, SGD) | {"data": bags(tmp_path)}, method={"name": "probe"})
    stack, separate = in_both_ways([config] * 2, load_pair(config.data), steps=3)
    assert stack.sparse is None
    assert_same_state(stack, separate)


def test_reversal_takes_a_weight_for_each_replica() -> None:
    x, weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True), torch.tensor([0.1, 2.0, 0.0]).double()
    torch.vmap(reverse_gradient)(x, weight).sum().backward()
    torch.testing.assert_close(x.grad, (-weight)[:, None].expand(3, 4), rtol=0, atol=0)


GPU = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU"))


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("layer", [nn.Dropout(0.4), nn.Dropout2d(0.4), nn.Dropout(1.0)], ids=str)
def test_dropout_in_a_stack_draws_what_each_replica_draws(
    layer: nn.Module, layout: torch.memory_format, device: str
) -> None:
    x = (torch.rand(3, 5, 6, 4, 2, device=device) + 1).contiguous(memory_format=torch.contiguous_format)
    each = [replica.contiguous(memory_format=layout) for replica in x]
    x = torch.stack(each)
    generators = [torch.Generator(device).manual_seed(seed) for seed in (1, 2, 3)]
    stacked = nn.Sequential(layer)
    assert replace_dropout(stacked, generators) and not isinstance(stacked[0], type(layer))
    before = torch.random.get_rng_state()
    first, second = (torch.vmap(stacked, randomness="different")(x) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for replica, one, other in zip(each, first, second, strict=True):
        reseed(torch.device(device), [1, 2, 3][[r is replica for r in each].index(True)])
        assert torch.equal(layer(replica), one) and torch.equal(layer(replica), other)
    assert torch.equal(stacked.eval()(x), x) and not replace_dropout(nn.Sequential(nn.ReLU()), generators)


# What is stacked


def test_runs_that_differ_in_numbers_share_a_unit() -> None:
    auto = {"train": {"replicas": "auto"}}
    different = [
        config_of(MOONS, **auto),
        config_of(MOONS, **auto, method={"weight": 0.5}),
        config_of(MOONS, **auto, optimizer={"lr": 0.5}),
        config_of(MOONS, **auto, optimizer={"name": "sgd"}),
        config_of(MOONS, **auto, method={"schedule": "constant"}),
        config_of(MOONS, **auto, method={"name": "source_only"}),
        config_of(MOONS, **auto, network={"hidden": 9}),
        config_of(MOONS, **auto, data={"batch_size": 9}),
        config_of(MOONS),
        config_of(MOONS),
    ]
    made = planned(different, [0] * len(different))
    parts = [sorted(int(each.run.variant) for each in unit) for unit in group_runs(made, 1)]
    assert parts == [[0, 1, 2, 3], [4], [5], [6], [7], [8], [9]]
    shared = [len(unit) for unit in group_runs(planned([config_of(MOONS, **auto)] * 7, list(range(7))), 2)]
    assert shared == [4, 3]  # each worker has its part
    at_most = config_of(MOONS, train={"replicas": 3})
    assert [len(unit) for unit in group_runs(planned([at_most] * 7, list(range(7))), 2)] == [3, 3, 1]


def test_equal_optimisers_lie_side_by_side() -> None:
    configs = [config_of(MOONS, train={"replicas": "auto"}, optimizer={"lr": rate}) for rate in (0.1, 0.2, 0.1, 0.2)]
    (unit,) = group_runs(planned(configs, [0, 0, 1, 1]), 1)
    assert [each.config.optimizer.model_dump()["lr"] for each in unit] == [0.1, 0.1, 0.2, 0.2]


def test_stacks_are_for_little_arithmetic_without_convolutions() -> None:
    for expected, config in [
        (True, config_of(MOONS)),
        (False, config_of(MOONS, network={"hidden": 16384}, data={"batch_size": 1024})),
        (False, config_of(DIGITS)),
    ]:
        trainer = build_trainer(config, load_pair(config.data), 0, CPU)
        trainer.train()
        assert is_faster([config] * 2, trainer) == expected
        assert trainer.method.training


def test_sparse_inputs_cost_a_stack_no_arithmetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "dann.training.stacking.stackable.LIGHT", 10_000
    )  # 60 inputs × 8 units × 4 examples × 6 are more
    config = config_of(merge(MOONS, SGD) | {"data": bags(tmp_path)})
    adam = config_of(MOONS | {"data": bags(tmp_path)})
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    assert is_faster([config, config], trainer)
    assert not is_faster([config, adam], trainer)


@pytest.mark.parametrize(("network", "together"), [({"name": "vada_small"}, False), ({"name": "lenet"}, True)])
def test_networks_that_add_noise_are_not_stacked(network: dict[str, Any], together: bool) -> None:
    config = config_of(DIGITS | {"network": network}, train={"replicas": 2})
    trainer = build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))
    assert should_stack([config] * 2, trainer) == together


@pytest.mark.parametrize(("replicas", "together"), [("auto", False), (3, False)])
def test_streamed_examples_are_not_stacked(replicas: Any, together: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(MOONS, train={"replicas": replicas})
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    assert should_stack([config] * 2, trainer)
    assert not should_stack([config], trainer)
    monkeypatch.setattr(TensorStore, "streamed", True)
    assert should_stack([config] * 2, trainer) == together


# In an experiment


def launched(file: Path, folder: Path, observer: Silent, sets: list[str]) -> list[Record]:
    experiment = read_experiment(file, sets)
    runs = list(experiment.runs())
    launch(experiment, runs, folder, CPU, observer, file)
    return [read_record(folder / run.folder) for run in runs]


@pytest.fixture
def lambdas(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny.yaml", variants={"DANN, λ = 0.1": {"method": {"weight": 0.1}}})


def test_stacked_runs_are_recorded_as_separate_ones(lambdas: Path, tmp_path: Path) -> None:
    together = launched(lambdas, tmp_path / "together", Silent(), ["train.replicas=auto"])
    apart = launched(lambdas, tmp_path / "apart", Silent(), [])
    assert [record.environment["replicas"] for record in together] == [2, 2, 4, 4, 4, 4]
    assert all(record.environment["replicas"] == 1 for record in apart)
    assert {record.fingerprint for record in together} == {record.fingerprint for record in apart}
    for one, other in zip(together, apart, strict=True):
        assert (one.variant, one.seed) == (other.variant, other.seed)
        assert one.losses["step"] == other.losses["step"] and one.losses.keys() == other.losses.keys()
        for name in one.losses:
            assert one.losses[name] == pytest.approx(other.losses[name], abs=1e-3)
        assert len(one.evaluations) == len(other.evaluations) == 3


def test_how_runs_execute_is_no_part_of_what_they_are(lambdas: Path, tmp_path: Path) -> None:
    launched(lambdas, tmp_path / "runs", Silent(), ["train.replicas=auto"])
    assert launched(lambdas, tmp_path / "runs", (again := Silent()), ["train.replicas=2"]) and again.new == 0


def test_a_stack_shares_its_time_out(lambdas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("dann.runner.log.time.perf_counter", lambda: clock[0])

    class Ticking(Silent):
        def advanced(self, run: Run, done: int, terms: dict[str, float]) -> None:
            clock[0] += 8

    for replicas in ("auto", "1"):
        records = launched(lambdas, tmp_path / replicas, Ticking(), [f"train.replicas={replicas}"])
        assert [record.seconds for record in records] == [48.0] * 6  # 6 logs of a run


def test_replicas_are_a_number_or_auto(tmp_path: Path) -> None:
    for wrong in (0, "all", 1.5):
        with pytest.raises(BadInput, match=r"train\.replicas: should be auto or a whole number from 1 on, not"):
            config_of(MOONS, train={"replicas": wrong})


def test_numbers_of_a_stack_are_floats_and_attributes_of_their_names() -> None:
    """So that a stack can give each replica its own."""
    from method_cases import OF_BACKBONES

    differentiating = {"vada", "dirt_t", "delta"}  # these call torch.autograd.grad within forward
    others = {"linear_svm", "pixel_da", "nrc"}  # no steps; draws of its own; a memory of the target's examples
    assert set(METHODS) - set(NUMBERS) == others | differentiating
    for name, numbers in NUMBERS.items():
        config = config_of(yaml.safe_load(yaml.safe_dump(MOONS)), method={"name": name} | OPTIONS.get(name, {}))
        network = {"batch_norm": True} if name not in OF_BACKBONES else {"model": "resnet18", "weights": "none"}
        kind = "mnist" if name not in OF_BACKBONES else "torchvision"
        method = config.method.build(NETWORKS[kind]((3, 32, 32), 2, **network))
        options = config.method.options()
        for key in numbers:
            assert getattr(method, key) == options[key], (name, key)
            assert isinstance(options[key], float)


def test_a_method_that_is_not_listed_trains_run_by_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "in_turn", InTurn)
    unlisted = config_of(MOONS, method={"name": "in_turn"}, train={"replicas": 4})
    assert [len(unit) for unit in group_runs(planned([unlisted] * 3, [0, 1, 2]), 1)] == [1, 1, 1]
    monkeypatch.setitem(NUMBERS, "in_turn", ())
    assert [len(unit) for unit in group_runs(planned([unlisted] * 3, [0, 1, 2]), 1)] == [3]


def test_split_of_a_stack_is_shared(tmp_path: Path) -> None:
    config = config_of(MOONS)
    pair = load_pair(config.data)
    first = build_trainer(config, pair, 0, CPU)
    second = build_trainer(config, pair, 1, CPU, first)
    assert isinstance(first.stream.source, Split) and second.stream.source is first.stream.source
    assert second.stream.transforms is first.stream.transforms
    assert not torch.equal(second.stream[0].source_x, first.stream[0].source_x)
