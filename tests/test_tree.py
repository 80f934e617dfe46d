"""The shape of the project, held by reading it."""

import ast
import inspect
import re
import subprocess
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from tiny import Silent
from tiny_encoder import write_encoder

from dann.config.experiment import read_experiment
from dann.config.schema import resolve
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.photos import OFFICE_CALTECH10
from dann.data.datasets.text_tokens import store_texts
from dann.data.domain import Contents, Domain, Split
from dann.evaluation.rules import RULES
from dann.methods.all_methods import METHODS
from dann.runner.experiment_records import read_records
from dann.runner.planning import launch

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dann"
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.yaml"))

# Each may import those before it. A test, so that the order is read here and held everywhere.
PACKAGES = ("errors", "files", "options", "functional", "optim", "networks", "data", "methods", "evaluation",
            "config", "training", "diagnostics", "runner", "reporting", "inference", "estimators", "cli")  # fmt: skip
DATA = ("store", "text_store", "domain", "visible_bands", "shared_shape", "labels", "number_labels", "splits",
        "split_counts", "evaluation_splits", "hold_out_remedies", "shared_contents", "readers", "storage",
        "preprocessing", "transforms", "loading", "absent_source", "pair", "duplicates", "pair_builder",
        "pair_preprocessing",
        "zero_shot", "input_pipeline", "datasets")  # fmt: skip
# What tables are made with: a second that `dann table` need not wait for torch.
TORCH_FREE = ("errors", "files", "options", "evaluation.candidate_order", "evaluation.metric_definitions",
              "evaluation.guard", "evaluation.reach", "evaluation.rules", "evaluation.selection",
              "evaluation.statistics",
              "config.comparison", "config.experiment", "config.experiment_checks",
              "config.experiment_fields", "config.experiment_run",
              "config.merging", "config.migration", "config.naming", "config.number_experiments",
              "config.origin", "config.search", "config.yaml_files", "diagnostics.alarms", "optim.schedules",
              "runner.experiment_records", "runner.locks",
              "runner.record_schema", "runner.records", "runner.run_status", "runner.search_choice",
              "runner.time_left", "reporting")  # fmt: skip

SMALLER = {"vgg16": "vgg11", "resnet50": "resnet18", "alexnet": "resnet18"}  # AlexNet takes no photos of 32 pixels


def imports(path: Path) -> set[str]:
    """The modules named in import statements of a file, in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names if node.module.startswith("dann"))
    return found


def dotted(path: Path) -> str:
    """The name of a module within the package ``dann``; that of a package's ``__init__`` is the package's."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def within(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize(("folder", "order"), [(PACKAGE, PACKAGES), (PACKAGE / "data", DATA)], ids=["dann", "data"])
def test_imports_run_one_way(folder: Path, order: tuple[str, ...]) -> None:
    prefix = ".".join(("dann", *folder.relative_to(PACKAGE).parts, ""))
    for path in folder.rglob("*.py"):
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        if own in {"__init__", "__main__"}:
            continue
        for module in imports(path):
            part = module.removeprefix(prefix).split(".")[0]
            if module.startswith(prefix) and part in order and part != own:
                assert order.index(part) < order.index(own), f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize(("folder", "order"), [(PACKAGE, PACKAGES), (PACKAGE / "data", DATA)], ids=["dann", "data"])
def test_every_module_has_its_place(folder: Path, order: tuple[str, ...]) -> None:
    # torchrun calls the package as a program, which is `__main__`.
    assert {path.relative_to(folder).parts[0].removesuffix(".py") for path in folder.rglob("*.py")} - {"__main__"} == {
        "__init__",
        *order,
    }


