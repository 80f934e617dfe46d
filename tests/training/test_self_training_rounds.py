"""Incremental self-training: which examples move, to where, and that it resumes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stacked_runs import CPU
from tiny import MOONS, Silent, config_of, write_tiny

from dann.config.compatibility import check_method
from dann.config.experiment import read_experiment
from dann.config.schema import Config
from dann.diagnostics.reverse_validation import reverse_validation
from dann.errors import BadInput
from dann.runner.planning import launch
from dann.runner.records import Record, read_record
from dann.training.building import build_trainer
from dann.training.outputs import compute_outputs
from dann.training.pair_loading import load_pair
from dann.training.self_training_rounds import confidence_margins
from dann.training.stacking.stackable import is_stackable
from dann.training.trainer import Trainer

ROUNDS: dict[str, Any] = {"start": 0.5, "rounds": 2, "first": 0.25, "last": 0.75, "neighbours": 3}


def config_with(**options: Any) -> Config:
    return config_of(MOONS, self_training={**ROUNDS, **options})


def trained(config: Config, steps: int) -> Trainer:
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    trainer.train()
    for step in range(steps):
        trainer.step(step, step / 12)
        trainer.refresh(step / 12, (step + 1) / 12, False)
    return trainer


def predicted(trainer: Trainer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Classes, their probabilities and features of the target's training examples."""
    outputs = compute_outputs(trainer.method, trainer.stream.target, trainer.stream.transforms[1])
    probabilities = outputs["logits"].double().softmax(1).numpy()
    return probabilities.argmax(1), probabilities.max(1), outputs["features"].double().numpy()


def test_a_round_moves_the_most_confident_examples_whose_neighbours_agree() -> None:
    trainer = trained(config_with(first=0.4), 6)  # the first round has begun after the sixth step
    classes, confidence, features = predicted(trainer)
    source = compute_outputs(trainer.method, trainer.stream.source, trainer.stream.transforms[0])["features"]
    distances = np.linalg.norm(features[:, None] - source.double().numpy()[None], axis=2)
    nearest = trainer.stream.source.y.numpy()[distances.argsort(axis=1)[:, :3]]
    agree = (nearest == classes[:, None]).all(axis=1)
    wanted = round(0.4 * len(classes))
    ranked = sorted(np.flatnonzero(agree), key=lambda place: -confidence[place])[:wanted]
    assert trainer.self_training is not None
    given = trainer.self_training.labels.numpy()
    assert set(np.flatnonzero(given >= 0)) == set(ranked) and 0 < len(ranked) < len(classes)
    assert (given[ranked] == classes[ranked]).all()


def test_moved_examples_are_labelled_ones_of_the_target_and_leave_the_unlabelled_side() -> None:
    trainer = trained(config_with(select="confidence"), 6)
    stream, before = trainer.stream, build_trainer(config_with(), load_pair(config_with().data), 0, CPU).stream
    assert trainer.self_training is not None
    labels = trainer.self_training.labels
    moved = labels >= 0
    assert int(moved.sum()) == round(0.25 * len(labels))
    assert torch.equal(stream.source.x, before.source.x) and torch.equal(stream.target.x, before.target.x)
    assert torch.equal(stream.labelled.x, torch.cat([stream.source.x, stream.target.x[moved]]))
    assert torch.equal(stream.labelled.y, torch.cat([stream.source.y, labels[moved]]))
    assert stream.labelled.domain.tolist() == [0] * len(stream.source) + [1] * int(moved.sum())
    assert torch.equal(stream.unlabelled.x, stream.target.x[~moved])
    batch = stream[6]
    shown = {tuple(x) for x in batch.target_x.tolist()}
    kept = {tuple(x) for x in trainer.stream.transforms[1](stream.unlabelled.x).tolist()}
    assert shown <= kept and len(kept) < len(labels)
    assert batch.target_rows is not None
    assert torch.equal(trainer.stream.transforms[1](stream.target.x)[batch.target_rows], batch.target_x)


@pytest.mark.parametrize("select", ["confidence", "neighbours"])
def test_moved_examples_keep_the_transform_of_the_target(select: str) -> None:
    data = {"transform": {"normalise": "domain"}}
    trainer = trained(config_of(MOONS, self_training={**ROUNDS, "select": select}, data=data), 12)
    stream, own = trainer.stream, len(trainer.stream.source)
    wanted = torch.cat([stream.transforms[0](stream.source.x), stream.transforms[1](stream.labelled.x[own:])])
    rows = {tuple(x): (y, side) for x, y, side in zip(wanted.tolist(), stream.labelled.y.tolist(),
                                                      stream.labelled.domain.tolist(), strict=True)}  # fmt: skip
    assert not torch.equal(wanted[own:], stream.transforms[0](stream.labelled.x[own:]))
    seen = set()
    for step in range(12, 16):
        batch = stream[step]
        for x, y, side in zip(
            batch.source_x.tolist(), batch.source_y.tolist(), batch.source_domain.tolist(), strict=True
        ):
            assert rows[tuple(x)] == (y, side)
            seen.add(side)
    assert seen == {0, 1}


