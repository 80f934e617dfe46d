import signal
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_sides import SMALL, make_joined, make_sides, small
from PIL import Image
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.utils.data import Dataset

import dann
from dann.methods.dann import Dann
from dann.networks.mlp import mlp


def test_the_package_stays_light() -> None:
    code = "import sys, dann; assert not {'torch', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Dann'"):
        dann.Dann  # noqa: B018


def test_the_three_ways_to_name_the_target_are_one() -> None:
    x, y, x_target = make_sides()
    joined, masked, sample_domain = make_joined()
    first = small().fit(x, y, X_target=x_target).predict_proba(x_target)
    with_gaps = np.where(masked < 0, np.nan, masked)
    for fitted in (
        small().fit(joined, masked, sample_domain=sample_domain),
        small().fit(csr_array(joined), masked, sample_domain=sample_domain.tolist()),
        small().fit(joined, with_gaps),
        small().fit(joined, np.where(masked < 0, None, masked.astype(object))),
    ):
        assert np.array_equal(fitted.predict_proba(x_target), first)
    assert fitted.classes_.tolist() == [0, 1]


def test_minus_one_is_no_label_beside_more_classes_and_a_class_beside_one() -> None:
    x, y, x_target = make_sides()
    three = np.where(np.arange(len(y)) % 5 == 4, -1, y + np.arange(len(y)) % 2)  # 0, 2 and −1
    three[:2] = 1
    assert small().fit(x, three).classes_.tolist() == [0, 1, 2]
    assert small().fit(x, 2 * y - 1, X_target=x_target).classes_.tolist() == [-1, 1]


def test_no_label_of_the_target_is_read() -> None:
    joined, masked, sample_domain = make_joined()
    told = np.where(masked < 0, 1, masked)
    told[-1] = 7
    one, other = (small().fit(joined, y, sample_domain=sample_domain) for y in (masked, told))
    assert np.array_equal(one.predict_proba(joined), other.predict_proba(joined)) and list(other.classes_) == [0, 1]


def test_several_sources_are_told_by_their_numbers() -> None:
    joined, masked, sample_domain = make_joined()
    sample_domain[:20] = 4
    fitted = small({"name": "mdan", "sources": 2}).fit(joined, masked, sample_domain=sample_domain)
    assert len(fitted.config_["data"]["source"]) == 2
    with pytest.raises(ValueError, match="set it to 1"):
        small({"name": "mdan", "sources": 2}).fit(joined, masked, sample_domain=np.sign(sample_domain))


def test_without_a_target_a_warning_says_that_nothing_is_adapted() -> None:
    x, y, _ = make_sides()
    with pytest.warns(UserWarning, match="AdaptationClassifier: no target is named"):
        small().fit(x, y)
    with pytest.warns(UserWarning, match="where -1 means no label"):  # beside 0 and 1 it is a class
        assert len(small().fit(*make_joined()[:2]).classes_) == 3
    small("source_only").fit(x, y)  # reads none


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"method": "dan_n"}, {}, "did you mean dann"),
    ({"optimizer": {"name": "adam", "rate": 1}}, {}, "unknown key optimizer.rate"),
    ({"train": {"steps": 3}}, {}, "train.steps is an argument"),
    ({"data": {"test": 0.5}}, {}, "data.test is an argument, or has no meaning"),
    ({"data": 3}, {}, "data should be a mapping"),
    ({"steps": 0}, {}, "train.steps: should be greater than or equal to 1"),
    ({"network": "mnist"}, {}, "mnist cannot take inputs of shape"),
    ({"network": nn.Linear(3, 4)}, {}, "Linear cannot take inputs of shape"),
    ({"network": mlp((2,), 5)}, {}, "2 classes: build it for these"),
    ({"finetune": {"backbone": 0.0}}, {}, "has no pretrained backbone"),
    ({}, {"sample_domain": np.ones(40)}, "leave one of them out"),
    ({}, {"sample_domain": np.full(40, -1), "X_target": None}, "there is no source"),
    ({}, {"sample_domain": np.arange(40) % 2, "X_target": None}, "there is no target"),
    ({}, {"sample_domain": np.full(40, 0.5), "X_target": None}, "one whole number"),
    ({"device": "abacus"}, {}, "device=abacus: torch cannot use it here; try device=cpu"),
    ({}, {"sample_domain": [0, 1, -1], "X_target": None}, "inconsistent numbers of samples"),
    ({}, {"X_target": np.ones((5, 3))}, "X has 3 features"),
    ({}, {"X_target": np.ones((1, 2))}, "at least 2 are needed"),
    ({}, {"y": np.full(40, np.nan)}, "no example has a label"),
    ({}, {"y": np.full(40, "a")}, "has one class"),
    ({}, {"y": np.linspace(0, 1, 40)}, "Unknown label type"),
    (
        {"optimizer": {"name": "sgd", "lr": 1e30}, "network": {"name": "mlp", "activation": "relu"}},
        {},
        "training failed at step",
    ),
]


