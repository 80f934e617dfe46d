"""Put committed records back under runs/, so that a row can be added to a published table without the others' runs.

``python results/unpack.py experiments/x.yaml`` writes each record into the folder of its run; ``dann run`` then makes
only what is missing, and ``publish.py`` publishes old and new runs together.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from committed import experiment_copy, read_result
from one_experiment import act_on_experiment

from dann.config.experiment import EXPERIMENT
from dann.config.origin import relative
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.reporting.locations import RESULTS
from dann.runner.experiment_records import PACKED
from dann.runner.records import write_record
from dann.runner.run_folder import is_finished


def unpack(file: Path, runs: Path) -> int:
    """Write the committed records of an experiment into the folders of their runs, where there is none yet.

    Args:
        runs: the folder of the experiment's runs.

    Returns:
        The number of records that were written.

    Raises:
        BadInput: the experiment has no committed records, or its file has another configuration than they have.
    """
    if not (RESULTS / relative(file) / PACKED).is_file():
        raise BadInput(f"{file}: has no committed records: dann run {file} makes its runs")
    missing = [record for record in read_result(file).records if not is_finished(runs / record.run.folder)]
    for record in missing:
        place = runs / record.run.folder
        place.mkdir(parents=True, exist_ok=True)
        write_record(record, place)
    if not (runs / EXPERIMENT).is_file():
        write_whole(runs / EXPERIMENT, experiment_copy(file))
    return len(missing)


def main(arguments: Sequence[str] | None = None) -> int:
    """Unpack one experiment; returns the exit status: 0, or 2 for bad input."""
    return act_on_experiment(
        lambda file, runs: f"{runs}: {unpack(file, runs)} records written",
        "Put the committed records of an experiment back under runs/.",
        arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
