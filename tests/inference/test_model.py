"""Use of a finished run: its model is loaded, predicts and is exported."""

import csv
import gzip
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from complaints import complaint
from method_cases import OF_BACKBONES
from PIL import Image
from scipy.io import savemat
from scipy.sparse import csr_matrix
from tiny import TINY, Silent, write_tiny

import dann
from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.config.schema import resolve
from dann.errors import BadInput
from dann.inference import export
from dann.inference.model import Model
from dann.inference.predict import Predictions, predict
from dann.inference.user_inputs import read_examples
from dann.methods.all_methods import METHODS
from dann.runner import planning as launch
from dann.runner.records import read_record
from dann.training.pair_loading import load_pair

CPU = torch.device("cpu")
DIGITS = {
    "data": {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "batch_size": 16},
    "network": {"name": "mnist", "batch_norm": True, "dropout": 0.5},
}
LARGER = {"source": {"name": "digits", "size": 20}, "target": {"name": "digits_m", "size": 20}, "batch_size": 16}
GREY = {"data": {"source": {"name": "digits"}, "target": {"name": "digits"}}}


def run(folder: Path, base: dict[str, Any]) -> Path:
    """The folder of one tiny run, of DANN."""
    file = write_tiny(folder / "tiny.yaml", base=base, seeds=[0])
    experiment = read_experiment(file)
    launch.launch(experiment, list(experiment.runs(only=["DANN"])), folder / "runs", CPU, Silent(), file)
    return folder / "runs/dann/seed-0"