@pytest.mark.parametrize(("parameters", "given", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_what_does_not_fit_is_one_line(parameters: dict[str, Any], given: dict[str, Any], message: str) -> None:
    x, y, x_target = make_sides()
    arguments = {"y": y, "X_target": x_target} | given
    with pytest.raises(ValueError, match=message) as raised:
        small(**parameters).fit(x, **arguments)
    assert "\n" not in str(raised.value).partition(" (options")[0] or "features" in message


def test_bad_examples_are_refused_in_prediction() -> None:
    x, y, x_target = make_sides()
    fitted = small().fit(x, y, X_target=x_target)
    for wrong, message in ((x[:, :1], "expecting 2 features"), (np.full((2, 2), np.nan), "contains NaN")):
        with pytest.raises(ValueError, match=message):
            fitted.predict(wrong)
    with pytest.raises(ValueError, match="no example has a label"):
        fitted.score(x, np.full(40, np.nan))


class Interrupting(nn.Module):
    """Features that send this process a signal in the fifth step of training, as Ctrl-C does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.steps = nn.Linear(2, 4), 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += self.training
        if self.training and self.steps == 5:
            signal.raise_signal(signal.SIGINT)
        features: Tensor = self.layer(x)
        return features


def test_an_interruption_keeps_what_was_trained() -> None:
    x, y, x_target = make_sides()
    model = small(network=Interrupting(), steps=50)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, X_target=x_target)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler and model.n_iter_ == 5
    finally:
        signal.signal(signal.SIGINT, before)
    torch.manual_seed(0)
    assert model.predict(x).shape == (40,) and model.transform(x).shape == (40, 4)


def test_a_module_is_copied_with_its_weights() -> None:
    x, y, x_target = make_sides()
    module = nn.Sequential(nn.Linear(2, 6), nn.Tanh())
    weights = module[0].weight.clone()
    still = {"name": "sgd", "lr": 0.0}
    fitted = small(network=module, optimizer=still).fit(x, y, X_target=x_target)
    np.testing.assert_array_equal(fitted.transform(x), module(torch.from_numpy(x)).detach().numpy())
    moved = small(network=module).fit(x, y, X_target=x_target)
    assert torch.equal(module[0].weight, weights) and moved.config_["network"] == {"name": "own_module"}
    assert not np.array_equal(moved.transform(x), fitted.transform(x))
    whole = small(network=mlp((2,), 2, hidden=7)).fit(x, y, X_target=x_target)
    assert whole.transform(x).shape == (40, 7)


def test_seeds_are_drawn_where_none_is_given() -> None:
    x, y, x_target = make_sides()

    def weights(state: Any) -> Any:
        return small(random_state=state).fit(x, y, X_target=x_target).predict_proba(x)

    assert not np.array_equal(weights(None), weights(None))
    assert np.array_equal(weights(np.random.RandomState(1)), weights(np.random.RandomState(1)))
    assert np.array_equal(weights(np.int64(3)), weights(3))


def test_arrays_of_every_kind_are_one() -> None:
    pandas = pytest.importorskip("pandas")
    x, y, x_target = make_sides()
    first = small().fit(x, y, X_target=x_target)
    table, other = (pandas.DataFrame(each, columns=["height", "width"]) for each in (x, x_target))
    for given, labels, target in (
        (torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(x_target)),
        (table, pandas.Series(y), other),
        (csr_array(x), y.tolist(), csr_array(x_target)),
        (x.tolist(), y, x_target.tolist()),
    ):
        fitted = small().fit(given, labels, X_target=target)
        assert np.array_equal(fitted.predict_proba(target), first.predict_proba(x_target))
    names = small().fit(table, y, X_target=other)
    assert names.feature_names_in_.tolist() == ["height", "width"]
    with pytest.raises(ValueError, match="feature names should match"):
        names.predict(other[["width", "height"]])
    with pytest.raises(ValueError, match="feature names should match"):
        small().fit(table, y, X_target=other.rename(columns={"width": "depth"}))


def test_labels_keep_their_type() -> None:
    x, y, x_target = make_sides()
    for labels in (np.array(["no", "yes"])[y], y.astype(bool), y + 5):
        fitted = small(steps=40).fit(x, labels, X_target=x_target)
        assert fitted.predict(x).dtype == labels.dtype and fitted.score(x, labels) > 0.8
        assert fitted.score(x, labels, sample_weight=(fitted.predict(x) == labels)) == 1


def test_missing_values_are_filled_in_where_data_say_so() -> None:
    x, y, x_target = make_sides()
    x[0, 0] = x_target[0, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        small().fit(x, y, X_target=x_target)
    fitted = small(data={"missing": "median"}).fit(x, y, X_target=x_target)
    assert np.isfinite(fitted.predict_proba(x_target)).all()


def test_images_go_into_networks_for_images() -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (24, 1, 12, 12), dtype=np.uint8)
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
    fitted = small(network=network, steps=2).fit(x, np.arange(24) % 2, X_target=x[:10])
    assert fitted.transform(x).shape == (24, 8)
    floats = small(network=network, steps=2, range=(0, 1)).fit(x / 255, np.arange(24) % 2, X_target=x[:10] / 255)
    np.testing.assert_allclose(floats.predict_proba(x / 255), fitted.predict_proba(x), rtol=1e-4)


def test_images_may_be_given_by_their_paths(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(24)]
    for path, pixels in zip(paths, x, strict=True):
        Image.fromarray(pixels).save(path)
    network, y = nn.Conv2d(3, 2, 3), np.arange(24) % 2
    first = small(network=network, steps=2).fit(x, y, X_target=x[:10])
    for given in (paths, [str(path) for path in paths], np.array(paths, dtype=object)):
        fitted = small(network=network, steps=2, image_size=8).fit(given, y, X_target=given[:10])
        assert np.array_equal(fitted.predict_proba(given[:5]), first.predict_proba(x[:5]))
    with pytest.raises(ValueError, match=r"none\.png: not a readable image"):
        fitted.predict([tmp_path / "none.png"])


class Pairs(Dataset[Any]):
    """Examples with their labels, or alone."""

    def __init__(self, x: Any, y: Any = None) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, place: int) -> Any:
        return self.x[place] if self.y is None else (self.x[place], self.y[place])


def test_data_sets_of_pytorch_are_read_once() -> None:
    x, y, x_target = make_sides()
    first = small().fit(x, y, X_target=x_target)
    for source in (Pairs(x, y), Pairs(torch.from_numpy(x), torch.from_numpy(y))):
        fitted = small().fit(source, X_target=Pairs(x_target, np.full(30, 99)))  # whose labels are not read
        assert np.array_equal(fitted.predict_proba(Pairs(x_target)), first.predict_proba(x_target))
    assert np.array_equal(small().fit(Pairs(x), y, X_target=x_target).predict(x), first.predict(x))
    with pytest.raises(ValueError, match="requires y"):
        small().fit(Pairs(x), X_target=x_target)
    with pytest.raises(ValueError, match="an empty one"):
        small().fit(Pairs([]), X_target=x_target)
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(1,\)"):
        small().fit(Pairs([*x[:3], x[0, :1]], y), X_target=x_target)


@pytest.mark.slow
def test_a_frozen_backbone_is_part_of_the_model(weights: str) -> None:
    x = np.random.default_rng(0).integers(0, 256, (24, 3, 32, 32), dtype=np.uint8)
    network = {"name": "torchvision", "model": "resnet18", "weights": weights}
    frozen = {"backbone": 0.0, "norm": "frozen"}
    fitted = small(network=network, finetune=frozen, steps=2).fit(x, np.arange(24) % 2, X_target=x[:10])
    assert fitted.transform(x[:3]).shape == (3, 512) and fitted.predict_proba(x[:3]).shape == (3, 2)
    averaged = small(network=network, finetune=frozen, steps=2, train={"ema": 0.5})
    averaged.fit(x, np.arange(24) % 2, X_target=x[:10])
    np.testing.assert_array_equal(averaged.transform(x[:3]), fitted.transform(x[:3]))


def test_history_has_losses_and_the_source_accuracy() -> None:
    x, y, x_target = make_sides()
    fitted = small(train={"log_every": 2, "evaluate_every": 3}).fit(x, y, X_target=x_target)
    losses, evaluations = fitted.history_.losses(), fitted.history_.evaluations()
    assert losses["step"] == [2, 4, 6] and {"label", "domain"} < set(losses)
    assert [each["step"] for each in evaluations] == [3, 6] and "target_test" not in evaluations[0]
    assert 0 <= evaluations[-1]["source_validation"] <= 1 and fitted.n_iter_ == 6


def test_the_arguments_of_dann_are_those_of_the_method() -> None:
    own, methods = (signature(each).parameters for each in (dann.DANNClassifier, Dann))
    every = signature(dann.AdaptationClassifier).parameters
    names = [name for name, each in methods.items() if each.kind is each.KEYWORD_ONLY]
    assert set(own) == {*names, *every} - {"method"}
    assert all(own[name].default == methods[name].default for name in names)
    assert all(own[name].default == each.default for name, each in every.items() if name != "method")
    x, y, x_target = make_sides()
    one = dann.DANNClassifier(**SMALL, weight=0.3, discriminator=[5]).fit(x, y, X_target=x_target)
    same = small({"name": "dann", "weight": 0.3, "discriminator": [5]}).fit(x, y, X_target=x_target)
    assert np.array_equal(one.predict_proba(x), same.predict_proba(x)) and one.config_ == same.config_
