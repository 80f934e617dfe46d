"""An experiment file: one table, and the runs behind it. Imports no torch, so that tables appear at once."""

import os
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from dann.config.experiment_checks import check_experiment
from dann.config.experiment_fields import Axis, Baseline, MetricName, Resources, SelectionName, Share, Shown
from dann.config.experiment_run import Run
from dann.config.merging import (
    Nested,
    merge,
    name_earlier_runs,
    nest,
    parse_assignment,
    spell_out_domains,
)
from dann.config.migration import WRITTEN_BY, upgrade_experiment, version_mark
from dann.config.naming import slug
from dann.config.search import Search, Setting
from dann.config.yaml_files import read_yaml
from dann.errors import BadInput
from dann.evaluation.statistics import Intervals, Pairwise, Test
from dann.files.atomic_files import write_whole
from dann.options import look_up, validate

EXPERIMENT = "experiment.yaml"  # the copy in the folder of runs
ORIGIN = "origin"  # its key for the path of the file
MOST_RUNS = 100_000  # of an experiment: planning takes seconds for each ten thousand
OF_NUMBERS = ("rmse", "mae", "r2")  # the metrics of a regression, where the file names none
MOST_CHOSEN = 3  # settings with fresh seeds: the row's own values, the rule's choice and the oracle's