def test_no_two_modules_have_one_name() -> None:
    names = Counter(path.stem for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    assert names.most_common(1)[0][1] == 1, names.most_common(3)


def test_few_entries_lie_in_the_package() -> None:
    assert len([path for path in PACKAGE.iterdir() if path.name not in {"__pycache__", "__main__.py"}]) <= 19


def test_a_package_says_what_it_is_and_imports_nothing() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assert path.parent == PACKAGE or len(tree.body) == 1, path


def test_every_package_of_tests_is_one_of_the_project() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= {*PACKAGES, "experiments", "faults"}


def test_what_tables_need_is_free_of_torch() -> None:
    own = [path for path in PACKAGE.rglob("*.py") if within(dotted(path), TORCH_FREE)]
    assert len(own) > 20
    for path in own:
        for module in imports(path):
            assert not within(module, ("torch", "torchvision")), path
            if module.startswith("dann.") and (PACKAGE / Path(*module.split(".")[1:])).with_suffix(".py").is_file():
                assert within(module.removeprefix("dann."), TORCH_FREE), (path, module)


def test_top_level_is_the_fixed_one() -> None:
    listed = subprocess.run(["git", "-c", "core.quotepath=off", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    visible = {path.split("/")[0] for path in listed.stdout.splitlines() if not path.startswith(".")}
    always = {"setup.cfg", "pyproject.toml", "README.md", "LICENSE", "Makefile", "constraints.txt",
              "dann", "experiments", "tests", "results"}  # fmt: skip
    also = {"CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "Dockerfile", "MANIFEST.in"}
    assert always <= visible <= always | also


def tiny_domain(name: str, channels: int, labels: int, side: int = 28) -> Callable[..., Domain]:
    """A domain of ten classes, each with at least three examples, and enough for so many to be labelled."""
    count = 10 * max(3, 2 * labels)

    def domain(*, size: int = side, pooled: bool = False, official_test: bool = True) -> Domain:
        x = torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8)
        split = Split.of(x, torch.arange(count) % 10)
        # Every class has things of even and of odd number.
        contents = None if name == "usps" else Contents("digits", torch.arange(count) // 10)
        test = split if official_test else None
        return Domain(name, split, test, tuple("0123456789"), "made for a test", contents=contents)

    return domain


def tiny_vectors(*, domain: str, kind: str = "") -> Domain:
    """Ten classes of which those of Office-Caltech10 are named, or the two of the reviews."""
    random, name = torch.Generator().manual_seed(sum(domain.encode())), f"{kind}/{domain}"
    classes = OFFICE_CALTECH10.classes if kind else ("negative", "positive")
    made, test = (
        Split.of(torch.rand(count, 12, generator=random), torch.arange(count) % len(classes)) for count in (800, 60)
    )
    return Domain(name, made, None if kind else test, classes, "made for a test")


def tiny_photos(*, domain: str = "cifar10", size: int = 32) -> Domain:
    random = torch.Generator().manual_seed(sum(domain.encode()))
    x = torch.randint(0, 256, (60, 3, min(size, 32), min(size, 32)), dtype=torch.uint8, generator=random)
    split = Split.of(x, torch.arange(60) % 10)
    return Domain(domain, split, split if domain == "cifar10" else None, OFFICE_CALTECH10.classes, "made for a test")


def tiny_persons(*, domain: int) -> Domain:
    split = Split.of(torch.randn(40, 9, 128) + domain, torch.arange(40) % 6)
    return Domain(f"uci_har/{domain}", split, split, tuple("abcdef"), "made for a test")


def tiny_texts(*, domain: str, tokenizer: str | None = None, length: int | None = None) -> Domain:
    """Reviews whose words say their class and their domain."""
    words = [f"{domain} {('bad', 'good')[i % 2]} film{' a' * (i // 2)}" for i in range(160)]  # no two are alike
    parts = [Split.of(store_texts(some, tokenizer, length), torch.arange(len(some)) % 2)
             for some in (words[:120], words[120:])]  # fmt: skip
    return Domain(f"amazon_text/{domain}", *parts, ("negative", "positive"), "made for a test")


def use_tiny_encoder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a tiny encoder where a pretrained one is named, which may not be installed."""
    encoder = write_encoder(folder)
    for module in ("dann.networks.encoders", "dann.data.datasets.text_tokens"):
        monkeypatch.setattr(f"{module}.find_model_folder", lambda name: encoder)


def test_uci_har_is_run_on_the_pairs_of_adatime() -> None:
    from dann.data.datasets.uci_har import SCENARIOS

    experiment = read_experiment(ROOT / "experiments/adatime/uci_har.yaml")
    asked = [(run.declared["data"]["source"]["domain"], run.declared["data"]["target"]["domain"])
             for run in experiment.runs(["DANN"], [0])]  # fmt: skip
    assert asked == list(SCENARIOS)


def without_numbers(value: object) -> object:
    """The settings with a mark in place of each number: runs with equal ones go through the same code."""
    if isinstance(value, dict):
        return {name: without_numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_numbers(each) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return re.sub("efficientnet_lite.", "", value) if isinstance(value, str) else value


@pytest.mark.slow
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_step_of_every_variant_of_every_experiment(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = [variant.get("data", {}) for variant in read_experiment(path).variants.values()]
    labels = max(data.get("target_labelled", 0) for data in declared)
    if any(data.get("resample") == "smote" for data in declared):  # which needs two examples of a class that is rare
        labels = max(labels, 80)
    for name, channels, side in (("mnist", 1, 28), ("mnist_m", 3, 28), ("usps", 1, 28), ("svhn", 3, 32),
                                 ("syn_digits", 3, 32), ("gtsrb", 3, 40), ("syn_signs", 3, 40)):  # fmt: skip
        monkeypatch.setitem(DOMAINS, name, tiny_domain(name, channels, labels, side))
    monkeypatch.setitem(DOMAINS, "uci_har", tiny_persons)
    for name in ("amazon_reviews", "office_caltech10_features"):
        monkeypatch.setitem(DOMAINS, name, tiny_vectors)
    for name in ("office31", "office_caltech10", "pacs", "cifar10"):
        monkeypatch.setitem(DOMAINS, name, tiny_photos)
    monkeypatch.setitem(DOMAINS, "amazon_text", tiny_texts)
    sets = ["train.steps=1", "diagnose.examples=0"]
    experiment = read_experiment(path, sets)
    if experiment.base.get("network", {}).get("name") == "huggingface":
        use_tiny_encoder(tmp_path / "encoder", monkeypatch)
    named = [*experiment.selections, *([experiment.search.rule] if experiment.search is not None else [])]
    if any(RULES[rule].diagnose for rule in named):  # which planning wants
        sets[1] = "diagnose.examples=10"
        experiment = read_experiment(path, sets)
    thinned = [task.get("data", {}).get("source_degradation") or {} for task in experiment.tasks.values()]
    if any(each.get("examples", 1) < 0.1 for each in thinned):  # of ten examples a class none would be left to validate
        sets += ["data.source_degradation.examples=0.5"]
        experiment = read_experiment(path, sets)
    if "weights" in experiment.base.get("network", {}):  # pretrained ones are downloaded
        sets += ["network.weights=none", "data.batch_size=2"]
        cropped = "crop" in experiment.base["data"]["transform"]
        smaller = SMALLER.get(experiment.base["network"].get("model", ""))
        sets += ["data.transform.crop=32"] * cropped + [f"network.model={smaller}"] * bool(smaller)
        experiment = read_experiment(path, sets)
        monkeypatch.setattr("dann.networks.heads.VGG", 8)  # 4096 take half a minute
    every = list(experiment.runs(seeds=[*experiment.search_seeds, 0][:1]))
    settings = sum(len(experiment.settings(variant)) for variant in experiment.variants)
    assert len(every) == max(1, len(experiment.tasks)) * settings
    for run in every:
        resolve(run.declared, run.name)
    planned = list({(run.task, run.variant): run for run in reversed(every)}.values())[::-1]  # the first of each row
    # Every row of the first task and, where they are few, the first row of the others; of rows that differ in numbers
    # alone, the first.
    runs = [run for run in planned if run.task == planned[0].task
            or (len(planned) < 20 and run.variant == planned[0].variant)]  # fmt: skip
    kinds = {repr(without_numbers(run.declared)): run for run in reversed(runs)}
    runs = [run for run in runs if run in kinds.values()]
    launch(experiment, runs, tmp_path, torch.device("cpu"), Silent(), path)
    assert len(read_records(experiment, tmp_path)) == len(runs)
    assert any("source only" in variant for variant in experiment.variants)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_short(name: str) -> None:
    """At most 60 lines of code, without docstring, and all of its own in a file named after the paper or method."""
    source = textwrap.dedent(inspect.getsource(METHODS[name]))
    (tree,) = ast.parse(source).body
    first = tree.body[1] if ast.get_docstring(tree) else tree.body[0]
    lines = [line for line in source.splitlines()[first.lineno - 1 :] if line.strip()]
    assert len(lines) <= 60, len(lines)
