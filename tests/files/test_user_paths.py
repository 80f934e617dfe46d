"""Paths that users give, the same for every option."""

from pathlib import Path

import pytest
import torch

from dann.cli.arguments import parser
from dann.errors import BadInput
from dann.files.user_paths import expand_user, find_model_folder, find_user_path, resolve_user_path
from dann.networks.weights import find_weights_file


def test_home_and_relative_paths_mean_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, data, work = (tmp_path / name for name in ("home", "data", "work"))
    for folder in (home, data, work):
        (folder / "model").mkdir(parents=True)
        torch.save({}, folder / f"{folder.name}.pt")
    for name, value in (("HOME", home), ("DANN_DATA", data)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(work)
    for find in (find_user_path, resolve_user_path, find_weights_file):
        assert find("~/home.pt") == home / "home.pt"
        assert find("work.pt") == work / "work.pt" and find("data.pt") == data / "data.pt"
        assert find(str(home / "home.pt")) == home / "home.pt"
    assert find_user_path("home.pt") is None
    assert find_model_folder("~/model") == str(home / "model") and find_model_folder("model") == str(work / "model")
    assert find_model_folder("distilbert-base-uncased") == "distilbert-base-uncased"


def test_arguments_understand_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    options = parser().parse_args(["run", "~/a.yaml", "--out=~/runs"])
    assert options.file == tmp_path / "a.yaml" and options.out == tmp_path / "runs"
    assert parser().parse_args(["run", "a.yaml"]).out == Path("runs")
    options = parser().parse_args(["predict", "~/run", "~no-such-user/x.png", "--out=~/p.csv"])
    assert options.inputs == [Path("~no-such-user/x.png")] and options.out == tmp_path / "p.csv"


@pytest.mark.parametrize("name", ["x\0y", "x\ud800y"], ids=["a zero byte", "half of a surrogate pair"])
def test_a_name_that_no_path_has_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=r"^'x\\.+y': has a character that no path has: correct it$"):
        expand_user(name)
    with pytest.raises(BadInput, match="no path has"):
        find_user_path(name)
    with pytest.raises(BadInput, match="no path has"):
        parser().parse_args(["table", name])
    assert expand_user("x\udc80y") == Path("x\udc80y")  # a byte that is no UTF-8, as Linux permits
