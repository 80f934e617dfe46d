"""The finished runs that a run takes weights from: a source model to begin with, a generator of further examples."""

from pathlib import Path
from typing import NamedTuple

from dann.config.schema import Config
from dann.errors import BadInput


class EarlierRuns(NamedTuple):
    """The folders of the runs that a run takes weights from; None where it takes none.

    Args:
        source: with whose network the method begins, ``method.from``.
        generator: whose generator makes examples of rare classes, ``data.generator``.
    """

    source: Path | None = None
    generator: Path | None = None


def find_earlier_runs(config: Config, seed: int, runs: Path | None = None) -> EarlierRuns:
    """The folders that ``method.from`` and ``data.generator`` name for a run of this seed.

    Args:
        runs: the folder of the experiment's runs; None where there is no experiment.

    Raises:
        BadInput: one names a folder of the experiment, of which there is none.
    """
    named = _names(config)
    return EarlierRuns(
        *(None if name is None else place_run(option, name, seed, runs) for option, name in named.items())
    )


def check_given(config: Config, earlier: EarlierRuns) -> None:
    """Raise if an option names an earlier run, but no folder of one is given: its weights would be left out."""
    for (option, name), folder in zip(_names(config).items(), earlier, strict=True):
        if name is not None and folder is None:
            raise BadInput(f"{option}: {name}: no folder was given: give ``earlier=find_earlier_runs(config, seed)``")


def _names(config: Config) -> dict[str, str | None]:
    """What each option that names an earlier run has, in the order of ``EarlierRuns``."""
    return {"method.from": config.method.options().get("from"), "data.generator": config.data.generator}


def place_run(option: str, named: str, seed: int, runs: Path | None = None) -> Path:
    """The folder that the value of an option names; arguments and errors as of ``find_earlier_runs``."""
    if runs is None and "{runs}" in named:
        raise BadInput(f"{option}: {named}: there is no experiment, whose runs {{runs}} stands for: name a folder")
    return Path(named.replace("{runs}", str(runs)).replace("{seed}", str(seed))).expanduser()