def test_the_share_grows_by_rounds_and_labels_are_kept() -> None:
    first, second = (trained(config_with(select="confidence"), steps).self_training for steps in (6, 9))
    assert first is not None and second is not None
    moved = first.labels >= 0
    assert torch.equal(second.labels[moved], first.labels[moved])
    assert int((second.labels >= 0).sum()) == round(0.75 * len(moved))


def test_examples_below_the_threshold_stay_and_one_always_does() -> None:
    sure = trained(config_with(select="confidence", threshold=0.999), 6).self_training
    assert sure is not None and int((sure.labels >= 0).sum()) == 0
    all_but_one = trained(config_with(select="confidence", first=0.99, last=0.999), 6).self_training
    assert all_but_one is not None and int((all_but_one.labels < 0).sum()) == 1


def test_the_purity_is_an_oracle_over_examples_that_have_a_label() -> None:
    rounds = trained(config_with(select="confidence"), 6).self_training
    assert rounds is not None
    moved = (rounds.labels >= 0).nonzero().flatten()
    truth = rounds.labels.clone()
    truth[moved[0]], truth[moved[1]] = 1 - truth[moved[0]], -1
    measured = rounds.measure(truth)
    assert measured["self_training_share"] == pytest.approx(len(moved) / len(truth))
    assert measured["self_training_purity_oracle"] == pytest.approx((len(moved) - 2) / (len(moved) - 1))
    assert measured["self_training_purity_1_oracle"] == measured["self_training_purity_oracle"]
    assert set(rounds.measure(torch.full_like(truth, -1))) == {"self_training_share"}


def test_the_purity_of_each_round_is_that_of_the_examples_it_moved() -> None:
    rounds = trained(config_with(select="confidence"), 9).self_training
    assert rounds is not None
    truth, second = rounds.labels.clone(), (rounds.rounds == 1).nonzero().flatten()
    truth[second[:3]] = 1 - truth[second[:3]]
    measured = rounds.measure(truth)
    assert measured["self_training_purity_1_oracle"] == 1
    assert measured["self_training_purity_2_oracle"] == pytest.approx(1 - 3 / len(second))
    moved = int((rounds.labels >= 0).sum())
    assert measured["self_training_purity_oracle"] == pytest.approx(1 - 3 / moved)


@pytest.mark.parametrize(("threshold", "ended"), [(0.0, False), (0.999999, True)])
def test_rounds_end_where_too_few_are_reliable(threshold: float, ended: bool) -> None:
    trainer = trained(config_with(select="confidence", threshold=threshold), 6)
    rounds = trainer.self_training
    assert rounds is not None and rounds.ended is ended
    before, rounds.options = rounds.labels.clone(), rounds.options.model_copy(update={"threshold": 0.0})
    rounds.advance(0.7, 0.75, trainer.evaluated, trainer.stream, torch.float32)  # the second round
    assert torch.equal(before, rounds.labels) is ended


def test_examples_of_probability_one_in_single_precision_are_ranked_too() -> None:
    logits = torch.tensor([[40.0, 0.0, 0.0], [0.0, 60.0, 0.0], [50.0, 0.0, 49.0]])
    assert logits.softmax(1).max(1).values[:2].tolist() == [1.0, 1.0]
    margins, predicted = confidence_margins(logits)
    exact = [40 - np.log(2), 60 - np.log(2), 1 - np.log1p(np.exp(-49.0))]
    assert predicted.tolist() == [0, 1, 0] and margins.tolist() == pytest.approx(exact, rel=1e-12)


def launched(file: Path, folder: Path, observer: Silent) -> Record:
    experiment = read_experiment(file)
    (run,) = experiment.runs(only=["DANN"])
    launch(experiment, [run], folder, CPU, observer, file)
    return read_record(folder / run.folder)


