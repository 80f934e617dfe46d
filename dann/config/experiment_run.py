"""One run of an experiment. Imports no torch."""

from dataclasses import dataclass, field
from pathlib import Path

from dann.config.merging import Nested
from dann.config.naming import name_setting, slug
from dann.config.search import Setting


@dataclass(frozen=True)
class Run:
    """One row, column, setting and seed of an experiment, with its unresolved configuration."""

    task: str | None
    variant: str
    seed: int
    declared: Nested
    setting: Setting = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.row_name}, seed {self.seed}"

    @property
    def row_name(self) -> str:
        """Task, variant and setting in words."""
        return ", ".join(filter(None, self.row))

    @property
    def row(self) -> tuple[str | None, str, str]:
        """Task, variant and setting, which all seeds of a row share."""
        return self.task, self.variant, name_setting(self.setting)

    @property
    def folder(self) -> Path:
        """The path of the run within the folder of its experiment."""
        parts = [slug(part) for part in self.row if part]
        return Path(*parts, f"seed-{self.seed}")