@pytest.fixture(scope="module")
def moons(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    return run(tmp_path_factory.mktemp("moons"), {})


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    return run(tmp_path_factory.mktemp("digits"), DIGITS)


def hold(model: Model, folder: Path, x: Any, y: Any) -> None:
    """The predictions of the target's test examples are those that the run's record counts."""
    probabilities = model.predict(x)
    assert probabilities.dtype == np.float32 and probabilities.shape == (len(y), len(model.classes))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    record = read_record(folder)
    confusion = np.zeros_like(record.confusion["target_test"])
    np.add.at(confusion, (np.asarray(y), probabilities.argmax(axis=1)), 1)
    assert confusion.tolist() == record.confusion["target_test"]
    assert (probabilities.argmax(axis=1) == np.asarray(y)).mean() == pytest.approx(
        record.evaluations[-1]["target_test"], rel=1e-5
    )


TRANSFORMS: list[dict[str, Any]] = [
    {},
    DIGITS,
    {**DIGITS, "train": {"precision": "bf16"}},
    {**DIGITS, "data": {**LARGER, "transform": {"crop": 17, "normalise": "domain", "flip": 0.5}}},
    {**DIGITS, "data": {**LARGER, "transform": {"normalise": "instance", "noise": 0.1, "affine": {"rotation": 5.0}}}},
    {**GREY, "network": DIGITS["network"]},
    {"data": {"transform": {"normalise": "standard"}, "target_transform": {"normalise": "domain"}}},
]


@pytest.mark.parametrize("base", TRANSFORMS, ids=["moons", "digits", "bf16", "cropped", "instance", "grey", "domain"])
def test_predictions_are_those_of_the_record(base: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:
    folder = run(tmp_path, base)
    test = load_pair(resolve(read_record(folder).config, "test").data).target_test
    monkeypatch.setattr("dann.config.components.Component.build", _without_data(monkeypatch))
    before = torch.random.get_rng_state()
    model = dann.load(folder, device="cpu")
    assert torch.equal(torch.random.get_rng_state(), before) and not model.method.training
    assert list(model.classes) == read_record(folder).classes
    hold(model, folder, test.x, test.y)


def _without_data(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The way components are built, for networks and methods alone."""
    from dann.config.components import Component
    from dann.data.datasets.all_datasets import DOMAINS

    build = Component.build

    def built(self: Component, *arguments: Any) -> Any:
        assert type(self).constructor not in DOMAINS.values(), "loading reads the data set"
        return build(self, *arguments)

    return built


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """A folder with the arrays of a source and a target; a tenth of the values is missing, but in training alone."""
    random = np.random.default_rng(0)
    for name in ("source", "target"):
        x, x_test = (random.normal(size=(count, 4)).astype(np.float32) for count in (60, 20))
        x[random.random(x.shape) < 0.1] = np.nan
        np.savez(tmp_path / f"{name}.npz", x=x, y=np.arange(60) % 2, x_test=x_test, y_test=np.arange(20) % 2)
    return tmp_path


def prepared(folder: Path, **data: Any) -> Path:
    sides = {side: {"name": "arrays", "path": str(folder / f"{side}.npz")} for side in ("source", "target")}
    return run(folder, {"data": {"batch_size": 8, **sides, **data}})


@pytest.mark.parametrize(
    ("how", "msda"), [("drop", None), ("mean", None), ("median", None), ("knn", None), ("knn", {"layers": 2})]
)
def test_vectors_are_prepared_as_for_training(how: str, msda: Any, vectors: Path) -> None:
    target = dict(np.load(vectors / "target.npz"))
    if how != "drop":
        target["x_test"][3, 1] = target["x_test"][4, 2] = np.nan
        np.savez(vectors / "target.npz", **target)
    folder = prepared(vectors, missing=how, msda=msda)
    for name in ("source.npz", "target.npz"):
        (vectors / name).unlink()
    model = dann.load(folder)
    hold(model, folder, target["x_test"], target["y_test"])
    assert model.inputs.raw_shape == (4,) and model.inputs.input_shape == ((4,) if msda is None else (12,))
    if how != "drop":
        with pytest.raises(BadInput, match="fills in missing values"):
            export.export(model, "torch_export", folder)
        return
    with pytest.raises(BadInput, match="2 of 2 examples have missing"):
        model.predict(np.full((2, 4), np.nan, np.float32))


def test_exported_vectors_are_mapped_too(vectors: Path) -> None:
    model = dann.load(prepared(vectors, missing="drop", msda={"layers": 2}))
    path = export.export(model, "torch_export", vectors)
    x = torch.randn(7, 4)
    logits = torch.export.load(path).module()(x).detach()
    np.testing.assert_allclose(logits.softmax(1).numpy(), model.predict(x), atol=1e-6)


def test_terms_are_weighed_as_for_training(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(0.7, size=(2, 80, 5)).astype(np.float32)
    for name, x in zip(("source", "target"), counts, strict=True):
        np.savez(tmp_path / f"{name}.npz", x=x[:60], y=np.arange(60) % 2, x_test=x[60:], y_test=np.arange(20) % 2)
    folder = prepared(tmp_path, terms={}, msda={"layers": 1})
    model = dann.load(folder)
    hold(model, folder, counts[1, 60:], np.arange(20) % 2)
    assert model.inputs.raw_shape == (5,) and model.inputs.input_shape == (10,)
    with pytest.raises(BadInput, match=r"1 of 2 examples have negative values, but data\.terms"):
        model.predict(np.array([[0, 1, 0, 2, 0], [0, 0, -1, 0, 0]], np.float32))


def test_too_large_mappings_are_not_kept(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dann.data.preprocessing.preprocessor.LARGEST", 100)
    folder = prepared(vectors, missing="drop", msda={"layers": 2})
    with pytest.raises(BadInput, match=r"seed-0: data\.missing and data\.msda fitted more than"):
        dann.load(folder)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["mnist", "mlp"])
def test_every_method_loads_and_can_be_exported(network: str, tmp_path: Path) -> None:
    of_images = ("rotation", "pixel_da") if network == "mlp" else ()
    names = [name for name in METHODS if name not in (*OF_BACKBONES, *of_images)]
    method: dict[str, Any] = {name: {"method": {"name": name}} for name in names}
    method["weighted_dann"]["method"] |= {"estimate": "mlls"}
    method["fixmatch"]["data"] = {"target_view": {"mask": 0.5}}
    if "pixel_da" in method:
        method["pixel_da"]["method"] |= {"filters": 4, "blocks": 1}
        method["pixel_da"]["data"] = {"transform": {"normalise": "half"}}
    both = ("digits", "digits_m") if network == "mnist" else ("moons", "moons_rotated")
    method["mdan"]["data"] = {"source": [{"name": name} for name in both]}
    own = DIGITS if network == "mnist" else {"network": {"batch_norm": True}}
    base = merge(merge(TINY["base"], own), {"train": {"steps": 2}, "data": {"batch_size": 8}})
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump({"title": "All", "seeds": [0], "base": base, "variants": method}))
    experiment = read_experiment(file)
    launch.launch(experiment, list(experiment.runs()), tmp_path / "runs", CPU, Silent(), file)
    test = load_pair(resolve(base, "test").data).target_test
    for run in experiment.runs():
        model = dann.load(tmp_path / "runs" / run.folder, "cpu")
        assert isinstance(model.method, METHODS[run.variant])
        hold(model, tmp_path / "runs" / run.folder, test.x, test.y)
        if run.variant in EXPORTED:
            export.export(model, "torch_export", tmp_path / "runs" / run.folder)


EXPORTED = {"mcd", "dan", "adda", "adabn", "shot"}  # two classifiers, hooks on inner layers, copies of the network


def read_metadata(file: Path, format: str) -> dict[str, Any]:
    """The metadata of an exported file, as dann/inference/README.md reads them."""
    if format == "onnx":
        import onnxruntime

        found = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
    else:
        found = dict.fromkeys(("classes", "input", "output", "before", "inside", "dann"), "")
        torch.export.load(file, extra_files=found)
    return {key: json.loads(value) for key, value in found.items() if not key.startswith("pkg.")}


@pytest.mark.parametrize("format", export.FORMATS)
@pytest.mark.parametrize("network", ["digits", "moons"])
def test_an_exported_file_computes_the_same(
    format: str, network: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: Any
) -> None:
    if format == "onnx":
        pytest.importorskip("onnxscript")
    folder, out = request.getfixturevalue(network), tmp_path / "there" / "exported"
    assert main(["export", str(folder), "--format", format, "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    test, model = load_pair(resolve(read_record(folder).config, "test").data).target_test, dann.load(folder, "cpu")
    metadata = read_metadata(out, format)
    assert metadata["classes"] == list(model.classes)
    assert metadata["input"]["shape"] == [None, *test.x.shape[1:]]
    assert metadata["input"]["dtype"] == str(test.x.dtype).removeprefix("torch.")
    assert metadata["before"]["data set"] == model.config.data.target.name
    if network == "digits":
        inside, x = metadata["inside"], test.x[:2].numpy().transpose(0, 2, 3, 1)
        expected = model.inputs(test.x[:2]).numpy().transpose(0, 2, 3, 1)
        np.testing.assert_allclose(x * inside["scale"] + inside["offset"], expected, atol=1e-5)
    for count in (1, 7):
        x = test.x[:count]
        if format == "onnx":
            import onnxruntime

            session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
            logits = torch.from_numpy(session.run(None, {"examples": x.numpy()})[0])
        else:
            logits = torch.export.load(out).module()(x).detach()
        expected = torch.from_numpy(model.predict(x))
        torch.testing.assert_close(logits.softmax(1), expected, atol=1e-5, rtol=1e-4)


def test_an_export_that_differs_leaves_no_file(moons: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(torch.export.ExportedProgram, "module", lambda self: lambda x: torch.zeros(len(x), 2))
    line = complaint(capsys, "export", moons, "--format", "torch_export")
    assert "differs from the trained network" in line and not (moons / "model.pt2").exists()


def test_an_export_names_the_packages_it_needs(moons: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    line = complaint(capsys, "export", moons, "--format", "onnx")
    assert "onnxscript" in line and 'run pip install "dann[export]"' in line
    assert not list(moons.glob("model*"))


def lines(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def test_arrays_are_predicted_into_a_file(moons: Path, tmp_path: Path, capsys: Any) -> None:
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x[:2])
    (tmp_path / "x.svm").write_text("0 1:0.5 2:-1\n")
    inputs, out = [tmp_path / name for name in ("x.npy", "x.npz", "x.svm")], tmp_path / "new" / "out.csv"
    assert main(["predict", str(moons), *map(str, inputs), "--out", str(out), "--device", "cpu"]) == 0
    assert capsys.readouterr().out == f"{out}: 8 predictions\n"
    rows, model = lines(out), dann.load(str(moons))
    assert list(rows[0]) == ["input", "class", "probability", *model.classes]
    assert [row["input"] for row in rows] == [f"{file}[{row}]" for file, n in zip(inputs, (5, 2, 1), strict=True)
                                              for row in range(n)]  # fmt: skip
    expected = model.predict(np.concatenate([x, x[:2], [[0.5, -1]]]).astype(np.float32))
    found = np.array([[float(row[name]) for name in model.classes] for row in rows])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for row, likely in zip(rows, expected, strict=True):
        assert row["class"] == model.classes[likely.argmax()] and float(row["probability"]) == pytest.approx(
            likely.max()
        )


def test_whatever_training_takes_is_predicted(moons: Path, tmp_path: Path) -> None:
    x, model = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32), dann.load(moons)
    expected = model.predict(x)
    savemat(tmp_path / "x.mat", {"x": x, "y": np.arange(5)})
    torch.save({"x": x, "y": list(range(5))}, tmp_path / "x.pt")
    (tmp_path / "x.svm.gz").write_bytes(gzip.compress(b"".join(b"0 1:%r 2:%r\n" % (float(a), float(b)) for a, b in x)))
    for name in ("x.mat", "x.pt", "x.svm.gz"):
        np.testing.assert_allclose(predict(model, [tmp_path / name]).values, expected, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(model.predict(csr_matrix(x)), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(x.tolist()), expected, atol=1e-6)

    target = SimpleNamespace(name="texts", options=lambda: {"tokenizer": "any"})
    reader = SimpleNamespace(config=SimpleNamespace(data=SimpleNamespace(target=target)), reads_texts=True)
    (tmp_path / "a.txt").write_text("\none, two\n\nthr\u2028ee\nfour\n")
    (tmp_path / "b.csv").write_text('text,label\n"one, two",a\nthr\u2028ee,\nfour,b\n')
    for name in ("a.txt", "b.csv"):
        ((names, texts, bad),) = read_examples(tmp_path / name, reader)  # type: ignore[arg-type]
        assert names == [f"{tmp_path / name}[{row}]" for row in range(3)] and not bad
        assert texts == ["one, two", "thr\u2028ee", "four"]


def test_predictions_are_shown(digits: Path, moons: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)  # for names that fit the terminal
    np.save(tmp_path / "x.npy", np.zeros((23, 16, 16, 3), np.uint8))
    assert main(["predict", str(digits), "x.npy"]) == 0
    shown = capsys.readouterr().out
    assert "x.npy[19]" in shown and "x.npy[20]" not in shown and "and 3 more; --out" in shown
    np.save(tmp_path / "y.npy", np.zeros((1, 2), np.float32))
    assert main(["predict", str(moons), "y.npy"]) == 0
    shown = capsys.readouterr().out
    assert "upper moon" in shown and "more" not in shown


def photos(folder: Path, channels: int) -> None:
    """Images of two classes, of sizes and shapes of their own."""
    random = np.random.default_rng(channels)
    for number in range(40):
        place = folder / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (20 + number % 3, 30, 3)[:channels])
        Image.fromarray(pixels.astype(np.uint8)).save(place)


@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_image_files_are_decoded_as_for_training(fit: str, tmp_path: Path) -> None:
    for name, channels in (("one", 3), ("other", 2), ("held", 2)):  # 2: height and width, so grey
        photos(tmp_path / name, channels)
    sides = {"source": {"name": "folder", "path": str(tmp_path / "one"), "size": 16, "fit": fit},
             "target": {"name": "folder", "path": str(tmp_path / "other"), "test": str(tmp_path / "held"), "size": 16,
                        "fit": fit}}  # fmt: skip
    folder = run(tmp_path, {"data": sides, "network": DIGITS["network"]})
    out = tmp_path / "out.csv"
    assert main(["predict", str(folder), str(tmp_path / "held"), "--out", str(out)]) == 0
    counts = np.zeros((2, 2), int)
    for row in lines(out):
        counts["ab".index(Path(row["input"]).parent.name), "ab".index(row["class"])] += 1
    assert counts.tolist() == read_record(folder).confusion["target_test"]


def test_a_grey_network_sees_files_in_grey(tmp_path: Path) -> None:
    folder = run(tmp_path, {**GREY, "network": DIGITS["network"]})
    x = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    for number, image in enumerate(x):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    assert main(["predict", str(folder), *(str(tmp_path / f"{number}.png") for number in range(3)), "--out",
                 str(tmp_path / "out.csv")]) == 0  # fmt: skip
    expected = dann.load(folder).predict(x)
    found = [[float(row[name]) for name in "0123456789"] for row in lines(tmp_path / "out.csv")]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_grey_arrays_suit_a_network_for_colour(digits: Path) -> None:
    model, x = dann.load(digits), np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    np.testing.assert_array_equal(model.predict(x), model.predict(np.stack([x, x, x], axis=3)))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.npy", np.zeros((2, 3), np.float32), "float32 examples of shape (3,), but the run was trained on float32"),
        ("x.npy", np.zeros((2, 16, 16, 3), np.uint8), "uint8 examples of shape (3, 16, 16), but"),
        ("x.npy", np.zeros((0, 2), np.float32), "no examples"),
        ("x.npy", np.float32(3), "shape"),
        ("x.npy", np.full((3, 2), np.nan, np.float32), "3 of 3 examples have missing values (NaN): this run fills"),
        ("x.npy", b"damaged", "holds Python objects, which could run code, or is damaged"),
        ("x.png", b"damaged", "x.png: an image, but the run was trained on examples of shape (2,)"),
        ("x.svm", b"1 1:2 7:3\n", "feature 7 is not one of 1 to 2"),
        ("x.bin", b"1", "give images, folders of them, or files in .csv, .tsv, .txt, .np"),
        ("x.jpg", None, "no such file or folder"),
        ("folder", {}, "no images in that folder"),
    ],
)
def test_bad_inputs(name: str, content: Any, says: str, moons: Path, tmp_path: Path, capsys: Any) -> None:
    np.save(tmp_path / "good.npy", np.zeros((2, 2), np.float32))
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif isinstance(content, dict):
        (tmp_path / name).mkdir()
    elif content is not None:
        np.save(tmp_path / name, content)
    out = tmp_path / "out.csv"
    arguments = [str(each) for each in ("predict", moons, tmp_path / "good.npy", tmp_path / name, "--out", out)]
    line = complaint(capsys, *arguments, "--on-bad", "error")
    assert says in line and name in line
    assert not out.exists()
    assert main(arguments) == 1 and len(lines(out)) == 2
    assert capsys.readouterr().err == line


def test_one_bad_image_costs_only_its_own_prediction(digits: Path, tmp_path: Path, capsys: Any) -> None:
    random, new = np.random.default_rng(0), tmp_path / "new"
    (new / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png", "deep/c.png"):
        Image.fromarray(random.integers(0, 256, (16, 16, 3)).astype(np.uint8)).save(new / name)
    (new / "deep/b.png").write_bytes((new / "deep/b.png").read_bytes()[:60])
    (tmp_path / "list.csv").write_text("path\nnew/deep/c.png\nnew/gone.png\nnew/a.png\n")
    (tmp_path / "list.txt").write_text("new/deep/c.png\nnew/gone.png\nnew/a.png\n")
    out = tmp_path / "out.csv"
    for given, names, bad in ((new, ["a.png", "deep/c.png"], "deep/b.png"),
                              (tmp_path / "list.csv", ["deep/c.png", "a.png"], "gone.png"),
                              (tmp_path / "list.txt", ["deep/c.png", "a.png"], "gone.png")):  # fmt: skip
        assert main(["predict", str(digits), str(given), "--out", str(out)]) == 1
        assert [row["input"] for row in lines(out)] == [str(new / name) for name in names]
        said = capsys.readouterr().err
        assert said.startswith(f"dann: {new / bad}: not a readable image") and said.count("\n") == 1
        out.unlink()
        assert str(new / bad) in complaint(capsys, "predict", digits, given, "--out", out, "--on-bad", "error")
        assert not out.exists()


def test_names_are_no_formulas_and_no_commands_of_the_terminal(digits: Path, tmp_path: Path, monkeypatch: Any,
                                                               capsys: Any) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("=1+1.png", "@x.png", "a;=b.png", "a\x1b[2Jb\n.png"):
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / name)
    assert main(["predict", str(digits), "=1+1.png", "@x.png", "a;=b.png", "a\x1b[2Jb\n.png"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b[2J" not in shown and r"a\x1b[2Jb\n.png" in shown
    assert main(["predict", str(digits), "=1+1.png", "@x.png", "a;=b.png", "--out", "out.csv"]) == 0
    assert [row["input"] for row in lines(tmp_path / "out.csv")] == ["'=1+1.png", "'@x.png", "a;'=b.png"]
    predicted = Predictions(["x"], ("-1", "+cmd", "\t=1", "cat"), np.array([[0.25, 0.4, 0.3, 0.05]], np.float32))
    assert predicted.csv().decode().splitlines()[0] == "input,class,probability,-1,'+cmd,'\t'=1,cat"


@pytest.mark.parametrize("how", ["nan", "step"])
def test_a_run_that_failed_is_refused(how: str, moons: Path, tmp_path: Path, capsys: Any) -> None:
    copy = tmp_path / "seed-0"
    shutil.copytree(moons, copy)
    np.save(tmp_path / "x.npy", np.zeros((2, 2), np.float32))
    state = torch.load(copy / "checkpoint.pt", weights_only=True)
    if how == "nan":  # a run of a version that did not notice
        next(iter(state["method"].values()))[0] = torch.nan
    state["step"] -= how == "step"  # two processes on one run
    torch.save(state, copy / "checkpoint.pt")
    says = {
        "failed": "this run failed (step 3: loss is nan)",
        "nan": "are not finite",
        "step": "of step 11, its record of 12",
    }
    for command in (("predict", copy, tmp_path / "x.npy"), ("export", copy, "--format", "torch_export")):
        assert says[how] in complaint(capsys, *command)
    assert not list(copy.glob("model*"))


def test_damaged_images_and_wrong_shapes(digits: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "x.png").write_bytes(b"damaged")
    assert "x.png: not a readable image" in complaint(capsys, "predict", digits, tmp_path / "x.png")
    (tmp_path / "x.svm").write_text("0 1:0.5\n")
    assert "x.svm: vectors, but the run" in complaint(capsys, "predict", digits, tmp_path / "x.svm")
    with pytest.raises(BadInput, match="inputs: float32 examples of shape"):
        dann.load(digits).predict(np.zeros((2, 3), np.float32))


def test_bad_runs(moons: Path, tmp_path: Path, capsys: Any) -> None:
    arguments = ["--format", "torch_export"]
    assert "no finished run there" in complaint(capsys, "export", tmp_path, *arguments)
    assert "no finished run there" in complaint(capsys, "predict", tmp_path / "none", tmp_path)
    copy = tmp_path / "seed-0"
    shutil.copytree(moons, copy)
    (copy / "inputs.pt").write_bytes(b"damaged")
    assert "inputs.pt: cannot be read" in complaint(capsys, "export", copy, *arguments)
    (copy / "inputs.pt").unlink()
    assert "has no inputs.pt, which newer runs keep" in complaint(capsys, "export", copy, *arguments)
    shutil.copy(moons / "inputs.pt", copy)
    (copy / "checkpoint.pt").write_bytes(b"damaged")
    assert "checkpoint.pt: cannot be restored" in complaint(capsys, "export", copy, *arguments)
    (copy / "record.json").write_text(json.dumps({"task": None}))
    assert "record.json: not a record of this version" in complaint(capsys, "export", copy, *arguments)
    copy.rename(tmp_path / "seed-0.unfinished")
    for folder in (copy, tmp_path / "seed-0.unfinished"):
        assert "this run is unfinished" in complaint(capsys, "export", folder, *arguments)
    assert not list(tmp_path.rglob("model*"))


def test_an_ensemble_averages_probabilities(tmp_path: Path, digits: Path, capsys: Any) -> None:
    file = write_tiny(tmp_path / "tiny.yaml")
    experiment = read_experiment(file)
    launch.launch(experiment, list(experiment.runs(only=["DANN"])), tmp_path / "runs", CPU, Silent(), file)
    folders = [tmp_path / f"runs/dann/seed-{seed}" for seed in (0, 1)]
    models = [dann.load(folder, device="cpu") for folder in folders]
    x = load_pair(models[0].config.data).target_test.x
    expected = (models[0].predict(x) + models[1].predict(x)) / 2
    assert not np.allclose(models[0].predict(x), models[1].predict(x))
    np.testing.assert_allclose(dann.ensemble(folders, device="cpu").predict(x), expected, rtol=1e-6)
    np.save(tmp_path / "x.npy", x.numpy())
    out = tmp_path / "out.csv"
    assert (
        main(["predict", str(folders[0]), str(tmp_path / "x.npy"), "--with", str(folders[1]), "--out", str(out)]) == 0
    )
    rows = list(csv.reader(out.read_text().splitlines()))[1:]
    np.testing.assert_allclose([[float(value) for value in row[3:]] for row in rows], expected, rtol=1e-5)
    capsys.readouterr()
    assert main(["predict", str(folders[0]), str(tmp_path / "x.npy"), "--with", str(digits)]) == 2
    assert "an ensemble needs runs of the same classes" in capsys.readouterr().err