@pytest.mark.parametrize("stop", [7, 11], ids=["before the rounds' checkpoint", "between rounds"])
def test_it_resumes_as_in_an_unbroken_run(stop: int, tmp_path: Path) -> None:
    stages = {"round": {"name": "adam", "lr": 0.02, "beta1": 0.5, "schedule": "cosine"}}
    rounds = {**ROUNDS, "select": "confidence", "source_until": 0.75}
    base = {"self_training": rounds, "train": {"log_every": 1, "ema": 0.5}, "optimizer": {"stages": stages}}
    file = write_tiny(tmp_path / "tiny.yaml", seeds=[3], base=base)
    whole = launched(file, tmp_path / "whole", Silent())
    with pytest.raises(KeyboardInterrupt):
        launched(file, tmp_path / "broken", Silent(stop_at=stop))
    broken = launched(file, tmp_path / "broken", Silent())
    assert whole.evaluations == broken.evaluations and whole.losses == broken.losses
    assert whole.evaluations[-1]["self_training_share"] == pytest.approx(0.75, abs=0.02)
    assert 0.5 < whole.evaluations[-1]["self_training_purity_oracle"] <= 1
    assert "self_training_share" in whole.evaluations[0]
    states = [torch.load(tmp_path / name / "dann/seed-3/checkpoint.pt") for name in ("whole", "broken")]
    for part in ("method", "average"):
        assert all(torch.equal(value, states[1][part][name]) for name, value in states[0][part].items())
    assert all(torch.equal(value, states[1]["moved"][name]) for name, value in states[0]["moved"].items())
    assert sorted(states[0]["moved"]["rounds"].unique().tolist()) == [-1, 0, 1]


def test_the_source_leaves_the_labelled_side() -> None:
    """Labelled examples of the target, which the data give, stay."""
    config = config_with(select="confidence", first=0.8, last=0.9, source_until=0.6)
    few = config.model_copy(update={"data": config.data.model_copy(update={"target_labelled": 2})})
    for each, shots in ((config, 0), (few, 4)):
        before, after = trained(each, 7), trained(each, 8)
        assert before.self_training is not None and after.self_training is not None
        moved = before.self_training.labels >= 0
        assert len(before.stream.labelled) == len(before.stream.source) + int(moved.sum())
        assert torch.equal(after.self_training.labels, before.self_training.labels) and after.self_training.alone
        assert after.stream.labelled.domain.tolist() == [1] * (shots + int(moved.sum()))
        assert torch.equal(after.stream.labelled.x[shots:], after.stream.target.x[moved])
        assert len(after.stream.source) == len(before.stream.source)
        last = trained(each, 10)  # the second round
        assert last.self_training is not None
        assert len(last.stream.labelled) == shots + int((last.self_training.labels >= 0).sum()) > shots + moved.sum()


def test_the_source_stays_while_a_class_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_one_class(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        margins, predicted = confidence_margins(logits)
        return margins, torch.zeros_like(predicted)

    monkeypatch.setattr("dann.training.self_training_rounds.confidence_margins", of_one_class)
    trainer = trained(config_with(select="confidence", source_until=0.6), 8)
    assert trainer.self_training is not None and not trainer.self_training.alone
    assert len(trainer.stream.labelled) > len(trainer.stream.source)


def test_training_without_the_source_is_a_stage() -> None:
    stages = {"target": {"lr": 0.5}}
    config = config_of(MOONS, optimizer={"stages": stages}, self_training={**ROUNDS, "source_until": 0.7})
    trainer = build_trainer(config, load_pair(config.data), 0, CPU)
    names = [(stage.name, stage.start) for stage in trainer.optimizers.stages]
    assert names == [("train", 0.0), ("round", 0.5), ("target", 0.7), ("round", 0.75)]
    config = config_of(MOONS, optimizer={"stages": stages}, self_training=ROUNDS)
    with pytest.raises(BadInput, match=r"has no stage target \(known: train, round\)"):
        build_trainer(config, load_pair(config.data), 0, CPU)
    with pytest.raises(BadInput, match="source_until should not be below start"):
        config_with(source_until=0.4)


def test_reverse_validation_leaves_the_labels_of_the_run() -> None:
    config = config_with(select="confidence")
    trainer = trained(config, 8)
    assert trainer.self_training is not None
    labels = trainer.self_training.labels.clone()
    assert 0 <= reverse_validation(trainer, config, 12) <= 1
    assert torch.equal(trainer.self_training.labels, labels)


def test_what_does_not_suit_it() -> None:
    assert not is_stackable(config_with())
    for name, own, options in (
        ("shot", {}, {"target_batch_size": 4}),
        ("adda", {}, {}),
        ("nrc", {"from": "runs/x"}, {}),
    ):
        config = config_of(MOONS, method={"name": name, **own}, self_training={}, data=options)
        with pytest.raises(BadInput, match=f"self_training: {name} reads no labelled example in its last stage"):
            check_method(config.method.build(config.network.build((2,), 2)), config)
    for name in ("mdan", "multitask"):
        config = config_of(MOONS, method={"name": name, "sources": 1}, self_training={"source_until": 0.8})
        with pytest.raises(BadInput, match=rf"self_training\.source_until: {name} has a part for each source"):
            build_trainer(config, load_pair(config.data), 0, CPU)
    with pytest.raises(BadInput, match="first should not be above last"):
        config_with(first=0.8)
    config = config_of(MOONS, optimizer={"stages": {"round": {"lr": 0.1}}})
    with pytest.raises(BadInput, match="dann has no stage round"):
        build_trainer(config, load_pair(config.data), 0, CPU)
