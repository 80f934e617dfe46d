"""``dann recommend``: a report without target labels, with a pilot, and an experiment file that runs."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from complaints import complaint
from PIL import Image
from tiny import write_tiny

from dann.cli.arguments import parser
from dann.cli.commands.recommendation import _repeat
from dann.cli.main import main
from dann.cli.recommendation.advising import Candidates, choose_candidates, recommend_row
from dann.cli.recommendation.domain_gap import Separation, separate
from dann.cli.recommendation.findings import (
    OF_KIND,
    OF_LABEL_SHIFT,
    OF_MISSING,
    OF_PARTIAL,
    OF_RARE_CLASS,
    OF_SOURCES,
    ROWS,
    Finding,
)
from dann.cli.recommendation.overview import Overview, look_over
from dann.cli.recommendation.pilot import Budget, Pilot, PilotRow, _plan
from dann.cli.recommendation.subject import Subject, hide_labels, make_pair, read_file, read_paths
from dann.errors import BadInput
from dann.reporting.advice import Part

FAST = ["--steps", "3", "--seeds", "0", "--device", "cpu"]
EMPTY = Part("", [])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory, with two domains of three classes, and few draws of the bootstrap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dann.evaluation.class_shares.RESAMPLES", 30)
    write_vectors("a", 0.0, 0)
    write_vectors("b", 1.5, 1)


def write_vectors(name: str, shift: float, seed: int, shares: tuple[float, ...] = (0.4, 0.3, 0.3)) -> None:
    random = np.random.default_rng(seed)
    y = random.permutation(np.repeat([0, 1, 2], [round(300 * share) for share in shares]))
    x = random.normal(size=(300, 6)) + 3 * np.eye(6)[y]
    x[:, 5] += shift
    np.savez(f"{name}.npz", x=x.astype(np.float32), y=y)


def recommend(capsys: pytest.CaptureFixture[str], *arguments: str, source: str = "a", target: str = "b") -> str:
    """What the command prints, on one line."""
    assert main(["recommend", "--source", f"{source}.npz", "--target", f"{target}.npz", *FAST, *arguments]) == 0
    return " ".join(capsys.readouterr().out.replace("•", "").split())


def test_the_report_its_page_and_a_file_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    out = recommend(capsys, "--html", "report.html", "--write", "next.yaml")
    for title in ("What there is", "How far the domains are apart", "Whether class shares differ", "A pilot",
                  "What to run next"):  # fmt: skip
        assert title in out
    assert (
        out.startswith("a to b In short: run ") and "By the inputs, the domains differ, but overlap. Label shift" in out
    )
    assert "Source a: 300 examples, 300 labelled; vectors 6." in out
    assert "the domains differ, but overlap" in out and "results/README.md" in out
    assert out.endswith("dann recommend --source a.npz --target b.npz --steps 3 --seeds 0")
    page = Path("report.html").read_text(encoding="utf-8")
    assert "A pilot" in page and "://" not in page and "<script" not in page and "title: a to b" in page
    content = yaml.safe_load(Path("next.yaml").read_text(encoding="utf-8"))
    assert list(content["variants"]) == ["source only", "MCC", "CDAN"] and len(content["seeds"]) == 5
    arguments = ["--seeds", "0", "--set", "train.steps=1", "--set", "diagnose.examples=0", "--device", "cpu"]
    assert main(["run", "next.yaml", "--only", "CDAN", *arguments]) == 0
    assert "--write next.yaml: exists already" in complaint(
        capsys, "recommend", "--source", "a.npz", "--target", "b.npz", "--write", "next.yaml"
    )


def test_the_command_that_repeats_a_report_has_what_changes_it() -> None:
    given = ["recommend", "--source", "a.npz", "--target", "b.npz", "--set", "layout=nlc", "--oracle"]
    assert _repeat(parser().parse_args(given), "--steps 3") == "dann " + " ".join(given[:-1]) + (
        " --steps 3 --oracle --write experiment.yaml"
    )
    few = parser().parse_args([*given, "--examples", "50"])
    assert "--set layout=nlc --examples 50 --steps 3" in _repeat(few, "--steps 3")


def test_a_pilot_has_no_generator_of_an_earlier_run(tmp_path: Path) -> None:
    data = {"resample": "generate", "generator": "{runs}/pixelda/seed-{seed}"}
    file = write_tiny(tmp_path / "generated.yaml", base={"data": data})
    with pytest.raises(BadInput, match=r"generated\.yaml: data\.generator: a pilot has no runs before it"):
        read_file(file, None, [])
    assert read_file(file, None, ["data.resample=none", "data.generator=null"]).config.data.generator is None


@pytest.mark.slow
def test_no_label_of_a_target_example_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    before = recommend(capsys)
    shown = recommend(capsys, "--oracle")
    with np.load("b.npz") as stored:
        x, y = stored["x"], stored["y"]
    np.savez("b.npz", x=x, y=np.random.default_rng(0).permutation(y))
    assert recommend(capsys) == before
    assert "The oracle's column is by the labels" in shown and "oracle" not in before
    assert re.findall(r"It chose ([\w ]+)\.", shown) == re.findall(r"It chose ([\w ]+)\.", before)
    np.savez("b.npz", x=x)
    without = recommend(capsys)
    assert "the target has no labels, so nothing shows" in without
    pilot = [text.partition("A pilot")[2].partition("What to run next")[0] for text in (before, without)]
    assert pilot[0] == pilot[1]


@pytest.mark.slow
def test_label_shift_is_likely_where_it_alone_explains_the_difference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dann.evaluation.class_shares.RESAMPLES", 100)
    write_vectors("shifted", 0.0, 2, (0.8, 0.1, 0.1))
    out = recommend(capsys, "--write", "next.yaml", target="shifted")
    assert "Label shift is likely: class 0 40 % in the source" in out and "All rows of the file have balanced" in out
    assert yaml.safe_load(Path("next.yaml").read_text())["base"]["data"]["resample"] == "balanced"
    write_vectors("moved", 8.0, 2, (0.8, 0.1, 0.1))
    out = recommend(capsys, target="moved")
    assert "Label shift is likely" not in out and "inputs differ too" in out and "neither shown nor excluded" in out


def test_a_difference_that_is_not_linear_is_seen() -> None:
    """Two clouds around one centre: a linear classifier is at chance, a small network is not."""
    random = np.random.default_rng(0)
    inner, outer = random.normal(0, 0.2, (300, 2)), random.normal(0, 1.5, (300, 2))
    found = separate("inputs", inner.astype(np.float32), np.zeros(300, np.int64), outer.astype(np.float32))
    assert found is not None and found.classifier == "small network" and not found.is_at_chance


def test_nothing_to_align(capsys: pytest.CaptureFixture[str]) -> None:
    write_vectors("same", 0.0, 6)
    out = recommend(capsys, target="same")
    assert "no difference between the domains can be shown" in out and "Recommended: source only." in out
    assert "No label shift can be shown" in out


def test_a_file_its_task_and_a_row_that_cannot_be_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROWS, "MCC", {"method": {"name": "fixmatch"}})
    tasks = {f"{degrees} degrees": {"data": {"target": {"degrees": float(degrees)}}} for degrees in (10, 30)}
    write_tiny(Path("turns.yaml"), tasks=tasks, base={"data": {"source": {"points": 60}, "target": {"points": 60}}})
    assert main(["recommend", "turns.yaml", "--task", "30 degrees", "--write", "next.yaml", *FAST]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("Tiny moons: 30 degrees") and "MCC was not made: method: fixmatch needs a second view" in out
    content = yaml.safe_load(Path("next.yaml").read_text(encoding="utf-8"))
    assert content["base"]["data"]["target"]["degrees"] == 30.0 and list(content["variants"]) == ["source only", "CDAN"]


def write_csv(name: str, *lines: str) -> str:
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


ONE_CLASS = ("p,q,label", *(f"{i},{i % 3},x" for i in range(9)))
TABLE = ("p,q,label", *(f"{i},{i % 3},{'xy'[i % 2]}" for i in range(40)))


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (TABLE, ("p,label", "1,x", "2,y"), "--target b.csv has no column q, but --source a.csv has: name them alike"),
        (ONE_CLASS, TABLE, "--source a.csv: has the one class x: add another"),
        (TABLE, ("p,q,label", "1,red,x"), "b.csv, line 2: q is 'red', not a number"),
        (TABLE, ("p,q,label",), "b.csv"),
        (("p,q", "1,2", "3,4"), TABLE, "--source a.csv: has no labels, which training needs"),
        (TABLE, ("text,label", "good,x"), "--target: texts, but the source has vectors: give data of one form"),
        (TABLE, ("p,q,label", "1,2,u", "3,4,v"), "--target: no class in common with the source"),
    ],
)
def test_odd_files_are_one_line(
    source: tuple[str, ...], target: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv("a.csv", *source)
    write_csv("b.csv", *target)
    assert says in complaint(capsys, "recommend", "--source", "a.csv", "--target", "b.csv")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name an experiment file, or --source and --target"),
        (["x.yaml", "--source", "a.npz"], "name an experiment file, or --source and --target"),
        (["--source", "a.npz"], "name an experiment file, or --source and --target"),
        (["--source", "a.npz", "--target", "empty"], "empty"),
        (["--source", "a.npz", "--target", "a.npz"], "is the source too: name two paths"),
        (["--source", "a.npz", "--target", "b.npz", "--task", "x"], "--task x: is of an experiment file"),
        (["--source", "a.npz", "--target", "b.npz", "--html", "empty"], "--html empty: is a folder"),
        (["--source", "a.npz", "--target", "b.npz", "--write", "x.txt"], "let it end in .yaml"),
        (["--source", "a.npz", "--target", "b.npz", "--minutes", "0"], "--minutes: write a number of minutes above 0"),
        (["--source", "a.npz", "--target", "b.npz", "--minutes", "1", "--steps", "2"], "not allowed with argument"),
        (["turns.yaml", "--task", "x"], "unknown task 'x'"),
        (["turns.yaml", "--source-labels", "x"], "are for --source and --target"),
        (["--source", "a.npz", "--target", "bare.npz", "--oracle"], "--oracle: bare has no labels"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    with np.load("b.npz") as stored:
        np.savez("bare.npz", x=stored["x"])
    write_tiny(Path("turns.yaml"), tasks={"10 degrees": {"data": {"target": {"degrees": 10.0}}}})
    assert says in complaint(capsys, "recommend", *arguments)


def test_columns_in_another_order_are_matched_by_name() -> None:
    write_csv("a.csv", *TABLE)
    write_csv("b.csv", "q,p,label", *(f"{i % 3},{i},{'xy'[i % 2]}" for i in range(40)))
    subject = read_paths(("a.csv", None), ("b.csv", None), {})
    assert subject.declared["data"]["target"]["columns"] == ["p", "q"]
    assert subject.target.train.x[:3].tolist() == subject.sources[0].train.x[:3].tolist()


def test_missing_values_duplicates_and_label_sets_are_counted() -> None:
    write_csv("a.csv", *TABLE, "60,1,w", "61,2,w")
    write_csv("b.csv", "p,q,label", "1,1,x", "7,,x", "8,50,z", "9,51,z", "10,52,w", "11,53,w")
    overview = look_over(read_paths(("a.csv", None), ("b.csv", None), {}))
    text = " ".join(statement.text for statement in overview.part.statements)
    assert overview.has_missing and overview.is_partial and overview.shared == 1
    assert "b 8.3 %. The configuration has data.missing: mean." in text
    assert "1 of 6 target examples equal a source example" in text
    assert "name z, which the source has not" in text and "do not name y of the source" in text


def read_vectors() -> Subject:
    return read_paths(("a.npz", None), ("b.npz", None), {})


@pytest.mark.parametrize(
    ("facts", "is_likely", "names", "findings"),
    [
        ((False, False, False), False, ("CDAN+E", "MCC", "DANN"), [OF_KIND["images"]]),
        ((True, False, False), False, ("CDAN", "SAFN"), [OF_PARTIAL]),
        ((None, True, False), False, ("CDAN+E", "MCC", "DANN"), [OF_KIND["images"], OF_RARE_CLASS]),
        ((False, False, True), False, ("CDAN+E", "MCC"), [OF_KIND["images"], OF_MISSING]),
        ((False, False, False), True, ("CDAN+E", "MCC"), [OF_KIND["images"], OF_LABEL_SHIFT]),
    ],
)
def test_what_is_found_decides_what_is_tried(
    facts: tuple[bool | None, bool, bool], is_likely: bool, names: tuple[str, ...], findings: list[Finding]
) -> None:
    found = choose_candidates("images", Overview(*facts, shared=0, part=EMPTY), is_likely, read_vectors())
    assert found.names == names and found.findings == findings
    balanced = {"data": {"resample": "balanced"}} if is_likely or facts[1] else {}
    assert found.changes == balanced


def test_a_remedy_that_the_file_has_already_is_left_as_it_is() -> None:
    write_tiny(Path("x.yaml"), base={"data": {"class_weights": "inverse"}})
    found = choose_candidates(
        "vectors", Overview(None, True, False, 0, EMPTY), False, read_file(Path("x.yaml"), None, [])
    )
    assert found.changes == {} and OF_RARE_CLASS in found.findings


def test_several_sources_are_pooled() -> None:
    sides = [{"name": "arrays", "path": f"{name}.npz"} for name in "ab"]
    write_vectors("c", 1.0, 5)
    data = {"source": sides, "target": {"name": "arrays", "path": "c.npz"}}
    content = yaml.safe_load(write_tiny(Path("x.yaml")).read_text())
    content["base"]["data"] = data
    Path("x.yaml").write_text(yaml.safe_dump(content))
    subject = read_file(Path("x.yaml"), None, [])
    found = choose_candidates("vectors", Overview(False, False, False, 0, EMPTY), False, subject)
    assert OF_SOURCES in found.findings and len(make_pair(subject).train) > 400


def pilot(choice: str, is_short: bool = False) -> Pilot:
    return Pilot({name: PilotRow() for name in ROWS}, 100, [0, 1], choice, 1, is_short)


def separation(low: float) -> Separation:
    return Separation("inputs", "linear classifier", low + 0.05, (low, low + 0.1), {})


def test_the_recommended_row_and_why() -> None:
    images = Candidates(("MCC", "CDAN"), {}, [OF_KIND["images"]])
    row, why = recommend_row("images", pilot("CDAN"), [separation(0.8)], images)
    assert row == "CDAN" and "1 of 2 seeds" in why[0].text and why[0].page == "results/selection/digits.md"
    assert recommend_row("images", pilot("CDAN"), [separation(0.45)], images)[0] == "source only"
    assert recommend_row("images", pilot("CDAN"), [separation(0.45), separation(0.8)], images)[0] == "CDAN"
    assert recommend_row("images", pilot("CDAN", True), [separation(0.8)], images)[0] == "MCC"
    row, why = recommend_row("bags", pilot("BNM"), [separation(0.8)], images)
    assert row == "source only" and "chose BNM" in why[0].text and why[0].page == "results/selection/amazon.md"
    vectors = Candidates(("MCC", "CDAN"), {}, [OF_KIND["vectors"]])
    row, why = recommend_row("vectors", pilot("MCC"), [separation(0.8)], vectors)
    assert row == "MCC" and "has not been measured" in why[0].text and not why[0].page
    assert recommend_row("vectors", pilot("MCC", True), [separation(0.8)], vectors)[0] == "source only"


def test_the_budget_is_shared_by_runs_and_evaluations() -> None:
    budget = Budget(minutes=1.0, steps=None, seeds=[0, 1, 2])
    assert _plan(budget, [0.01, 0.03], 1.0, 400) == (400, [0, 1, 2])  # 54 s of steps, 0.04 s for one of each row
    assert _plan(budget, [0.1, 0.1], 1.0, 1000) == (290, [0])  # three seeds would leave 90 steps
    assert _plan(budget, [0.1, 0.1], 100.0, 1000) == (1, [0])


def test_hidden_labels_leave_nothing_to_read() -> None:
    subject = read_vectors()
    hidden = hide_labels(subject.sources[0])
    assert hidden.classes == () and (hidden.train.y == -1).all()
    pair = make_pair(subject)
    assert not pair.has_target_labels and (pair.hidden_labels == -1).all()
    shown = make_pair(subject, oracle=True)
    assert shown.has_target_labels and (shown.hidden_labels == -1).all()
    assert shown.unlabelled.rows.tolist() == pair.unlabelled.rows.tolist()


def test_photos_are_features_of_a_frozen_network_and_texts_are_bags(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    for path in (
        Path(side, name, f"{i}.png") for side in ("real", "drawn") for name in ("cat", "dog") for i in range(3)
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    declared = read_paths(("real", None), ("drawn", None), {}).declared
    assert declared["network"] == {"name": "torchvision", "model": "resnet18", "head": "bottleneck"}
    assert declared["finetune"] == {"backbone": 0, "norm": "frozen"}
    assert declared["data"]["transform"] == {"normalise": "imagenet"} and declared["data"]["source"]["size"] == 128
    for name in "ab":
        write_csv(f"{name}.csv", "text,label", *(f"words {name} {i},{'ab'[i % 2]}" for i in range(20)))
    declared = read_paths(("a.csv", None), ("b.csv", None), {}).declared
    assert declared["data"]["vocabulary"] == {"size": 5000, "ngrams": 2} and declared["network"]["name"] == "mlp"
    assert "tokenizer" not in declared["data"]["source"]


@pytest.mark.slow
def test_tables_from_the_report_to_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for name, shift in (("a", 0.0), ("b", 1.0)):
        rows = [f"{value + shift + 2 * (i % 2):.3f},{i % 7},{('ill', 'well')[i % 2]}"
                for i, value in enumerate(random.normal(size=80))]  # fmt: skip
        write_csv(f"{name}.csv", "pressure,age,outcome", *rows)
    paths = ["--source", "a.csv", "--target", "b.csv", "--set", "label=outcome"]
    assert main(["recommend", *paths, "--write", "next.yaml", *FAST]) == 0
    arguments = ["--set", "train.steps=2", "--set", "diagnose.examples=0", "--seeds", "0", "--device", "cpu"]
    assert main(["run", "next.yaml", "--only", "source only", *arguments]) == 0
    write_csv("other.csv", "age,weight", "3,1.5")
    run = "runs/next/source-only/seed-0"
    write_csv("new.csv", "age,name,pressure", "3,ann,1.5", "5,ben,2")
    assert main(["predict", run, "new.csv", "--out", "predicted.csv"]) == 0
    assert len(Path("predicted.csv").read_text(encoding="utf-8").splitlines()) == 3
    capsys.readouterr()
    assert "other.csv: has no column pressure for a feature" in complaint(capsys, "predict", run, "other.csv")


@pytest.mark.slow
def test_an_oracle_of_a_transductive_file(capsys: pytest.CaptureFixture[str]) -> None:
    write_tiny(Path("x.yaml"), base={"data": {"transductive": True}})
    assert main(["recommend", "x.yaml", "--oracle", *FAST]) == 0
    assert "The oracle's column" in " ".join(capsys.readouterr().out.split())
