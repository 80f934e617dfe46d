"""Runs on raw texts predict new texts: their vocabulary is kept with them."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny import Silent

import dann
from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.data.input_pipeline import InputPipeline
from dann.data.preprocessing.preprocessor import NO_PREPROCESSING
from dann.errors import BadInput
from dann.inference.export_metadata import describe_model
from dann.inference.model import Model
from dann.inference.predict import predict
from dann.runner.planning import launch

VOCABULARIES: dict[str, dict[str, Any]] = {
    "bag": {"data": {"vocabulary": {"size": 6, "ngrams": 2}, "terms": {}}, "network": {"name": "mlp", "hidden": 4}},
    "words": {
        "data": {"vocabulary": {"form": "ids", "size": 9, "length": 5}},
        "network": {"name": "text_cnn", "words": 9, "embedding": 4, "filters": 3},
    },
}


def write(path: Path, encoding: str, first: str) -> dict[str, Any]:
    rows = [
        f"{first} a {word} film {i};{label}" for i in range(15) for word, label in (("good", "gut"), ("bad", "öde"))
    ]
    path.write_bytes(("text;label\n" + "\n".join(rows)).encode(encoding))
    return {"name": "texts", "path": str(path), "encoding": encoding}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    base = {
        "data": {
            "source": write(folder / "a.csv", "utf-8", "süß"),
            "target": write(folder / "b.csv", "cp1252", "trübe"),
            "batch_size": 4,
        },
        "optimizer": {"name": "adamw", "lr": 0.05},
        "train": {"steps": 6, "precision": "fp32"},
        "method": {"name": "dann"},
        "diagnose": {"examples": 0},
    }
    file = folder / "texts.yaml"
    file.write_text(yaml.safe_dump({"title": "T", "seeds": [0], "base": base, "variants": VOCABULARIES}))
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), folder / "runs", torch.device("cpu"), Silent(), file)
    return folder / "runs"


def read_predictions(out: Path) -> np.ndarray:
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    return np.array([[float(row["gut"]), float(row["öde"])] for row in rows])


@pytest.mark.parametrize("variant", VOCABULARIES)
def test_new_texts_are_predicted(runs: Path, variant: str, tmp_path: Path) -> None:
    run, out = runs / variant / "seed-0", tmp_path / "out.csv"
    texts = ["trübe, a GOOD film about nothing", "", "bad", "good " * 300]
    with (tmp_path / "new.csv").open("w", newline="", encoding="cp1252") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    assert main(["predict", str(run), str(tmp_path / "new.csv"), "--out", str(out)]) == 0
    model = dann.load(run, "cpu")
    vocabulary = model.inputs.preprocessor.vocabulary
    assert vocabulary is not None and model.reads_texts and model.classes == ("gut", "öde")
    expected = model.predict(vocabulary(texts))
    np.testing.assert_allclose(read_predictions(out), expected, rtol=1e-4)
    for given in (texts, tuple(texts), np.array(texts), np.array(texts, dtype=object)):
        np.testing.assert_allclose(model.predict(given), expected, rtol=1e-5)


def test_a_folder_of_text_files_is_predicted(runs: Path, tmp_path: Path) -> None:
    pages = tmp_path / "pages" / "inner"
    pages.mkdir(parents=True)
    for number, text in enumerate(("a good film", "bad")):
        (pages / f"{number}.txt").write_bytes(text.encode("utf-16"))
    (pages / "2.txt").write_bytes(b"\x81")  # no cp1252
    model = dann.load(runs / "bag" / "seed-0", "cpu")
    found = predict(model, [tmp_path / "pages"])
    assert len(found.skipped) == 1 and "2.txt, line 1: not cp1252 text" in found.skipped[0]
    np.testing.assert_allclose(found.values, model.predict(["a good film", "bad"]), rtol=1e-5)
    assert found.names == [str(pages / "0.txt"), str(pages / "1.txt")]


def test_what_is_no_text_is_refused(runs: Path, tmp_path: Path) -> None:
    model = dann.load(runs / "bag" / "seed-0", "cpu")
    np.save(tmp_path / "x.npy", np.zeros((2, 6), np.float32))
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_bytes(b"\x81")
    for name, says in (
        ("x.npy", "trained on texts: give a CSV file"),
        ("empty", "no text files"),
        ("a.txt", "not cp1252 text"),
    ):
        with pytest.raises(BadInput, match=says):
            predict(model, [tmp_path / name])
    with pytest.raises(BadInput, match="a single text: give a list"):
        model.predict("good")
    with pytest.raises(BadInput, match="negative values"):
        model.predict(np.full((1, 6), -1.0, np.float32))


def test_runs_of_other_vocabularies_vote_on_one_text(runs: Path) -> None:
    folders = [runs / variant / "seed-0" for variant in VOCABULARIES]
    texts = ["a good film", "süß", ""]
    expected = np.mean([dann.load(folder, "cpu").predict(texts) for folder in folders], axis=0)
    np.testing.assert_allclose(dann.ensemble(folders, "cpu").predict(texts), expected, rtol=1e-5)


def test_runs_on_numbers_refuse_texts(runs: Path) -> None:
    model = dann.load(runs / "bag" / "seed-0", "cpu")
    inputs = InputPipeline(NO_PREPROCESSING, model.inputs.transform, model.inputs.shape, None)
    with pytest.raises(BadInput, match="texts, but the run was trained on examples of shape"):
        Model(model.classes, model.method, inputs, model.dtype, model.config).predict(["good"])


def test_an_exported_file_states_its_vocabulary(runs: Path, tmp_path: Path) -> None:
    run = runs / "words" / "seed-0"
    model = dann.load(run, "cpu")
    stated = json.loads(describe_model(model)["before"])["vocabulary"]
    vocabulary = model.inputs.preprocessor.vocabulary
    assert vocabulary is not None and stated["terms"] == list(vocabulary.terms) and stated["options"]["form"] == "ids"
    out = tmp_path / "model.pt2"
    assert main(["export", str(run), "--format", "torch_export", "--out", str(out)]) == 0
    ids = vocabulary(["a good film"])
    logits = torch.export.load(out).module()(ids)
    np.testing.assert_allclose(logits.softmax(1).detach().numpy(), model.predict(ids), rtol=1e-4)


def test_data_show_describes_raw_texts(runs: Path, tmp_path: Path, capsys: Any) -> None:
    path = runs.parent / "a.csv"
    assert main(["data", "show", "texts", "--set", f"path={path}", "--out", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "raw texts for data.vocabulary, 5 to 5 words between blanks, median 5, 0 empty; the first: süß" in shown
    assert "figure" not in shown and not list(tmp_path.iterdir())
