"""The running average of the weights: its values, its evaluation, its checkpoint."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stacked_runs import CPU, DIGITS, assert_same_state, in_both_ways
from tiny import MOONS, Silent, config_of, write_tiny

from dann import load
from dann.config.experiment import read_experiment
from dann.errors import BadInput
from dann.runner.planning import launch
from dann.runner.records import Record, read_record
from dann.training.building import build_trainer
from dann.training.outputs import compute_logits
from dann.training.pair_loading import load_pair


def test_the_average_is_exponential_over_parameters_and_has_the_present_buffers() -> None:
    config = config_of(DIGITS, train={"ema": 0.3})
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    assert trainer.average is not None and trainer.evaluated is trainer.average.method
    expected = {name: value.detach().numpy().copy() for name, value in trainer.method.named_parameters()}
    for step in range(4):
        trainer.train()
        trainer.step(step, step / 10)
        decay = min(0.3, (2 + step) / (11 + step))  # 2/11, 3/12, 4/13, 0.3
        for name, value in trainer.method.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * value.detach().numpy()
    for name, value in trainer.average.method.named_parameters():
        np.testing.assert_allclose(value.numpy(), expected[name], rtol=1e-5, atol=1e-7, err_msg=name)
    for name, value in trainer.average.method.named_buffers():
        assert torch.equal(value, trainer.method.get_buffer(name)), name


def test_a_stack_averages_as_its_runs_do(in_double: None) -> None:
    configs = [config_of(MOONS, train={"ema": 0.5})] * 2
    stack, separate = in_both_ways(configs, load_pair(configs[0].data), steps=4)
    assert_same_state(stack, separate)
    for one, other in zip(stack.trainers, separate, strict=True):
        for own, alone in zip(one.evaluated.parameters(), other.evaluated.parameters(), strict=True):
            torch.testing.assert_close(own, alone, rtol=0, atol=1e-10)


def launched(file: Path, folder: Path, observer: Silent) -> Record:
    experiment = read_experiment(file, ("train.ema=0.9",))
    (run,) = experiment.runs(only=["DANN"])
    launch(experiment, [run], folder, CPU, observer, file)
    return read_record(folder / run.folder)


def test_the_average_is_evaluated_saved_resumed_and_used(tmp_path: Path) -> None:
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[3])
    whole = launched(file, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        launched(file, tmp_path / "broken", Silent(stop_at=10))
    broken = launched(file, tmp_path / "broken", again := Silent())
    assert again.starts == [8] and whole.evaluations == broken.evaluations
    folder = tmp_path / "whole/dann/seed-3"
    states = [torch.load(place / "checkpoint.pt") for place in (folder, tmp_path / "broken/dann/seed-3")]
    for part in ("method", "average"):
        assert all(torch.equal(value, states[1][part][name]) for name, value in states[0][part].items())
    config = config_of(MOONS)
    target = load_pair(config.data).target_test
    trainer = build_trainer(config, load_pair(config.data), 3, CPU)
    logits = {}
    for part in ("method", "average"):
        trainer.method.load_state_dict(states[0][part])
        logits[part] = compute_logits(trainer.method, target.x, trainer.transform("target_test")).numpy()
    right = (logits["average"].argmax(1) == target.y.numpy()).mean()
    assert whole.evaluations[-1]["target_test"] == pytest.approx(right, abs=1e-6)
    probabilities = load(folder).predict(target.x.numpy())
    expected = torch.from_numpy(logits["average"]).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    assert not np.allclose(logits["average"], logits["method"], atol=1e-4)


def test_methods_that_set_statistics_have_no_average() -> None:
    config = config_of(DIGITS, method={"name": "adabn"}, train={"ema": 0.9})
    with pytest.raises(BadInput, match=r"train\.ema: adabn computes statistics"):
        build_trainer(config, load_pair(config.data), 0, CPU)