class Experiment(BaseModel):
    """The content of an experiment file.

    Args:
        base: the configuration that all runs share.
        use: files of Python with parts of one's own, relative to the experiment file (``dann.config.plug_ins``).
        variants: the rows, each as what differs from the base.
        tasks: the columns, likewise as what differs from the base; without tasks there is one column.
        published: scores that a paper reports, from 0 to 1: per variant, averaged over tasks, or per variant and task,
            or per variant and rule of ``selections``.
        published_metric: what they are of.
        metrics: the scores on the target's test examples, a table for each; by default accuracy or, of a regression,
            RMSE, MAE and R².
        baseline: the variant that all others are compared with, or a mapping of variants to their own baselines.
        test: the significance test of the paired differences from the baseline.
        pairwise: ``poisson_binomial`` adds a table of each row against each other, over tasks.
        intervals: ``test_examples`` adds an interval of the accuracy over test examples beside the one over seeds.
        axis: a numeric axis on which rows are the points of lines.
        search: the settings of hyper-parameters that every row tries, and the rule that chooses among them.
        selections: selection rules under which the rows are reported beside each other, in a table of their own.
        compare_rules: report on the page in results/ how well each selection rule chooses among the runs.
        guard: add the table of the row that the guard reports for each task (``dann.evaluation.guard``).
        shown: the variants and tasks whose runs get figures of their own; table and bars show all.
        resources: what each run gets on a cluster, with ``--on``.
        finding: the conclusion from the runs, for the page in results/.
        overrides: values laid over every run last, as by ``--set``.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: str
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    use: list[str] = []
    base: Nested
    variants: dict[str, Nested] = Field(min_length=1)
    tasks: dict[str, Nested] = {}
    published: dict[str, Share | dict[str, Share]] = {}
    published_metric: MetricName = "accuracy"
    metrics: list[MetricName] = Field(["accuracy"], min_length=1)
    baseline: Baseline = {}
    test: Test = "paired_t"
    pairwise: Pairwise = "none"
    intervals: Intervals = "seeds"
    axis: Axis | None = None
    search: Search | None = None
    selections: list[SelectionName] = []
    compare_rules: bool = False
    guard: bool = False
    shown: Shown = Shown()
    resources: Resources = Resources()
    finding: str = ""
    overrides: Nested = {}

    def merge_configuration(self, variant: str, task: str | None, setting: Setting | None = None) -> Nested:
        """The merged, unresolved configuration of one variant, task and setting of the searched hyper-parameters."""
        result = merge(self.base, self.tasks[task]) if task is not None else self.base
        result = merge(merge(result, self.variants[variant]), nest(setting or {}))
        return name_earlier_runs(spell_out_domains(merge(result, self.overrides)), slug(task or ""))

    def configure_search(self, declared: Nested) -> Nested:
        """A merged configuration as the runs with the seeds of the search have it."""
        if self.search is None or not self.search.diagnose:
            return declared
        return merge(merge(declared, {"diagnose": self.search.diagnose}), self.overrides)

    def shows(self, variant: str, task: str | None = None) -> bool:
        """Whether a variant, and a task if one is named, gets curves, confusion matrices and t-SNE."""
        wanted = not self.shown.variants or variant in self.shown.variants
        return wanted and (task is None or self.shows_task(task))

    def shows_task(self, task: str) -> bool:
        """Whether a task gets figures of its own."""
        return not self.shown.tasks or task in self.shown.tasks

    def find_baseline(self, variant: str) -> str | None:
        """The baseline of a variant: the one that ``baseline`` names, else the first on the source only; not itself."""
        baseline = self.baseline.get(variant) if isinstance(self.baseline, dict) else self.baseline
        baseline = baseline or self.find_source_only()
        return None if baseline == variant else baseline

    def find_source_only(self) -> str | None:
        """The first variant that trains on the source only, or None."""
        return self._source_only

    @cached_property
    def of_numbers(self) -> bool:
        """Whether its runs are regressions: rows of classes and of numbers in one file are refused when it is read."""
        data = self.merge_configuration(next(iter(self.variants)), next(iter(self.tasks), None)).get("data")
        return isinstance(data, dict) and data.get("task") == "regression"

    @property
    def split_score(self) -> str:
        """The metric that an evaluation has of every labelled split."""
        return "r2" if self.of_numbers else "accuracy"

    @cached_property
    def _source_only(self) -> str | None:
        return next((variant for variant in self.variants if self.is_source_only(variant)), None)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> "Experiment":
        copied = super().model_copy(update=update, deep=deep)
        for name in ("_source_only", "of_numbers"):  # of the fields before
            copied.__dict__.pop(name, None)
        return copied

    def find_source_only_baseline(self, variant: str) -> str | None:
        """The source-only row for negative transfer: the variant's baseline if that is source only, else the first."""
        baseline = self.find_baseline(variant)
        if self.is_source_only(variant):
            return None
        return baseline if baseline is not None and self.is_source_only(baseline) else self.find_source_only()

    def is_source_only(self, variant: str) -> bool:
        """Whether a variant is the method ``source_only`` on a source that is not the target."""
        declared = self.merge_configuration(variant, next(iter(self.tasks), None))
        method, data = declared.get("method"), declared.get("data")
        plain = isinstance(method, dict) and method.get("name") == "source_only"
        return plain and isinstance(data, dict) and data.get("source") != data.get("target")

    def runs(self, only: Collection[str] | None = None, seeds: list[int] | None = None) -> Iterator[Run]:
        """All runs, in the order of the table; of a search with seeds of its own also all that its choice may need.

        Args:
            only: the variants whose runs are wanted; None: all.
            seeds: seeds in place of the file's.
        """
        self.check_size(self.seeds if seeds is None else seeds)
        return self._list_runs(only, [*self.search_seeds, *self.seeds] if seeds is None else seeds)

    def first_runs(self, only: Collection[str] | None = None, seeds: list[int] | None = None) -> Iterator[Run]:
        """The runs that depend on no other's result: all, unless the search has seeds of its own.

        With such a search they are all settings of the first rung with its seeds, and each row's own values with these
        and the experiment's.

        Args:
            only: the variants whose runs are wanted; None: all.
            seeds: in place of the experiment's.
        """
        fresh = self.seeds if seeds is None else seeds
        self.check_size(fresh)
        first = {variant: [*self.rungs(variant)[0], {}] for variant in self.variants} if self.search_seeds else {}
        for run in self._list_runs(only, [*self.search_seeds, *fresh]):
            if not first or not run.setting or (run.seed in self.search_seeds and run.setting in first[run.variant]):
                yield run

    def _list_runs(self, only: Collection[str] | None, seeds: list[int]) -> Iterator[Run]:
        for variant in only or ():
            look_up(self.variants, variant, "variant", "--only")
        variants = [variant for variant in self.variants if only is None or variant in only]
        for task in self.tasks or [None]:
            for variant in variants:
                for setting in self.settings(variant):
                    config = self.merge_configuration(variant, task, setting)
                    searching = self.configure_search(config)
                    for seed in seeds:
                        yield Run(task, variant, seed, searching if seed in self.search_seeds else config, setting)

    def check_size(self, seeds: list[int], where: str = "") -> None:
        """Refuse more runs than can be planned; counts them without listing any.

        Args:
            where: the file, for the message.
        """
        settings = [1 if self.search is None else self.search.count(variant) for variant in self.variants]
        if self.search_seeds:  # each row's own values are one more; of all of them at most MOST_CHOSEN get fresh seeds
            each = [(count + 1) * len(self.search_seeds) + min(count + 1, MOST_CHOSEN) * len(seeds)
                    for count in settings]  # fmt: skip
        else:
            each = [count * len(seeds) for count in settings]
        if (runs := sum(each) * max(1, len(self.tasks))) > MOST_RUNS:
            raise BadInput(
                f"{where}{': ' if where else ''}{runs:,} runs, more than the {MOST_RUNS:,} of the largest experiment: "
                "take fewer seeds, variants, tasks or searched values, or search at random with a budget"
            )

    def settings(self, variant: str) -> list[Setting]:
        """The settings of hyper-parameters that a row may try; without a search, a single one that sets nothing.

        It is also the last of a search with seeds of its own: the row's own values, which win where settings tie.
        """
        every = [setting for rung in self.rungs(variant) for setting in rung]
        return [*every, *([{}] if self.search_seeds else [])]

    def rungs(self, variant: str) -> list[list[Setting]]:
        """The same but for the row's own values, by the rungs of the search, mostly a single one."""
        if self.search is None:
            return [[{}]]
        return self.search.rung_settings(variant, self.count_steps(variant) if self.search.kind == "halving" else 0)

    def count_steps(self, variant: str) -> int:
        """The steps that the file gives a row; 0 if it gives none."""
        train = self.merge_configuration(variant, None).get("train")
        steps = train.get("steps") if isinstance(train, dict) else None
        return steps if isinstance(steps, int) else 0

    @property
    def search_seeds(self) -> list[int]:
        """The seeds by which settings are chosen, where they are not the experiment's."""
        return [] if self.search is None else self.search.seeds


