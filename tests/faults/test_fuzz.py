"""A sample of what tests/faults/fuzz.py measures, and that each kind of fault would be noticed."""

from pathlib import Path

import hypothesis
import pytest
import yaml
from fuzz import FILE, SURFACES, measure
from fuzz_templates import make_template
from generated_experiments import experiments
from sandbox import Case, Sandbox

from dann.config.experiment import read_experiment
from dann.config.schema import resolve
from dann.errors import BadInput


@pytest.fixture(scope="session", autouse=True)
def hypothesis_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    hypothesis.configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))


@pytest.mark.slow
def test_bad_input_at_random_ends_in_one_line(tmp_path: Path) -> None:
    outcomes = measure(60, 1, tmp_path)
    assert len(outcomes) == len(SURFACES) + 1 and sum(outcome.cases for outcome in outcomes) == 60
    assert [outcome for outcome in outcomes if outcome.wrong] == []


def test_a_generated_experiment_is_read_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"

    @hypothesis.settings(max_examples=150, derandomize=True, database=None, deadline=None)
    @hypothesis.given(experiments())
    def read(content: object) -> None:
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        try:
            for run in read_experiment(file).runs():
                resolve(run.declared, "here")
        except BadInput as error:
            assert len(str(error)) < 3000

    read()


def write_elsewhere(arguments: list[str]) -> int:
    (Path(arguments[0]) / "elsewhere").write_text("x")
    return 0


def end_without_a_line(arguments: list[str]) -> int:
    return 2


def raise_an_error(arguments: list[str]) -> int:
    raise AttributeError("'str' object has no attribute 'get'")


@pytest.mark.parametrize(
    ("command", "fault"),
    [(write_elsewhere, "wrote "), (end_without_a_line, "not one line"), (raise_an_error, "AttributeError")],
)
def test_the_sandbox_notices(command: object, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dann.cli.main.main", command)
    with Sandbox(tmp_path / "sandbox") as sandbox:
        assert sandbox.run(Case([str(tmp_path)])).fault.startswith(fault)


@pytest.mark.slow
def test_what_is_altered_is_right_before(tmp_path: Path) -> None:
    template = make_template(tmp_path / "template")
    named = [commands for name, _, commands in template.data if not name.startswith("archive")]
    reads = [next(words for words in commands if words[0] in ("predict", "run")) for commands in named]
    with Sandbox(tmp_path / "sandbox", template.root) as sandbox:
        for arguments in [["run", FILE, "--dry-run"], *template.users[:2], template.readers[0], *reads]:
            verdict = sandbox.run(Case(arguments, outputs=("runs", "out", "out.csv"), draws=False))
            assert (verdict.status, verdict.fault) == (0, ""), (arguments, verdict)
