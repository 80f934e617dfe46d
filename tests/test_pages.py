"""Pages: their examples run, their links lead somewhere, their counts and names are those of the project.

A block of code names its language, and one that is not whole also its kind: ``yaml part`` is laid over a tiny
experiment, ``yaml base`` over its base, ``yaml data`` over its data; ``yaml sources`` has one data set in each line.
"""

import ast
import lzma
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from test_tree import DATA, EXPERIMENTS, PACKAGE, PACKAGES, ROOT
from tiny import TINY, Silent

import dann
from dann.cli.arguments import parser
from dann.cli.domain_summary import MADE, OWN
from dann.cli.main import main
from dann.config.compatibility import check_data, check_parts
from dann.config.components import read_component
from dann.config.experiment import Experiment, read_experiment
from dann.config.merging import merge
from dann.config.schema import Config, library_of, resolve
from dann.config.sections import DataSection, DiagnoseSection, SelfTrainingSection, TrainSection
from dann.config.yaml_files import parse_yaml
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES
from dann.methods.all_methods import METHODS
from dann.methods.method import Method
from dann.networks.all_networks import NETWORKS
from dann.networks.finetuning import FineTuning
from dann.optim.optimizers import OPTIMIZERS
from dann.optim.schedules import LEARNING_RATE_SCHEDULES
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch

