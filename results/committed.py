"""Committed results: an experiment file with its records in results/, and the page made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from dann.config.experiment import Experiment, read_experiment
from dann.config.migration import version_mark
from dann.config.origin import EXPERIMENTS, relative
from dann.reporting.experiment_tables import make_tables
from dann.reporting.figure_captions import captioned_figures
from dann.reporting.locations import RESULTS
from dann.reporting.table import Table
from dann.runner.experiment_records import read_checked_records
from dann.runner.records import Record


@dataclass(frozen=True)
class Result:
    """An experiment with its committed records."""

    file: Path
    experiment: Experiment
    records: list[Record]

    @property
    def folder(self) -> Path:
        return RESULTS / relative(self.file)

    @property
    def page(self) -> Path:
        return self.folder.with_suffix(".md")

    @cached_property
    def tables(self) -> list[Table]:
        return make_tables(self.experiment, self.records)

    def render(self) -> str:
        """The page: the first table, what was found, the figures, the other tables, and how to make it again."""
        first, *others = [table.markdown().strip() for table in self.tables]
        figures = [
            f"![{path.stem}]({self.folder.name}/{path.name})\n\n*{caption}.*"
            for path, caption in captioned_figures(self.experiment, self.folder)
        ]
        finding = [self.experiment.finding.strip()] if self.experiment.finding else []
        file = f"experiments/{relative(self.file)}.yaml"
        again = f"`dann run {file}` makes the runs; `make publish FILE={file}` makes this page."
        return "\n\n".join([f"# {self.experiment.title}", first, *finding, *figures, *others, again]) + "\n"


Reader = Callable[[Path], Result]


def read_result(file: Path) -> Result:
    """The committed result of an experiment file."""
    experiment = read_experiment(file)
    return Result(file, experiment, read_checked_records(experiment, RESULTS / relative(file)))


def experiment_copy(file: Path) -> bytes:
    """An experiment file as results/ keeps it, marked with the version of its names."""
    return file.read_bytes() + yaml.safe_dump(version_mark()).encode()


def published_files() -> list[Path]:
    """The experiment files that have results."""
    return [file for file in sorted(EXPERIMENTS.rglob("*.yaml")) if (RESULTS / relative(file)).is_dir()]
