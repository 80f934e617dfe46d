"""Parts of one's own from files and from installed packages: found by name, checked, and refused in one line."""

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from complaints import complaint
from own_parts import BASE, FILE, METHOD_ONLY, TEXT, write_own
from tiny import TINY, Silent

from dann.cli.main import main
from dann.config import plug_ins
from dann.config.compatibility import check_parts
from dann.config.experiment import read_experiment, write_experiment
from dann.config.merging import merge
from dann.config.plug_ins import METHOD, Library
from dann.config.schema import library_of, resolve
from dann.config.use_files import UseFile, read_use_files
from dann.errors import BadInput
from dann.runner.planning import launch

CPU = torch.device("cpu")


def library(text: str, folder: Path) -> Library:
    (folder / FILE).write_text(text, encoding="utf-8")
    return Library(read_use_files([folder / FILE], "test"))


def test_one_part_of_each_kind_trains_and_its_rule_selects(tmp_path: Path) -> None:
    file = write_own(tmp_path, selections=["own.margin", "last"])
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), tmp_path / "runs", CPU, Silent(), file)
    record = json.loads((tmp_path / "runs/own/seed-0/record.json").read_text())
    part = next(iter(library_of(experiment, "test").files))
    recorded = {key: value for key, value in record["checksums"].items() if key.startswith("own ")}
    kinds = ("method variances", "network small", "data set rings", "transform jolt", "validator margin")
    assert recorded == {f"own {kind}": f"my_parts.py {part.checksum}" for kind in kinds}
    assert record["config"]["network"] == {"name": "small", "features": "body", "width": 8}
    assert record["evaluations"][-1]["score_own.margin"] > 0 and {"label", "distance"} < set(record["losses"])
    assert (tmp_path / "runs/own/seed-0/use" / FILE).read_text() == TEXT


def test_a_configuration_survives_pickling_with_its_files_as_they_were(tmp_path: Path) -> None:
    own = library(TEXT, tmp_path)
    config = resolve(BASE, "test", own)
    dumped = pickle.dumps(config)
    (tmp_path / FILE).write_text("raise SystemExit")  # what was read counts
    again = pickle.loads(dumped)
    assert again == config and again.library == own and again.own_parts == config.own_parts
    assert again.method_class is config.method_class and again.fingerprint() == config.fingerprint()


def test_a_file_that_a_run_names_nothing_of_is_no_part_of_it(tmp_path: Path) -> None:
    own = library(TEXT, tmp_path)
    plain, with_file = resolve(TINY["base"], "test"), resolve(TINY["base"], "test", own)
    assert plain == with_file and not with_file.own_parts and with_file.library == Library()


def test_options_that_were_added_leave_fingerprints_as_they_were() -> None:
    content = resolve(TINY["base"], "test").model_dump(mode="json")
    assert content["data"]["transform"]["own"] is None and content["diagnose"]["validators"] is None
    assert resolve(TINY["base"], "test").fingerprint() == "da270b0f64b9635b"


def test_the_copy_of_an_experiment_names_its_files_from_its_own_folder(tmp_path: Path) -> None:
    file = write_own(tmp_path / "experiments")
    experiment = read_experiment(file)
    (tmp_path / "runs/deep").mkdir(parents=True)
    write_experiment(experiment, tmp_path / "runs/deep/experiment.yaml", file)
    assert "../../experiments/my_parts.py" in (tmp_path / "runs/deep/experiment.yaml").read_text()
    assert read_experiment(tmp_path / "runs/deep/experiment.yaml").use == experiment.use == [
        str(tmp_path / "experiments" / FILE)
    ]  # fmt: skip


BROKEN = {
    "METHODS = {": "my_parts.py, line 1: SyntaxError ('{' was never closed): correct the file",
    "x = 1\nimport no_such_package": "my_parts.py, line 2: ModuleNotFoundError (No module named 'no_such_package')",
    "def f():\n    raise ValueError('two\\nlines')\nf()": "my_parts.py, line 2: ValueError (two lines): correct",
    "raise SystemExit(3)": "my_parts.py, line 1: SystemExit (3): correct the file",
    "x = 1": "my_parts.py: lists no parts: add one of METHODS, NETWORKS, DATASETS, TRANSFORMS, VALIDATORS",
    "METHODS = [1]": "my_parts.py: METHODS should be a dict of names and parts",
    "METHODS = {1: 2}": "my_parts.py: METHODS should be a dict of names and parts",
    "METHODS = {'a b': 2}": "my_parts.py: METHODS should be a dict of names and parts",
    "METHODS = {'mine': print}": "my_parts.py: METHODS: mine is no class derived from Method",
    "NETWORKS = {'mine': 3}": "my_parts.py: NETWORKS: mine has no readable signature: TypeError",
    "def f(shape): ...\nNETWORKS = {'mine': f}": "NETWORKS: mine should take (input_shape, num_classes, *, options)",
    "def f(x): ...\nDATASETS = {'mine': f}": "DATASETS: mine should take (*, options)",
    "def f(*, a=1): ...\nDATASETS = {'mine': f}": "its option a has no type: annotate it, as in a: float = 1.0",
    "def f(*, a: 'no' = 1): ...\nDATASETS = {'mine': f}": "DATASETS: mine has no readable signature: NameError",
    "def f(): ...\nDATASETS = {'moons': f}": "my_parts.py: DATASETS: moons is the name of another data set: rename it",
}


