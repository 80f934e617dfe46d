"""The best weights by source validation: which are kept, in a stack too, and that they survive an interruption."""

from pathlib import Path

import pytest
import torch
from stacked_runs import CPU, assert_same_state, in_both_ways
from tiny import MOONS, Silent, config_of, write_tiny

from dann import load
from dann.config.experiment import read_experiment
from dann.errors import BadInput
from dann.runner.planning import launch
from dann.runner.records import Record, read_record
from dann.training.best_weights import BestWeights
from dann.training.building import build_trainer
from dann.training.evaluate import evaluate
from dann.training.pair_loading import load_pair


def test_the_last_of_the_best_looks_counts() -> None:
    config = config_of(MOONS, train={"keep_best": 2}, optimizer={"lr": 0.3})
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    best, validation = trainer.average, trainer.splits["source_validation"]
    assert isinstance(best, BestWeights) and trainer.evaluated is best.method
    looks = [(evaluate(trainer.method, validation, trainer.transform("source_validation")).score, 0)]
    states = {0: {name: value.clone() for name, value in trainer.method.state_dict().items()}}
    for step in range(12):
        trainer.train()
        trainer.step(step, step / 12)
        if (done := step + 1) % 2 == 0:
            looks.append((evaluate(trainer.method, validation, trainer.transform("source_validation")).score, done))
            states[done] = {name: value.clone() for name, value in trainer.method.state_dict().items()}
    accuracy, step = max(looks, key=lambda look: (look[0] or 0.0, look[1]))
    assert (best.score, best.step) == (accuracy, step) and step > 0
    assert all(torch.equal(value, states[step][name]) for name, value in best.method.state_dict().items())


def test_a_stack_keeps_what_its_runs_keep(in_double: None) -> None:
    configs = [config_of(MOONS, train={"keep_best": 2}, optimizer={"lr": 0.1})] * 2
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=6)
    assert_same_state(stack, separate)
    for one, other in zip(stack.trainers, separate, strict=True):
        assert isinstance(one.average, BestWeights) and isinstance(other.average, BestWeights)
        assert one.average.step == other.average.step
        for own, alone in zip(one.evaluated.parameters(), other.evaluated.parameters(), strict=True):
            torch.testing.assert_close(own, alone, rtol=0, atol=1e-10)


def launched(file: Path, folder: Path, observer: Silent) -> Record:
    experiment = read_experiment(file, ["train.keep_best=3"])
    (run,) = experiment.runs(only=["DANN"])
    launch(experiment, [run], folder, CPU, observer, file)
    return read_record(folder / run.folder)


def test_the_best_weights_are_evaluated_recorded_resumed_and_used(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[3])
    whole = launched(file, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        launched(file, tmp_path / "broken", Silent(stop_at=10))
    broken = launched(file, tmp_path / "broken", again := Silent())
    assert again.starts == [8] and whole.evaluations == broken.evaluations
    assert whole.evaluations[-1]["best_step"] in {0, 3, 6, 9, 12}
    validation = [evaluation["source_validation"] for evaluation in whole.evaluations]
    assert validation == sorted(validation)
    target = load_pair(config_of(MOONS).data).target_test
    right = (load(tmp_path / "whole/dann/seed-3").predict(target.x.numpy()).argmax(1) == target.y.numpy()).mean()
    assert whole.evaluations[-1]["target_test"] == pytest.approx(right, abs=1e-6)


def test_it_is_refused_beside_an_average() -> None:
    config = config_of(MOONS, train={"keep_best": 2, "ema": 0.9})
    with pytest.raises(BadInput, match=r"train\.keep_best: ema puts other weights in their place already"):
        build_trainer(config, load_pair(config.data), 0, CPU)
