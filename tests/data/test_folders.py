"""Folders of data, and paths that users give."""

from pathlib import Path

import pytest

from dann.data.datasets.all_datasets import DOMAINS
from dann.errors import BadInput
from dann.files.user_paths import resolve_user_path


def test_wrong_data_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DANN_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match=r"DANN_DATA names .*nowhere"):
        DOMAINS["mnist"]()


def test_given_path_is_sought_in_both_places(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    with pytest.raises(BadInput) as caught:
        resolve_user_path("a.npz")
    assert str(work / "a.npz") in str(caught.value) and str(data_folder / "a.npz") in str(caught.value)
    (data_folder / "a.npz").touch()
    assert resolve_user_path("a.npz") == data_folder / "a.npz"
    (work / "a.npz").touch()
    assert resolve_user_path("a.npz") == work / "a.npz"
    assert resolve_user_path(str(data_folder / "a.npz")) == data_folder / "a.npz"
    with pytest.raises(BadInput, match="path is empty"):
        resolve_user_path(" ")
