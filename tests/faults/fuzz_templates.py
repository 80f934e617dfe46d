"""What fuzzed cases begin with: a small experiment with finished and unfinished runs, and data files of each kind."""

import contextlib
import io
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import timm
import torch
import yaml
from image_folders import write_classes
from scipy.io import savemat
from tiny import TINY, Silent

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.runner.planning import launch

FILE, FOLDER, RUN = "experiments/file.yaml", "runs/file", "runs/file/dann/seed-0"
SMALLEST = "test_resnet"  # a model of timm
SMALL: dict[str, Any] = {
    "seeds": [0],
    "base": {"train": {"steps": 4, "evaluate_every": 2}, "diagnose": {"examples": 10}},
}
USERS = [
    ["predict", RUN, "data.npz", "--out", "out.csv"],
    ["predict", RUN, "data.npy", "--with", RUN],
    ["run", FILE, "--seeds", "0,1", "--jobs", "1", "--device", "cpu"],  # draws, which takes seconds
    ["run", FILE, "--seeds", "0,1", "--jobs", "1", "--device", "cpu", "--redo", "changed"],
    ["run", FILE, "--seeds", "1", "--only", "DANN", "--set", "train.log_every=1", "--jobs", "1", "--redo", "changed"],
    ["verify", RUN, "--jobs", "1", "--device", "cpu", "--out", "out"],
    ["export", RUN, "--format", "torch_export", "--out", "out"],
    *[["run", FILE, "--seeds", "1", "--dry-run"], ["table", FOLDER]] * 6,
]
READERS = [
    *[["table", FOLDER, *more] for more in ([], ["--format", "json"], ["--format", "latex"], ["--selection", "im"],
                                            ["--selection", "vote"], ["--selection", "oracle"])] * 10,
    *[["run", FILE, "--dry-run"]] * 20,
    *[["table", FILE, "--selection", rule] for rule in ("last", "dev", "reverse", "mixval")],
    ["plot", FOLDER],  # drawing takes a second, as these do
    ["report", FOLDER, "--out", "out"],
    ["report", FILE, "--selection", "im", "--out", "out"],
    ["publish", FILE, FOLDER],
]  # fmt: skip


@dataclass(frozen=True)
class Template:
    """A working folder and what is in it.

    Args:
        record: the line of a finished run.
        files: of the folders of runs.
        data: name, content, and the commands that read it.
    """

    root: Path
    experiment: dict[str, Any]
    record: bytes
    files: dict[str, bytes]
    data: list[tuple[str, bytes, list[list[str]]]]
    folder: str = FOLDER
    run: str = RUN
    readers: tuple[list[str], ...] = tuple(READERS)
    users: tuple[list[str], ...] = tuple(USERS)


def make_template(root: Path) -> Template:
    """Make the runs and data files, then move them to ``root``, so that the runs' own file is gone."""
    made = root.with_name("made")
    template = _make(made)
    made.rename(root)
    return replace(template, root=root)


def _make(root: Path) -> Template:
    root.mkdir(parents=True)
    with contextlib.chdir(root), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        experiment = merge(TINY, SMALL)
        _write_yaml(root / FILE, experiment)
        assert main(["run", FILE, "--jobs", "1", "--device", "cpu"]) == 0
        _interrupt()
    for picture in root.rglob("*.png"):
        picture.unlink()
    data = _write_data(root)
    kept = [path for folder in (root / RUN, root / FOLDER / "dann/seed-1.unfinished") for path in folder.rglob("*")
            if path.is_file() and "tfevents" not in path.name]  # fmt: skip
    files = {str(path.relative_to(root)): path.read_bytes() for path in [*kept, root / FOLDER / "experiment.yaml"]}
    content = json.loads((root / RUN / "record.json").read_bytes())
    del content["checksum"]  # without one, as in packed records and earlier ones, all that is altered is looked at
    return Template(root, experiment, json.dumps(content).encode(), files, data)


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _interrupt() -> None:
    """Leave a run unfinished after its first checkpoint."""
    experiment = read_experiment(Path(FILE))
    runs = list(experiment.runs(["DANN"], [1]))
    with contextlib.suppress(KeyboardInterrupt):
        launch(experiment, runs, Path(FOLDER), torch.device("cpu"), Silent(stop_at=4), Path(FILE))


