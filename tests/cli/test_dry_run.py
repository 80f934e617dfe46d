"""``dann run --dry-run`` prints what a run would do, and does none of it."""

from pathlib import Path
from typing import Any

import yaml
from complaints import complaint
from tiny import TINY, write_tiny

from dann.cli.dry_run import changes
from dann.cli.main import main
from dann.config.schema import resolve


def planned(capsys: Any, file: Path, *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["run", str(file), "--out", str(file.parent / "runs"), "--dry-run", *arguments]) == 0
    content: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return content


def test_the_base_is_resolved_and_variants_are_differences(tmp_path: Path, capsys: Any) -> None:
    content = planned(capsys, write_tiny(tmp_path / "tiny.yaml"), "--set", "train.steps=5")
    base = resolve(TINY["base"], "test").model_dump(mode="json")
    assert content["base"] == base | {"train": base["train"] | {"steps": 5}}
    assert content["variants"] == {"source only": {"method": {"name": "source_only"}}, "DANN": {}}
    assert content["runs"] == {"source only": {"to make": [0, 1]}, "DANN": {"to make": [0, 1]}}
    assert not (tmp_path / "runs").exists()


def test_finished_runs_are_marked(tmp_path: Path, capsys: Any) -> None:
    file = write_tiny(tmp_path / "tiny.yaml")
    arguments = ["run", str(file), "--out", str(tmp_path / "runs"), "--only", "DANN", "--seeds", "1"]
    assert main(arguments) == 0
    (tmp_path / "runs/tiny/source-only/seed-0.unfinished").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    content = planned(capsys, file)
    assert content["runs"] == {
        "source only": {"unfinished": [0], "to make": [1]},
        "DANN": {"to make": [0], "finished": [1]},
    }
    assert sorted(tmp_path.rglob("*")) == before
    assert planned(capsys, file, "--only", "DANN", "--seeds", "7")["runs"] == {"DANN": {"to make": [7]}}
    line = complaint(capsys, *arguments, "--dry-run", "--set", "method.weight=0.5")
    assert "method.weight: 1.0 there, 0.5 now" in line


def test_tasks_and_what_depends_on_them(tmp_path: Path, capsys: Any) -> None:
    tasks = {"near": {}, "far": {"data": {"target": {"degrees": 60.0}}}}
    on_target = {"data": {"source": "target"}, "method": {"name": "source_only"}}
    file = write_tiny(tmp_path / "tiny.yaml", tasks=tasks, variants={"on target": on_target}, published={})
    content = planned(capsys, file)
    assert content["tasks"] == {"far": {"data": {"target": {"degrees": 60.0}}}}
    assert content["variants"]["DANN"] == {}
    far = content["variants"]["on target, far"]
    assert far["data"]["source"] == {"name": "moons_rotated", "points": 20, "degrees": 60.0}
    assert far["method"] == {"name": "source_only"} and "on target, near" in content["variants"]
    assert list(content["runs"])[:2] == ["near, source only", "near, DANN"]


def test_settings_of_a_search_are_runs(tmp_path: Path, capsys: Any) -> None:
    search = {"budget": 2, "keys": {"optimizer.lr": [0.01, 0.1]}}
    content = planned(capsys, write_tiny(tmp_path / "tiny.yaml", search=search))
    assert content["runs"]["DANN, optimizer.lr = 0.1"] == {"to make": [0, 1]} and content["variants"]["DANN"] == {}


def test_a_base_without_a_method_shows_the_first_variant(tmp_path: Path, capsys: Any) -> None:
    base = {key: value for key, value in TINY["base"].items() if key != "method"}
    content = {**TINY, "base": base, "variants": {"a": {"method": {"name": "dann"}}, "b": {"method": {"name": "mcc"}}}}
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({**content, "published": {}}))
    shown = planned(capsys, file)
    assert shown["base"]["method"]["name"] == "dann" and shown["variants"]["b"]["method"]["name"] == "mcc"


def test_changes_replace_a_component_of_another_name() -> None:
    old = {"a": {"name": "x", "p": 1}, "b": {"p": 1, "q": 2}, "c": None}
    new = {"a": {"name": "y", "p": 1}, "b": {"p": 1, "q": 3}, "c": {"name": "z"}}
    assert changes(old, new) == {"a": {"name": "y", "p": 1}, "b": {"q": 3}, "c": {"name": "z"}}
    assert changes(old, old) == {}


def test_names_move_no_cursor(tmp_path: Path, capsys: Any) -> None:
    name = "\x1b[2J\u202eeman\nbase: 1"
    content = {"title": name, "tasks": {name: {}, "é": {}}, "variants": {name: {}}, "published": {}}
    file = write_tiny(tmp_path / "tiny.yaml", **content)
    read = planned(capsys, file)
    assert name in read["variants"] and list(read["tasks"]) == ["é"]
    assert main(["run", str(file), "--out", str(tmp_path / "runs"), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\u202e" not in shown
    assert shown.splitlines()[0] == r"# \x1b[2J\u202eeman\nbase: 1"
