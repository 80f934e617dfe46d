"""``dann run`` and ``dann init``: the runs of an experiment, and a first experiment file."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from dann.config.naming import printable

if TYPE_CHECKING:
    from dann.config.experiment import Experiment
    from dann.config.experiment_run import Run


def run(options: argparse.Namespace) -> int:
    from dann.config.experiment import read_experiment
    from dann.config.origin import relative

    experiment = read_experiment(options.file, options.set, options.seeds)
    runs = list(experiment.first_runs(options.only, options.seeds))
    folder = options.out / relative(options.file)
    if options.dry_run:
        from dann.cli.dry_run import describe_plan

        seeds = None if options.seeds is None else experiment.seeds
        print(describe_plan(experiment, runs, folder, options.file, options.redo, seeds), end="")
        return 0
    return _execute(experiment, runs, folder, options)


def _execute(experiment: "Experiment", runs: "list[Run]", folder: Path, options: argparse.Namespace) -> int:
    """Execute the runs that are missing and those that follow from them, print the tables and draw the figures."""
    from dann.cli.commands.results import write_notes
    from dann.cli.failures import refuse_if_none, report_failures
    from dann.cli.progress import Progress
    from dann.cli.terminal import show_table
    from dann.reporting.figures.draw import describe_cut, draw_all
    from dann.reporting.negative_transfer import flag_negative_transfer
    from dann.runner.experiment_records import read_checked_records
    from dann.runner.planning import default_workers, launch
    from dann.runner.search_choice import later_runs
    from dann.training.device import choose_device

    device = choose_device(options.device)
    workers = options.jobs or default_workers(device)
    seeds = None if options.seeds is None else experiment.seeds
    with Progress(len(runs)) as progress:
        launch(experiment, runs, folder, device, progress, options.file, workers, options.redo, seeds)
        refuse_if_none(progress, len(runs))
        if later := later_runs(experiment, read_checked_records(experiment, folder), runs):
            progress.expect(len(later))
            launch(experiment, later, folder, device, progress, options.file, workers, options.redo, seeds)
            runs = [*runs, *later]
        for record, alarm in flag_negative_transfer(experiment, folder):
            progress.warned(record.run, alarm.step, f"{alarm.alarm}: {alarm.text}")
    show_table(experiment, folder)
    figures = draw_all(experiment, folder)
    write_notes(experiment, folder, describe_cut(experiment) if figures else None)
    quoted = shlex.quote(str(folder))
    if figures:
        print(printable(f"Figures:      {folder}/: {', '.join(path.name for path in figures)}"))
    print(printable(f"TensorBoard:  tensorboard --logdir {quoted}"))
    print(printable(f"Report:       dann report {quoted} --out {quoted}"))
    return report_failures(progress, len(runs))


def init(options: argparse.Namespace) -> int:
    from dann.cli.assignments import read_assignments
    from dann.cli.first_experiment import write_first_experiment

    sides = (options.source, options.source_labels), (options.target, options.target_labels)
    print(write_first_experiment(*sides, options.out, read_assignments(options.set)))
    return 0
