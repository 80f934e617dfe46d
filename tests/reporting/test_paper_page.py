"""The page of the paper's numbers, and the command that makes its runs."""

from pathlib import Path
from typing import Any

import pages
import paper
import publish
import pytest
import yaml
from paper_page import NAMED, PAGE, needs_missing_data, paper_files, published_numbers
from tiny import TURNS, write_tiny

from dann.config.experiment import read_experiment
from dann.data.datasets.all_datasets import DOMAINS

ROOT = Path(__file__).parents[2]
FOLDER = Path("experiments/ganin2016")
TITLE, TURN = "Turns | both (Ganin et al. 2016, Figure 2)", r"Turns \| both: 10°"


def row_of(text: str, *cells: str) -> list[str]:
    """The cells of the one line that begins with some."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    (found,) = [line for line in lines if line[: len(cells)] == list(cells)]
    return found


@pytest.fixture
def paper_folder(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small experiments of the paper, one of which lacks its data, and one that names no table of it."""
    monkeypatch.chdir(tmp_path)
    write_tiny(FOLDER / "moons.yaml", **TURNS | {"seeds": [0, 1]}, published={"DANN": {"10°": 0.95, "30°": 0.9}})
    content = yaml.safe_load((FOLDER / "moons.yaml").read_text()) | {
        "title": "Turns | both (Ganin et al. 2016, Figure 2)"
    }
    (FOLDER / "moons.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    office = {"dataset": "office31", "source": "amazon", "target": "webcam"}
    whole = {**content, "title": "Office (Ganin et al. 2016, Table 3)", "tasks": {}, "published": {"DANN": 0.73}}
    (FOLDER / "office31.yaml").write_text(yaml.safe_dump({**whole, "base": {**content["base"], "data": office}}))
    write_tiny(FOLDER / "other.yaml", title="What the paper leaves open")
    return tmp_path


def test_the_runs_at_hand_are_made_and_each_number_stands_beside_ours(paper_folder: Path, capsys: Any) -> None:
    moons, office = FOLDER / "moons.yaml", FOLDER / "office31.yaml"
    assert pages.main([]) == 0
    committed = PAGE.read_text()
    assert committed.index("## Figure 2") < committed.index("## Table 3")
    assert row_of(committed, TURN) == [
        TURN, "DANN", "95", "not run yet", "—", "—", f"`dann run {moons}`",
    ]  # fmt: skip
    absent = ["Office", "DANN", "73", "data not at hand", "—", "—", f"`dann run {office}`"]
    assert row_of(committed, "Office") == absent

    capsys.readouterr()
    assert paper.main([str(moons), str(office)]) == 0
    output = capsys.readouterr()
    (skipped,) = [line for line in output.err.splitlines() if line.startswith("skipped")]
    assert skipped.startswith(f"skipped {office}: data set office31/amazon is not in ")
    page = "# The paper's numbers and ours" + output.out.partition("# The paper's numbers and ours")[2]
    score, interval, difference = row_of(page, TURN)[3:6]
    assert "±" in score and "–" in interval and difference != "—"
    assert row_of(page, "Office") == absent and "leaves open" not in page

    capsys.readouterr()
    assert publish.main([str(moons)]) == 0 and pages.main(["--check"]) == 0
    published = row_of(PAGE.read_text(), TURN)
    assert published[3:] == [score, interval, difference, "[moons](ganin2016/moons.md)"]
    PAGE.write_text(PAGE.read_text().replace(difference, "0.0", 1))
    assert pages.main(["--check"]) == 1 and f"{PAGE}: differs" in capsys.readouterr().out


def test_a_command_that_is_stopped_stops_all(paper_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    called: list[str] = []
    monkeypatch.setattr(paper, "run_command", lambda words: called.append(words[1]) or 130)
    assert paper.main([]) == 130
    assert called == [str(FOLDER / "moons.yaml")] and "numbers" not in capsys.readouterr().out


def test_bad_input_is_one_line(paper_folder: Path, capsys: Any) -> None:
    (FOLDER / "moons.yaml").write_text("title: 3\n")
    assert paper.main([]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_every_published_number_of_the_papers_tables_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    numbers = {}
    for file in paper_files():
        experiment = read_experiment(file)
        if match := NAMED.match(experiment.title):
            found = {(task, row): value for task, row, value in published_numbers(experiment)}
            numbers[file.stem] = f"{match['kind']} {match['number']}", len(found), needs_missing_data(experiment)
    assert numbers == {
        "amazon_msda": ("Table 1", 36, False),
        "amazon_raw": ("Table 1", 36, False),
        "mnist_to_mnist_m": ("Table 2", 3, False),
        "moons": ("Figure 2", 1, False),
        "office31": ("Table 3", 6, True),
        "svhn_to_mnist": ("Table 2", 3, True),
        "syn_digits_to_svhn": ("Table 2", 3, True),
        "syn_signs_to_gtsrb": ("Table 2", 3, True),
    }
    assert paper.find_missing_data(Path("experiments/ganin2016/moons.yaml")) is None and "office31" in DOMAINS
