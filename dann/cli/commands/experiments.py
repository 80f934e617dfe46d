"""``dann run`` and ``dann init``: the runs of an experiment, and a first experiment file."""

import argparse
import os
import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from dann.config.naming import printable
from dann.errors import BadInput

if TYPE_CHECKING:
    from dann.cli.progress import Progress
    from dann.config.experiment import Experiment
    from dann.config.experiment_run import Run
    from dann.runner.planning import Cluster
    from dann.runner.team import Team


def run(options: argparse.Namespace) -> int:
    from dann.cli.shipped_experiments import bring_experiment
    from dann.config.experiment import read_experiment
    from dann.config.origin import relative

    if os.environ.get("RANK", "0") != "0" and "WORLD_SIZE" in os.environ:  # one of several that torchrun started
        return _follow(options)
    file = bring_experiment(options.file, copy=not options.dry_run)
    experiment = read_experiment(file, options.set, options.seeds)
    runs = list(experiment.first_runs(options.only, options.seeds))
    folder = options.out / relative(options.file)
    if options.dry_run:
        from dann.cli.dry_run import describe_plan

        seeds = None if options.seeds is None else experiment.seeds
        print(describe_plan(experiment, runs, folder, options.file, options.redo, seeds), end="")
        return 0
    return _execute(experiment, runs, folder, options)


def _follow(options: argparse.Namespace) -> int:
    """Train together with the process of rank 0, which reads the experiment, reports and writes."""
    from dann.runner.team_start import follow_launched

    return 0 if options.dry_run else follow_launched(options.device, options.batch_norm == "local")


def _execute(experiment: "Experiment", runs: "list[Run]", folder: Path, options: argparse.Namespace) -> int:
    """Execute the runs that are missing and those that follow from them, print the tables and draw the figures."""
    from dann.cli.cluster import connect_cluster
    from dann.cli.commands.results import write_notes
    from dann.cli.failures import report_failures
    from dann.cli.terminal import show_table
    from dann.reporting.figures.draw import describe_cut, draw_all
    from dann.runner.team_start import launched_size, lead_team

    if (options.jobs or 1) > 1 and (options.devices or launched_size()) > 1:
        raise BadInput(f"--jobs {options.jobs}: several devices train one run at a time: leave out --jobs")
    if options.on and (options.devices or launched_size()) > 1:
        raise BadInput(f"--on {options.on}: each run trains on one device: leave out --devices and torchrun")
    with (
        lead_team(options.devices, options.device, options.batch_norm == "local") as team,
        nullcontext() if options.on is None else connect_cluster(experiment, options) as cluster,
    ):
        progress, made = _train(experiment, runs, folder, options, team, cluster)
    show_table(experiment, folder)
    figures = draw_all(experiment, folder)
    write_notes(experiment, folder, describe_cut(experiment) if figures else None)
    quoted = shlex.quote(str(folder))
    if figures:
        print(printable(f"Figures:      {folder}/: {', '.join(path.name for path in figures)}"))
    print(printable(f"TensorBoard:  tensorboard --logdir {quoted}"))
    print(printable(f"Report:       dann report {quoted} --out {quoted}"))
    return report_failures(progress, made)


def _train(
    experiment: "Experiment",
    runs: "list[Run]",
    folder: Path,
    options: argparse.Namespace,
    team: "Team | None",
    cluster: "Cluster | None",
) -> "tuple[Progress, int]":
    """Execute the runs that are missing and those that follow from them; returns how they went, and their number."""
    from dann.cli.failures import refuse_if_none
    from dann.cli.progress import Progress
    from dann.reporting.negative_transfer import flag_negative_transfer
    from dann.runner.experiment_records import read_checked_records
    from dann.runner.planning import default_workers, launch
    from dann.runner.search_choice import later_runs
    from dann.runner.trackers import TRACKERS, check_tracker
    from dann.training.device import choose_device

    here = "cpu" if cluster is not None else options.device  # the workers choose their own
    device = choose_device(here) if team is None else team.device
    workers = (options.jobs or default_workers(device)) if team is None else 1
    seeds = None if options.seeds is None else experiment.seeds
    check_tracker(options.log_to)
    log_to = options.log_to if options.log_to in TRACKERS else None
    rest = options.file, workers, options.redo, seeds, team, log_to, cluster
    with Progress(len(runs)) as progress:
        launch(experiment, runs, folder, device, progress, *rest)
        refuse_if_none(progress, len(runs))
        later: set[Path] = set()
        while more := [
            run
            for run in later_runs(experiment, read_checked_records(experiment, folder), runs)
            if run.folder not in later
        ]:
            progress.expect(len(more))
            launch(experiment, more, folder, device, progress, *rest)
            later |= {run.folder for run in more}
        for record, alarm in flag_negative_transfer(experiment, folder):
            progress.warned(record.run, alarm.step, f"{alarm.alarm}: {alarm.text}")
    return progress, len(runs) + len(later)


def init(options: argparse.Namespace) -> int:
    from dann.cli.assignments import read_assignments
    from dann.cli.first_experiment import write_first_experiment

    sides = (options.source, options.source_labels), (options.target, options.target_labels)
    print(write_first_experiment(*sides, options.out, read_assignments(options.set)))
    return 0
