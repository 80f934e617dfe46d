"""Experiment files that come with an installed package."""

from configparser import ConfigParser
from pathlib import Path, PurePosixPath

import pytest
import yaml

from dann.cli import shipped_experiments
from dann.cli.main import main
from dann.cli.shipped_experiments import bring_experiment

ROOT = Path(__file__).parents[2]


class Installed(PurePosixPath):
    """A file of an installation, as ``importlib.metadata`` lists it: a path from site-packages, and where it is."""

    def locate(self) -> Path:
        return Path.cwd() / "installed" / self


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The experiments of a wheel, from a working directory without any."""
    folder = tmp_path / "installed/share/dann/experiments"
    for name in ("quickstart.yaml", "finetuning/zero_shot.yaml", "finetuning/segments.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / "experiments" / name).read_bytes())
    found = [Installed(path.relative_to(tmp_path / "installed")) for path in folder.rglob("*.*")]
    monkeypatch.setattr(shipped_experiments, "files", lambda name: [*found, Installed("dann/cli/main.py")])
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.usefixtures("installed")
def test_a_file_that_is_not_there_is_copied_from_the_installation(capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path("experiments/quickstart.yaml")
    assert main(["run", str(copy), "--dry-run"]) == 0 and not copy.exists()  # which writes nothing
    assert "rotated moons, DANN" in capsys.readouterr().out
    assert bring_experiment(copy) == copy
    assert "experiments/quickstart.yaml: copied from the installed package" in capsys.readouterr().err
    assert copy.read_bytes() == (ROOT / copy).read_bytes()
    bring_experiment(Path("experiments/finetuning/zero_shot.yaml"))
    assert Path("experiments/finetuning/segments.csv").is_file()


@pytest.mark.usefixtures("installed")
def test_a_file_that_is_there_is_kept_and_others_are_not_made(capsys: pytest.CaptureFixture[str]) -> None:
    own = Path("experiments/quickstart.yaml")
    own.parent.mkdir()
    own.write_text("title: mine\n")
    for file in (
        own,
        Path("experiments/no.yaml"),
        Path("quickstart.yaml"),
        Path("experiments/quickstart.yaml").absolute(),
    ):
        bring_experiment(file)
    assert own.read_text() == "title: mine\n" and [*Path().glob("**/*.yaml")].count(own) == 1
    assert capsys.readouterr().err == "" and not Path("quickstart.yaml").exists()
    assert main(["run", "experiments/no.yaml"]) == 2


def test_wheels_have_every_experiment() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    shipped = {
        path.relative_to(ROOT)
        for target, patterns in setup["options.data_files"].items()
        for pattern in patterns.split()
        for path in ROOT.glob(pattern)
        if target == f"share/dann/{path.parent.relative_to(ROOT)}"
    }
    assert shipped == {
        path.relative_to(ROOT) for path in (ROOT / "experiments").rglob("*.*") if path.suffix in (".yaml", ".csv")
    }


def test_continuous_integration_runs_every_release_of_python_that_the_readme_names() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    first, last = matrix["python"][0], matrix["python"][-1]
    assert f"Python {first}–{last}" in (ROOT / "README.md").read_text()
    assert [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step] == [".ci/run"]
