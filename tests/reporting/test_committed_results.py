"""Publishing to results/, its pages and their check."""

import json
import lzma
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pages
import publish
import pytest
from committed import read_result
from made_records import record_of
from marker_tables import fill_markers
from tiny import TURNS, write_tiny
from versions import LIBRARIES, constraints

from dann.cli.main import main
from dann.config.experiment import read_experiment
from dann.runner.experiment_records import PACKED, read_records
from dann.runner.records import RECORD, read_record, write_record


def cells_of(markdown: str) -> dict[str, list[str]]:
    """The rows of the first table in a text, the header's under the empty name."""
    table = next(part for part in markdown.split("\n\n") if "| --- |" in part)
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return {name.strip(): [cell.strip() for cell in cells] for name, *cells in lines}


def repack(folder: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of a packed file."""
    lines = lzma.decompress((folder / PACKED).read_bytes()).decode().splitlines(keepends=True)
    (folder / PACKED).write_bytes(lzma.compress("".join(change(lines)).encode()))


@pytest.mark.slow
def test_averages_of_several_pages(project: Path, capsys: Any) -> None:
    write_tiny(project / "experiments/theme/turns.yaml", **TURNS)
    assert main(["run", "experiments/theme/turns.yaml"]) == 0
    readme, marker = project / "README.md", "<!-- averages results/theme/tiny.md results/theme/turns.md -->"
    readme.write_text(f"Before.\n\n{marker}\nold\n<!-- end -->\n\nAfter.\n")
    assert publish.main(["experiments/theme/tiny.yaml"]) == 0
    assert "\nold\n" in readme.read_text()
    capsys.readouterr()
    assert pages.main(["--check"]) == 2
    assert "README.md: a marker names results/theme/turns.md, which does not exist" in capsys.readouterr().err

    assert publish.main(["experiments/theme/turns.yaml"]) == 0
    text = readme.read_text()
    assert text.startswith(f"Before.\n\n{marker}\n|") and text.endswith("\n<!-- end -->\n\nAfter.\n")
    tiny, turns = (cells_of((project / f"results/theme/{name}.md").read_text()) for name in ("tiny", "turns"))
    average, bound = (turns[""].index(name) for name in ("average", "average, oracle (upper bound)"))
    tiny_bound = tiny[""].index("target accuracy, oracle (upper bound), %")
    assert tiny[""][0] == "target accuracy, %"
    averages = cells_of(text)
    assert averages.pop("") == ["Tiny moons", "oracle (upper bound)", "Turns", "oracle (upper bound)"]
    assert averages.pop("---") == ["---:"] * 4
    for row, cells in averages.items():
        alone = [tiny[row][0], tiny[row][tiny_bound]] if row in tiny else ["—", "—"]
        assert cells == [*alone, *(turns[row][place] + " (n = 1)" for place in (average, bound))]
    assert list(averages) == ["source only", "DANN", "DANN, weak"] and "± " in averages["DANN"][0]
    note = text.split("\n\n")[2].splitlines()[0]
    seen = "on test splits that training never sees"
    assert f"[Tiny moons](results/theme/tiny.md), {seen}; [Turns](results/theme/turns.md), {seen}." in note
    assert "mean ± standard deviation over 2 seeds, after the last step" in note
    assert pages.main(["--check"]) == 0

    stale = text.replace("| DANN | ", "| DANN | 9")
    readme.write_text(stale)
    other = Path("results/theme/other.md")
    assert fill_markers(stale, readme, read_result, other) == stale
    capsys.readouterr()
    assert pages.main(["--check"]) == 1
    assert "README.md: differs from its experiment file or records: make pages" in capsys.readouterr().out
    assert publish.main(["experiments/theme/tiny.yaml"]) == 0 and readme.read_text() == text
    readme.write_text(text.replace("<!-- end -->", ""))
    assert pages.main(["--check"]) == 2


@pytest.mark.slow
def test_publish_and_check(project: Path, capsys: Any) -> None:
    file = "experiments/theme/tiny.yaml"
    readme = project / "README.md"
    readme.write_text("Before.\n\n<!-- table results/theme/tiny.md -->\nold\n<!-- end -->\n\nAfter.\n")
    assert publish.main([file]) == 0
    page = project / "results/theme/tiny.md"
    table = page.read_text().split("\n\n")[1]
    assert "| DANN | " in table and table in readme.read_text() and readme.read_text().endswith("\n\nAfter.\n")
    figures = sorted(path.name for path in page.with_suffix("").glob("*.png"))
    assert figures == ["bars.png", "curves.png"] and not list(page.parent.rglob("*.npz"))
    assert not (project / "results/theme/tiny/dann").exists() and not list(page.parent.rglob(RECORD))
    packed = page.with_suffix("") / PACKED
    folders = [project / "runs/theme/tiny" / run.folder for run in read_experiment(Path(file)).runs()]
    written = [json.loads((folder / RECORD).read_text()) for folder in folders]
    packed_ones = map(json.loads, lzma.decompress(packed.read_bytes()).splitlines())
    for each in written:  # the page has no reliability plots
        del each["checksum"]
        assert each.pop("reliability")
    assert [each | {"reliability": {}} for each in written] == list(packed_ones)
    assert pages.main(["--check"]) == 0
    assert main(["table", "results"]) == 0

    page.write_text(page.read_text().replace("| DANN | ", "| DANN | 9"))
    capsys.readouterr()
    assert pages.main(["--check"]) == 1
    assert "results/theme/tiny.md: differs from its experiment file or records: make pages" in capsys.readouterr().out
    assert publish.main([file]) == 0
    readme.write_text(readme.read_text().replace("| DANN | ", "| DANN | 9"))
    assert pages.main(["--check"]) == 1
    assert "README.md: differs from its experiment file or records: make pages" in capsys.readouterr().out
    assert publish.main([file]) == 0
    whole = packed.read_bytes()
    repack(packed.parent, lambda lines: [line.replace('"target_test":0.', '"target_test":0.0') for line in lines])
    assert pages.main(["--check"]) == 1
    repack(packed.parent, lambda lines: lines[1:])
    assert pages.main(["--check"]) == 1
    assert "not the runs that" in capsys.readouterr().out
    assert publish.main([file]) == 0 and packed.read_bytes() == whole
    assert publish.main([file, "--runs", "results"]) == 0 and packed.read_bytes() == whole
    readme.write_text(readme.read_text().replace("<!-- end -->", "<!-- fin -->"))
    assert pages.main(["--check"]) == 2
    (project / file).rename(project / "experiments/theme/renamed.yaml")
    readme.unlink()
    capsys.readouterr()
    assert pages.main(["--check"]) == 1
    assert "results/theme/tiny: experiments/theme/tiny.yaml does not exist" in capsys.readouterr().out


@pytest.mark.parametrize("renamed", [0, 1, 2])
def test_publishing_that_is_killed_loses_nothing(renamed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(path: Path, other: Path) -> Path:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return genuine(path, other)

    genuine, left, folder, new = Path.rename, [None] * renamed, tmp_path / "x", tmp_path / "x.new"
    for path in (folder, new):
        path.mkdir()
        (path / path.name).touch()
    monkeypatch.setattr(Path, "rename", rename)
    with suppress(KeyboardInterrupt):
        publish.replace_folder(folder, new)
    monkeypatch.setattr(Path, "rename", genuine)
    publish.restore(folder)
    assert [path.name for path in folder.iterdir()] == ["x" if renamed < 2 else "x.new"]
    assert not (tmp_path / "x.old").exists()


def test_publish_wants_all_runs(project: Path, capsys: Any) -> None:
    (project / "runs/theme/tiny/dann/seed-1/record.json").unlink()
    assert main(["run", "experiments/theme/tiny.yaml"]) == 2
    assert "dann/seed-1 holds no record.json: remove that folder" in capsys.readouterr().err
    assert publish.main(["experiments/theme/tiny.yaml"]) == 2
    assert "1 runs of experiments/theme/tiny.yaml are missing, the first DANN, seed 1" in capsys.readouterr().err
    assert not (project / "results").exists()


def test_publishing_takes_out_a_flag_that_the_file_no_longer_gives_reason_for(project: Path) -> None:
    place = project / "runs/theme/tiny/source-only/seed-0"
    record = read_record(place)
    flag = {"alarm": "negative transfer", "step": 40, "text": "from another baseline, once"}
    other = {"alarm": "collapse", "step": 40, "text": "one class"}
    write_record(replace(record, alarms=[flag, other]), place)
    assert publish.main(["experiments/theme/tiny.yaml"]) == 0
    published = read_records(read_experiment(project / "experiments/theme/tiny.yaml"), project / "results/theme/tiny")
    assert [each.alarms for each in published.values() if (each.variant, each.seed) == ("source only", 0)] == [[other]]


def test_a_search_with_fresh_seeds_publishes_what_it_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    search = {"budget": 2, "keys": {"optimizer.lr": [0.02, 0.1]}, "seeds": [100]}
    file, folder = write_tiny(Path("experiments/tiny.yaml"), search=search), Path("runs/tiny")
    experiment = read_experiment(file)
    scores = {"": 0.7, "optimizer.lr = 0.02": 0.9, "optimizer.lr = 0.1": 0.6}  # the rule's and the oracle's choice
    for run in experiment.runs():
        record = record_of(run.variant, run.seed, scores[run.row[2]])
        record.evaluations[-1]["source_validation"] = scores[run.row[2]]
        (folder / run.folder).mkdir(parents=True)
        write_record(replace(record, declared=run.declared, setting=run.setting), folder / run.folder)
    assert publish.main([str(file)]) == 0 and pages.main(["--check"]) == 0
    published = read_records(experiment, Path("results/tiny"))
    assert len(published) == 2 * (3 + 2 * 2)  # not the high rate's with fresh seeds, which nothing chose
    page = Path("results/tiny.md").read_text()
    for heading in ("target accuracy, default, %", "target accuracy, tuned, %", "rank, oracle", "oracle's choice"):
        assert f"| {heading} |" in page
    assert main(["table", "results/tiny"]) == 0 and main(["report", "results/tiny", "--out", "report"]) == 0
    Path("README.md").write_text("<!-- averages results/tiny.md -->\nold\n<!-- end -->\n")
    assert pages.main([]) == 0
    averages, text = cells_of(Path("README.md").read_text()), Path("README.md").read_text()
    assert averages[""] == [f"{experiment.title}, default", "tuned", "oracle (upper bound)"]
    assert averages["DANN"] == ["70.0 ± 0.0", "90.0 ± 0.0", "90.0 ± 0.0"]
    assert "the best source validation accuracy; oracle there: those with the best target score" in text
    assert "the best step of each run" not in text
    Path("README.md").unlink()

    (folder / "dann/optimizer.lr-0.02/seed-1/record.json").unlink()
    (folder / "dann/optimizer.lr-0.02/seed-1").rmdir()
    capsys.readouterr()
    assert publish.main([str(file)]) == 2
    assert "1 runs of experiments/tiny.yaml are missing, the first DANN, optimizer.lr = 0.02, seed 1" in (
        capsys.readouterr().err
    )
    repack(Path("results/tiny"), lambda lines: [line for line in lines if '"seed":1,' not in line])
    assert pages.main(["--check"]) == 1
    assert "results/tiny: not the runs that experiments/tiny.yaml plans" in capsys.readouterr().out


@pytest.mark.slow
def test_results_of_this_repository_agree_with_their_records(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert pages.main(["--check"]) == 0, capsys.readouterr().out


def test_pages_are_written_from_records_wherever_their_tables_stand(project: Path, capsys: Any) -> None:
    file = project / "experiments/theme/tiny.yaml"
    assert publish.main(["experiments/theme/tiny.yaml"]) == 0
    markers = [f"<!-- {kind} results/theme/tiny.md -->\nold\n<!-- end -->\n" for kind in ("table", "averages", "rules")]
    places = {"README.md": "results", "results/README.md": "", "experiments/README.md": "../results",
              "dann/methods/README.md": "../../results"}  # fmt: skip
    for place in places:
        (project / place).parent.mkdir(parents=True, exist_ok=True)
        (project / place).write_text("\n".join(markers))
    file.write_text(file.read_text() + "finding: DANN gains.\n")
    pictures = {path: path.read_bytes() for path in project.glob("results/**/*.png")}
    capsys.readouterr()
    assert pages.main(["--check"]) == 1
    named = {line.split(": ")[0] for line in capsys.readouterr().out.splitlines()}
    assert named == {*places, "results/theme/tiny.md", "results/theme/tiny/experiment.yaml"}
    assert pages.main([]) == 0 and set(capsys.readouterr().out.splitlines()) == named
    assert pages.main(["--check"]) == 0
    assert "\n\nDANN gains.\n\n" in (project / "results/theme/tiny.md").read_text()
    for place, folder in places.items():
        text = (project / place).read_text()
        link = f"{folder}/theme/tiny.md".removeprefix("/")
        assert "old" not in text and f"[Tiny moons]({link})" in text
    assert {path: path.read_bytes() for path in pictures} == pictures


@pytest.mark.slow
def test_constraints_are_the_versions_of_most_records(project: Path, capsys: Any) -> None:
    assert publish.main(["experiments/theme/tiny.yaml"]) == 0
    Path("constraints.txt").touch()
    assert pages.main(["--check"]) == 1 and "constraints.txt: differs" in capsys.readouterr().out
    assert pages.main([]) == 0 and pages.main(["--check"]) == 0
    (record, *_) = read_records(read_experiment(Path("experiments/theme/tiny.yaml")), Path("runs/theme/tiny")).values()
    versions = {library: record.environment[library] for library in LIBRARIES}
    lines = [line for line in Path("constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == [f"{library}=={version}" for library, version in versions.items()]
    older = replace(record, environment=record.environment | {"torch": "1.0"})
    assert f"torch=={versions['torch']}  # 2 runs with 1.0\n" in constraints([older, record, older, record, record])
