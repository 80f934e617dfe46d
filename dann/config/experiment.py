"""An experiment file: one table, as the runs it asks for. Imports no torch, so that tables are made at once."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dann.config.migration import WRITTEN_BY, mark, upgraded_experiment
from dann.config.search import Search, Setting, named
from dann.config.yaml_files import parse_yaml, read_yaml
from dann.errors import BadInput
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.statistics import Test
from dann.files import write_whole
from dann.options import one_of, validated

Mapped = dict[str, Any]
Share = Annotated[float, Field(ge=0, le=1)]
EXPERIMENT = "experiment.yaml"  # the copy that the runs' folder keeps


class Shown(BaseModel):
    """The rows and columns that curves, confusion matrices and t-SNE show; all where none are named."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    variants: list[str] = Field([], min_length=1)
    tasks: list[str] = Field([], min_length=1)


def _of_rows(baseline: Any) -> str | dict[str, str]:
    """A row's name, or the names of some rows' baselines; a plain union would complain of the wrong one of the two."""
    names = [*baseline, *baseline.values()] if isinstance(baseline, dict) else [baseline]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"should name a variant, or variants' own as in {{DANN: source only}}, not {baseline!r}")
    own: str | dict[str, str] = baseline
    return own


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"should be one of {', '.join(METRICS)}")
    return name


class Experiment(BaseModel):
    """The content of an experiment file.

    Args:
        base: the configuration that all runs share.
        variants: the rows, each as what differs from the base.
        tasks: the columns, likewise; without any there is one column.
        published: what a paper reports per variant (of tasks, their average), or per variant and task, as a share of 1.
        metrics: what the table shows of the target's test examples.
        baseline: the variant that the others are compared with, or for some variants theirs; see ``compared_with``.
        test: of the paired differences from it.
        search: the settings of hyper-parameters that every row tries, among which a rule chooses.
        compare_rules: tell on the page in results/ how well each selection rule chooses among the runs.
        shown: the variants and tasks whose runs are drawn one by one; table and bars are of all.
        finding: what the runs showed, for the page in results/.
        overrides: laid over every run last; what ``--set`` writes.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: str
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    base: Mapped
    variants: dict[str, Mapped] = Field(min_length=1)
    tasks: dict[str, Mapped] = {}
    published: dict[str, Share | dict[str, Share]] = {}
    metrics: list[Annotated[str, AfterValidator(_known_metric)]] = Field(["accuracy"], min_length=1)
    baseline: Annotated[Any, AfterValidator(_of_rows)] = {}
    test: Test = "paired_t"
    search: Search | None = None
    compare_rules: bool = False
    shown: Shown = Shown()
    finding: str = ""
    overrides: Mapped = {}

    def declared(self, variant: str, task: str | None, setting: Setting | None = None) -> Mapped:
        """The merged, unresolved configuration of one variant and task, and of a setting of what is searched."""
        result = merged(self.base, self.tasks[task]) if task is not None else self.base
        result = merged(merged(result, self.variants[variant]), _nested(setting or {}))
        return _spelled_out(merged(result, self.overrides))

    def shows(self, variant: str, task: str | None = None) -> bool:
        """Whether curves, confusion matrices and t-SNE are drawn of a variant, and of a task where one is given."""
        named = not self.shown.variants or variant in self.shown.variants
        return named and (task is None or not self.shown.tasks or task in self.shown.tasks)

    def compared_with(self, variant: str) -> str | None:
        """The baseline of a variant, what ``baseline`` names or the first on the source only; None of that itself."""
        baseline = self.baseline.get(variant) if isinstance(self.baseline, dict) else self.baseline
        baseline = baseline or self.source_only()
        return None if baseline == variant else baseline

    def source_only(self) -> str | None:
        """The first variant that trains on the source only, None if there is none."""
        return next((variant for variant in self.variants if self.on_source_only(variant)), None)

    def source_only_beside(self, variant: str) -> str | None:
        """The row on the source only that a variant must not fall below: its baseline, if that is one, or the first."""
        baseline = self.compared_with(variant)
        found = baseline if baseline is not None and self.on_source_only(baseline) else self.source_only()
        return None if self.on_source_only(variant) else found

    def on_source_only(self, variant: str) -> bool:
        """Whether a variant is of the method ``source_only``, on another source than the target."""
        declared = self.declared(variant, next(iter(self.tasks), None))
        method, data = declared.get("method"), declared.get("data")
        named = isinstance(method, dict) and method.get("name") == "source_only"
        return named and isinstance(data, dict) and data.get("source") != data.get("target")

    def runs(self, only: str | None = None, seeds: list[int] | None = None) -> Iterator["Run"]:
        """All runs, or those of one variant or of other seeds than the file's."""
        if only is not None:
            one_of(self.variants, only, "variant", "--only")
        for task in self.tasks or [None]:
            for variant in self.variants if only is None else [only]:
                for setting in self.settings(variant):
                    config = self.declared(variant, task, setting)
                    for seed in self.seeds if seeds is None else seeds:
                        yield Run(task, variant, seed, config, setting)

    def settings(self, variant: str) -> list[Setting]:
        """The settings of hyper-parameters that a row tries; a single one that sets nothing without a search."""
        return [{}] if self.search is None else self.search.settings(variant)