@pytest.mark.parametrize(("text", "message"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_broken_file_is_one_line(text: str, message: str, tmp_path: Path, capsys: Any) -> None:
    file = write_own(tmp_path, text, base=TINY["base"])
    assert message in complaint(capsys, "run", file, "--out", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


REFUSED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "type of an option": (
        "class T: ...\ndef f(*, a: T = T()): ...\nDATASETS = {'mine': f}",
        "my_parts.py: mine: its options cannot be read",
        {},
    ),
    "name of an option": (
        "def f(input_shape, num_classes, *, features: int = 1): ...\nNETWORKS = {'mine': f}",
        "mine: its option features has a name of dann's own: rename it",
        {"network": {"name": "mine"}},
    ),
    "unknown option": (
        "def f(*, size: int = 1): ...\nDATASETS = {'mine': f}",
        "unknown key data.source.sise; did you mean size?",
        {"data": {"source": {"name": "mine", "sise": 2}}},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_option_that_cannot_be_is_refused(name: str, tmp_path: Path) -> None:
    text, message, changes = REFUSED[name]
    own = library(text, tmp_path)
    with pytest.raises(BadInput) as error:
        resolve(merge(TINY["base"], changes or {"data": {"source": {"name": "mine"}}}), "test", own)
    assert message in str(error.value)


FAILING: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "def f():\n    return 1 / 0\nDATASETS = {'mine': f}": (
        "my_parts.py, line 2: ZeroDivisionError (division by zero): correct mine",
        lambda config: config.data.source.build(),
    ),
    "def f():\n    return 3\nDATASETS = {'mine': f}": (
        "my_parts.py: mine: returned 3: return a dann.data.domain.Domain",
        lambda config: config.data.source.build(),
    ),
    "def f():\n    raise ValueError('no such place')\nDATASETS = {'mine': f}": (
        "my_parts.py: mine: no such place",
        lambda config: config.data.source.build(),
    ),
}


@pytest.mark.parametrize("text", FAILING)
def test_a_part_that_fails_names_its_file(text: str, tmp_path: Path) -> None:
    message, build = FAILING[text]
    config = resolve(merge(TINY["base"], {"data": {"source": {"name": "mine"}}}), "test", library(text, tmp_path))
    with pytest.raises(BadInput) as error:
        build(config)
    assert message in str(error.value)


NETWORKS = {  # the body of a function, and what is said of what it returns
    "return 3": "my_parts.py: mine: returned 3: return a module of PyTorch",
    "return nn.Linear(2, 7)": "mine: network: should map two examples to logits of shape (2, 2), not (2, 7): correct",
    "return nn.Linear(3, 2)": "my_parts.py: mine: network: fails on inputs of shape (2,) (",
    "return nn.Sequential(nn.Linear(2, 2))": "my_parts.py: mine: network.features: no layer 'body' (known: 0)",
    "return Network(nn.Identity(), nn.Linear(2, 2), (2,), (4,))": "mine: network.features: it is a Network, which has",
}


@pytest.mark.parametrize("body", NETWORKS)
def test_a_network_that_cannot_be_one_is_refused(body: str, tmp_path: Path) -> None:
    imports = "from torch import nn\nfrom dann.networks.network import Network\n"
    own = library(f"{imports}def f(input_shape, num_classes):\n    {body}\nNETWORKS = {{'mine': f}}", tmp_path)
    config = resolve(TINY["base"] | {"network": {"name": "mine", "features": "body"}}, "test", own)
    with pytest.raises(BadInput) as error:
        config.network.build((2,), 2)
    assert NETWORKS[body] in str(error.value)
    if body.startswith("return Network"):
        network = resolve(TINY["base"] | {"network": {"name": "mine"}}, "test", own).network.build((2,), 2)
        assert network.feature_dim == 2


def test_a_method_that_fails_in_training_names_its_line(tmp_path: Path) -> None:
    text = TEXT.replace('source["logits"], batch', 'source["logit"], batch')
    line = 1 + text[: text.index('source["logit"]')].count("\n")
    file = write_own(tmp_path, text, base=TINY["base"] | METHOD_ONLY)
    experiment = read_experiment(file)
    with pytest.raises(BadInput, match=rf"my_parts\.py, line {line}: KeyError \('logit'\): correct the file"):
        launch(experiment, list(experiment.runs()), tmp_path / "runs", CPU, Silent(), file)


def test_what_a_transform_and_a_validator_return_is_checked(tmp_path: Path) -> None:
    text = (
        "def t(x, generator):\n    return x[:1]\ndef v(train, validation, validation_y, target):\n    return 'good'\n"
    )
    own = library(f"{text}TRANSFORMS = {{'mine': t}}\nVALIDATORS = {{'mine': v}}", tmp_path)
    changes = {"data": {"transform": {"own": {"name": "mine"}}}, "diagnose": {"validators": [{"name": "mine"}]}}
    config = resolve(merge(TINY["base"], changes), "test", own)
    assert config.data.transform.random and config.data.target_transform.own == config.data.transform.own
    with pytest.raises(BadInput, match=r"mine: returned \(\(1, 2\), torch.float32\): return inputs of shape \(3, 2\)"):
        config.data.transform.own.change(torch.zeros(3, 2), torch.Generator())  # type: ignore[union-attr]
    with pytest.raises(BadInput, match=r"mine: returned 'good': return a number"):
        config.diagnose.validators[0].build(1, 2, 3, 4)  # type: ignore[index]
    with pytest.raises(BadInput, match=r"diagnose\.validators: score the features of diagnose\.examples, which is 0"):
        check_parts(config)
    twice = {"diagnose": {"validators": [{"name": "mine"}, {"name": "mine"}]}}
    with pytest.raises(BadInput, match=r"diagnose\.validators: names one twice"):
        resolve(merge(TINY["base"], twice), "test", own)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (["none.py"], "none.py cannot be read (No such file or directory): check the path"),
        (["own.yaml"], "own.yaml is no .py file: name a file of Python"),
        ([FILE, f"deeper/{FILE}"], "use names two files my_parts.py: rename one"),
        ("my_parts.py", "use: should be a valid list"),
    ],
)
def test_files_that_cannot_be_used(use: Any, message: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / FILE).write_text(TEXT)
    assert message in complaint(capsys, "run", write_own(tmp_path, use=use), "--out", tmp_path / "runs")


# Installed packages


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The metadata of an installed package with entry points."""
    site = tmp_path / "site"
    info = site / "acme_da-1.2.dist-info"
    info.mkdir(parents=True)
    (site / "acme_da.py").write_text(TEXT)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-da\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[dann.methods]\nacme = acme_da:Variances\nbroken = acme_da:Nothing\nwrong = acme_da:Small\n"
        "dann = acme_da:Variances\n[dann.networks]\nsmall = acme_da:Small\n"
    )
    monkeypatch.syspath_prepend(site)
    plug_ins._installed.cache_clear()
    yield info
    plug_ins._installed.cache_clear()


def test_parts_of_an_installed_package_are_recorded_with_its_version(package: Path) -> None:
    config = resolve(TINY["base"] | {"method": {"name": "acme", "weight": 0.5}}, "test")
    assert config.own_parts == {"method acme": "acme-da 1.2"} and config.library == Library()
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "acme-da 1.2: entry point broken = acme_da:Nothing of dann.methods: AttributeError"),
        ("wrong", "entry point wrong = acme_da:Small of dann.methods is no class derived from Method"),
        ("dann", "package acme-da 1.2: dann is also a method of dann: rename its entry point, or uninstall it"),
    ],
)
def test_a_broken_package_is_one_line_and_only_where_it_is_named(
    name: str, message: str, package: Path, capsys: Any
) -> None:
    with pytest.raises(BadInput) as error:
        resolve(TINY["base"] | {"method": {"name": name}}, "test")
    assert message in str(error.value)
    assert message in complaint(capsys, "describe", "method", name)
    assert main(["list", "method"]) == 0
    assert "cannot be used" in capsys.readouterr().out
    assert resolve(TINY["base"] | {"method": {"name": "cdan"}}, "test").method.origin is None


def test_a_name_in_a_file_and_in_a_package_is_refused(package: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="NETWORKS: small is the name of another network: rename it"):
        resolve(TINY["base"], "test", library(TEXT, tmp_path))


def test_list_and_describe_show_parts_of_ones_own(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / FILE).write_text(TEXT)
    use = ["--use", str(tmp_path / FILE)]
    named = {"method": "variances", "network": "small", "dataset": "rings", "transform": "jolt", "rule": "own.margin"}
    for kind, name in named.items():
        assert main(["list", kind, *use]) == 0
        assert capsys.readouterr().out.splitlines()[-1].split()[0] == name
        assert main(["describe", kind, name, *use]) == 0
        out = capsys.readouterr().out
        for text in (f"Module    {tmp_path / FILE}", f"Recorded  as {FILE} ", f"name: {name.removeprefix('own.')}"):
            assert text in out
    assert "unknown method 'variances'" in complaint(capsys, "describe", "method", "variances")


def test_a_method_is_the_same_class_however_often_it_is_looked_up(tmp_path: Path) -> None:
    own = library(TEXT, tmp_path)
    first, second = (
        Library((UseFile(file.path, file.content),)).entries(METHOD)["variances"] for file in own.files * 2
    )
    assert first == second