def read_experiment(path: Path, sets: list[str] | None = None, seeds: list[int] | None = None) -> Experiment:
    """The experiment in a YAML file.

    Args:
        sets: assignments ``a.b=c`` that are laid over every run.
        seeds: that join those of the file, so that tables show their runs too.

    Raises:
        BadInput: the file is missing or invalid, or two runs would share a folder.
    """
    experiment = validate(Experiment, _read_content(path), str(path))
    used = [os.path.normpath(path.absolute().parent / Path(each).expanduser()) for each in experiment.use]
    experiment = experiment.model_copy(update={"use": used})
    for assignment in sets or []:
        overrides = merge(experiment.overrides, parse_assignment(assignment))
        experiment = experiment.model_copy(update={"overrides": overrides})
    if more := [seed for seed in seeds or [] if seed not in experiment.seeds]:
        experiment = experiment.model_copy(update={"seeds": [*experiment.seeds, *more]})
    if experiment.of_numbers and "metrics" not in experiment.model_fields_set:
        experiment = experiment.model_copy(update={"metrics": [*OF_NUMBERS]})
    check_experiment(experiment, str(path))
    return experiment


def _read_content(path: Path) -> Nested:
    content = read_yaml(path)
    if isinstance(content, dict) and (path.name == EXPERIMENT or WRITTEN_BY in content):
        content.pop(ORIGIN, None)
        content = upgrade_experiment(content)
    if not isinstance(content, dict):
        raise BadInput(f"{path}: should be a mapping with title, seeds, base and variants, as experiment files are")
    if isinstance(content.get("variants"), dict):  # a variant that changes nothing may be written without {}
        content["variants"] = {name: {} if entry is None else entry for name, entry in content["variants"].items()}
    return content


def write_experiment(experiment: Experiment, path: Path, origin: Path | None = None) -> None:
    """Write ``experiment`` as YAML, from which ``read_experiment`` restores it, with the path of the file it is of."""
    content = experiment.model_dump(exclude_defaults=True) | version_mark()
    if experiment.use:
        content["use"] = [os.path.relpath(used, path.absolute().parent) for used in experiment.use]
    content |= {} if origin is None else {ORIGIN: str(origin.resolve())}
    write_whole(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