@dataclass(frozen=True)
class Run:
    """One row, column, setting and seed of an experiment, with its unresolved configuration."""

    task: str | None
    variant: str
    seed: int
    declared: Mapped
    setting: Setting = field(default_factory=dict)

    @property
    def name(self) -> str:
        return ", ".join(part for part in (self.task, self.variant, named(self.setting), f"seed {self.seed}") if part)

    @property
    def row(self) -> tuple[str | None, str, str]:
        """What all seeds of it share."""
        return self.task, self.variant, named(self.setting)

    @property
    def folder(self) -> Path:
        """Where the run lies in its experiment's folder."""
        parts = [slug(part) for part in self.row if part]
        return Path(*parts, f"seed-{self.seed}")


def read_experiment(path: Path, sets: list[str] | None = None) -> Experiment:
    """The experiment in the YAML file ``path``, with assignments ``a.b=c`` laid over every run.

    Raises:
        BadInput: with the place and the remedy.
    """
    content = read_yaml(path)
    if isinstance(content, dict) and (path.name == EXPERIMENT or WRITTEN_BY in content):
        content = upgraded_experiment(content)
    if not isinstance(content, dict):
        raise BadInput(f"{path}: an experiment file is a mapping with title, seeds, base and variants")
    if isinstance(content.get("variants"), dict):  # a variant that changes nothing may be written without {}
        content["variants"] = {name: {} if entry is None else entry for name, entry in content["variants"].items()}
    experiment = validated(Experiment, content, str(path))
    for assignment in sets or []:
        overrides = merged(experiment.overrides, _assignment(assignment))
        experiment = experiment.model_copy(update={"overrides": overrides})
    _check_names(experiment, str(path))
    if experiment.search is not None:
        experiment.search.check(experiment.variants, str(path))
        searched = {key for variant in experiment.variants for key in experiment.settings(variant)[0]}
        if taken := searched & set(flattened(experiment.overrides)):
            raise BadInput(f"--set {min(taken)}: is searched in {path}: leave one of them out")
    _check_metrics(experiment, str(path))
    folder, runs = Counter(run.folder for run in experiment.runs()).most_common(1)[0]
    if runs > 1:
        raise BadInput(f"{path}: two runs would share the folder {folder}: rename a task or variant, or drop a seed")
    return experiment


def _check_metrics(experiment: Experiment, where: str) -> None:
    """Refuse metrics of unseen classes where there are none, before anything is trained for them."""
    wanted = [metric for metric in experiment.metrics if METRICS[metric].for_unseen_classes]
    for run in experiment.runs(seeds=experiment.seeds[:1]) if wanted else []:
        if not run.declared.get("data", {}).get("unseen"):
            raise BadInput(f"{where}: metrics: {wanted[0]} is of unseen classes, but {run.name} has no data.unseen: "
                           "name some, or leave it out")  # fmt: skip


