"""Measurement of reliability; ``make faults`` runs this, ``make faults PARTS="fuzz kills"`` some parts of it.

    PYTHONPATH=tests:results python tests/faults/measure.py [PART…] [--seed 0] [--cases N]

Each part is the module of its name beside this, whose ``measure`` provokes faults and counts outcomes. Writes
results/reliability.json and, from it, results/reliability.md; parts that are not measured keep their figures.
"""

import argparse
import datetime
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: threads of OpenMP hang in the forks of the fuzz

import numpy
import torch
from measured_parts import Part
from outcome import Outcome
from reliability import PAGE, RECORD, part_of, write_reliability

import dann
from dann.runner.finishing import read_commit
from dann.training.device import describe_device

CASES = {"damages": 1000, "fuzz": 25_000, "hostile": 200, "kills": 50, "races": 64, "soak": 2000}  # as the page has


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts; returns the exit status: 0, or 1 if an outcome is not the expected one."""
    parser = argparse.ArgumentParser(prog="measure.py", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{' '.join(CASES)} (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn at random (default: 0)")
    parser.add_argument("--cases", type=int, help="cases of each part (default: as on the page)")
    parser.add_argument("--record", type=Path, default=RECORD, metavar="FILE", help=f"default: {RECORD}")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help=f"default: {PAGE}")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(CASES):
        parser.error(f"{min(unknown)}: no part of that name: choose from {', '.join(CASES)}")
    wrong = 0
    read_commit()  # the code as it is now, whatever is committed meanwhile
    for name in options.parts or CASES:
        part, outcomes = _measure(name, options.cases or CASES[name], options.seed)
        write_reliability({name: part}, options.record, options.page)
        for each in outcomes:
            print(f"{name}: {each.what}: {each.cases} cases, {each.wrong} wrong {each.detail}".rstrip(), flush=True)
        wrong += sum(each.wrong for each in outcomes)
    return 1 if wrong else 0


def _measure(name: str, cases: int, seed: int) -> tuple[Part, list[Outcome]]:
    """One part, in a folder of its own that is removed afterwards."""
    module, began = importlib.import_module(name), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="dann-faults-") as folder:
        outcomes: list[Outcome] = module.measure(cases, seed, Path(folder))
    part = part_of(
        outcomes,
        seed=seed,
        seconds=round(time.perf_counter() - began),
        date=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        commit=read_commit(),
        versions={"dann": dann.__version__, "torch": str(torch.__version__), "numpy": numpy.__version__},
        processor=describe_device(torch.device("cpu")),
    )
    return part, outcomes


if __name__ == "__main__":
    sys.exit(main())