def _write_data(root: Path) -> list[tuple[str, bytes, list[list[str]]]]:
    """A data file of each kind for two classes, with experiments that train on it, and weights of a small network."""
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    y = np.arange(40) % 2
    np.savez(root / "data.npz", x=x, y=y)
    np.save(root / "data.npy", x)
    np.save(root / "labels.npy", y)
    torch.save({"x": torch.from_numpy(x), "y": torch.from_numpy(y)}, root / "data.pt")
    torch.save({"x": x, "y": y}, root / "data.pth")  # of NumPy's
    savemat(root / "data.mat", {"x": x, "y": y})
    with h5py.File(root / "data73.mat", "w", userblock_size=512) as file:
        file["x"], file["y"] = x.T, y[None].astype(float)
    with (root / "data73.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    state = timm.create_model(SMALLEST).state_dict()
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, root / "weights_wrapped.pth")
    torch.save(state, root / "weights.pt")
    lines = (f"{label} 1:{a:.3f} 2:{b:.3f}\n" for label, (a, b) in zip(y, x, strict=True))
    (root / "data.svm").write_text("".join(lines))
    rows = (f"{a:.3f},{b:.3f},{label}\n" for label, (a, b) in zip(y, x, strict=True))
    (root / "numbers.csv").write_text("p,q,label\n" + "".join(rows))
    write_classes(root / "pictures", ["cat", "dog"], 6, "png")
    images = sorted((root / "pictures").rglob("*.png"))
    rows = (f"{path.relative_to(root)},{path.parent.name}\n" for path in images)
    (root / "list.csv").write_text("path,label\n" + "".join(rows))
    shutil.copy(images[0], root / "picture.jpg")
    shutil.make_archive(str(root / "archive"), "zip", root / "pictures")
    shutil.make_archive(str(root / "archive"), "gztar", root / "pictures")
    predictable = ["data.npz", "data.npy", "data.pt", "data.pth", "data.svm", "data.mat", "data73.mat"]
    commands = {name: [["predict", RUN, name, "--out", "out.csv"]] for name in predictable}
    commands |= {
        "labels.npy": [],
        "numbers.csv": [],
        "list.csv": [["read", "list.csv"]],
        str(images[0].relative_to(root)): [],
    }
    commands |= {"archive.zip": [["unpack", "archive.zip"]], "archive.tar.gz": [["unpack", "archive.tar.gz"]]}
    entries = {
        "data.npz": {"name": "arrays", "path": "data.npz"},
        "data.pt": {"name": "arrays", "path": "data.pt"},
        "data.pth": {"name": "arrays", "path": "data.pth"},
        "data.mat": {"name": "arrays", "path": "data.mat"},
        "data73.mat": {"name": "arrays", "path": "data73.mat"},
        "labels.npy": {"name": "arrays", "path": "data.npy", "labels": "labels.npy"},
        "data.svm": {"name": "svmlight", "path": "data.svm", "features": 2},
        "numbers.csv": {"name": "table", "path": "numbers.csv"},
        "list.csv": {"name": "csv", "path": "list.csv", "size": 28},
        str(images[0].relative_to(root)): {"name": "folder", "path": "pictures", "size": 28},
    }
    for name, entry in entries.items():
        file = f"experiments/{Path(name).name}.yaml"
        _write_yaml(root / file, _experiment_on(entry))
        other = "data.npy" if name != "data.npy" else "data.npz"
        commands[name] += [["run", file, "--jobs", "1", "--device", "cpu"], ["data", "show", file, "--out", "out"],
                           ["init", "--source", entry["path"], "--target", other, "--out", "out.yaml"]]  # fmt: skip
    entry = {"name": "folder", "path": "pictures", "size": 32}
    for weights in ("weights.pt", "weights_wrapped.pth"):
        network = {"network": {"name": "timm", "model": SMALLEST, "weights": weights}}
        file = f"experiments/{weights}.yaml"
        _write_yaml(root / file, merge(_experiment_on(entry), {"base": network}))
        commands[weights] = [["run", file, "--jobs", "1", "--device", "cpu"]]
    return [(name, (root / name).read_bytes(), each) for name, each in commands.items()]


def _experiment_on(entry: dict[str, Any]) -> dict[str, Any]:
    """One step of source only; the target is the same data, which is allowed."""
    train = {"steps": 1, "evaluate_every": 1, "precision": "fp32"}
    flat = {"network": {"name": "mnist"} if "size" in entry else {"name": "mlp", "hidden": 4}}
    data = {"data": {"source": entry, "target": entry, "batch_size": 2, "validation": 0.3, "test": 0.3}}
    rest = {"optimizer": {"name": "sgd"}, "method": {"name": "dann"}, "diagnose": {"examples": 0}}
    return {"title": "t", "seeds": [0], "base": {**data, **flat, "train": train, **rest}, "variants": {"dann": None}}