FOLDERS = ("dann", "experiments", "results")
PAGES = [*sorted(ROOT.glob("*.md")), *(path for name in FOLDERS for path in sorted((ROOT / name).rglob("*.md")))]
WRITTEN = [path for path in PAGES if path.stem.isupper()]  # by hand; commands write the others
FENCE = re.compile(r"^```(\w*)(?: (\w+))?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"\b(?:dann|experiments|results|tests)/(?:[\w.-]+/)*[\w.-]+\.(?:py|yaml|md|csv)\b")
INVENTED = {"dann/methods/mean_matching.py", "experiments/x.yaml", "results/x.md"}  # names of examples
CPU = torch.device("cpu")
SHELL = ("dann", "make", "pip", "python", "git")  # programs of examples; a page that needs another one names it here


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    page: str
    language: str
    kind: str
    text: str


def _blocks() -> list[Block]:
    found = []
    for path in WRITTEN:
        for language, kind, text in FENCE.findall(path.read_text(encoding="utf-8")):
            found.append(Block(str(path.relative_to(ROOT)), language, kind, text))
    return found


BLOCKS = _blocks()


def blocks(language: str) -> Any:
    """A parametrisation over the blocks of one language."""
    chosen = [block for block in BLOCKS if block.language == language]
    names = [f"{block.page}-{number}" for number, block in enumerate(chosen)]
    return pytest.mark.parametrize("block", chosen, ids=names)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_blocks_are_found_and_have_a_language() -> None:
    assert {block.language for block in BLOCKS} == {"sh", "yaml", "python"}
    assert {block.kind for block in BLOCKS} <= {"", "part", "base", "data", "sources"}
    assert len(BLOCKS) == sum(path.read_text(encoding="utf-8").count("\n```") for path in WRITTEN) / 2


# Examples


@blocks("yaml")
def test_a_yaml_example_is_valid(block: Block, tmp_path: Path) -> None:
    if block.kind == "sources":
        for line in block.text.splitlines():
            read_component(parse_yaml(line, block.page)["source"], "data.source", DOMAINS, "data set", block.page)
        return
    content = parse_yaml(block.text, block.page)
    whole = {
        "": content,
        "part": merge(TINY, content),
        "base": merge(TINY, {"base": content}),
        "data": merge(TINY, {"base": {**TINY["base"], "data": content}}),
    }[block.kind]
    if block.kind == "data":
        whole["base"]["data"] = content
    file = tmp_path / "example.yaml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    if "use" in content:
        _write_parts(tmp_path)
    experiment = read_experiment(file)
    library = library_of(experiment, str(file))
    for run in experiment.runs():
        config = resolve(run.declared, run.name, library)
        check_data(config.data)
        check_parts(config)
        if block.kind == "data":  # states the defaults
            named = {"source": config.data.source, "target": config.data.target}
            assert config.data == DataSection.model_validate(named)


def _write_parts(folder: Path) -> None:
    """The file that the page of experiments lists parts in."""
    (text,) = [block.text for block in BLOCKS if block.language == "python" and "VALIDATORS = " in block.text]
    (folder / "my_parts.py").write_text(text, encoding="utf-8")


def test_the_example_of_parts_of_your_own_trains(tmp_path: Path) -> None:
    """One of each kind, from the file as the page has it to a table by its own rule."""
    _write_parts(tmp_path)
    (text,) = [block.text for block in BLOCKS if block.language == "yaml" and "use: [my_parts.py]" in block.text]
    file = tmp_path / "rings.yaml"
    file.write_text(text, encoding="utf-8")
    experiment = read_experiment(file, ["train.steps=4", "train.evaluate_every=2"])
    launch(experiment, list(experiment.runs()), tmp_path / "runs", CPU, Silent(), file)
    records = list(read_records(experiment, tmp_path / "runs").values())
    assert [len([key for key in record.checksums if key.startswith("own ")]) for record in records] == [4, 5]
    assert all("score_own.margin" in evaluation for record in records for evaluation in record.evaluations)


EXAMPLES = [block for block in BLOCKS if block.language == "python"]
IN_ORDER = {page: [block.text for block in EXAMPLES if block.page == page] for page in (each.page for each in EXAMPLES)}
del IN_ORDER["dann/inference/README.md"]  # which needs a run: test_the_quickstart_can_be_used


@pytest.mark.parametrize("page", IN_ORDER)
def test_the_python_examples_of_a_page_run_in_order(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {}
    for text in IN_ORDER[page]:
        exec(text, names)
    if "loss" in names:
        assert names["loss"].isfinite() and names["source"].grad.abs().sum() > 0
    if "MeanMatching" in names:
        _run_own_method(names["MeanMatching"], tmp_path, monkeypatch)


def _run_own_method(method: type[Method], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the example of a method as its text says: listed in METHODS, with its option, from a file to a record."""
    monkeypatch.setitem(METHODS, "mean_matching", method)
    base = TINY["base"] | {"method": {"name": "mean_matching", "weight": 0.5}}
    variants = {"source only": {"method": {"name": "source_only"}}, "mean matching": {}}
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump(TINY | {"base": base, "variants": variants, "published": {}}))
    experiment = read_experiment(file)
    runs = list(experiment.runs(["mean matching"], [0]))
    launch(experiment, runs, folder / "own", CPU, Silent(), file)
    (record,) = read_records(experiment, folder / "own").values()
    assert record.config["method"] == {"name": "mean_matching", "weight": 0.5}
    assert set(record.losses) == {"step", "label", "distance"} and record.losses["distance"][-1] < 1
    with pytest.raises(BadInput, match="heft"):
        resolve(merge(runs[0].declared, {"method": {"heft": 1}}), "own")


@blocks("sh")
def test_commands_of_an_example_exist(block: Block) -> None:
    lines = [shlex.split(line, comments=True) for line in block.text.replace("$RUN", "runs/x/seed-0").splitlines()]
    for words in lines:
        if words[:1] == ["dann"]:
            assert parser().parse_args(words[1:]).command == words[1]
    assert any(words[:1] in ([name] for name in SHELL) for words in lines), lines  # a block of other programs is a slip


def test_the_quickstart_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The examples of dann/inference/README.md, on the quickstart after two steps."""
    file = ROOT / "experiments/quickstart.yaml"
    experiment = read_experiment(file, ["train.steps=2"])
    monkeypatch.chdir(tmp_path)
    launch(experiment, list(experiment.runs(["DANN"], [0, 1])), Path("runs/quickstart"), CPU, Silent(), file)
    np.save("images.npy", np.zeros((2, 20, 20, 3), np.uint8))
    Path("photos").mkdir()
    for path in ("digit.png", "photos/digit.png"):
        Image.new("RGB", (20, 20)).save(path)
    shell, python, exported = (block for block in BLOCKS if block.page == "dann/inference/README.md")
    names: dict[str, Any] = {}
    exec(python.text, names)
    assert names["probabilities"].shape == (2, 10) and set(names["names"]) <= set("0123456789")
    folder = re.findall("^RUN=(.*)$", shell.text, flags=re.MULTILINE)[0]
    commands = [shlex.split(line.replace("$RUN", folder), comments=True) for line in shell.text.splitlines()[1:]]
    for _, *arguments in commands:
        assert main(arguments) == 0
    assert len(Path("predictions.csv").read_text().splitlines()) == 1 + 4 and Path(folder, "model.onnx").is_file()
    exec(exported.text, names)
    assert names["classes"] == list("0123456789") and names["shape"] == [None, 3, 20, 20]
    assert names["logits"].shape == (2, 10) and set(names["names"]) <= set("0123456789")
    capsys.readouterr()
    np.save("points.npy", np.zeros((2, 2), np.float32))
    moons = "runs/quickstart/rotated-moons/dann/seed-0"
    assert main(["predict", moons, "points.npy"]) == 0
    assert main(["export", moons, "--format", "torch_export"]) == 0
    assert capsys.readouterr().out.endswith("seed-0/model.pt2\n")


# Links and names


def slugs(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if target.startswith(("https://", "http://")):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists() and path.is_relative_to(ROOT), link
        assert not anchor or anchor in slugs(path), link


@pytest.mark.parametrize("page", [*WRITTEN, ROOT / "Makefile"], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page: Path) -> None:
    # Links are relative to their page, and have a test of their own.
    text = re.sub(r"\]\([^)]*\)", "]", page.read_text(encoding="utf-8"))
    named = set(re.findall(NAMED, text)) - INVENTED
    assert not [path for path in named if not (ROOT / path).is_file()]


def test_targets_of_make_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))
    named = {name for page in WRITTEN for name in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(), re.MULTILINE)}
    assert {"demo", "test", "docs"} <= named <= targets


# Facts


def test_the_readme_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size <= 10_240


def _alarms() -> set[str]:
    sources = "".join(path.read_text() for path in (PACKAGE / "diagnostics").glob("*.py"))
    return {*re.findall(r'Alarm\(\s*"([a-z ]+)"', sources), "negative transfer"}


def _records() -> int:
    return sum(lzma.decompress(path.read_bytes()).count(b"\n") for path in (ROOT / "results").rglob("*.jsonl.xz"))


def test_counts_of_the_readme_are_right() -> None:
    published = len(list((ROOT / "results").rglob("records.jsonl.xz")))
    counts = {
        "methods": len(METHODS),
        "networks": len(NETWORKS),
        "data sets": len(DOMAINS),
        "published": len(set(DOMAINS) - MADE - OWN),
        "generated": len(MADE),
        "readers": len(OWN),
        "optimisers": len(OPTIMIZERS),
        "selection rules": len(RULES),
        "metrics": len(METRICS),
        "alarms": len(_alarms()),
        "experiments": len(EXPERIMENTS),
        "of them": published,
        "recorded runs": _records(),
    }
    text = " ".join(read("README.md").split())
    for what, count in counts.items():
        assert re.findall(rf"(\d+) {what}\b", text) == [str(count)], (what, count)


def first_column(text: str) -> set[str]:
    """The names in backticks in the first cells of all tables."""
    cells = re.findall(r"^\| ([^|]*)\|", text, flags=re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([\w]+)`", cell)}


def _losses() -> set[str]:
    """The public functions of dann/functional, but for the helpers of its own modules."""
    trees = {path.stem: ast.parse(path.read_text()) for path in (PACKAGE / "functional").glob("*.py")}
    trees = {name: tree for name, tree in trees.items() if name not in ("precision", "normal_draws")}
    found = {node.name for tree in trees.values() for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name for name in found if not name.startswith("_")}


def test_catalogues_are_complete() -> None:
    assert first_column(read("dann/methods/README.md")) >= set(METHODS)
    assert first_column(read("dann/networks/README.md")) >= set(NETWORKS)
    assert first_column(read("dann/data/README.md")) >= {*DOMAINS, *TransformOptions.model_fields}
    assert first_column(read("dann/functional/README.md")) == _losses()
    schema = read("experiments/README.md")
    names = {*Experiment.model_fields, *Config.model_fields, *OPTIMIZERS, *LEARNING_RATE_SCHEDULES,
             *TrainSection.model_fields, *SelfTrainingSection.model_fields, *RULES, *METRICS}  # fmt: skip
    assert first_column(schema) >= names
    assert {*DiagnoseSection.model_fields} <= set(re.findall(r"^  (\w+):", schema, flags=re.MULTILINE))
    assert {*FineTuning.model_fields} <= set(re.findall(r"[{ ](\w+): ", read("dann/networks/README.md")))
    named = set(re.findall(r"^(\w+):", read("dann/data/README.md"), flags=re.MULTILINE))
    assert {*DataSection.model_fields} <= named
    alarms = re.findall(r"\| alarm \|.*?\n\n|\| alarm \|.*\Z", schema, flags=re.DOTALL)[0]
    assert set(re.findall(r"^\| ([a-z ]+) \|", alarms, flags=re.MULTILINE)) - {"alarm"} == _alarms()


def test_every_page_of_results_is_in_the_index() -> None:
    index = read("results/README.md").partition("## All pages")[2]
    linked = set(re.findall(r"\]\(([^)]+)\)", index))
    pages = {str(path.relative_to(ROOT / "results")) for path in (ROOT / "results").rglob("*.md")}
    assert linked == pages - {"README.md"}


def purposes() -> str:
    """The table of packages in CONTRIBUTING.md, as their docstrings have it."""
    lines = ["| package | purpose |", "| --- | --- |"]
    for name in PACKAGES:
        folder = PACKAGE / name
        inner = sorted(path.parent.name for path in folder.glob("*/__init__.py"))
        inner.sort(key=lambda each: DATA.index(each) if name == "data" else 0)
        for part in [name, *(f"{name}/{each}" for each in inner)]:
            is_package = (PACKAGE / part).is_dir()
            tree = ast.parse((PACKAGE / part / "__init__.py" if is_package else PACKAGE / f"{part}.py").read_text())
            purpose = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
            target = f"dann/{part}" if is_package else f"dann/{part}.py"
            lines.append(f"| [{part}]({target}) | {purpose} |")
    return "\n".join(lines)


def test_purposes_of_packages_are_their_docstrings() -> None:
    table = re.findall(r"<!-- packages -->\n(.*?)\n<!-- end -->", read("CONTRIBUTING.md"), flags=re.DOTALL)
    assert table == [purposes()]


def test_the_version_is_one() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == dann.__version__
    released = re.findall(r"^## \[([\d.]+)\] - ([\d-]+)$", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert released[0] == (dann.__version__, str(citation["date-released"]))


def test_hooks_are_the_checks_of_make_test() -> None:
    (local,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    recipe = read("Makefile").partition("\ntest:")[2].partition("\n\n")[0]
    for hook in local["hooks"]:
        assert hook["entry"].partition(" --")[0] in recipe


@pytest.mark.slow
def test_the_reference_is_made_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("pdoc")
    recipe = re.findall(r"^\t\$\(BIN\)/python (-W error -m pdoc .*)$", read("Makefile"), flags=re.MULTILINE)[0]
    arguments = recipe.replace("build/docs", str(tmp_path)).split()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "dann" / "methods" / "dann.html").is_file()