def _check_names(experiment: Experiment, where: str) -> None:
    """Hold the names under ``published``, ``baseline`` and ``shown`` against the variants and tasks."""
    for variant, given in experiment.published.items():
        one_of(experiment.variants, variant, "variant under published:", where)
        for task in given if isinstance(given, dict) else []:
            one_of(experiment.tasks, task, "task under published:", where)
    baseline = experiment.baseline
    for variant in [*baseline, *baseline.values()] if isinstance(baseline, dict) else [baseline]:
        one_of(experiment.variants, variant, "variant under baseline:", where)
    for variant, own in baseline.items() if isinstance(baseline, dict) else []:
        if own == variant:
            raise BadInput(f"{where}: baseline: {variant} is named as its own: name another, or leave it out")
    for variant in experiment.shown.variants:
        one_of(experiment.variants, variant, "variant under shown:", where)
    for task in experiment.shown.tasks:
        one_of(experiment.tasks, task, "task under shown:", where)


def write_experiment(experiment: Experiment, path: Path) -> None:
    """Write ``experiment`` as YAML that ``read_experiment`` reads back equal."""
    content = experiment.model_dump(exclude_defaults=True) | mark()
    write_whole(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Mapped:
    """``base`` with ``over`` laid over it, mapping by mapping.

    A mapping that changes its ``name`` replaces the whole: the old component's options mean nothing to the new one.
    """
    result = dict(deepcopy(base))
    for key, value in over.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and value.get("name", old.get("name")) == old.get("name"):
            result[key] = merged(old, value)
        else:
            result[key] = deepcopy(value)
    return result


def _spelled_out(declared: Mapped) -> Mapped:
    """``declared`` with ``source: mnist`` written as ``source: {name: mnist}``, and the target likewise.

    Beside ``dataset: pacs``, or ``dataset: {name: pacs, size: 128}``, a word names one of its domains, so that
    ``source: photo`` is ``source: {name: pacs, size: 128, domain: photo}``. ``source: target`` is the target itself,
    with its training labels: so one row "train on target" serves all tasks.
    """
    if not isinstance(declared.get("data"), dict):
        return declared
    data = dict(declared["data"])
    dataset = data.pop("dataset", None)
    family = {"name": dataset} if isinstance(dataset, str) else dataset
    if family is not None and not (isinstance(family, dict) and isinstance(family.get("name"), str)):
        raise BadInput(f"data.dataset should be the name of a data set or a mapping with one, not {dataset!r}")

    def spelled(entry: Any) -> Any:
        if isinstance(entry, dict) or not isinstance(family or entry, str | dict):
            return entry
        return {"name": entry} if family is None else {**family, "domain": entry}

    if data.get("source") == "target" and "target" in data:
        data["source"] = data["target"]
    for side in {"source", "target"} & set(data):
        entry = data[side]
        data[side] = [spelled(each) for each in entry] if isinstance(entry, list) else spelled(entry)
    return {**declared, "data": data}


def flattened(mapping: Mapping[str, Any], prefix: str = "") -> Mapped:
    """Dotted paths to the leaves of nested mappings."""
    result: Mapped = {}
    for key, value in mapping.items():
        inner = flattened(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
        result.update(inner)
    return result


def slug(name: str) -> str:
    """``name`` as a folder name: words of letters, digits and dots joined by hyphens."""
    return re.sub(r"[^\w.]+", "-", name.replace("→", " to ").lower()).strip("-.") or "unnamed"


def _assignment(text: str) -> Mapped:
    path, equals, value = text.partition("=")
    if not equals or not all(path.split(".")):
        raise BadInput(f"--set {text}: write a.b=c, for example --set train.steps=500")
    return _nested({path: parse_yaml(value, f"--set {text}")})


def _nested(setting: Setting) -> Mapped:
    """Dotted keys and their values as nested mappings."""
    result: Mapped = {}
    for path, value in setting.items():
        for key in reversed(path.split(".")):
            value = {key: value}
        result = merged(result, value)
    return result
