"""Commands that list, show and prepare data sets."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import write_tiny

from dann.cli.main import main


def test_data_list_names_every_set(capsys: pytest.CaptureFixture[str], data_folder: Path) -> None:
    from dann.data.datasets.all_datasets import DOMAINS

    (data_folder / "pacs128" / "photo").mkdir(parents=True)
    assert main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == set(DOMAINS)
    assert " on disk " in lines["pacs"] and "absent" in lines["svhn"] and "made here" in lines["moons"]
    assert "art_painting, cartoon, photo, sketch" in lines["pacs"] and "… 30" in lines["uci_har"]


def test_data_show_and_prepare(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["digits", "digits_m", "moons", "--out", str(tmp_path)]
    assert main(["data", "show", *command]) == 0
    out = capsys.readouterr().out
    assert "images 3 × 16 × 16, values 0 to 255" in out and "674 examples, 674 labelled; per class:" in out
    assert "imbalance ratio" in out
    with Image.open(tmp_path / "digits-digits_m-moons.png") as image:
        assert image.width > 1000 and len(set(image.convert("L").tobytes())) > 100
    assert main(["data", "prepare", "digits", "--set", "size=20"]) == 0
    assert "images 1 × 20 × 20" in capsys.readouterr().out
    np.savez(tmp_path / "a.npz", x=np.array([[1.0, np.nan], [2.0, 3.0], [0.0, 1.0]]), y=np.array([0, 2, -1]))
    assert main(["data", "show", "arrays", "--set", f"path={tmp_path / 'a.npz'}", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "1 values missing" in out and "1 without label" in out and "values 0 to 3" in out


def test_data_show_of_an_experiment_shows_what_its_network_sees(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = {"source": {"name": "digits"}, "target": {"name": "digits_m"}, "transform": {"erase": 1.0}}
    file = write_tiny(tmp_path / "tiny.yaml", base={"data": data, "network": {"name": "mnist"}})
    assert main(["data", "show", str(file), "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("digits → digits_m: 607 labelled (66, 60") == 1 and "imbalance ratio 1.49" in out
    assert (tmp_path / "tiny.png").is_file()
    frozen = {"network": {"name": "torchvision", "model": "resnet18", "weights": "absent.pt"}}
    base = {"data": data, "finetune": {"backbone": 0}, **frozen}
    file = write_tiny(tmp_path / "frozen.yaml", base=base)  # which needs neither its weights nor its features
    assert main(["data", "show", str(file), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "frozen.png").is_file()


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["show"], "no data set is named: choose from dann data list"),
        (["show", "mnits"], "unknown data set 'mnits'; did you mean mnist"),
        (["show", "pacs/foto"], "unknown domain 'foto'; did you mean photo"),
        (["show", "moons", "--set", "points"], "write a=b"),
        (["show", "moons", "--set", "dots=3"], "unknown key moons.dots; did you mean points? (known: name, points)"),
        (["show", "folder"], "folder.path is missing"),
        (["prepare", "svhn"], "svhn"),
    ],
)
def test_bad_data_commands(
    command: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    assert main(["data", *command]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
